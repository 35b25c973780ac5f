//! An A/B test on one flag in one environment: as asked for, and as it is.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::Value;

use crate::assign::allocation::{Allocation, MAX_VARIANTS};
use crate::assign::assignment::Assignment;
use crate::assign::bucket::Seed;
use crate::model::environment::Environment;
use crate::model::fault::{Findings, Path, Rule, quote};
use crate::model::id::ExperimentId;
use crate::model::status::{Status, Transition, TransitionError};
use crate::model::timestamp::Timestamp;
use crate::model::validation::{check_name, check_value};
use crate::model::variant::Variant;

/// An experiment as asked for: nothing of it has been checked.
/// [`Engine::create_experiment`](crate::Engine::create_experiment) checks it and names every fault.
///
/// # JSON
///
/// Deserialises from the body of a create request: `name`, `environment` and `variants` are
/// required, `status` is `draft` if absent, and `id` may be given. Read it with
/// [`NewExperiment::from_json`], which names every fault with its path; through
/// [`Deserialize`](serde::Deserialize) the error is one text that holds them all. Unknown fields are
/// refused either way.
///
/// # Examples
///
/// ```
/// use fairsplit::{NewExperiment, Status};
///
/// let banner = NewExperiment::new("Hero Banner A/B Test", "production")
///     .variant("control", "old", 50)
///     .variant("treatment", "new", 50)
///     .status(Status::Running);
/// # let _ = banner;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a new experiment does nothing until an engine creates it"]
pub struct NewExperiment {
    pub(crate) id: Option<ExperimentId>,
    pub(crate) name: String,
    pub(crate) environment: String,
    pub(crate) variants: Vec<NewVariant>,
    pub(crate) status: Status,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewVariant {
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) percentage: i64,
}

impl NewExperiment {
    /// A draft with this display name, in this environment, with no variants yet.
    pub fn new(name: impl Into<String>, environment: impl Into<String>) -> NewExperiment {
        NewExperiment {
            id: None,
            name: name.into(),
            environment: environment.into(),
            variants: Vec::new(),
            status: Status::Draft,
        }
    }

    /// Adds a variant after those that are there. The order matters: it decides which buckets a
    /// variant owns. The percentages have to sum to 100.
    pub fn variant(
        mut self,
        key: impl Into<String>,
        value: impl Into<Value>,
        percentage: i64,
    ) -> NewExperiment {
        self.variants.push(NewVariant { key: key.into(), value: value.into(), percentage });
        self
    }

    /// Gives the id instead of having the engine make one. The id decides the split: processes that
    /// must agree on it have to give the same.
    pub fn id(mut self, id: ExperimentId) -> NewExperiment {
        self.id = Some(id);
        self
    }

    /// Creates it in this status. `Running` counts as started at that moment.
    pub fn status(mut self, status: Status) -> NewExperiment {
        self.status = status;
        self
    }
}

/// An experiment whose parts have been read but not held to the rules. What could not be read at
/// all is `None`, and has been reported.
#[derive(Debug, Default)]
pub(crate) struct Unchecked {
    pub(crate) name: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) variants: Option<Vec<UncheckedVariant>>,
}

#[derive(Debug)]
pub(crate) struct UncheckedVariant {
    pub(crate) key: Option<String>,
    pub(crate) value: Option<Value>,
    pub(crate) percentage: Option<i64>,
}

impl From<NewExperiment> for Unchecked {
    fn from(new: NewExperiment) -> Unchecked {
        let variants = new.variants.into_iter().map(|variant| UncheckedVariant {
            key: Some(variant.key),
            value: Some(variant.value),
            percentage: Some(variant.percentage),
        });
        Unchecked {
            name: Some(new.name),
            environment: Some(new.environment),
            variants: Some(variants.collect()),
        }
    }
}

/// What never changes in an experiment, and has been checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) name: Box<str>,
    pub(crate) environment: Environment,
    pub(crate) variants: Arc<[Variant]>,
}

impl Terms {
    /// How many variants there are: at most [`MAX_VARIANTS`].
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.variants.len()).unwrap_or(u32::MAX)
    }
}

impl Unchecked {
    /// The terms. Every fault goes to `findings`, and they hold only if there is none; `None` if they
    /// cannot even be put together.
    pub(crate) fn check(self, path: &Path<'_>, findings: &mut Findings) -> Option<Terms> {
        if let Some(name) = &self.name {
            check_name(name, &path.field("name"), findings);
        }
        if let Some(environment) = &self.environment {
            check_name(environment, &path.field("environment"), findings);
        }
        let variants = self.variants?;
        let variants = checked_variants(variants, &path.field("variants"), findings)?;
        let environment = Environment::new(&self.environment?).ok()?;
        Some(Terms { name: self.name?.into(), environment, variants })
    }
}

