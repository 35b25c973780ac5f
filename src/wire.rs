//! The JSON of the model as others write it. Every reader here takes a whole node, reports all that
//! is wrong with it, and gives what could be read.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use crate::error::LoadError;
use crate::experiment::{
    Definition, Experiment, NewExperiment, NewVariant, Terms, Unchecked, UncheckedVariant,
};
use crate::fault::{Fault, Findings, Path, Rule, ValidationError, quote};
use crate::flag::{FlagChange, NewFlag};
use crate::id::ExperimentId;
use crate::json::Node;
use crate::rules::check_flag;
use crate::status::Status;
use crate::timestamp::Timestamp;
use crate::variant::Variant;

/// The fields of a JSON object that have not been asked for yet.
pub(crate) struct Fields<'p, 't> {
    path: &'p Path<'p>,
    rest: Vec<(Cow<'t, str>, Node<'t>)>,
}

impl<'p, 't> Fields<'p, 't> {
    /// The fields of an object; anything else is reported. Of a field that is repeated, which is
    /// reported too, the first is kept.
    pub(crate) fn open(
        node: Node<'t>,
        path: &'p Path<'p>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let Node::Object(mut rest) = node else {
            mistyped(&node, "an object", path, findings);
            return None;
        };
        if has_repeated(&rest) {
            let mut seen: HashSet<Cow<'_, str>, RandomState> = HashSet::default();
            rest.retain(|(name, _)| {
                let is_first = seen.insert(name.clone());
                if !is_first {
                    findings.fault(&path.field(name), Rule::RepeatedField);
                }
                is_first
            });
        }
        Some(Fields { path, rest })
    }

    /// The field of this name, if it is there and not `null`.
    pub(crate) fn optional<T>(
        &mut self,
        name: &str,
        findings: &mut Findings,
        read: impl FnOnce(Node<'t>, &Path<'_>, &mut Findings) -> Option<T>,
    ) -> Option<T> {
        match self.take(name)? {
            Node::Null => None,
            node => read(node, &self.path.field(name), findings),
        }
    }

    /// The field of this name; its absence is reported.
    pub(crate) fn required<T>(
        &mut self,
        name: &str,
        findings: &mut Findings,
        read: impl FnOnce(Node<'t>, &Path<'_>, &mut Findings) -> Option<T>,
    ) -> Option<T> {
        let Some(node) = self.take(name) else {
            findings.fault(&self.path.field(name), Rule::Required);
            return None;
        };
        read(node, &self.path.field(name), findings)
    }

    /// Ends the reading: fields that nobody asked for are unknown.
    pub(crate) fn close(self, findings: &mut Findings) {
        for (name, _) in &self.rest {
            findings.unknown_field(&self.path.field(name));
        }
    }

    fn take(&mut self, name: &str) -> Option<Node<'t>> {
        let at = self.rest.iter().position(|(other, _)| other == name)?;
        Some(self.rest.remove(at).1)
    }
}

/// Whether two fields have one name. Objects of the format have few fields, which are quicker
/// compared than hashed.
fn has_repeated(fields: &[(Cow<'_, str>, Node<'_>)]) -> bool {
    const FEW: usize = 16;
    if fields.len() > FEW {
        let mut seen: HashSet<&str, RandomState> =
            HashSet::with_capacity_and_hasher(fields.len(), RandomState::default());
        return !fields.iter().all(|(name, _)| seen.insert(name));
    }
    let mut rest = fields;
    while let Some(((name, _), others)) = rest.split_first() {
        if others.iter().any(|(other, _)| other == name) {
            return true;
        }
        rest = others;
    }
    false
}

fn mistyped(node: &Node<'_>, expected: &'static str, path: &Path<'_>, findings: &mut Findings) {
    findings.fault(path, Rule::Type { expected, found: node.describe() });
}

pub(crate) fn string(node: Node<'_>, path: &Path<'_>, findings: &mut Findings) -> Option<String> {
    text(node, path, findings).map(Cow::into_owned)
}

/// A string that need not be kept.
pub(crate) fn text<'t>(
    node: Node<'t>,
    path: &Path<'_>,
    findings: &mut Findings,
) -> Option<Cow<'t, str>> {
    match node {
        Node::String(text) => Some(text),
        node => {
            mistyped(&node, "a string", path, findings);
            None
        }
    }
}

