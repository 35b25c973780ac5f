//! Ways to hold the current snapshot.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache, Guard};

use crate::read::snapshot::Snapshot;

/// Where the current snapshot is to be found. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Current(Arc<ArcSwap<Snapshot>>);

impl Current {
    pub(crate) fn new(snapshot: Snapshot) -> Current {
        Current(Arc::new(ArcSwap::from_pointee(snapshot)))
    }

    #[inline]
    pub(crate) fn view(&self) -> View {
        View(self.0.load())
    }

    /// Puts a snapshot in the place of the current one, and frees those that nobody reads any more.
    pub(crate) fn publish(&self, snapshot: Snapshot, retired: &mut Retired) {
        retired.0.push(self.0.swap(Arc::new(snapshot)));
        // A snapshot that only this list has cannot come to be read again.
        retired.0.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }
}

/// Snapshots that have been replaced, as long as somebody may read them. Kept so that the writer
/// frees them: to be the last to let go of a thousand flags would cost a reader a millisecond.
#[derive(Debug, Default)]
pub(crate) struct Retired(Vec<Arc<Snapshot>>);

impl Deref for Current {
    type Target = ArcSwap<Snapshot>;

    fn deref(&self) -> &ArcSwap<Snapshot> {
        &self.0
    }
}

/// One pinned snapshot: all that is asked of it is answered by one version of the configuration.
///
/// Derefs to [`Snapshot`], which has the methods. Made by [`Engine::view`](crate::Engine::view).
///
/// # Cost
///
/// One arc-swap load, whatever is done with it: no lock, no allocation (but for a few bytes that a
/// thread sets up at its first one), no shared cache line written. That holds for the first eight or
/// so that a thread has at once; more of them work too, at the price of a shared reference count
/// each. So hold views, and the [`Evaluation`](crate::Evaluation)s that keep one, for the length of
/// a request, not in a list.
#[derive(Debug)]
pub struct View(Guard<Arc<Snapshot>>);

impl Deref for View {
    type Target = Snapshot;

    #[inline]
    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

/// One thread's cached way to the current snapshot: the fastest there is.
///
/// It looks whether a newer snapshot has been published, which is one read of a line that changes
/// only then, and else gives the one that it has. A worker thread keeps one for itself; that is why
/// [`snapshot`](Reader::snapshot) takes `&mut self`. While it is not asked it keeps the snapshot that
/// it gave last alive.
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
