//! What a document changes of one flag: the merge of each of its units.
//!
//! * `experiments`, `rules`: those of the flag; this file has the flag itself.

mod experiments;
mod rules;

use std::collections::BTreeMap;

use serde_json::Value;

pub(super) use self::experiments::{ExperimentPlan, made_elsewhere};
pub(super) use self::rules::{RulePlan, rules_made_elsewhere};
use super::report::{ApplyReport, Named};
use crate::engine::consistency::{check_default, check_rule};
use crate::engine::remembering::History;
use crate::format::flag_document::FlagDocument;
use crate::format::units::{archived_field, fields, fields_of_flag, fields_of_use, note_fields};
use crate::model::change::Unit;
use crate::model::faults::Faults;
use crate::model::flag::{ENABLED, FLAG_TYPE, Flag};
use crate::model::merge::{Merge, Said, UnitFields, merge, said};
use crate::model::notes::{ARCHIVED, DESCRIPTION, NotesChange, OWNER, SomeNotes, TAGS};
use crate::model::path::Path;
use crate::model::source::Source;
use crate::model::targeting::shared::Shared;
use crate::model::timestamp::Timestamp;
use crate::read::state::FlagState;

/// A flag as it will be, and what the source says of it.
#[derive(Debug)]
pub(super) struct FlagPlan {
    pub(super) flag: Flag,
    pub(super) experiments: Vec<ExperimentPlan>,
    pub(super) rules: Vec<RulePlan>,
    pub(super) said: BTreeMap<Unit, Said>,
    pub(super) notes: ApplyReport,
    /// Running experiments that the source no longer names.
    pub(super) removes_running: Vec<Named>,
}

/// What happens to a flag of a document.
#[derive(Debug)]
pub(super) enum Planned {
    Flag(Box<FlagPlan>),
    /// It was removed by somebody else, and the document has not changed since: it stays so.
    RemovedElsewhere(Named),
    /// It has faults.
    Faulty,
}

/// What a flag of a document is planned from.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The position of the flag in the document, for the paths of faults.
    pub(super) at: usize,
    /// What the same source said before.
    pub(super) source: Option<&'a Source>,
    /// The flag as it is.
    pub(super) known: Option<&'a FlagState>,
    /// What flags share, as it will be.
    pub(super) shared: &'a Shared,
    /// A holdout of the document that has faults, by its path.
    pub(super) faulty_holdout: Option<&'a str>,
    pub(super) history: History<'a>,
    pub(super) now: Timestamp,
}

impl<'a> Context<'a> {
    /// What the source said of a unit before.
    fn said_before(&self, unit: Unit) -> Option<&'a Said> {
        self.source.and_then(|source| source.units.get(&unit))
    }
}

/// Plans a flag of a document.
pub(super) fn plan(document: &mut FlagDocument, context: &Context<'_>) -> Planned {
    plan_sound(document, context).unwrap_or(Planned::Faulty)
}

fn plan_sound(document: &mut FlagDocument, context: &Context<'_>) -> Option<Planned> {
    let (id, key) = (document.id?, document.key.clone()?);
    let default_value = document.default_value.clone()?;
    let mut notes = ApplyReport::default();
    let named = Named::flag(id, &key);
    let unit = Unit::Flag { flag: id };
    let given = fields_given_of_flag(document, &key, default_value);
    let before = context.said_before(unit);
    let all_said = BTreeMap::from([(unit, said(&given))]);
    let flag = match context.known {
        None if before.is_some_and(|before| *before == said(&given)) => {
            return Some(Planned::RemovedElsewhere(named));
        }
        None => {
            notes.added.push(named);
            document.flag(None, context.now)?
        }
        Some(state) => {
            let merge = merge(before, &given, &fields_of_flag(state));
            let flag = changed_flag(&state.flag, &merge, context.now);
            note(&mut notes, &named, &merge);
            flag
        }
    };
    let mut plan = FlagPlan {
        flag,
        experiments: Vec::new(),
        rules: Vec::new(),
        said: all_said,
        notes,
        removes_running: Vec::new(),
    };
    let flags = Path::Root.field("flags");
    let (path, faults) = (flags.item(context.at), &mut document.faults);
    plan.plan_experiments(std::mem::take(&mut document.experiments), &key, context, &path, faults);
    plan.plan_rules(std::mem::take(&mut document.rules.rules), context);
    plan.check_places(&path, faults);
    if !faults.has_any() {
        plan.check(context, &path, faults);
    }
    let is_sound = !document.faults.has_any();
    is_sound.then(|| Planned::Flag(Box::new(plan)))
}

