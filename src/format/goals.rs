//! Goals of a document, and those of its experiments.

use crate::format::fields::{Fields, array, boolean, count, mistyped, parsed, strictly, string};
use crate::format::node::Node;
use crate::format::targeting::shared_part::SharedPart;
use crate::model::error::LoadError;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::goal::attached::{AttachedGoal, Fixed};
use crate::model::goal::definition::{DECIMALS, Goal, KEY, KIND, NewGoal, SIGNED, UNIT};
use crate::model::goal::of_experiment::{
    ATTACHED, BETTER, Better, CAP, GOAL, GUARDRAILS, GoalUse, Goals, Guardrail, MARGIN, NewGoals,
    PRIMARY, SECONDARY, SINCE,
};
use crate::model::id::GoalId;
use crate::model::path::{Path, quote};

/// The name of the field of a document, and of that of a flag.
pub(crate) const GOALS: &str = "goals";

impl NewGoal {
    /// Reads a request to create a goal, or to change one: an object of `key`, `kind`, which is
    /// `event` or `value`, and for the latter `unit`, `decimals` and `signed`, of which the last
    /// two may be absent. An error names every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::goals::NewGoal;
    ///
    /// let read = NewGoal::from_json(r#"{"key": "purchase", "kind": "value", "unit": "EUR"}"#)?;
    /// assert_eq!(read, NewGoal::value("purchase", "EUR"));
    /// # Ok::<(), fairsplit::error::LoadError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewGoal, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| new_goal(node, &Path::Root, faults))?)
    }
}

impl NewGoals {
    /// Reads the goals of an experiment: an object of `primary`, `secondary` and `guardrails`. Each
    /// goal is an object of `goal`, the key, and `cap` and `better`, which may be absent; a
    /// guardrail has a `margin`. An `attached` is not used, so that an answer can be sent back. An
    /// error names every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::goals::{GoalUse, NewGoals};
    ///
    /// let read = NewGoals::from_json(r#"{
    ///     "primary": {"goal": "purchase", "cap": 500},
    ///     "guardrails": [{"goal": "refund", "better": "lower", "margin": 0.1}]
    /// }"#)?;
    /// let goals = NewGoals::new().primary(GoalUse::new("purchase").cap(500));
    /// assert_eq!(read, goals.guardrail(GoalUse::new("refund").lower(), 0.1));
    /// # Ok::<(), fairsplit::error::LoadError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewGoals, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| {
            let Goals { primary, secondary, guardrails, .. } = goals(node, &Path::Root, faults)?;
            Some(NewGoals { primary, secondary, guardrails })
        })?)
    }
}

