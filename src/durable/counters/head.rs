//! The first line of the counters' file: which releases read the file.
//!
//! A release before goals would take a block of one for damage. So the first such block makes the
//! file one of version 2, which that release refuses as a newer one. A file without goals stays one
//! of version 1.

use std::sync::atomic::{Ordering, compiler_fence};

use super::block::{put, sum_of, word};
use super::segment::BYTES;
use crate::count::cells::Line;

const MAGIC: u64 = u64::from_be_bytes(*b"fairsplt");
/// Reads otherwise on a machine of the other byte order.
pub(in crate::durable) const BYTE_ORDER: u64 = 0x0102_0304_0506_0708;
const WITHOUT_GOALS: u64 = 1;
const WITH_GOALS: u64 = 2;

/// Words of the line.
const VERSION: usize = 1;
const SUM: usize = 4;

/// Writes the head of a new file.
pub(super) fn begin(head: Option<&Line>) {
    let words = [MAGIC, WITHOUT_GOALS, BYTE_ORDER, BYTES];
    put(head, SUM, sum_of(words.into_iter()));
    for (at, value) in words.into_iter().enumerate().rev() {
        // In this order: a process is killed between two stores, not within one.
        compiler_fence(Ordering::SeqCst);
        put(head, at, value);
    }
}

/// Makes the file one that may have blocks of goals, before the first is written. Also finishes what
/// a kill has interrupted.
pub(super) fn allow_goals(head: Option<&Line>) {
    // A kill between the two leaves the sum of version 1, which `wrong` accepts: any release before
    // goals looks at the version first, and refuses the file in either state.
    put(head, VERSION, WITH_GOALS);
    compiler_fence(Ordering::SeqCst);
    put(head, SUM, sum_for(head, WITH_GOALS));
    // The blocks come after this.
    compiler_fence(Ordering::SeqCst);
}

/// Whether the file may have blocks of goals.
pub(super) fn allows_goals(head: Option<&Line>) -> bool {
    word(head, VERSION) == WITH_GOALS
}

/// What is wrong with the head, and at which byte; `None` if the file can be read.
pub(super) fn wrong(head: Option<&Line>) -> Option<(u64, String)> {
    let (is_ours, version) = (word(head, 0) == MAGIC, word(head, VERSION));
    if is_ours && word(head, 2) != BYTE_ORDER {
        return Some((16, "it was written by a machine of the other byte order".to_owned()));
    }
    if is_ours && !(WITHOUT_GOALS..=WITH_GOALS).contains(&version) {
        let what = format!("it is of version {version}, and this is version {WITH_GOALS}");
        return Some((8, what));
    }
    let is_sound = match version {
        WITHOUT_GOALS => is_sum_for(head, WITHOUT_GOALS),
        WITH_GOALS => is_sum_for(head, WITH_GOALS) || is_sum_for(head, WITHOUT_GOALS),
        _ => false,
    };
    let what = "it does not begin like a file of counters";
    (!is_ours || !is_sound).then(|| (0, what.to_owned()))
}

fn is_sum_for(head: Option<&Line>, version: u64) -> bool {
    word(head, SUM) == sum_for(head, version)
}

/// The checksum of the words before it, if the version is this.
fn sum_for(head: Option<&Line>, version: u64) -> u64 {
    sum_of([word(head, 0), version, word(head, 2), word(head, 3)].into_iter())
}
