//! One thread's cached way to the current snapshot.

use std::sync::Arc;

use arc_swap::Cache;

use crate::read::current::Current;
use crate::read::snapshot::Snapshot;

/// One thread's cached way to the current snapshot: the fastest there is.
///
/// It looks whether a newer snapshot has been published, which is one read of a line that changes
/// only then, and else gives the one that it has. A worker thread keeps one for itself; that is why
/// [`snapshot`](Reader::snapshot) takes `&mut self`. While it is not asked it keeps the snapshot
/// that it gave last alive.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, Environment, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let production = Environment::new("production")?;
///
/// let mut reader = engine.reader();
/// for user in ["user-1", "user-2"] {
///     let snapshot = reader.snapshot();
///     assert_eq!(snapshot.evaluate(&production, "hero-banner", user).str_or(""), "old");
/// }
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader(Cache<Current, Arc<Snapshot>>);

impl Reader {
    pub(crate) fn new(current: Current) -> Reader {
        Reader(Cache::new(current))
    }

    /// The current snapshot, pinned for as long as it is borrowed.
    #[inline]
    pub fn snapshot(&mut self) -> &Snapshot {
        self.0.load()
    }
}
