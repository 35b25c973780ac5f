//! The directories to watch for one file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::Signals;

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

    /// Watches the directories that are now on the path of the file. A replaced directory is
    /// watched anew, since the old watch is on the replaced one.
    pub(super) fn update(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        for place in std::mem::take(&mut self.watched) {
            let _ = watcher.unwatch(&place);
        }
        for place in on_the_way(path) {
            if watcher.watch(&place, RecursiveMode::NonRecursive).is_ok() {
                self.watched.insert(place);
            }
        }
    }
}

/// The directory of the file, of its link target, and of each link on its path.
pub(super) fn on_the_way(path: &Path) -> BTreeSet<PathBuf> {
    let is_link = |path: &Path| fs::symlink_metadata(path).is_ok_and(|data| data.is_symlink());
    let links = path.ancestors().skip(1).filter(|ancestor| is_link(ancestor));
    let resolved = fs::canonicalize(path).ok();
    let named = links.chain([path]).chain(resolved.as_deref());
    named.filter_map(Path::parent).map(Path::to_owned).collect()
}
