//! The first line of a table's file. `docs/durable.md` has the format to the byte.

use crate::count::cells::{CELLS, Line};
use crate::count::distinct_users::slots::{Head, Slot};
use crate::durable::counters::block::{put, sum_of, word};
use crate::durable::counters::head::BYTE_ORDER;
use crate::durable::counters::segment;
use crate::model::id::{ExperimentId, GoalId};
use crate::model::timestamp::Timestamp;

const MAGIC: u64 = u64::from_be_bytes(*b"fs-users");
/// That of a table of sums, whose goal the words after the capacity name.
const MAGIC_OF_SUMS: u64 = u64::from_be_bytes(*b"fs-sums_");
const VERSION: u64 = 1;

/// The last word: the checksum of those before it.
const SUM: usize = CELLS as usize - 1;

/// How long the file of a table with this number of slots is. `None` if no file can be.
pub(super) fn bytes_for(slots: usize) -> Option<usize> {
    slots.checked_mul(size_of::<Slot>())?.checked_add(segment::HEAD)
}

/// Writes the head of a table.
pub(super) fn write(line: Option<&Line>, head: &Head) {
    let id = u128::from_be_bytes(head.experiment.to_bytes());
    let goal = head.goal.map_or(0, |goal| u128::from_be_bytes(goal.to_bytes()));
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of an id")]
    let words = [
        if head.goal.is_some() { MAGIC_OF_SUMS } else { MAGIC },
        VERSION,
        BYTE_ORDER,
        (id >> 64) as u64,
        id as u64,
        head.run.into(),
        head.since.unix_seconds().cast_unsigned(),
        head.is_whole.into(),
        head.bits.into(),
        head.slots as u64,
        head.multiplier,
        head.capacity as u64,
        (goal >> 64) as u64,
        goal as u64,
    ];
    for (at, value) in words.into_iter().enumerate() {
        put(line, at, value);
    }
    put(line, SUM, sum_of((0..SUM).map(|at| word(line, at))));
}

/// The head of a table, or what is wrong with it, and at which byte.
pub(super) fn read(line: Option<&Line>) -> Result<Head, (u64, String)> {
    let word = |at| word(line, at);
    if ![MAGIC, MAGIC_OF_SUMS].contains(&word(0)) {
        return Err((0, "it does not begin like a table of users".to_owned()));
    }
    if word(2) != BYTE_ORDER {
        return Err((16, "it was written by a machine of the other byte order".to_owned()));
    }
    if word(1) != VERSION {
        let what = format!("it is of version {}, and this is version {VERSION}", word(1));
        return Err((8, what));
    }
    let head = || {
        let slots = usize::try_from(word(9)).ok()?;
        let id = (u128::from(word(3)) << 64) | u128::from(word(4));
        let is_sound = word(SUM) == sum_of((0..SUM).map(word))
            && slots.is_power_of_two()
            && slots > 1
            && word(7) <= 1
            && word(11) > 0;
        is_sound.then_some(Head {
            experiment: ExperimentId::from_bytes(id.to_be_bytes()),
            run: u32::try_from(word(5)).ok()?,
            goal: (word(0) == MAGIC_OF_SUMS).then(|| {
                let goal = (u128::from(word(12)) << 64) | u128::from(word(13));
                GoalId::from_bytes(goal.to_be_bytes())
            }),
            since: Timestamp::from_unix_seconds(word(6).cast_signed()),
            is_whole: word(7) == 1,
            capacity: usize::try_from(word(11)).unwrap_or(usize::MAX),
            bits: u32::try_from(word(8)).ok()?,
            slots,
            multiplier: word(10),
        })
    };
    head().ok_or_else(|| (0, "its head is damaged".to_owned()))
}

/// Whether nothing of the head has ever reached the disk.
pub(super) fn is_zero(line: Option<&Line>) -> bool {
    (0..CELLS as usize).all(|at| word(line, at) == 0)
}
