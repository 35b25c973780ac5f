//! Whom an experiment or a rule is for.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::model::fault::{FaultKind, MAX_CONDITIONS};
use crate::model::faults::Faults;
use crate::model::id::SegmentId;
use crate::model::path::Path;
use crate::target::condition::Condition;
use crate::target::defect::Part;
use crate::target::test::Test;

/// Conditions that have been checked.
pub(crate) type Tests = Arc<[Test]>;

/// Whom an experiment is for: those of whom all conditions hold, and who are in all of these
/// segments, and in none of those. Without any of them, everybody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audience {
    pub(crate) tests: Tests,
    pub(crate) segments: Vec<SegmentId>,
    pub(crate) not_segments: Vec<SegmentId>,
}

impl Audience {
    /// The conditions, all of which have to hold.
    pub fn conditions(&self) -> impl ExactSizeIterator<Item = &Condition> {
        self.tests.iter().map(Test::condition)
    }

    /// Segments of which a user has to be in each.
    #[must_use]
    pub fn segments(&self) -> &[SegmentId] {
        &self.segments
    }

    /// Segments of which a user must not be in any.
    #[must_use]
    pub fn not_segments(&self) -> &[SegmentId] {
        &self.not_segments
    }

    /// Whether it is everybody.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.tests.is_empty() && self.segments.is_empty() && self.not_segments.is_empty()
    }

    /// All segments that it names.
    pub(crate) fn all_segments(&self) -> impl Iterator<Item = SegmentId> {
        self.segments.iter().chain(&self.not_segments).copied()
    }
}

/// Compiles one condition; what is wrong with it is added. `name` is the field of the attribute.
pub(crate) fn check_condition(
    condition: Condition,
    name: &'static str,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Test> {
    let defects = match Test::new(condition) {
        Ok(test) => return Some(test),
        Err(defects) => defects,
    };
    for (part, defect) in defects {
        let kind = FaultKind::Condition(defect);
        match part {
            Part::Attribute => faults.add(&path.field(name), kind),
            Part::Value => faults.add(&path.field("value"), kind),
            Part::Item(at) => faults.add(&path.field("value").item(at), kind),
            Part::IgnoreCase => faults.add(&path.field("ignore_case"), kind),
        }
    }
    None
}

/// Compiles conditions; what is wrong with them is added.
pub(crate) fn check_conditions(
    conditions: Vec<Condition>,
    name: &'static str,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Tests {
    check_number(conditions.len(), path, faults);
    let conditions = conditions.into_iter().enumerate();
    let tests = conditions
        .filter_map(|(at, condition)| check_condition(condition, name, &path.item(at), faults));
    tests.collect()
}

/// Adds a fault if there are too many conditions.
pub(crate) fn check_number(found: usize, path: &Path<'_>, faults: &mut Faults) {
    if found > MAX_CONDITIONS {
        faults.add(path, FaultKind::TooMany { what: "conditions", most: MAX_CONDITIONS, found });
    }
}

/// A condition as JSON, whose attribute is in the field of this name.
pub(crate) struct ConditionJson<'c>(pub(crate) &'c Condition, pub(crate) &'static str);

impl Serialize for ConditionJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ConditionJson(condition, name) = self;
        let mut fields = serializer.serialize_struct("Condition", 5)?;
        fields.serialize_field(name, condition.attribute())?;
        fields.serialize_field("operator", condition.operator().as_str())?;
        if let Some(value) = condition.value() {
            fields.serialize_field("value", value)?;
        }
        if condition.is_negated() {
            fields.serialize_field("negate", &true)?;
        }
        if condition.ignores_case() {
            fields.serialize_field("ignore_case", &true)?;
        }
        fields.end()
    }
}

/// Conditions as a JSON array.
pub(crate) struct ConditionsJson<'c>(pub(crate) &'c [Test], pub(crate) &'static str);

impl Serialize for ConditionsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|test| ConditionJson(test.condition(), self.1)))
    }
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Audience", 3)?;
        fields.serialize_field("conditions", &ConditionsJson(&self.tests, "attribute"))?;
        if !self.segments.is_empty() {
            fields.serialize_field("segments", &self.segments)?;
        }
        if !self.not_segments.is_empty() {
            fields.serialize_field("not_segments", &self.not_segments)?;
        }
        fields.end()
    }
}
