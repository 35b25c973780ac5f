//! What a document changes of the experiments of one flag.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Context, FlagPlan, merged_archived, merged_notes, note};
use crate::engine::applying::report::{ApplyReport, Left, Named};
use crate::engine::consistency::{
    Targeted, check_change, check_goals, check_variants, has_been_started,
};
use crate::engine::goals::goals_of;
use crate::engine::holdouts::bind;
use crate::engine::targeting::targeting_of;
use crate::format::flag_document::ExperimentSection;
use crate::format::goals::GOALS;
use crate::format::units::{
    archived_field, fields, fields_of_experiment, forced_field, goals_field, goals_fields,
    note_fields, targeting_field, targeting_fields, users_field, value_of_variants,
};
use crate::model::capacity::{COUNT_USERS, Capacity};
use crate::model::change::Unit;
use crate::model::definition::Definition;
use crate::model::environment_name::EnvironmentName;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::goal::of_experiment::{GUARDRAILS, Goals, PRIMARY, SECONDARY};
use crate::model::id::{ExperimentId, FlagId};
use crate::model::merge::{Merge, UnitFields, merge, said};
use crate::model::notes::ARCHIVED;
use crate::model::path::Path;
use crate::model::remembered::Population;
use crate::model::source::Source;
use crate::model::status::{Status, Transition};
use crate::model::targeting::experiment_targeting::{
    AUDIENCE, BUCKET_BY, COVERAGE, HOLDOUTS, LAYER, Targeting,
};
use crate::model::timestamp::Timestamp;
use crate::read::state::{ExperimentState, FlagState, ForcedUsers};

/// An experiment as it will be.
#[derive(Debug)]
pub(in super::super) enum ExperimentPlan {
    Known { definition: Arc<Definition>, forced: Option<Arc<ForcedUsers>>, starts: bool },
    New(Box<ExperimentSection>),
}

impl ExperimentPlan {
    fn unchanged(state: &ExperimentState) -> ExperimentPlan {
        let (definition, forced) = (Arc::clone(&state.definition), state.forced.clone());
        ExperimentPlan::Known { definition, forced, starts: false }
    }

    pub(in super::super) fn runs_in(&self) -> Option<&EnvironmentName> {
        let (status, terms) = match self {
            ExperimentPlan::Known { definition, .. } => (definition.status, &definition.terms),
            ExperimentPlan::New(section) => {
                (section.experiment.status.unwrap_or_default(), &section.experiment.terms)
            }
        };
        (status == Status::Running).then_some(&terms.environment)
    }

    /// Whether it runs after this, and did not before.
    pub(in super::super) fn starts(&self) -> bool {
        match self {
            ExperimentPlan::Known { starts, .. } => *starts,
            ExperimentPlan::New(_) => self.runs_in().is_some(),
        }
    }

    /// Whether it starts without a date: a start with one has been before.
    fn starts_first(&self) -> bool {
        let is_dated = match self {
            ExperimentPlan::Known { .. } => false,
            ExperimentPlan::New(section) => section.experiment.started_at.is_some(),
        };
        self.starts() && !is_dated
    }

    pub(in super::super) fn targeting(&self) -> Option<&Targeting> {
        match self {
            ExperimentPlan::Known { definition, .. } => definition.targeting.as_deref(),
            ExperimentPlan::New(section) => section.experiment.targeting.as_deref(),
        }
    }

    /// Its goals, with those attached that `population`, if it has ever been started, has had.
    fn goals(&self, population: Option<&Population>, now: Timestamp) -> Goals {
        match self {
            ExperimentPlan::Known { definition, .. } => goals_of(definition),
            ExperimentPlan::New(section) => {
                let goals = section.experiment.goals.as_deref().cloned().unwrap_or_default();
                let known = population.and_then(|population| population.goals.as_deref());
                let is_started = population.is_some() || section.was_started();
                goals.attached_to(known, is_started, now)
            }
        }
    }

