//! An experiment as the Experiments API writes it, and as a request to create one does.

use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::format::fields::{
    Fields, any, array, boolean, by_variant, capacity, count, mistyped, parsed, strictly, string,
};
use crate::format::node::Node;
use crate::format::notes::notes;
use crate::model::capacity::{COUNT_USERS, Capacity};
use crate::model::definition::Definition;
use crate::model::error::LoadError;
use crate::model::experiment::Experiment;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::goal::of_experiment::{Goals, NewGoals};
use crate::model::id::ExperimentId;
use crate::model::new_experiment::{NewExperiment, NewVariant};
use crate::model::notes::{ARCHIVED, SomeNotes};
use crate::model::path::Path;
use crate::model::status::Status;
use crate::model::targeting::experiment_targeting::{NewTargeting, Targeting};
use crate::model::terms::{Terms, Unchecked, UncheckedVariant};
use crate::model::timestamp::Timestamp;

impl NewExperiment {
    /// Reads the body of a request to create an experiment; an error names every fault.
    ///
    /// # Errors
    ///
    /// [`LoadError::Syntax`] if the text is not JSON; [`LoadError::Invalid`] with every fault:
    /// missing, unknown and repeated fields, wrong types, and broken rules.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::NewExperiment;
    ///
    /// let body = r#"{"name": "Banner", "environment": "production",
    ///     "variants": [{"key": "control", "value": "old", "percentge": 100}]}"#;
    /// assert_eq!(
    ///     NewExperiment::from_json(body).unwrap_err().to_string(),
    ///     "variants[0].percentage: is required; variants[0].percentge: is not a known field"
    /// );
    /// ```
    pub fn from_json(text: &str) -> Result<NewExperiment, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| new_experiment(node, faults))?)
    }
}

impl<'de> Deserialize<'de> for NewExperiment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NewExperiment, D::Error> {
        let node = Node::deserialize(deserializer)?;
        strictly(|faults| new_experiment(node, faults)).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Experiment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Experiment, D::Error> {
        let node = Node::deserialize(deserializer)?;
        strictly(|faults| whole_experiment(node, faults)).map_err(D::Error::custom)
    }
}

/// An experiment with every field that the API writes: no clock can fill a gap.
fn whole_experiment(node: Node<'_>, faults: &mut Faults) -> Option<Experiment> {
    let document = experiment(node, &Path::Root, faults).1?;
    let mut present = |name, timestamp: Option<Timestamp>| {
        if timestamp.is_none() {
            faults.add(&Path::Root.field(name), FaultKind::Required);
        }
        timestamp
    };
    let created_at = present("created_at", document.created_at);
    let updated_at = present("updated_at", document.updated_at);
    let conversions =
        document.conversions.unwrap_or_else(|| vec![0; document.terms.variants.len()]);
    let definition = Definition {
        notes: document.notes,
        is_archived: document.is_archived,
        id: document.id,
        terms: document.terms,
        status: document.status.unwrap_or_default(),
        started_at: document.started_at,
        stopped_at: document.stopped_at,
        created_at: created_at?,
        updated_at: updated_at?,
        count_users: document.count_users,
        targeting: None,
        goals: None,
    };
    Some(Experiment::new(Arc::new(definition), conversions))
}

/// Name, environment and variants, as far as they can be read.
fn unchecked(fields: &mut Fields<'_, '_>, faults: &mut Faults) -> Unchecked {
    Unchecked {
        name: fields.required("name", faults, string),
        environment: fields.required("environment", faults, string),
        variants: fields.required("variants", faults, |node, path, faults| {
            let nodes = array(node, path, faults)?.into_iter().enumerate();
            Some(nodes.map(|(at, node)| variant(node, &path.item(at), faults)).collect())
        }),
    }
}