fn new_goal(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<NewGoal> {
    let mut fields = Fields::open(node, path, faults)?;
    let key = fields.required(KEY, faults, string);
    let has_values = fields.required(KIND, faults, kind);
    let values = if has_values == Some(true) {
        let unit = fields.required(UNIT, faults, string);
        let decimals = fields.optional(DECIMALS, faults, decimals).unwrap_or(2);
        let is_signed = fields.optional(SIGNED, faults, boolean).unwrap_or_default();
        unit.map(|unit| (unit, decimals, is_signed))
    } else {
        None
    };
    fields.close(faults);
    Some(NewGoal { key: key?, values })
}

/// Whether a goal has values.
fn kind(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<bool> {
    let text = string(node, path, faults)?;
    match text.as_str() {
        "event" => Some(false),
        "value" => Some(true),
        _ => {
            faults.add(path, FaultKind::GoalKind { found: quote(&text) });
            None
        }
    }
}

fn decimals(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<u8> {
    let found = count(node, path, faults)?;
    let decimals = u8::try_from(found).ok();
    if decimals.is_none() {
        faults.add(path, FaultKind::Decimals { found });
    }
    decimals
}

/// A goal of a document. Its key says which one it is.
pub(crate) fn goal(node: Node<'_>, path: &Path<'_>) -> SharedPart<GoalId, Goal> {
    let mut part = SharedPart::default();
    if let Node::Object(fields) = &node {
        let key = fields.iter().find(|(name, _)| name == KEY);
        if let Some((_, Node::String(key))) = key {
            (part.id, part.name) = (Some(GoalId::of(key)), Some(key.to_string()));
        }
    }
    let new = new_goal(node, path, &mut part.faults);
    part.part = new.map(|new| new.check(path, &mut part.faults));
    part
}

/// The goals of an experiment. What could not be read has a fault.
pub(crate) fn goals(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Goals> {
    let mut fields = Fields::open(node, path, faults)?;
    let primary = fields.optional(PRIMARY, faults, goal_use);
    let secondary =
        fields.optional(SECONDARY, faults, |node, path, faults| list(node, path, faults, goal_use));
    let guardrails = fields
        .optional(GUARDRAILS, faults, |node, path, faults| list(node, path, faults, guardrail));
    let attached = fields
        .optional(ATTACHED, faults, |node, path, faults| list(node, path, faults, attached_goal));
    fields.close(faults);
    let goals = Goals {
        primary,
        secondary: secondary.unwrap_or_default(),
        guardrails: guardrails.unwrap_or_default(),
        attached: attached.unwrap_or_default().into(),
    };
    goals.check(path, faults);
    Some(goals)
}

/// The items of a list that could be read.
fn list<'t, T>(
    node: Node<'t>,
    path: &Path<'_>,
    faults: &mut Faults,
    read: impl Fn(Node<'t>, &Path<'_>, &mut Faults) -> Option<T>,
) -> Option<Vec<T>> {
    let nodes = array(node, path, faults)?.into_iter().enumerate();
    Some(nodes.filter_map(|(at, node)| read(node, &path.item(at), faults)).collect())
}

fn goal_use(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<GoalUse> {
    let mut fields = Fields::open(node, path, faults)?;
    let goal = used(&mut fields, faults);
    fields.close(faults);
    goal
}

fn guardrail(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Guardrail> {
    let mut fields = Fields::open(node, path, faults)?;
    let goal_use = used(&mut fields, faults);
    let margin = fields.required(MARGIN, faults, number);
    fields.close(faults);
    Some(Guardrail { goal_use: goal_use?, margin: margin? })
}

fn used(fields: &mut Fields<'_, '_>, faults: &mut Faults) -> Option<GoalUse> {
    let goal = fields.required(GOAL, faults, string);
    let cap = fields.optional(CAP, faults, number);
    let better = fields.optional(BETTER, faults, better).unwrap_or_default();
    Some(GoalUse { goal: goal?.into(), cap, better })
}

/// Without any of `cap`, `better` and `margin`, they are not known.
fn attached_goal(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<AttachedGoal> {
    let mut fields = Fields::open(node, path, faults)?;
    let goal = fields.required(GOAL, faults, string);
    let since = fields.required(SINCE, faults, parsed);
    let cap = fields.optional(CAP, faults, number);
    let better = fields.optional(BETTER, faults, better);
    let margin = fields.optional(MARGIN, faults, number);
    fields.close(faults);
    let is_known = cap.is_some() || better.is_some() || margin.is_some();
    let fixed = Fixed { cap, better: better.unwrap_or_default(), margin };
    let fixed = is_known.then_some(fixed);
    let attached = AttachedGoal { goal: goal?.into(), since: since?, fixed };
    attached.check(path, faults);
    Some(attached)
}

fn better(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Better> {
    let text = string(node, path, faults)?;
    match text.as_str() {
        "higher" => Some(Better::Higher),
        "lower" => Some(Better::Lower),
        _ => {
            faults.add(path, FaultKind::Better { found: quote(&text) });
            None
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
fn number(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<f64> {
    let number = match &node {
        Node::Number(number) => number.as_f64(),
        _ => None,
    };
    if number.is_none() {
        mistyped(&node, "a number", path, faults);
    }
    number
}