    fn is_archived(&self) -> bool {
        match self {
            ExperimentPlan::Known { definition, .. } => definition.is_archived,
            ExperimentPlan::New(section) => section.experiment.is_archived,
        }
    }

    pub(in super::super) fn id(&self) -> ExperimentId {
        match self {
            ExperimentPlan::Known { definition, .. } => definition.id,
            ExperimentPlan::New(section) => section.experiment.id,
        }
    }
}

impl FlagPlan {
    /// Plans the experiments of a flag, which are given in the order of the text.
    pub(super) fn plan_experiments(
        &mut self,
        sections: Vec<ExperimentSection>,
        key: &str,
        context: &Context<'_>,
        path: &Path<'_>,
        faults: &mut Faults,
    ) {
        let mut in_document = BTreeMap::new();
        for section in sections {
            in_document.insert(section.experiment.id, section.at);
            self.plan_experiment(section, key, context, path, faults);
        }
        let flag = self.flag.id();
        for state in context.known.into_iter().flat_map(|known| &known.experiments) {
            let experiment = state.definition.id;
            if in_document.contains_key(&experiment) {
                continue;
            }
            if context.said_before(Unit::Experiment { flag, experiment }).is_some() {
                let named = Named::of_state(flag, key, state);
                self.removes_running.extend(state.definition.is_running().then(|| named.clone()));
                self.notes.removed.push(named);
            } else {
                self.experiments.push(ExperimentPlan::unchanged(state));
            }
        }
        keep_order(&mut self.experiments, context.known);
        self.refuse_second_running(path, faults);
        self.refuse_archived_running(path, faults);
    }

    fn plan_experiment(
        &mut self,
        section: ExperimentSection,
        key: &str,
        context: &Context<'_>,
        path: &Path<'_>,
        faults: &mut Faults,
    ) {
        let (flag, experiment) = (self.flag.id(), section.experiment.id);
        let unit = Unit::Experiment { flag, experiment };
        let given = fields_given(&section);
        let before = context.said_before(unit);
        self.said.insert(unit, said(&given));
        let named = Named::experiment(flag, key, experiment, &section.experiment.terms.name);
        let state = context.known.and_then(|known| {
            known.experiments.iter().find(|state| state.definition.id == experiment)
        });
        let Some(state) = state else {
            if before.is_some_and(|before| *before == said(&given)) {
                self.notes.left.push((named, Left::RemovedElsewhere));
                return;
            }
            if section.experiment.status == Some(Status::Running) {
                self.notes.started.push(named.clone());
            }
            self.notes.added.push(named);
            self.experiments.push(ExperimentPlan::New(Box::new(section)));
            return;
        };
        let mut merge = merge(before, &given, &fields_of_experiment(state));
        if before.is_none() && has_been_started(state) {
            keep_what_was_started(&mut merge, state, section.experiment.targeting.as_deref());
        }
        let mut changed = Changing { state, merge: &merge, context, faults: Faults::default() };
        let (definition, forced, starts) = changed.experiment(&section, path);
        faults.append(changed.faults);
        note_status(&mut self.notes, &named, state, &definition);
        note(&mut self.notes, &named, &merge);
        self.experiments.push(ExperimentPlan::Known { definition, forced, starts });
    }

