//! What a document changes of the rules of one flag.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Context, FlagPlan, note};
use crate::engine::applying::report::{Left, Named};
use crate::format::units::named;
use crate::model::change::Unit;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::id::{FlagId, RuleId};
use crate::model::merge::{Merge, merge, said};
use crate::model::path::Path;
use crate::model::targeting::rule::{Rule, Rules};

/// A rule as it will be, with its position in the document if that names it.
#[derive(Clone, Debug)]
pub(in super::super) struct RulePlan {
    pub(in super::super) at: Option<usize>,
    pub(in super::super) rule: Rule,
}

impl FlagPlan {
    /// Plans the rules of a flag, which are given in the order of the text.
    pub(super) fn plan_rules(&mut self, given: Vec<Rule>, context: &Context<'_>) {
        let (flag, key) = (self.flag.id(), self.flag.key().to_owned());
        let known = context.known.map(|known| &*known.rules).unwrap_or_default();
        let mut in_document = BTreeSet::new();
        for (at, rule) in given.into_iter().enumerate() {
            in_document.insert(rule.id);
            let unit = Unit::Rule { flag, rule: rule.id };
            let fields = named(rule.fields());
            let before = context.said_before(unit);
            self.said.insert(unit, said(&fields));
            let name = Named::rule(flag, &key, rule.id);
            let known = known.iter().find(|known| known.id == rule.id);
            match known {
                None if before.is_some_and(|before| *before == said(&fields)) => {
                    self.notes.left.push((name, Left::RemovedElsewhere));
                }
                None => {
                    self.notes.added.push(name);
                    self.rules.push(RulePlan { at: Some(at), rule });
                }
                Some(known) => {
                    let merge = merge(before, &fields, &named(known.fields()));
                    note(&mut self.notes, &name, &merge);
                    let rule = merged(known, &rule, &merge);
                    self.rules.push(RulePlan { at: Some(at), rule });
                }
            }
        }
        for rule in known.iter().filter(|rule| !in_document.contains(&rule.id)) {
            if context.said_before(Unit::Rule { flag, rule: rule.id }).is_some() {
                self.notes.removed.push(Named::rule(flag, &key, rule.id));
            } else {
                self.rules.push(RulePlan { at: None, rule: rule.clone() });
            }
        }
    }

    /// Adds a fault for each rule of the document whose place another one has, which was made or
    /// moved elsewhere, and if there are too many. The document by itself has no such thing.
    pub(super) fn check_places(&self, path: &Path<'_>, faults: &mut Faults) {
        let path = path.field("rules");
        let mut places: BTreeMap<_, RuleId> = BTreeMap::new();
        // What was made elsewhere has its place.
        let (elsewhere, given): (Vec<_>, Vec<_>) =
            self.rules.iter().partition(|plan| plan.at.is_none());
        for RulePlan { at, rule } in elsewhere.into_iter().chain(given) {
            match places.entry((&rule.environment, rule.position)) {
                Entry::Vacant(place) => drop(place.insert(rule.id)),
                Entry::Occupied(place) => {
                    let found = rule.position.to_string();
                    let kind =
                        FaultKind::Duplicate { found, other: format!("rule {}", place.get()) };
                    let rule = at.map(|at| path.item(at).field("position").to_string());
                    faults.add_at(rule.unwrap_or_else(|| path.to_string()), kind);
                }
            }
        }
        Rules::check_numbers(&self.all_rules(), &path, faults);
    }

    fn all_rules(&self) -> Vec<Rule> {
        self.rules.iter().map(|plan| plan.rule.clone()).collect()
    }
}

/// A known rule, with those fields of the given one that the merge sets.
fn merged(known: &Rule, given: &Rule, merge: &Merge) -> Rule {
    let from = |name| if merge.set.contains_key(name) { given } else { known };
    Rule {
        id: known.id,
        environment: from("environment").environment.clone(),
        position: from("position").position,
        is_enabled: from("enabled").is_enabled,
        segment: from("segment_id").segment,
        percentage: from("percentage").percentage,
        value: Arc::clone(&from("value").value),
        tests: Arc::clone(&from("conditions").tests),
    }
}

/// The ids of the rules of a flag that a source has not named.
pub(in super::super) fn rules_made_elsewhere<'s>(
    rules: &'s Rules,
    flag: FlagId,
    is_named: impl Fn(Unit) -> bool + 's,
) -> impl Iterator<Item = RuleId> + 's {
    let ids = rules.iter().map(|rule| rule.id);
    ids.filter(move |rule| !is_named(Unit::Rule { flag, rule: *rule }))
}
