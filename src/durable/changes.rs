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

impl State {
    /// A file with this text; a last line that is not whole is passed over.
    fn of(file: File, text: &[u8]) -> State {
        let end = text.iter().rposition(|byte| *byte == b'\n');
        let length = end.map_or(0, |at| at.saturating_add(1)) as u64;
        let lines = text.split(|byte| *byte == b'\n').count().saturating_sub(1);
        State { file, length, before_last: length, lines }
    }
}

impl Changes {
    /// Opens the list, or begins one.
    pub(super) fn open(path: &Path, kept: Kept) -> io::Result<Changes> {
        let mut file = options().open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let state = State::of(file, &text);
        Ok(Changes { path: path.to_owned(), kept, state: Mutex::new(state) })
    }

    /// Cuts off a last line that is not whole, and lines of versions after this one, which were
    /// never made.
    pub(super) fn cut(&self, version: u64) -> io::Result<()> {
        let mut state = self.state();
        let text = read_to(&mut state)?;
        let length = made_until(&text, version).len() as u64;
        state.file.set_len(length)?;
        state.before_last = length;
        state.length = length;
        Ok(())
    }

    /// The version of the newest change; 0 if there is none.
    pub(super) fn newest(&self) -> io::Result<u64> {
        let text = read_to(&mut self.state())?;
        let last = lines_of(&text).filter_map(change_of).last();
        Ok(last.map_or(0, |change| change.version))
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
        // What follows was cut off by a kill, or taken back.
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

    /// Takes the last change back, which was not made. Its line stays in the file until the next
    /// change, or opening: where only the sync of the directory failed, the definitions that it
    /// leads to may be there after all.
    pub(super) fn take_back(&self) {
        let mut state = self.state();
        if state.before_last < state.length {
            state.length = state.before_last;
            state.lines = state.lines.saturating_sub(1);
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
        let text: Vec<u8> = kept.flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let new = self.path.with_extension("jsonl.new");
        disk::write(&new, &String::from_utf8_lossy(&text))?;
        disk::rename(&new, &self.path)?;
        disk::sync_directory(&self.path)?;
        Ok(State::of(options().open(&self.path)?, &text))
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

/// The text without its last lines that are of later versions. It ends with a whole line.
fn made_until(text: &[u8], version: u64) -> &[u8] {
    let mut made = text;
    while let Some(lines) = made.strip_suffix(b"\n") {
        let start = lines.iter().rposition(|byte| *byte == b'\n');
        let start = start.map_or(0, |at| at.saturating_add(1));
        // A line that cannot be read is damaged, and not of a change that was never made.
        let change = change_of(lines.get(start..).unwrap_or_default());
        if change.is_none_or(|change| change.version <= version) {
            break;
        }
        made = made.get(..start).unwrap_or_default();
    }
    made
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
        let changes = Changes::open(&place.0, Kept::default()).unwrap();
        for version in 1..=3 {
            changes.append(&change(version, 0)).unwrap();
        }
        assert_eq!(versions(&changes), [1, 2, 3]);
        drop(changes);
        assert_eq!(versions(&Changes::open(&place.0, Kept::default()).unwrap()), [1, 2, 3]);
    }

    #[test]
    fn a_line_of_a_version_that_was_never_made_and_half_a_line_are_cut_off() {
        let place = Place::new("cut");
        let changes = Changes::open(&place.0, Kept::default()).unwrap();
        for version in 1..=4 {
            changes.append(&change(version, 0)).unwrap();
        }
        drop(changes);
        let whole = fs::read(&place.0).unwrap();
        for length in 0..=whole.len() {
            fs::write(&place.0, &whole[..length]).unwrap();
            let changes = Changes::open(&place.0, Kept::default()).unwrap();
            changes.cut(2).unwrap();
            let found = versions(&changes);
            assert!([vec![], vec![1], vec![1, 2]].contains(&found), "{length}: {found:?}");
            changes.append(&change(9, 0)).unwrap();
            assert_eq!(versions(&changes), [found, vec![9]].concat());
        }
    }

    #[test]
    fn a_change_that_is_taken_back_was_never_there() {
        let place = Place::new("back");
        let changes = Changes::open(&place.0, Kept::default()).unwrap();
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
        let changes = Changes::open(&place.0, kept).unwrap();
        for version in 1..=95 {
            changes.append(&change(version, i64::try_from(version).unwrap())).unwrap();
        }
        assert_eq!(versions(&changes), (86..=95).collect::<Vec<_>>());
        assert!(fs::read_to_string(&place.0).unwrap().lines().count() <= 20);
        changes.append(&change(96, 191)).unwrap();
        assert_eq!(versions(&changes), (91..=96).collect::<Vec<_>>());
        drop(changes);
        let changes = Changes::open(&place.0, kept).unwrap();
        assert_eq!(versions(&changes), (91..=96).collect::<Vec<_>>());
    }
}