    /// Adds what is wrong between the experiments and the type of the flag, and between them and
    /// what flags share.
    pub(super) fn check_experiments(
        &self,
        context: &Context<'_>,
        path: &Path<'_>,
        faults: &mut Faults,
    ) {
        let (experiments, of_targeting) = (path.field("experiments"), path.field("targeting"));
        let of_goals = path.field(GOALS);
        for plan in &self.experiments {
            let (id, flag_type) = (plan.id(), self.flag.flag_type());
            let is_archived = plan.is_archived() || self.flag.is_archived();
            let population = context.history.population(id);
            let was_started = population.is_some();
            let id_text = id.to_string();
            let goals = plan.goals(population.as_ref(), context.now);
            check_goals(&goals, context.shared, &of_goals.field(&id_text), faults);
            let path = of_targeting.field(&id_text);
            if let Some(holdout) = context.faulty_holdout
                && !was_started
                && plan.starts_first()
                && plan.targeting().is_none_or(|targeting| targeting.holdouts)
            {
                // It would run without that holdout for ever.
                let (what, found) = ("holdout", holdout.to_owned());
                faults.add(&path.field(HOLDOUTS), FaultKind::Faulty { what, found });
            }
            match plan {
                ExperimentPlan::Known { definition, .. } => {
                    check_variants(&definition.terms.variants, flag_type, &experiments, faults);
                    let is_started = was_started || definition.started_at.is_some();
                    let targeted = Targeted { definition, is_started, is_archived };
                    targeted.check(context.shared, &path, faults);
                }
                ExperimentPlan::New(section) => {
                    let path_of_one = experiments.item(section.at);
                    let new = &section.experiment;
                    check_variants(&new.terms.variants, flag_type, &path_of_one, faults);
                    let status = new.status.unwrap_or_default();
                    let mut definition =
                        Definition::create(id, new.terms.clone(), status, context.now);
                    let targeting = new.targeting.as_deref().cloned().unwrap_or_default();
                    let bound = population.and_then(|population| population.targeting);
                    definition.targeting = targeting.bound_as(bound.as_deref()).some();
                    let is_started = was_started || new.started_at.is_some();
                    let targeted = Targeted { definition: &definition, is_started, is_archived };
                    targeted.check(context.shared, &path, faults);
                }
            }
        }
    }

    /// Adds a fault if two experiments would run at once. The document by itself has no two; one of
    /// these was made or started elsewhere.
    fn refuse_second_running(&self, path: &Path<'_>, faults: &mut Faults) {
        let mut running: BTreeMap<&EnvironmentName, ExperimentId> = BTreeMap::new();
        for plan in &self.experiments {
            let Some(environment) = plan.runs_in() else { continue };
            match running.get(environment) {
                Some(other) => {
                    let kind = FaultKind::SecondRunning {
                        environment: environment.into(),
                        other: format!("experiment {other}"),
                    };
                    faults.add(&path.field("experiments"), kind);
                }
                None => drop(running.insert(environment, plan.id())),
            }
        }
    }

    /// Adds a fault if something archived would run: the document by itself has no such thing.
    fn refuse_archived_running(&self, path: &Path<'_>, faults: &mut Faults) {
        for plan in self.experiments.iter().filter(|plan| plan.runs_in().is_some()) {
            if self.flag.is_archived() || plan.is_archived() {
                let field = if self.flag.is_archived() { ARCHIVED } else { "experiments" };
                let running = format!("experiment {}", plan.id());
                faults.add(&path.field(field), FaultKind::ArchivedRunning { running });
            }
        }
    }
}

/// The first time, what was ever started keeps its status, and a coverage that has grown meanwhile.
fn keep_what_was_started(merge: &mut Merge, state: &ExperimentState, given: Option<&Targeting>) {
    if merge.set.remove("status").is_some() {
        merge.kept.insert("status".to_owned());
    }
    let coverage = given.map(|given| given.coverage);
    let has = targeting_of(&state.definition).coverage;
    let field = targeting_field(COVERAGE);
    if coverage.is_some_and(|given| given < has) && merge.set.remove(&field).is_some() {
        merge.kept.insert(field);
    }
}

/// Experiments that are there keep their order, and new ones come after them.
fn keep_order(experiments: &mut [ExperimentPlan], known: Option<&FlagState>) {
    let order = |plan: &ExperimentPlan| {
        let mut known = known.into_iter().flat_map(|known| &known.experiments);
        known.position(|state| state.definition.id == plan.id()).unwrap_or(usize::MAX)
    };
    experiments.sort_by_key(order);
}

