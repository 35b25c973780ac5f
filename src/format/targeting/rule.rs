//! The rules of a flag, read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use super::conditions::{ATTRIBUTE, conditions, written};
use crate::format::fields::{Fields, any, array, boolean, mistyped, parsed, share, strictly};
use crate::format::node::Node;
use crate::model::environment_name::EnvironmentName;
use crate::model::error::LoadError;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::id::{FlagId, RuleId, SegmentId};
use crate::model::path::Path;
use crate::model::targeting::audience::Tests;
use crate::model::targeting::rule::{NewRule, Rule, Rules};
use crate::model::targeting::share::Share;
use crate::model::validation::check_value;

impl NewRule {
    /// Reads a request to create a rule, or to change one: an object of `value`, which is required,
    /// and `environment` (if absent, `production` for a new rule, as in the Flags API, and its own
    /// for one that is changed), `conditions`, `segment_id`, `percentage`, `position`, `enabled`
    /// and `id`, which may be given. An error names every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::{Condition, NewRule, Operator};
    ///
    /// let read = NewRule::from_json(r#"{"environment": "staging", "value": "new", "conditions": [
    ///     {"attribute": "email", "operator": "ends_with", "value": "@example.com"}
    /// ]}"#)?;
    /// let is_staff = Condition::new("email", Operator::EndsWith, "@example.com");
    /// assert_eq!(read, NewRule::new("staging", "new").condition(is_staff));
    /// # Ok::<(), fairsplit::error::LoadError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewRule, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| {
            let read = fields(node, &Path::Root, faults, false)?;
            Some(NewRule {
                id: read.id,
                environment: read.environment.map(|environment| String::from(&environment)),
                position: read.position,
                is_enabled: read.is_enabled,
                segment: read.segment,
                percentage: read.percentage.map(Share::percent),
                value: read.value?,
                conditions: written(&read.tests.unwrap_or_default()),
            })
        })?)
    }
}

/// The fields, as far as they could be read.
struct Read {
    id: Option<RuleId>,
    environment: Option<EnvironmentName>,
    position: Option<u32>,
    is_enabled: bool,
    segment: Option<SegmentId>,
    percentage: Option<Share>,
    value: Option<Value>,
    tests: Option<Tests>,
}

/// A document says for which environment a rule is: there it is no request to some server.
fn fields(node: Node<'_>, path: &Path<'_>, faults: &mut Faults, is_document: bool) -> Option<Read> {
    let mut fields = Fields::open(node, path, faults)?;
    let id = fields.optional("id", faults, parsed);
    let environment = if is_document {
        fields.required("environment", faults, parsed)
    } else {
        fields.optional("environment", faults, parsed)
    };
    let position = fields.optional("position", faults, position);
    let is_enabled = fields.optional("enabled", faults, boolean).unwrap_or(true);
    let segment = fields.optional("segment_id", faults, parsed);
    let percentage = fields.optional("percentage", faults, share);
    let mut value = fields.required("value", faults, any);
    let tests = fields.optional("conditions", faults, |node, path, faults| {
        conditions(node, ATTRIBUTE, path, faults)
    });
    fields.close_targeting(faults);
    if let Some(value) = &mut value {
        check_value(value, &path.field("value"), faults);
    }
    if is_document && id.is_none() && percentage.is_some() {
        faults.add(&path.field("id"), FaultKind::IdForPercentage);
    }
    Some(Read { id, environment, position, is_enabled, segment, percentage, value, tests })
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
fn position(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<u32> {
    let position = match &node {
        Node::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        _ => None,
    };
    if position.is_none() {
        mistyped(&node, "an integer from 0 to 4294967295", path, faults);
    }
    position
}

/// The rules of a flag of a document.
#[derive(Debug, Default)]
pub(crate) struct RulesDocument {
    /// In the order of the text; none if one of them could not be read.
    pub(crate) rules: Vec<Rule>,
    /// The ids that are given, also of rules that could not be read, with their positions.
    pub(crate) ids: Vec<(usize, RuleId)>,
}

/// Reads the rules of a flag; `flag` is its id, if that could be read.
pub(crate) fn rules(
    node: Node<'_>,
    flag: Option<FlagId>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> RulesDocument {
    let nodes = array(node, path, faults).unwrap_or_default().into_iter().enumerate();
    let read: Vec<_> = nodes.map(|(at, node)| fields(node, &path.item(at), faults, true)).collect();
    let id_of = |read: &Option<Read>| read.as_ref().and_then(|read| read.id);
    let ids = read.iter().enumerate();
    let ids = ids.filter_map(|(at, read)| Some((at, id_of(read)?))).collect();
    let mut next = next_positions(read.iter().flatten());
    let rules = read.into_iter().map(|read| {
        let read = read?;
        let (environment, flag) = (read.environment?, flag?);
        let position = read.position.unwrap_or_else(|| {
            let next = next.entry(environment.clone()).or_default();
            let position = *next;
            *next = next.saturating_add(1);
            position
        });
        Some(Rule {
            id: read.id.unwrap_or_else(|| derived_id(flag, &environment, position)),
            environment,
            position,
            is_enabled: read.is_enabled,
            segment: read.segment,
            percentage: read.percentage,
            value: Arc::new(read.value?),
            tests: read.tests.unwrap_or_default(),
        })
    });
    let rules: Option<Vec<Rule>> = rules.collect();
    let rules = rules.unwrap_or_default();
    Rules::check_positions(&rules, path, faults);
    Rules::check_numbers(&rules, path, faults);
    RulesDocument { rules, ids }
}

/// By environment, the first position that is given out to rules without one: they come after those
/// that have one, in the order of the text.
fn next_positions<'r>(rules: impl Iterator<Item = &'r Read>) -> BTreeMap<EnvironmentName, u32> {
    let mut next = BTreeMap::new();
    for rule in rules {
        if let (Some(environment), Some(position)) = (&rule.environment, rule.position) {
            let next: &mut u32 = next.entry(environment.clone()).or_default();
            *next = (*next).max(position.saturating_add(1));
        }
    }
    next
}

/// The id of a rule that is given none. It is the same wherever the document is loaded, and as
/// often as it is, so that the rule is merged with itself, and processes agree on it. It moves with
/// the position, which is why a rule with a percentage needs an id of its own: another id picks
/// other users.
fn derived_id(flag: FlagId, environment: &EnvironmentName, position: u32) -> RuleId {
    let mut bytes = b"rule\0".to_vec();
    bytes.extend(flag.to_bytes());
    bytes.extend(environment.as_str().as_bytes());
    bytes.push(0);
    bytes.extend(position.to_be_bytes());
    RuleId::from_bytes(xxh3_128(&bytes).to_be_bytes())
}
