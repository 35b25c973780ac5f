//! A value for some users, without an experiment.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::Value;

use crate::model::environment_name::EnvironmentName;
use crate::model::fault::{FaultKind, MAX_RULES};
use crate::model::faults::Faults;
use crate::model::id::{RuleId, SegmentId};
use crate::model::path::Path;
use crate::model::targeting::audience::{ConditionsJson, Tests, check_conditions};
use crate::model::targeting::share::{Share, to_value};
use crate::model::validation::check_value;
use crate::target::condition::Condition;

/// A request to create a rule; nothing in it is checked until an engine takes it.
///
/// # Examples
///
/// ```
/// use fairsplit::targeting::{Condition, NewRule, Operator};
///
/// let staff = NewRule::new("production", "new")
///     .condition(Condition::new("email", Operator::EndsWith, "@example.com"));
/// # let _ = staff;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a rule does nothing until an engine takes it"]
pub struct NewRule {
    pub(crate) id: Option<RuleId>,
    /// Where a request may leave it out, and does: as the engine decides.
    pub(crate) environment: Option<String>,
    pub(crate) position: Option<u32>,
    pub(crate) is_enabled: bool,
    pub(crate) segment: Option<SegmentId>,
    pub(crate) percentage: Option<f64>,
    pub(crate) value: Value,
    pub(crate) conditions: Vec<Condition>,
}

impl NewRule {
    /// A rule that answers this value to everybody in this environment.
    pub fn new(environment: impl Into<String>, value: impl Into<Value>) -> NewRule {
        NewRule {
            id: None,
            environment: Some(environment.into()),
            position: None,
            is_enabled: true,
            segment: None,
            percentage: None,
            value: value.into(),
            conditions: Vec::new(),
        }
    }

    /// Adds a condition that has to hold.
    pub fn condition(mut self, condition: Condition) -> NewRule {
        self.conditions.push(condition);
        self
    }

    /// Sets the segment that a user has to be in.
    pub fn segment(mut self, segment: SegmentId) -> NewRule {
        self.segment = Some(segment);
        self
    }

    /// Sets which part of its users gets the value, in per cent: 0 to 100, with at most three
    /// decimals. The others go on to the next rule.
    pub fn percentage(mut self, percent: impl Into<f64>) -> NewRule {
        self.percentage = Some(percent.into());
        self
    }

    /// Sets the position among the rules of the flag in that environment; the lowest decides first.
    /// Without it, the rule comes last.
    pub fn position(mut self, position: u32) -> NewRule {
        self.position = Some(position);
        self
    }

    /// Sets the id; without it the engine makes one. It decides whom a percentage picks.
    pub fn id(mut self, id: RuleId) -> NewRule {
        self.id = Some(id);
        self
    }

    /// Sets whether the rule is used: it is unless this is `false`.
    pub fn enabled(mut self, is_enabled: bool) -> NewRule {
        self.is_enabled = is_enabled;
        self
    }

    /// The rule of this id and place, if nothing is wrong with it; faults are added.
    pub(crate) fn check(
        mut self,
        id: RuleId,
        (environment, position): (&str, u32),
        path: &Path<'_>,
        faults: &mut Faults,
    ) -> Option<Rule> {
        let environment = match EnvironmentName::new(environment) {
            Ok(environment) => Some(environment),
            Err(error) => {
                for fault in error.faults() {
                    faults.add(&path.field("environment"), fault.kind().clone());
                }
                None
            }
        };
        let percentage =
            self.percentage.map(|percent| Share::check(percent, &path.field("percentage"), faults));
        check_value(&mut self.value, &path.field("value"), faults);
        let tests =
            check_conditions(self.conditions, "attribute", &path.field("conditions"), faults);
        let percentage = match percentage {
            Some(share) => Some(share?),
            None => None,
        };
        Some(Rule {
            id,
            environment: environment?,
            position,
            is_enabled: self.is_enabled,
            segment: self.segment,
            percentage,
            value: Arc::new(self.value),
            tests,
        })
    }
}

