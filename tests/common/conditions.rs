//! Conditions joined by `all`, `any` and `not`, from JSON.

use fairsplit::User;
use fairsplit::targeting::{Attributes, Condition, Operator, Truth};
use serde_json::{Map, Value};

/// Conditions joined by `all`, `any` and `not`.
pub(crate) enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    One(Condition),
}

impl Tree {
    /// `None` if an operator has no such name.
    pub(crate) fn new(json: &Value) -> Option<Tree> {
        let trees = |of: &Value| -> Option<Vec<Tree>> {
            of.as_array().unwrap().iter().map(Tree::new).collect()
        };
        if let Some(all) = json.get("all") {
            return Some(Tree::All(trees(all)?));
        }
        if let Some(any) = json.get("any") {
            return Some(Tree::Any(trees(any)?));
        }
        if let Some(not) = json.get("not") {
            return Some(Tree::Not(Box::new(Tree::new(not)?)));
        }
        condition(json.as_object().unwrap()).map(Tree::One)
    }

    /// `None` if a condition in it is refused.
    pub(crate) fn ask(&self, attributes: &dyn Attributes) -> Option<Truth> {
        let ask = |trees: &[Tree]| -> Option<Vec<Truth>> {
            trees.iter().map(|tree| tree.ask(attributes)).collect()
        };
        Some(match self {
            Tree::All(trees) => all(ask(trees)?),
            Tree::Any(trees) => !all(ask(trees)?.into_iter().map(|truth| !truth)),
            Tree::Not(tree) => !tree.ask(attributes)?,
            Tree::One(condition) => condition.ask(User::new("").with(attributes)).ok()?,
        })
    }
}

/// As Kleene: false if one is false, else undecided if one is.
fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    truths.into_iter().fold(Truth::True, |all, truth| match (all, truth) {
        (Truth::False, _) | (_, Truth::False) => Truth::False,
        (Truth::True, truth) => truth,
        (undecided, _) => undecided,
    })
}

fn condition(json: &Map<String, Value>) -> Option<Condition> {
    let attribute = json["attribute"].as_str().unwrap();
    let is = |name: &str| json.get(name).is_some_and(|value| value.as_bool().unwrap());
    let condition = match json["operator"].as_str().unwrap().parse().ok()? {
        Operator::IsSet => Condition::is_set(attribute),
        Operator::IsNotSet => Condition::is_not_set(attribute),
        operator => {
            let value = json.get("value").cloned().unwrap_or_default();
            Condition::new(attribute, operator, value)
        }
    };
    let condition = if is("negate") { condition.negate() } else { condition };
    Some(if is("ignore_case") { condition.ignore_case() } else { condition })
}