fn checked_variants(
    unchecked: Vec<UncheckedVariant>,
    path: &Path<'_>,
    findings: &mut Findings,
) -> Option<Arc<[Variant]>> {
    let count = unchecked.len();
    if count == 0 {
        findings.fault(path, Rule::NoVariants);
        return None;
    }
    if count > MAX_VARIANTS {
        // One fault for all of them: what the rest breaks is not worth a thousand lines.
        findings.fault(path, Rule::TooManyVariants { found: count });
        return None;
    }
    // A percentage that could not be read has its own fault; no sum is claimed then.
    let sum: Option<i128> = unchecked.iter().map(|new| new.percentage.map(i128::from)).sum();
    for (at, new) in unchecked.iter().enumerate() {
        let this = path.item(at);
        if let Some(key) = &new.key {
            let path_of_key = this.field("key");
            check_name(key, &path_of_key, findings);
            let mut earlier = unchecked.iter().take(at);
            if let Some(first) = earlier.position(|other| other.key.as_ref() == Some(key)) {
                let other = path.item(first).field("key").to_string();
                findings.fault(&path_of_key, Rule::Duplicate { found: quote(key), other });
            }
        }
        if let Some(value) = &new.value {
            check_value(value, &this.field("value"), findings);
        }
        if let Some(found) = new.percentage
            && !(0..=100).contains(&found)
        {
            findings.fault(&this.field("percentage"), Rule::Percentage { found });
        }
    }
    match sum {
        Some(found) if found != 100 => findings.fault(path, Rule::Sum { found }),
        _ => {}
    }
    // Of percentages with a fault there is no table from bucket to variant.
    let checked = unchecked.into_iter().map(|new| {
        let percentage = u8::try_from(new.percentage?).ok()?;
        Some(Variant::new(new.key?, new.value?, percentage))
    });
    checked.collect::<Option<_>>().filter(|_| sum == Some(100))
}

/// The definition of an experiment: all of it but what has been counted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) id: ExperimentId,
    pub(crate) terms: Terms,
    pub(crate) status: Status,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Definition {
    /// A new experiment; one that is created running counts as started now.
    pub(crate) fn create(id: ExperimentId, terms: Terms, status: Status, now: Timestamp) -> Self {
        Definition {
            id,
            terms,
            status,
            started_at: (status == Status::Running).then_some(now),
            stopped_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// The experiment after a start or a stop.
    pub(crate) fn after(
        &self,
        transition: Transition,
        now: Timestamp,
    ) -> Result<Definition, TransitionError> {
        let status = self.status.after(transition)?;
        let mut next = Definition { status, updated_at: now, ..self.clone() };
        match transition {
            Transition::Start => {
                next.started_at = Some(now);
                next.stopped_at = None;
            }
            Transition::Stop => next.stopped_at = Some(now),
        }
        Ok(next)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    pub(crate) fn assignment(&self) -> Assignment {
        let percentages = self.terms.variants.iter().map(Variant::percentage);
        Assignment::from_parts(Seed::from_id(self.id.to_bytes()), Allocation::of(percentages))
    }

    /// The position of the variant with this key.
    pub(crate) fn position(&self, variant: &str) -> Option<usize> {
        self.terms.variants.iter().position(|candidate| candidate.key() == variant)
    }
}

/// An experiment as it stands: its definition, and its conversions at the moment it was asked for.
///
/// A copy: it does not follow later changes. Cloning shares the definition.
///
/// # JSON
///
/// Serialises as the Experiments API writes it, field for field and in its order: `id`, `name`,
/// `environment`, `status`, `variants`, `conversions` (every variant, in the variants' order),
/// `started_at`, `stopped_at`, `created_at`, `updated_at`. Deserialises from the same, and refuses
/// what breaks a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    definition: Arc<Definition>,
    /// One for each variant.
    conversions: Vec<u64>,
}

impl Experiment {
    pub(crate) fn new(definition: Arc<Definition>, conversions: Vec<u64>) -> Experiment {
        Experiment { definition, conversions }
    }

    /// The id, which decides the split.
    #[must_use]
    pub fn id(&self) -> ExperimentId {
        self.definition.id
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.terms.name
    }

    /// The environment that it runs in.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.definition.terms.environment
    }

    /// Where it is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        self.definition.status
    }

    /// Whether it is running: only then does it split traffic, and count.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.definition.is_running()
    }

    /// The variants, in the order that decides which buckets they own.
    #[must_use]
    pub fn variants(&self) -> &[Variant] {
        &self.definition.terms.variants
    }

    /// The conversions of each variant ever counted, restarts included: variant keys with their
    /// counts, in the variants' order. Events, not users.
    pub fn conversions(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.variants().iter().map(Variant::key).zip(self.conversions.iter().copied())
    }

    /// When it was last started, if ever.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        self.definition.started_at
    }

    /// When it was last stopped, if it has not been started again since.
    #[must_use]
    pub fn stopped_at(&self) -> Option<Timestamp> {
        self.definition.stopped_at
    }

    /// When it was created.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.definition.created_at
    }

    /// When its definition or its status last changed. Counting does not move it.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.definition.updated_at
    }

    /// The assignment function of this experiment, as the engine uses it.
    #[must_use]
    pub fn assignment(&self) -> Assignment {
        self.definition.assignment()
    }
}

impl Serialize for Experiment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Experiment", 10)?;
        fields.serialize_field("id", &self.id())?;
        fields.serialize_field("name", self.name())?;
        fields.serialize_field("environment", self.environment().as_str())?;
        fields.serialize_field("status", &self.status())?;
        fields.serialize_field("variants", self.variants())?;
        fields.serialize_field("conversions", &ByVariant(self.variants(), &self.conversions))?;
        fields.serialize_field("started_at", &self.started_at())?;
        fields.serialize_field("stopped_at", &self.stopped_at())?;
        fields.serialize_field("created_at", &self.created_at())?;
        fields.serialize_field("updated_at", &self.updated_at())?;
        fields.end()
    }
}

/// An object with a field for each variant, in the variants' order.
pub(crate) struct ByVariant<'a, T>(pub(crate) &'a [Variant], pub(crate) &'a [T]);

impl<T: Serialize> Serialize for ByVariant<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(self.0.len()))?;
        for (variant, item) in self.0.iter().zip(self.1) {
            fields.serialize_entry(variant.key(), item)?;
        }
        fields.end()
    }
}

impl fmt::Display for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name(), self.id(), self.status())
    }
}
