//! One thread's cached way to the current snapshot.

use std::sync::Arc;

use arc_swap::Cache;

use crate::read::current::Current;
use crate::read::place::EnvironmentId;
use crate::read::snapshot::Snapshot;
use crate::read::view::View;

/// One thread's cached way to what an environment reads: the fastest there is.
///
/// It checks whether a newer snapshot has been published, which is one read of a line that changes
/// only then, and else gives the one that it has. A worker thread keeps one for itself; that is why
/// [`view`](Reader::view) and [`snapshot`](Reader::snapshot) take `&mut self`. Between calls it
/// keeps the snapshot alive that it gave last.
///
/// Made by [`Environment::reader`](crate::Environment::reader).
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

    /// The current version as the environment reads it, for flags by their names.
    #[inline]
    pub fn view(&mut self) -> View<&Snapshot> {
        View::new(self.cache.load(), self.environment)
    }
}
