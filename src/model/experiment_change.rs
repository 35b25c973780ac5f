//! A change of an experiment that leaves its split as it is.

use crate::model::notes::NotesChange;

/// A change of what an experiment is called, of its notes, and of whether its users are counted;
/// what is not set stays.
/// [`Engine::change_experiment`](crate::Engine::change_experiment) makes it. The variants and the
/// environment never change.
///
/// # JSON
///
/// [`from_json`](ExperimentChange::from_json) reads an object of one or more of `name`,
/// `description`, `owner`, `tags` and `count_users`.
///
/// # Examples
///
/// ```
/// use fairsplit::ExperimentChange;
///
/// let change = ExperimentChange::new().owner("checkout team").tags(["q3", "checkout"]);
/// # let _ = change;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a change does nothing until an engine makes it"]
pub struct ExperimentChange {
    pub(crate) name: Option<String>,
    pub(crate) notes: NotesChange,
    pub(crate) count_users: Option<u32>,
}

impl ExperimentChange {
    /// A change of nothing.
    pub fn new() -> ExperimentChange {
        ExperimentChange::default()
    }

    /// Sets the display name.
    pub fn name(mut self, name: impl Into<String>) -> ExperimentChange {
        self.name = Some(name.into());
        self
    }

    /// Sets the description, of at most 4096 characters; an empty one clears it.
    pub fn description(mut self, description: impl Into<String>) -> ExperimentChange {
        self.notes.description = Some(description.into());
        self
    }

    /// Sets the owner, of at most 255 characters; an empty one clears it.
    pub fn owner(mut self, owner: impl Into<String>) -> ExperimentChange {
        self.notes.owner = Some(owner.into());
        self
    }

    /// Sets the tags: at most 32, each a name, none twice. None clears them.
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> ExperimentChange {
        self.notes.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Sets how many of the users are kept at most, as
    /// [`Engine::count_users`](crate::Engine::count_users) does; 0 counts no users.
    pub fn count_users(mut self, capacity: u32) -> ExperimentChange {
        self.count_users = Some(capacity);
        self
    }
}