pub(crate) fn array<'t>(
    node: Node<'t>,
    path: &Path<'_>,
    findings: &mut Findings,
) -> Option<Vec<Node<'t>>> {
    match node {
        Node::Array(items) => Some(items),
        node => {
            mistyped(&node, "an array", path, findings);
            None
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
pub(crate) fn count(node: Node<'_>, path: &Path<'_>, findings: &mut Findings) -> Option<u64> {
    let integer = match &node {
        Node::Number(number) => number.as_u64(),
        _ => None,
    };
    if integer.is_none() {
        mistyped(&node, "an integer from 0 to 18446744073709551615", path, findings);
    }
    integer
}

/// A value of any type.
#[expect(clippy::unnecessary_wraps, reason = "readers of fields give what could be read")]
pub(crate) fn any(node: Node<'_>, path: &Path<'_>, findings: &mut Findings) -> Option<Value> {
    Some(node.into_value(path, findings))
}

/// What is written as a string and parsed from it: ids, timestamps, statuses.
pub(crate) fn parsed<T>(node: Node<'_>, path: &Path<'_>, findings: &mut Findings) -> Option<T>
where
    T: std::str::FromStr<Err = ValidationError>,
{
    match text(node, path, findings)?.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            for fault in error.faults() {
                findings.fault(path, fault.rule().clone());
            }
            None
        }
    }
}

/// An object with a field for each of some variants. Variants without a field get the default; a
/// field for something else is a fault.
pub(crate) fn by_variant<'t, T: Clone + Default>(
    node: Node<'t>,
    path: &Path<'_>,
    findings: &mut Findings,
    variants: &[Variant],
    read: impl Fn(Node<'t>, &Path<'_>, &mut Findings) -> Option<T>,
) -> Option<Vec<T>> {
    let mut items = vec![T::default(); variants.len()];
    for (name, node) in Fields::open(node, path, findings)?.rest {
        let path = path.field(&name);
        let at = variants.iter().position(|variant| variant.key() == name);
        match at.and_then(|at| items.get_mut(at)) {
            Some(item) => {
                if let Some(read) = read(node, &path, findings) {
                    *item = read;
                }
            }
            None => findings.fault(&path, Rule::NoSuchVariant { found: quote(&name) }),
        }
    }
    Some(items)
}

/// The fields of an object whose names are data, not words of the format.
pub(crate) fn entries<'t>(
    node: Node<'t>,
    path: &Path<'_>,
    findings: &mut Findings,
) -> Vec<(Cow<'t, str>, Node<'t>)> {
    Fields::open(node, path, findings).map_or_else(Vec::new, |fields| fields.rest)
}

/// Name, environment and variants, as far as they can be read.
fn unchecked(fields: &mut Fields<'_, '_>, findings: &mut Findings) -> Unchecked {
    Unchecked {
        name: fields.required("name", findings, string),
        environment: fields.required("environment", findings, string),
        variants: fields.required("variants", findings, |node, path, findings| {
            let nodes = array(node, path, findings)?.into_iter().enumerate();
            Some(nodes.map(|(at, node)| variant(node, &path.item(at), findings)).collect())
        }),
    }
}

fn variant(node: Node<'_>, path: &Path<'_>, findings: &mut Findings) -> UncheckedVariant {
    let Some(mut fields) = Fields::open(node, path, findings) else {
        return UncheckedVariant { key: None, value: None, percentage: None };
    };
    let variant = UncheckedVariant {
        key: fields.required("key", findings, string),
        value: fields.required("value", findings, any),
        percentage: fields.required("percentage", findings, |node, path, findings| {
            let integer = match &node {
                Node::Number(number) => number.as_i64(),
                _ => None,
            };
            if integer.is_none() {
                mistyped(&node, "an integer from 0 to 100", path, findings);
            }
            integer
        }),
    };
    fields.close(findings);
    variant
}

/// An experiment as a document has it: the fields of the API, of which those that a create request
/// lacks may be absent.
#[derive(Debug)]
pub(crate) struct ExperimentDocument {
    pub(crate) id: ExperimentId,
    pub(crate) terms: Terms,
    pub(crate) status: Status,
    pub(crate) conversions: Option<Vec<u64>>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
}

/// An experiment, and its id even if the rest cannot be read.
pub(crate) fn experiment(
    node: Node<'_>,
    path: &Path<'_>,
    findings: &mut Findings,
) -> (Option<ExperimentId>, Option<ExperimentDocument>) {
    let Some(mut fields) = Fields::open(node, path, findings) else {
        return (None, None);
    };
    let id = fields.required("id", findings, parsed);
    let unchecked = unchecked(&mut fields, findings);
    let status = fields.optional("status", findings, parsed);
    let conversions = fields.optional("conversions", findings, |node, _, _| Some(node));
    let started_at = fields.optional("started_at", findings, parsed);
    let stopped_at = fields.optional("stopped_at", findings, parsed);
    let created_at = fields.optional("created_at", findings, parsed);
    let updated_at = fields.optional("updated_at", findings, parsed);
    fields.close(findings);
    // Without its variants, nothing can be told of what was counted for them.
    let Some(terms) = unchecked.check(path, findings) else {
        return (id, None);
    };
    let conversions = conversions.and_then(|node| {
        by_variant(node, &path.field("conversions"), findings, &terms.variants, count)
    });
    let document = id.map(|id| ExperimentDocument {
        id,
        terms,
        status: status.unwrap_or_default(),
        conversions,
        started_at,
        stopped_at,
        created_at,
        updated_at,
    });
    (id, document)
}

