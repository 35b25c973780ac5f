//! The list of changes: a file with a line of JSON for each, the newest last.
//!
//! A line is on the disk before the definitions that it leads to. After a kill between the two, the
//! line is of a version that was never made, and is cut off at the next opening.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::disk;
use crate::model::change::Change;
use crate::model::timestamp::Timestamp;

/// How many changes are kept, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) number: usize,
    pub(super) age: Duration,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept { number: 10_000, age: Duration::from_secs(366 * 24 * 60 * 60) }
    }
}

#[derive(Debug)]
pub(super) struct Changes {
    path: PathBuf,
    kept: Kept,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Bytes of complete lines.
    length: u64,
    /// The length before the last line.
    before_last: u64,
    lines: usize,
}

impl Changes {
    /// Opens the list, or begins one. `version` is that of the definitions: lines of later ones are
    /// cut off.
    pub(super) fn open(path: &Path, version: u64, kept: Kept) -> io::Result<Changes> {
        let mut file = options().open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = whole_lines(&text, version);
        if whole.len() != text.len() {
            file.set_len(whole.len() as u64)?;
        }
        let length = whole.len() as u64;
        let lines = whole.iter().filter(|byte| **byte == b'\n').count();
        let state = State { file, length, before_last: length, lines };
        Ok(Changes { path: path.to_owned(), kept, state: Mutex::new(state) })
    }

    /// Adds a change; it is on the disk when this returns. If it fails, the list is as it was.
    pub(super) fn append(&self, change: &Change) -> io::Result<()> {
        let mut line = serde_json::to_string(change)?;
        line.push('\n');
        let mut state = self.state();
        if state.lines >= self.kept.number.saturating_mul(2) {
            *state = self.shortened(&mut state, change.at)?;
        }
        let length = state.length;
        // A line that was taken back may still be there.
        state.file.set_len(length)?;
        state.file.seek(SeekFrom::Start(length))?;
        if let Err(error) = disk::append(&mut state.file, &line) {
            // If this fails too, the next opening cuts off what is there.
            let _ = state.file.set_len(length);
            return Err(error);
        }
        state.before_last = length;
        state.length = length.saturating_add(line.len() as u64);
        state.lines = state.lines.saturating_add(1);
        Ok(())
    }

    /// Takes the last change back, which was not made. A failure leaves a line that the next
    /// opening cuts off, and that the next change replaces.
    pub(super) fn take_back(&self) {
        let mut state = self.state();
        if state.before_last < state.length {
            state.length = state.before_last;
            state.lines = state.lines.saturating_sub(1);
            let _ = state.file.set_len(state.length);
        }
    }

    /// The changes that are kept, the oldest first. A line that cannot be read is left out.
    pub(super) fn read(&self) -> io::Result<Vec<Change>> {
        let text = read_to(&mut self.state())?;
        let mut changes: Vec<Change> = lines_of(&text).filter_map(change_of).collect();
        if let Some(newest) = changes.last().map(|change| change.at) {
            changes.retain(|change| self.is_recent(change, newest));
        }
        let surplus = changes.len().saturating_sub(self.kept.number);
        drop(changes.drain(..surplus));
        Ok(changes)
    }

    /// The list with the newest changes only, in a file of its own that takes the old one's name.
    fn shortened(&self, state: &mut State, now: Timestamp) -> io::Result<State> {
        let text = read_to(state)?;
        let lines: Vec<&[u8]> = lines_of(&text).collect();
        let surplus = lines.len().saturating_sub(self.kept.number);
        let kept = lines.into_iter().skip(surplus);
        let kept = kept
            .skip_while(|line| change_of(line).is_none_or(|change| !self.is_recent(&change, now)));
        let mut text = Vec::new();
        let mut lines = 0_usize;
        for line in kept {
            text.extend_from_slice(line);
            text.push(b'\n');
            lines = lines.saturating_add(1);
        }
        let new = self.path.with_extension("jsonl.new");
        disk::write(&new, &String::from_utf8_lossy(&text))?;
        disk::rename(&new, &self.path)?;
        disk::sync_directory(&self.path)?;
        let file = options().open(&self.path)?;
        let length = text.len() as u64;
        Ok(State { file, length, before_last: length, lines })
    }