/// What a document says of an experiment. Dates, counts, and the holdouts that bind it are the
/// engine's.
fn fields_given(section: &ExperimentSection) -> UnitFields {
    let experiment = &section.experiment;
    let mut given = fields([
        ("name", (*experiment.terms.name).into()),
        ("environment", experiment.terms.environment.as_str().into()),
        ("variants", value_of_variants(&experiment.terms.variants)),
    ]);
    given.extend(note_fields(&experiment.notes));
    given.extend(archived_field(experiment.is_archived));
    given.extend(users_field(experiment.count_users));
    given.extend(experiment.status.map(|status| ("status".to_owned(), status.as_str().into())));
    let unbound = experiment.targeting.as_deref().cloned().map(Targeting::unbound);
    given.extend(targeting_fields(unbound.as_ref()));
    let unattached = experiment.goals.as_deref().cloned().map(Goals::unattached);
    given.extend(goals_fields(unattached.as_ref()));
    for (user_key, variant) in section.forced.iter().flatten() {
        let variant = experiment.terms.variants.get(*variant);
        given.extend(variant.map(|variant| (forced_field(user_key), variant.key().into())));
    }
    given
}

/// An experiment as it is, and what a merge does to it.
struct Changing<'a> {
    state: &'a ExperimentState,
    merge: &'a Merge,
    context: &'a Context<'a>,
    faults: Faults,
}

type Changed = (Arc<Definition>, Option<Arc<ForcedUsers>>, bool);

impl Changing<'_> {
    /// The experiment after the merge, and whether it starts. `path` is that of its flag.
    fn experiment(&mut self, section: &ExperimentSection, path: &Path<'_>) -> Changed {
        let given = &section.experiment;
        let (state, merge, now) = (self.state, self.merge, self.context.now);
        let mut definition = (*state.definition).clone();
        if let Some(Some(Value::String(name))) = merge.set.get("name") {
            definition.terms.name = name.as_str().into();
        }
        definition.notes = merged_notes(merge, &definition.notes);
        definition.is_archived = merged_archived(merge, definition.is_archived);
        if let Some(set) = merge.set.get(COUNT_USERS) {
            let users = set.as_ref().and_then(Value::as_u64);
            let users = users.and_then(|users| users.try_into().ok());
            definition.count_users = users.and_then(Capacity::new);
        }
        self.target(&mut definition, given.targeting.as_deref(), path);
        self.set_goals(&mut definition, given.goals.as_deref(), path);
        if definition != *state.definition {
            definition.updated_at = now;
        }
        let mut starts = false;
        if let Some(Some(Value::String(wanted))) = merge.set.get("status") {
            let wanted = wanted.parse().unwrap_or(definition.status);
            match with_status(&definition, wanted, now) {
                Ok(after) => {
                    definition = after;
                    starts = wanted == Status::Running;
                }
                Err(kind) => {
                    let path = path.field("experiments");
                    self.faults.add(&path.item(section.at).field("status"), kind);
                }
            }
        }
        if starts && !has_been_started(state) {
            bind(&mut definition, Some(&state.definition), self.context.shared);
        }
        definition.note_coverage(now);
        let is_same = definition == *state.definition;
        let definition = if is_same { Arc::clone(&state.definition) } else { Arc::new(definition) };
        let forced = self.forced(&definition);
        (definition, forced, starts)
    }

    /// Sets who is in the experiment.
    fn target(&mut self, definition: &mut Definition, given: Option<&Targeting>, path: &Path<'_>) {
        let before = targeting_of(definition);
        // What is no longer given is as without targeting.
        let given = given.cloned().unwrap_or_default();
        let is_set = |name| self.merge.set.contains_key(&targeting_field(name));
        let from = |name| if is_set(name) { &given } else { &before };
        let after = Targeting {
            audience: from(AUDIENCE).audience.clone(),
            coverage: from(COVERAGE).coverage,
            bucket_by: from(BUCKET_BY).bucket_by.clone(),
            layer: from(LAYER).layer.clone(),
            holdouts: from(HOLDOUTS).holdouts,
            held_out_by: Arc::clone(&before.held_out_by),
            coverages: Arc::clone(&before.coverages),
        };
        if after == before {
            return;
        }
        if has_been_started(self.state) {
            let (id, path) = (definition.id, path.field("targeting"));
            let id_text = id.to_string();
            check_change(id, &before, &after, &path.field(&id_text), &mut self.faults);
        }
        definition.targeting = after.some();
    }

    /// Sets what the experiment is for.
    fn set_goals(&mut self, definition: &mut Definition, given: Option<&Goals>, path: &Path<'_>) {
        let before = goals_of(definition);
        let given = given.cloned().unwrap_or_default();
        let is_set = |name| self.merge.set.contains_key(&goals_field(name));
        let from = |name| if is_set(name) { &given } else { &before };
        let after = Goals {
            primary: from(PRIMARY).primary.clone(),
            secondary: from(SECONDARY).secondary.clone(),
            guardrails: from(GUARDRAILS).guardrails.clone(),
            attached: Arc::clone(&before.attached),
        };
        if after == before {
            return;
        }
        let (id, path) = (definition.id, path.field(GOALS));
        let id_text = id.to_string();
        let path = path.field(&id_text);
        let is_started = has_been_started(self.state);
        let after = after.attached_to(Some(&before), is_started, self.context.now);
        // By themselves those of each side are sound, together they may name a goal twice.
        after.check(&path, &mut self.faults);
        if is_started {
            before.check_change(&after, id, &path, &mut self.faults);
        }
        definition.goals = after.some();
    }

    fn forced(&self, definition: &Definition) -> Option<Arc<ForcedUsers>> {
        let known = &self.state.forced;
        let mut forced = known.as_deref().cloned().unwrap_or_default();
        for (field, variant) in &self.merge.set {
            let Some(user_key) = field.strip_prefix("forced.") else { continue };
            let variant = variant.as_ref().and_then(Value::as_str);
            match variant.and_then(|variant| definition.position(variant)) {
                Some(position) => drop(forced.insert(user_key.into(), position)),
                None => drop(forced.remove(user_key)),
            }
        }
        if forced == known.as_deref().cloned().unwrap_or_default() {
            return known.clone();
        }
        (!forced.is_empty()).then(|| Arc::new(forced))
    }
}

