//! Conditions with a name, which rules and audiences share.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use serde_json::Value;

use crate::model::fault::{Fault, FaultKind, MAX_DESCRIPTION_LENGTH};
use crate::model::faults::{Faults, ValidationError};
use crate::model::id::SegmentId;
use crate::model::path::{Path, quote};
use crate::model::targeting::audience::{ConditionsJson, Tests, check_conditions};
use crate::model::targeting::share::to_value;
use crate::model::timestamp::Timestamp;
use crate::model::validation::check_name;
use crate::target::condition::Condition;

/// How the conditions of a segment are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "conditions are joined in these two ways")]
pub enum MatchType {
    /// All of them have to hold.
    #[default]
    All,
    /// One of them has to hold.
    Any,
}

impl MatchType {
    /// In JSON: `all` or `any`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            MatchType::All => "all",
            MatchType::Any => "any",
        }
    }
}

impl fmt::Display for MatchType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MatchType {
    type Err = ValidationError;

    fn from_str(text: &str) -> Result<MatchType, ValidationError> {
        match text {
            "all" => Ok(MatchType::All),
            "any" => Ok(MatchType::Any),
            _ => Err(Fault::new(&Path::Root, FaultKind::MatchType { found: quote(text) }).into()),
        }
    }
}

/// A request to create a segment, or to change one to this; nothing in it is checked until an
/// engine takes it.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a segment does nothing until an engine takes it"]
pub struct NewSegment {
    pub(crate) id: Option<SegmentId>,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) match_type: MatchType,
    pub(crate) conditions: Vec<Condition>,
}

impl NewSegment {
    /// A segment of this name, whose conditions all have to hold.
    pub fn new(name: impl Into<String>) -> NewSegment {
        NewSegment {
            id: None,
            name: name.into(),
            description: String::new(),
            match_type: MatchType::All,
            conditions: Vec::new(),
        }
    }

    /// Adds a condition. A segment has at least one.
    pub fn condition(mut self, condition: Condition) -> NewSegment {
        self.conditions.push(condition);
        self
    }

    /// Sets how the conditions are joined.
    pub fn match_type(mut self, match_type: MatchType) -> NewSegment {
        self.match_type = match_type;
        self
    }

    /// Sets the description, of at most 4096 characters.
    pub fn description(mut self, description: impl Into<String>) -> NewSegment {
        self.description = description.into();
        self
    }

    /// Sets the id; without it the engine makes one.
    pub fn id(mut self, id: SegmentId) -> NewSegment {
        self.id = Some(id);
        self
    }

    /// The segment of this id, if nothing is wrong with it; faults are added.
    pub(crate) fn check(
        self,
        id: SegmentId,
        now: Timestamp,
        path: &Path<'_>,
        faults: &mut Faults,
    ) -> Segment {
        let rules = path.field("rules");
        let tests = check_conditions(self.conditions, "key", &rules, faults);
        let (name, description, match_type) = (self.name, self.description, self.match_type);
        let segment = Segment { id, name, description, match_type, tests, updated_at: now };
        segment.check(path, faults);
        segment
    }
}

/// A segment: conditions with a name, which rules and audiences share.
///
/// Serialises in the style of the Experiments API, as an object of `id`, `name`, `description`,
/// `match_type`, `rules` and `updated_at`.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) match_type: MatchType,
    pub(crate) tests: Tests,
    pub(crate) updated_at: Timestamp,
}

impl Segment {
    /// The id.
    #[must_use]
    pub fn id(&self) -> SegmentId {
        self.id
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for; empty if it was not given.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// How its conditions are joined.
    #[must_use]
    pub fn match_type(&self) -> MatchType {
        self.match_type
    }

    /// Its conditions.
    pub fn conditions(&self) -> impl ExactSizeIterator<Item = &Condition> {
        self.tests.iter().map(crate::target::test::Test::condition)
    }

    /// When it was created or last changed.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Adds what is wrong with it, apart from its conditions.
    pub(crate) fn check(&self, path: &Path<'_>, faults: &mut Faults) {
        check_name(&self.name, &path.field("name"), faults);
        let found = self.description.chars().count();
        if found > MAX_DESCRIPTION_LENGTH {
            let kind = FaultKind::TextTooLong { most: MAX_DESCRIPTION_LENGTH, found };
            faults.add(&path.field("description"), kind);
        }
        if self.tests.is_empty() && !faults.has_any() {
            faults.add(&path.field("rules"), FaultKind::NoItems { what: "condition" });
        }
    }

    /// The segment with this date, or with that of `known` if it is the same as that one, or with
    /// that of now.
    pub(crate) fn dated(
        mut self,
        at: Option<Timestamp>,
        known: Option<&Segment>,
        now: Timestamp,
    ) -> Segment {
        self.updated_at = known.map_or(now, |known| known.updated_at);
        let is_as_known = known.is_some_and(|known| *known == self);
        self.updated_at = at.unwrap_or(if is_as_known { self.updated_at } else { now });
        self
    }

    /// Its fields except for the id, with their names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let description = (!self.description.is_empty())
            .then(|| ("description", self.description.as_str().into()));
        [
            ("name", self.name.as_str().into()),
            ("match_type", self.match_type.as_str().into()),
            ("rules", to_value(ConditionsJson(&self.tests, "key"))),
            ("updated_at", self.updated_at.to_string().into()),
        ]
        .into_iter()
        .chain(description)
    }
}

impl Serialize for Segment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Segment", 6)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("description", &self.description)?;
        fields.serialize_field("match_type", self.match_type.as_str())?;
        fields.serialize_field("rules", &ConditionsJson(&self.tests, "key"))?;
        fields.serialize_field("updated_at", &self.updated_at)?;
        fields.end()
    }
}