impl FlagPlan {
    /// Adds what is wrong between the parts of the flag, and between it and what flags share, after
    /// the merge. The document by itself has no such thing.
    fn check(&self, context: &Context<'_>, path: &Path<'_>, faults: &mut Faults) {
        check_default(&self.flag, path, faults);
        let flag_type = self.flag.flag_type();
        let rules = path.field("rules");
        for RulePlan { at, rule } in &self.rules {
            match at {
                Some(at) => check_rule(rule, flag_type, context.shared, &rules.item(*at), faults),
                None => check_rule(rule, flag_type, context.shared, &rules, faults),
            }
        }
        self.check_experiments(context, path, faults);
    }
}

/// What a document says of a flag. One that gives no name gives the key as the name.
fn fields_given_of_flag(document: &FlagDocument, key: &str, default_value: Value) -> UnitFields {
    let name = document.name.as_deref().unwrap_or(key);
    let mut given =
        fields([("key", key.into()), ("name", name.into()), ("default_value", default_value)]);
    given.extend(note_fields(&document.notes));
    given.extend(archived_field(document.is_archived));
    given.extend(fields_of_use(document.is_enabled, document.flag_type));
    given
}

fn changed_flag(known: &Flag, merge: &Merge, now: Timestamp) -> Flag {
    let text = |name: &str, known: &str| match merge.set.get(name) {
        Some(Some(Value::String(text))) => text.clone(),
        _ => known.to_owned(),
    };
    let (key, name) = (text("key", known.key()), text("name", known.name()));
    let default_value = match merge.set.get("default_value") {
        Some(Some(value)) => value.clone(),
        _ => known.default_value().clone(),
    };
    let flag_type = match merge.set.get(FLAG_TYPE) {
        Some(set) => set.as_ref().and_then(Value::as_str).and_then(|text| text.parse().ok()),
        None => known.flag_type(),
    };
    // The field is `false`, or absent.
    let is_enabled = merge.set.get(ENABLED).map_or(known.is_enabled(), Option::is_none);
    let flag = Flag::create(known.id(), &key, Some(&name), default_value, now);
    let flag = flag.noted(merged_notes(merge, known.notes())).typed(flag_type).enabled(is_enabled);
    flag.archived(merged_archived(merge, known.is_archived())).dated(None, None, Some(known))
}

/// Whether something is archived after a merge.
fn merged_archived(merge: &Merge, known: bool) -> bool {
    merge.set.get(ARCHIVED).map_or(known, Option::is_some)
}

/// The notes after a merge.
fn merged_notes(merge: &Merge, known: &SomeNotes) -> SomeNotes {
    let text = |name: &str| {
        let set = merge.set.get(name)?;
        Some(set.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned())
    };
    let tags = merge.set.get(TAGS).map(|set| {
        let tags = set.as_ref().and_then(Value::as_array).into_iter().flatten();
        tags.filter_map(Value::as_str).map(str::to_owned).collect()
    });
    NotesChange { description: text(DESCRIPTION), owner: text(OWNER), tags }.apply(known)
}

/// Adds what a merge does to a unit of this name.
pub(super) fn note(notes: &mut ApplyReport, named: &Named, merge: &Merge) {
    let fields: Vec<String> = merge.set.keys().cloned().collect();
    if !fields.is_empty() {
        notes.changed.push((named.clone(), fields));
    }
    if !merge.kept.is_empty() {
        notes.kept.push((named.clone(), merge.kept.iter().cloned().collect()));
    }
}