/// A rule: a value for those users of whom its conditions hold, in one environment, without an
/// experiment. Nothing is counted.
///
/// Serialises in the style of the Experiments API, as an object of `id`, `environment`, `position`,
/// `enabled`, `segment_id`, `percentage`, `value` and `conditions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub(crate) id: RuleId,
    pub(crate) environment: EnvironmentName,
    pub(crate) position: u32,
    pub(crate) is_enabled: bool,
    pub(crate) segment: Option<SegmentId>,
    pub(crate) percentage: Option<Share>,
    pub(crate) value: Arc<Value>,
    pub(crate) tests: Tests,
}

impl Rule {
    /// The id, which decides whom a percentage picks.
    #[must_use]
    pub fn id(&self) -> RuleId {
        self.id
    }

    /// The environment that it is for.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    /// Its place among the rules of its flag in that environment; the lowest decides first.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.position
    }

    /// Whether it is used.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// The segment that a user has to be in.
    #[must_use]
    pub fn segment(&self) -> Option<SegmentId> {
        self.segment
    }

    /// Which part of its users gets the value; `None` for all of them.
    #[must_use]
    pub fn percentage(&self) -> Option<Share> {
        self.percentage
    }

    /// What the flag answers.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The conditions, all of which have to hold.
    pub fn conditions(&self) -> impl ExactSizeIterator<Item = &Condition> {
        self.tests.iter().map(crate::target::test::Test::condition)
    }

    /// Its fields except for the id, with their names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let optional = [
            self.segment.map(|segment| ("segment_id", to_value(segment))),
            self.percentage.map(|percentage| ("percentage", to_value(percentage))),
        ];
        [
            ("environment", self.environment.as_str().into()),
            ("position", self.position.into()),
            ("enabled", self.is_enabled.into()),
            ("value", (*self.value).clone()),
            ("conditions", to_value(ConditionsJson(&self.tests, "attribute"))),
        ]
        .into_iter()
        .chain(optional.into_iter().flatten())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Rule", 8)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("environment", self.environment.as_str())?;
        fields.serialize_field("position", &self.position)?;
        fields.serialize_field("enabled", &self.is_enabled)?;
        fields.serialize_field("segment_id", &self.segment)?;
        fields.serialize_field("percentage", &self.percentage)?;
        fields.serialize_field("value", &*self.value)?;
        fields.serialize_field("conditions", &ConditionsJson(&self.tests, "attribute"))?;
        fields.end()
    }
}

/// The rules of a flag, by environment and position: one word for a flag that has none, as most.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules(Option<Arc<Vec<Rule>>>);

impl Rules {
    pub(crate) fn new(mut rules: Vec<Rule>) -> Rules {
        rules.sort_by(|one, other| {
            let place = |rule: &Rule| (rule.environment.clone(), rule.position, rule.id);
            place(one).cmp(&place(other))
        });
        Rules((!rules.is_empty()).then(|| Arc::new(rules)))
    }

    /// Adds a fault for each rule whose place another one has: `path` is of the rules as they are
    /// listed.
    pub(crate) fn check_positions(rules: &[Rule], path: &Path<'_>, faults: &mut Faults) {
        let mut first: BTreeMap<(&EnvironmentName, u32), usize> = BTreeMap::new();
        for (at, rule) in rules.iter().enumerate() {
            let place = (&rule.environment, rule.position);
            match first.get(&place) {
                Some(other) => {
                    let other = path.item(*other).to_string();
                    let (item, found) = (path.item(at), rule.position.to_string());
                    faults.add(&item.field("position"), FaultKind::Duplicate { found, other });
                }
                None => drop(first.insert(place, at)),
            }
        }
    }

    /// Adds a fault if an environment has too many of these rules.
    pub(crate) fn check_numbers(rules: &[Rule], path: &Path<'_>, faults: &mut Faults) {
        let mut numbers: BTreeMap<&EnvironmentName, usize> = BTreeMap::new();
        for rule in rules {
            let number = numbers.entry(&rule.environment).or_default();
            *number = number.saturating_add(1);
        }
        if let Some(found) = numbers.into_values().max().filter(|found| *found > MAX_RULES) {
            let what = "rules of one environment";
            faults.add(path, FaultKind::TooMany { what, most: MAX_RULES, found });
        }
    }
}

impl Deref for Rules {
    type Target = [Rule];

    fn deref(&self) -> &[Rule] {
        self.0.as_ref().map_or(&[], |rules| rules)
    }
}
