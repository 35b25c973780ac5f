//! The directories to watch for one file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::Signals;

/// The most links that are followed, which is also the kernel's limit on Linux: a path with more of
/// them, or with a cycle, leads to no file.
const MAX_LINKS: u32 = 40;
/// How often a path is looked at again while its links are being turned.
const LOOKS: usize = 4;

/// The directories in which something changes when the file does.
pub(super) struct Places {
    /// `None` if the operating system sends no notifications.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Places {
    pub(super) fn new(signals: Signals, wake: &Sender<()>) -> Places {
        let wake = wake.clone();
        let notify = move |event: notify::Result<notify::Event>| {
            // Our own reads of the file are not changes.
            let is_change = match event.map(|event| event.kind) {
                Ok(EventKind::Access(AccessKind::Close(AccessMode::Write))) | Err(_) => true,
                Ok(EventKind::Access(_)) => false,
                Ok(_) => true,
            };
            if is_change {
                let _ = wake.send(());
            }
        };
        let watcher = match signals {
            #[cfg(test)]
            Signals::Time(_) => None,
            _ => notify::recommended_watcher(notify).ok(),
        };
        Places { watcher, watched: BTreeSet::new() }
    }

    /// Watches the directories that are now on the way to the file. A replaced directory is watched
    /// anew, since the old watch is on the replaced one.
    pub(super) fn update(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        for place in std::mem::take(&mut self.watched) {
            let _ = watcher.unwatch(&place);
        }
        // A link that is turned between the look and the watch is seen by the next look.
        for _ in 0..LOOKS {
            let places = on_the_way(path);
            if places.is_subset(&self.watched) {
                break;
            }
            for place in places {
                if watcher.watch(&place, RecursiveMode::NonRecursive).is_ok() {
                    self.watched.insert(place);
                }
            }
        }
    }
}

/// The directories that decide which file a path leads to: that of each symbolic link on the way,
/// and that of the file. Where the way ends early, at a name that is missing or in a cycle of
/// links, the last directory is that of this name.
///
/// `path` is absolute. The links are resolved one at a time, as the kernel does it: a chain of them
/// can have each link in another directory.
pub(super) fn on_the_way(path: &Path) -> BTreeSet<PathBuf> {
    let mut places = BTreeSet::new();
    // A directory without links on its path, and what is left to go from there; the next name last.
    let mut here = PathBuf::new();
    let mut ahead = names(path);
    let mut links = 0_u32;
    while let Some(name) = ahead.pop() {
        if name == "." {
            continue;
        }
        if name == ".." {
            here.pop();
            continue;
        }
        let there = here.join(&name);
        let target = match fs::symlink_metadata(&there) {
            Ok(data) if data.is_symlink() => fs::read_link(&there).ok(),
            Ok(_) if !ahead.is_empty() => {
                here = there;
                continue;
            }
            // The file, or where the way ends.
            _ => None,
        };
        places.insert(here.clone());
        let Some(target) = target.filter(|_| links < MAX_LINKS) else { break };
        links = links.saturating_add(1);
        // An absolute target replaces the directory, in `join`.
        ahead.extend(names(&target));
    }
    places
}

/// The names of a path, the first one last.
fn names(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|name| name.as_os_str().to_owned()).collect()
}