fn new_experiment(node: Node<'_>, findings: &mut Findings) -> Option<NewExperiment> {
    let path = &Path::Root;
    let mut fields = Fields::open(node, path, findings)?;
    let id = fields.optional("id", findings, parsed);
    let unchecked = unchecked(&mut fields, findings);
    let status = fields.optional("status", findings, parsed);
    fields.close(findings);
    let terms = unchecked.check(path, findings)?;
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
    })
}

fn new_flag(node: Node<'_>, findings: &mut Findings) -> Option<NewFlag> {
    let path = &Path::Root;
    let mut fields = Fields::open(node, path, findings)?;
    let id = fields.optional("id", findings, parsed);
    let key = fields.required("key", findings, string);
    let name = fields.optional("name", findings, string);
    let default_value = fields.required("default_value", findings, any);
    fields.close(findings);
    check_flag(path, key.as_deref(), name.as_deref(), default_value.as_ref(), findings);
    Some(NewFlag { id, key: key?, name, default_value: default_value? })
}

fn flag_change(node: Node<'_>, findings: &mut Findings) -> Option<FlagChange> {
    let mut fields = Fields::open(node, &Path::Root, findings)?;
    let default_value = fields.required("default_value", findings, any);
    fields.close(findings);
    Some(FlagChange { default_value: default_value? })
}

/// What `read` made of something, unless it found anything wrong.
pub(crate) fn strictly<T>(
    read: impl FnOnce(&mut Findings) -> Option<T>,
) -> Result<T, ValidationError> {
    let mut findings = Findings::default();
    let value = read(&mut findings);
    findings.into_result()?;
    // A reader that gives nothing has said why; this keeps the promise if one ever forgets.
    value.ok_or_else(|| Fault::new(&Path::Root, Rule::Required).into())
}

impl NewExperiment {
    /// Reads the body of a create request, and names every fault in it.
    ///
    /// # Errors
    ///
    /// [`LoadError::Syntax`] if the text is no JSON, else [`LoadError::Invalid`] with all that is
    /// wrong: missing, unknown and repeated fields, wrong types, and every rule that the experiment
    /// breaks.
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
        Ok(strictly(|findings| new_experiment(node, findings))?)
    }
}

impl NewFlag {
    /// Reads a flag to create, and names every fault in it.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`].
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewFlag};
    ///
    /// let new = NewFlag::from_json(r#"{"key": "hero-banner", "default_value": "old"}"#)?;
    /// let flag = Engine::new().create_flag(new.name("Hero banner"))?;
    /// assert_eq!((flag.key(), flag.name()), ("hero-banner", "Hero banner"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewFlag, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|findings| new_flag(node, findings))?)
    }
}

impl FlagChange {
    /// Reads a change of a flag, and names every fault in it.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`].
    pub fn from_json(text: &str) -> Result<FlagChange, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|findings| flag_change(node, findings))?)
    }
}

impl<'de> Deserialize<'de> for NewFlag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NewFlag, D::Error> {
        let node = Node::deserialize(deserializer)?;
        strictly(|findings| new_flag(node, findings)).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for NewExperiment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NewExperiment, D::Error> {
        let node = Node::deserialize(deserializer)?;
        strictly(|findings| new_experiment(node, findings)).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Experiment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Experiment, D::Error> {
        let node = Node::deserialize(deserializer)?;
        strictly(|findings| whole_experiment(node, findings)).map_err(D::Error::custom)
    }
}

/// An experiment with every field that the API writes, and so without a clock to fill a gap.
fn whole_experiment(node: Node<'_>, findings: &mut Findings) -> Option<Experiment> {
    let document = experiment(node, &Path::Root, findings).1?;
    let mut present = |name, timestamp: Option<Timestamp>| {
        if timestamp.is_none() {
            findings.fault(&Path::Root.field(name), Rule::Required);
        }
        timestamp
    };
    let created_at = present("created_at", document.created_at);
    let updated_at = present("updated_at", document.updated_at);
    let conversions =
        document.conversions.unwrap_or_else(|| vec![0; document.terms.variants.len()]);
    let definition = Definition {
        id: document.id,
        terms: document.terms,
        status: document.status,
        started_at: document.started_at,
        stopped_at: document.stopped_at,
        created_at: created_at?,
        updated_at: updated_at?,
    };
    Some(Experiment::new(Arc::new(definition), conversions))
}