fn variant(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> UncheckedVariant {
    let Some(mut fields) = Fields::open(node, path, faults) else {
        return UncheckedVariant { key: None, value: None, percentage: None };
    };
    let variant = UncheckedVariant {
        key: fields.required("key", faults, string),
        value: fields.required("value", faults, any),
        percentage: fields.required("percentage", faults, |node, path, faults| {
            let integer = match &node {
                Node::Number(number) => number.as_i64(),
                _ => None,
            };
            if integer.is_none() {
                mistyped(&node, "an integer from 0 to 100", path, faults);
            }
            integer
        }),
    };
    fields.close(faults);
    variant
}

/// An experiment in a document: the fields of the API, of which those that a create request lacks
/// are optional.
#[derive(Debug)]
pub(crate) struct ExperimentDocument {
    pub(crate) id: ExperimentId,
    pub(crate) terms: Terms,
    /// `None` if the document gives none.
    pub(crate) status: Option<Status>,
    pub(crate) conversions: Option<Vec<u64>>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) notes: SomeNotes,
    pub(crate) is_archived: bool,
    pub(crate) count_users: Option<Capacity>,
    /// From the section beside the experiments.
    pub(crate) targeting: Option<Arc<Targeting>>,
    /// From the section beside the experiments.
    pub(crate) goals: Option<Arc<Goals>>,
}

/// An experiment, and its id even if the rest cannot be read.
pub(crate) fn experiment(
    node: Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> (Option<ExperimentId>, Option<ExperimentDocument>) {
    let Some(mut fields) = Fields::open(node, path, faults) else {
        return (None, None);
    };
    let id = fields.required("id", faults, parsed);
    let unchecked = unchecked(&mut fields, faults);
    let status = fields.optional("status", faults, parsed);
    let conversions = fields.optional("conversions", faults, |node, _, _| Some(node));
    let started_at = fields.optional("started_at", faults, parsed);
    let stopped_at = fields.optional("stopped_at", faults, parsed);
    let created_at = fields.optional("created_at", faults, parsed);
    let updated_at = fields.optional("updated_at", faults, parsed);
    let notes = notes(&mut fields, faults);
    let is_archived = fields.optional(ARCHIVED, faults, boolean).unwrap_or_default();
    let count_users = fields.optional(COUNT_USERS, faults, capacity);
    fields.close(faults);
    notes.check(path, faults);
    if is_archived && status == Some(Status::Running) {
        let running = "the experiment".to_owned();
        faults.add(&path.field(ARCHIVED), FaultKind::ArchivedRunning { running });
    }
    // Without its variants, its counts cannot be read.
    let Some(terms) = unchecked.check(path, faults) else {
        return (id, None);
    };
    let conversions = conversions.and_then(|node| {
        by_variant(node, &path.field("conversions"), faults, &terms.variants, count)
    });
    let document = id.map(|id| ExperimentDocument {
        id,
        terms,
        status,
        conversions,
        started_at,
        stopped_at,
        created_at,
        updated_at,
        notes: notes.apply(&None),
        is_archived,
        targeting: None,
        goals: None,
        count_users,
    });
    (id, document)
}

fn new_experiment(node: Node<'_>, faults: &mut Faults) -> Option<NewExperiment> {
    let path = &Path::Root;
    let mut fields = Fields::open(node, path, faults)?;
    let id = fields.optional("id", faults, parsed);
    let unchecked = unchecked(&mut fields, faults);
    let status = fields.optional("status", faults, parsed);
    let count_users = fields.optional(COUNT_USERS, faults, capacity);
    fields.close(faults);
    let terms = unchecked.check(path, faults)?;
    let variants = terms.variants.iter().map(|variant| NewVariant {
        key: variant.key().to_owned(),
        value: variant.value().clone(),
        percentage: variant.percentage().into(),
    });
    Some(NewExperiment {
        id,
        variants: variants.collect(),
        name: terms.name.into(),
        environment: (&terms.environment).into(),
        status: status.unwrap_or_default(),
        count_users: count_users.map(Capacity::users),
        targeting: NewTargeting::new(),
        goals: NewGoals::new(),
    })
}