    fn is_recent(&self, change: &Change, now: Timestamp) -> bool {
        let age = now.unix_seconds().saturating_sub(change.at.unix_seconds());
        u64::try_from(age).map_or(true, |age| age <= self.kept.age.as_secs())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
}

fn read_to(state: &mut State) -> io::Result<Vec<u8>> {
    state.file.seek(SeekFrom::Start(0))?;
    let mut text = Vec::new();
    (&state.file).take(state.length).read_to_end(&mut text)?;
    Ok(text)
}

fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn change_of(line: &[u8]) -> Option<Change> {
    Change::from_json(std::str::from_utf8(line).ok()?).ok()
}

/// The text without a last line that is cut off, and without lines of versions that were never
/// made.
fn whole_lines(text: &[u8], version: u64) -> &[u8] {
    let mut end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
    while let Some(whole) = text.get(..end.saturating_sub(1)) {
        let start = whole.iter().rposition(|byte| *byte == b'\n');
        let start = start.map_or(0, |at| at.saturating_add(1));
        let line = whole.get(start..).unwrap_or_default();
        if end == 0 || change_of(line).is_some_and(|change| change.version <= version) {
            break;
        }
        // A line that cannot be read is damaged, and not of a change that was never made.
        if change_of(line).is_none() {
            break;
        }
        end = start;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::actor::Actor;
    use crate::model::change::Action;
    use std::fs;

    /// A path of its own, removed at the end.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let place = std::env::temp_dir()
                .join(format!("fairsplit-changes-{name}-{}", std::process::id()));
            let _ = fs::remove_file(&place);
            Place(place)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn change(version: u64, seconds: i64) -> Change {
        Change {
            version,
            at: Timestamp::from_unix_seconds(seconds),
            actor: Actor::Service,
            action: Action::Replace,
            edits: Vec::new(),
        }
    }

    fn versions(changes: &Changes) -> Vec<u64> {
        changes.read().unwrap().iter().map(|change| change.version).collect()
    }

    #[test]
    fn changes_are_there_again_after_an_opening() {
        let place = Place::new("again");
        let changes = Changes::open(&place.0, 0, Kept::default()).unwrap();
        for version in 1..=3 {
            changes.append(&change(version, 0)).unwrap();
        }
        assert_eq!(versions(&changes), [1, 2, 3]);
        drop(changes);
        assert_eq!(versions(&Changes::open(&place.0, 3, Kept::default()).unwrap()), [1, 2, 3]);
    }

    #[test]
    fn a_line_of_a_version_that_was_never_made_and_half_a_line_are_cut_off() {
        let place = Place::new("cut");
        let changes = Changes::open(&place.0, 0, Kept::default()).unwrap();
        for version in 1..=4 {
            changes.append(&change(version, 0)).unwrap();
        }
        drop(changes);
        let whole = fs::read(&place.0).unwrap();
        for length in 0..=whole.len() {
            fs::write(&place.0, &whole[..length]).unwrap();
            let changes = Changes::open(&place.0, 2, Kept::default()).unwrap();
            let found = versions(&changes);
            assert!([vec![], vec![1], vec![1, 2]].contains(&found), "{length}: {found:?}");
            changes.append(&change(9, 0)).unwrap();
            assert_eq!(versions(&changes), [found, vec![9]].concat());
        }
    }

    #[test]
    fn a_change_that_is_taken_back_was_never_there() {
        let place = Place::new("back");
        let changes = Changes::open(&place.0, 0, Kept::default()).unwrap();
        changes.append(&change(1, 0)).unwrap();
        changes.append(&change(2, 0)).unwrap();
        changes.take_back();
        changes.take_back();
        assert_eq!(versions(&changes), [1]);
        changes.append(&change(2, 7)).unwrap();
        assert_eq!(changes.read().unwrap(), [change(1, 0), change(2, 7)]);
    }

    #[test]
    fn the_list_is_bounded_by_number_and_by_age() {
        let place = Place::new("bounded");
        let kept = Kept { number: 10, age: Duration::from_secs(100) };
        let changes = Changes::open(&place.0, 0, kept).unwrap();
        for version in 1..=95 {
            changes.append(&change(version, i64::try_from(version).unwrap())).unwrap();
        }
        assert_eq!(versions(&changes), (86..=95).collect::<Vec<_>>());
        assert!(fs::read_to_string(&place.0).unwrap().lines().count() <= 20);
        changes.append(&change(96, 191)).unwrap();
        assert_eq!(versions(&changes), (91..=96).collect::<Vec<_>>());
        drop(changes);
        let changes = Changes::open(&place.0, 96, kept).unwrap();
        assert_eq!(versions(&changes), (91..=96).collect::<Vec<_>>());
    }
}