/// The experiment with the status that a document asks for, by the rules of a start and a stop.
fn with_status(
    known: &Definition,
    wanted: Status,
    now: Timestamp,
) -> Result<Definition, FaultKind> {
    let refused = FaultKind::StatusChange { status: known.status, wanted };
    match wanted {
        Status::Draft => Err(refused),
        Status::Running => known.after(Transition::Start, now).map_err(|_| refused),
        Status::Stopped => known.after(Transition::Stop, now).map_err(|_| refused),
        Status::Completed => {
            let stopped = known.after(Transition::Stop, now);
            let definition = stopped.unwrap_or_else(|_| known.clone());
            Ok(Definition { status: wanted, updated_at: now, ..definition })
        }
    }
}

fn note_status(
    notes: &mut ApplyReport,
    named: &Named,
    before: &ExperimentState,
    after: &Definition,
) {
    match (before.definition.is_running(), after.is_running()) {
        (false, true) => notes.started.push(named.clone()),
        (true, false) => notes.stopped.push(named.clone()),
        _ => {}
    }
}

/// The experiments of a flag that a source has not named.
pub(in super::super) fn made_elsewhere<'s>(
    state: &'s FlagState,
    source: &Source,
) -> impl Iterator<Item = &'s ExperimentState> {
    let flag: FlagId = state.flag.id();
    state.experiments.iter().filter(move |experiment| {
        let unit = Unit::Experiment { flag, experiment: experiment.definition.id };
        !source.units.contains_key(&unit)
    })
}
