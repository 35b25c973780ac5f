//! Verifying a directory without opening it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::counters::Counters;
use super::directory::{COUNTERS, DEFINITIONS};
use super::error::OpenError;
use super::lock::{Access, lock};
use super::open::{not_loaded, text};
use super::users::{self, Copies};
use crate::count::cells::{Lines, MappedCells};
use crate::count::counts::{Baseline, Count};
use crate::count::distinct_users::slots::{Head, InProcess, Memory, Slots};
use crate::count::goal_counts::GoalCount;
use crate::count::{counters, goal_counters};
use crate::engine::Engine;
use crate::engine::clock::SystemClock;
use crate::engine::durability::Durability;
use crate::model::definition::Definition;
use crate::model::error::FileError;
use crate::model::id::{ExperimentId, GoalId};
use crate::model::terms::Terms;

/// What [`check`] has found in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// The number of flags in the definitions.
    pub flags: usize,
    /// The number of experiments that have counters, those that have left the definitions
    /// included.
    pub experiments: usize,
    /// The number of users that are kept, each counted once for each experiment: those of the last
    /// runs.
    pub users: usize,
    /// Whether the directory was closed in order. `false` after a crash: the counts are those of
    /// the crash, and no checksum protects them until the directory is opened and closed again.
    pub was_closed: bool,
}

/// Reads and verifies the directory of a durable engine as an opening does, and changes nothing in
/// it. Meanwhile the directory is locked: opening it returns [`OpenError::InUse`].
///
/// Cost: reads all files whole, and holds a copy of them in memory.
///
/// # Errors
///
/// [`OpenError`], as [`Engine::open`] returns it for the same directory. A directory that does not
/// exist, or contains neither of the two files, is an [`OpenError::File`]; it is not created.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewFlag};
/// use fairsplit::durable::check;
///
/// # let directory = std::env::temp_dir().join(format!("fairsplit-check-{}", std::process::id()));
/// let engine = Engine::open(&directory)?;
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// drop(engine);
///
/// let checked = check(&directory)?;
/// assert_eq!((checked.flags, checked.was_closed), (1, true));
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check(directory: impl AsRef<Path>) -> Result<Checked, OpenError> {
    let directory = directory.as_ref();
    let directory =
        fs::canonicalize(directory).map_err(|error| FileError::new("find", directory, &error))?;
    let (definitions, path) = (directory.join(DEFINITIONS), directory.join(COUNTERS));
    let is_there =
        |path: &Path| path.try_exists().map_err(|error| FileError::new("look for", path, &error));
    if is_there(&definitions)? && !is_there(&path)? {
        return Err(OpenError::Missing { path });
    }
    let file = lock(&path, Access::Read, Duration::ZERO)?;
    let is_first = !is_there(&definitions)?;
    let Some(counters) = Counters::check(file, &path, is_first)? else {
        // A process was killed as it created the directory.
        return Ok(Checked { flags: 0, experiments: 0, users: 0, was_closed: false });
    };
    let (experiments, was_closed) = (counters.experiments(), counters.was_closed());
    let text = text(&definitions, &counters, false)?;
    counters.set_trusting(text.as_ref().is_some_and(|text| counters.has_written(text)));
    let copies = users::verify(&directory)?;
    let mut checked = Checked { flags: 0, experiments, users: 0, was_closed };
    if let Some(text) = text {
        let users = AtomicUsize::new(0);
        let copy = Arc::new(Copy { counters: Arc::new(counters), copies, users });
        let durability: Arc<dyn Durability> = Arc::<Copy>::clone(&copy);
        let engine = Engine::with_parts(Box::new(SystemClock), None, Some(durability));
        engine.restore(&text).map_err(|source| not_loaded(source, &definitions))?;
        checked.flags = engine.flags().len();
        checked.users = copy.users.load(Ordering::Relaxed);
    }
    Ok(checked)
}

/// Where an opening would make new cells, the file must not grow.
fn in_memory<B>(cells: u32, base: B) -> MappedCells<B> {
    let stripes = 1;
    MappedCells { lines: Lines::new(cells, stripes), stripes, base }
}

/// What the definitions are loaded with: the counters are asked, and nothing is stored.
#[derive(Debug)]
struct Copy {
    counters: Arc<Counters>,
    copies: Copies,
    /// The number of users that were asked for.
    users: AtomicUsize,
}

impl Durability for Copy {
    fn may_change(&self) -> Result<(), FileError> {
        Ok(())
    }

    fn cells(
        &self,
        definition: &Definition,
        base: &Baseline,
    ) -> Result<MappedCells<Baseline>, FileError> {
        Ok(in_memory(counters::cells_for(definition.terms.count()), base.clone()))
    }

    fn goal_cells(
        &self,
        definition: &Definition,
        _: &str,
        base: &[GoalCount],
    ) -> Result<MappedCells<Box<[GoalCount]>>, FileError> {
        Ok(in_memory(goal_counters::cells_for(definition.terms.count()), base.into()))
    }

    fn counts_for_others(&self, id: ExperimentId, terms: &Terms) -> bool {
        self.counters.counts_for_others(id, terms)
    }

    fn keep(&self, _: &str) -> Result<(), FileError> {
        Ok(())
    }

    fn give_up(&self) {}

    fn mark(&self, id: ExperimentId) -> Box<[Count]> {
        self.counters.mark(id)
    }

    fn set_mark(&self, _: ExperimentId, _: &[Count]) {}

    fn goal_mark(&self, id: ExperimentId, goal: &str) -> Box<[GoalCount]> {
        self.counters.goal_mark(id, goal)
    }

    fn set_goal_mark(&self, _: ExperimentId, _: &str, _: &[GoalCount]) {}

    fn users(&self) -> Arc<dyn Memory> {
        Arc::new(InProcess)
    }

    fn users_left(&self, id: ExperimentId, run: u32, goal: Option<GoalId>) -> Vec<(Head, Slots)> {
        if goal.is_none() {
            let users = users::count_left(&self.copies, id, run);
            self.users.fetch_add(users, Ordering::Relaxed);
        }
        Vec::new()
    }

    fn sync(&self) -> Result<(), FileError> {
        Ok(())
    }

    fn storage_error(&self) -> Option<FileError> {
        None
    }
}
