//! One thread's cache of the current snapshot.

use std::sync::Arc;

use arc_swap::Cache;

use crate::read::current::Current;
use crate::read::place::EnvironmentId;
use crate::read::snapshot::Snapshot;
use crate::read::view::View;

/// One thread's cache of the current snapshot, for one environment: the fastest way to evaluate.
///
/// Each call checks whether a newer snapshot has been published: one read of a cache line that
/// changes only then. If not, it returns the cached one. Each worker thread keeps its own reader,
/// which is why [`view`](Reader::view) and [`snapshot`](Reader::snapshot) need `&mut self`. Between
/// calls the reader keeps its last snapshot alive.
///
/// [`Environment::reader`](crate::Environment::reader) returns one.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let production = engine.environment("production")?;
/// let banner = production.flag("hero-banner");
///
/// let mut reader = production.reader();
/// for user in ["user-1", "user-2"] {
///     assert_eq!(banner.evaluate_on(reader.snapshot(), user).str_or(""), "old");
///     assert_eq!(reader.view().evaluate("hero-banner", user).str_or(""), "old");
/// }
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    cache: Cache<Current, Arc<Snapshot>>,
    environment: EnvironmentId,
}

impl Reader {
    pub(crate) fn new(current: Current, environment: EnvironmentId) -> Reader {
        Reader { cache: Cache::new(current), environment }
    }

    /// The current snapshot, pinned for as long as it is borrowed, for handles: see
    /// [`FlagHandle::evaluate_on`](crate::FlagHandle::evaluate_on).
    #[inline]
    pub fn snapshot(&mut self) -> &Snapshot {
        self.cache.load()
    }

    /// The current version in the environment, to evaluate flags by name.
    #[inline]
    pub fn view(&mut self) -> View<&Snapshot> {
        View::new(self.cache.load(), self.environment)
    }
}
