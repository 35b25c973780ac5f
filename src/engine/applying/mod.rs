//! Applying a document: a source changes what it changed in its own text, and nothing else.
//!
//! * `plan`: what a document changes of one flag; `shared_plan`: of what flags share, by
//!   its `shared_parts`;
//! * `removals`: what it no longer names; `conflicts`: flags that would have what another one has;
//!   `overlaps`: flags that would start an experiment with users of another one;
//! * `options`: how a document is applied; `report`: what was done.

mod conflicts;
pub(crate) mod options;
mod overlaps;
mod plan;
mod removals;
pub(crate) mod report;
mod shared_parts;
mod shared_plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::options::{ApplyError, ApplyOptions};
use self::plan::{Context, ExperimentPlan, FlagPlan, Planned, plan};
use self::removals::Removals;
use self::report::{ApplyReport, Left, Named};
use self::shared_plan::{SharedContext, SharedPlan};
use super::Engine;
use super::loading::refuse_changed_targeting;
use super::remembering::History;
use super::replacing::{experiment_of, open_and_close};
use super::sharing::Sharing;
use super::writer::Writer;
use crate::count::counts::Baseline;
use crate::count::runs::Runs;
use crate::engine::load_report::SkippedFlag;
use crate::format::document::Document;
use crate::format::flag_document::FlagDocument;
use crate::model::actor::Actor;
use crate::model::change::{Action, Unit};
use crate::model::error::{FileError, LoadError};
use crate::model::fault::FaultKind;
use crate::model::faults::ValidationError;
use crate::model::flag::FlagRef;
use crate::model::id::{ExperimentId, FlagId};
use crate::model::source::{DOCUMENT, Source, Sources};
use crate::model::targeting::rule::Rules;
use crate::model::targeting::shared::Shared;
use crate::model::timestamp::Timestamp;
use crate::read::snapshot::Snapshot;
use crate::read::state::{ExperimentState, FlagState};

impl Engine {
    /// Applies a document: what the document has changed since it was last applied is changed, and
    /// everything else stays as it is. For a file that is shipped with each deploy, and for one
    /// that is followed.
    ///
    /// The engine remembers what each source of documents said last. A field that differs from that
    /// is set; a field that does not is left alone, so what was changed by a call stays, until the
    /// document changes that very field. An experiment that was stopped by hand stays stopped. What
    /// the source named before and no longer names is removed, unless it is used elsewhere.
    /// [`docs::document`](crate::docs::document) has the rules.
    ///
    /// A flag with a fault is skipped: it stays as it was, and the others are applied. Unknown
    /// fields are reported and otherwise ignored, but for those that say who is meant: such a field
    /// is a fault of its flag. A segment, a layer or a holdout with a fault stays as it was too,
    /// and so does every flag of the document that names it.
    ///
    /// [`ApplyOptions`] names another source, or a revision, and allows removals.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]. The engine then does not change.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, Status};
    ///
    /// let document = |default: &str| format!(r#"{{"flags": [{{
    ///     "id": "d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7a", "key": "hero-banner",
    ///     "default_value": "{default}",
    ///     "experiments": [{{
    ///         "id": "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f", "name": "Hero Banner A/B Test",
    ///         "environment": "production", "status": "running",
    ///         "variants": [{{"key": "golden", "value": "new", "percentage": 100}}]
    ///     }}]
    /// }}]}}"#);
    /// let engine = Engine::new();
    /// let _ = engine.apply(&document("old"))?;
    /// let id = "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f".parse()?;
    /// engine.stop(id)?;
    ///
    /// // The next deploy changes the default, and not that the experiment was stopped.
    /// let report = engine.apply(&document("older"))?;
    /// assert_eq!(engine.experiment(id).unwrap().status(), Status::Stopped);
    /// assert_eq!(
    ///     report.to_string(),
    ///     "changed \"hero-banner\": default_value\n\
    ///      kept \"hero-banner\", experiment \"Hero Banner A/B Test\": status, as changed elsewhere"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply(&self, text: &str) -> Result<ApplyReport, ApplyError> {
        ApplyOptions::new().apply(self, text)
    }

    pub(super) fn apply_with(
        &self,
        text: &str,
        options: &ApplyOptions,
    ) -> Result<ApplyReport, ApplyError> {
        let outcome = self.merge_document(text, options);
        self.record_applied(&outcome);
        outcome
    }

    fn merge_document(
        &self,
        text: &str,
        options: &ApplyOptions,
    ) -> Result<ApplyReport, ApplyError> {
        // Do what does not depend on the engine before taking the writers' lock.
        let mut document = Document::read(text).map_err(LoadError::from)?;
        let unknown_fields = document.frame.take_unknown_fields();
        if document.frame.has_any() {
            return Err(LoadError::from(document.take_faults().into_error()).into());
        }
        let given = document.source.take();
        let name = options.source.clone().or(given).unwrap_or_else(|| DOCUMENT.to_owned());
        let revision = options.revision.or(document.revision);
        let mut writer = self.lock_to_change().map_err(LoadError::from)?;
        let (old, sources) = (self.current.pin(), Arc::clone(writer.sources()));
        let source = sources.of(&name);
        let last = source.and_then(|source| source.revision);
        let mut report =
            ApplyReport { source: name.clone(), revision, unknown_fields, ..Default::default() };
        if !options.goes_back && last.zip(revision).is_some_and(|(last, now)| now < last) {
            return Ok(ApplyReport { outdated_by: last, ..report });
        }
        self.refuse_changed_terms(&mut document);
        let remembered = Arc::clone(writer.remembered());
        let history = History { registry: &self.control.registry, remembered: &remembered };
        // Of those that are there, the merge decides what changes.
        let is_gone = |id| old.find_experiment(id).is_none();
        refuse_changed_targeting(history, &mut document, is_gone);
        let now = self.control.clock.now();
        let context =
            SharedContext { old: &old, sources: &sources, name: &name, source, history, now };
        let shared = SharedPlan::of(&mut document, &context, &mut report);
        let mut application = Application {
            engine: self,
            old: &old,
            sources: &sources,
            name: &name,
            source,
            history,
            now,
            shared,
            plans: BTreeMap::new(),
            skipped: BTreeSet::new(),
            is_any_unidentified: false,
            report,
        };
        application.plan(document.flags);
        let removals = application.removals();
        // A flag that is skipped goes on with what it has.
        application.skip_conflicting(&removals);
        while application.skip_overlapping(&removals) {
            application.skip_conflicting(&removals);
        }
        application.check_removals(&removals, options)?;
        let states = application.stage(&mut writer, &removals).map_err(LoadError::from)?;
        let shared = application.settle_shared(&states).map_err(LoadError::from)?;
        let said = application.said(revision.or(last));
        let report = application.into_report(removals);
        let is_as_before = report.is_unchanged() && source == Some(&said);
        if !is_as_before {
            let next = old.with_definitions(&states, &shared);
            open_and_close(&mut writer, &old, &next);
            let mut sources = (*sources).clone();
            sources.0.insert(name.clone(), said);
            writer.set_sources(sources);
            // Unless an actor was named, the change is the document's.
            if *self.actor == Actor::Service {
                writer.acting_as(Actor::Document(name));
            }
            writer.publish(next, Action::Apply).map_err(LoadError::from)?;
        }
        Ok(report)
    }
}

/// A document as it is applied.
struct Application<'a> {
    engine: &'a Engine,
    old: &'a Snapshot,
    sources: &'a Sources,
    /// The name of the source.
    name: &'a str,
    /// What the source said last.
    source: Option<&'a Source>,
    history: History<'a>,
    now: Timestamp,
    /// What flags share, as it will be.
    shared: SharedPlan,
    /// The flags that the document gives, with their positions in it.
    plans: BTreeMap<FlagId, (usize, FlagPlan)>,
    /// Flags of the document that stay as they are, and what was said of them too.
    skipped: BTreeSet<FlagId>,
    /// Whether a faulty flag may be any that the document seems to lack.
    is_any_unidentified: bool,
    report: ApplyReport,
}

impl Application<'_> {
    /// Plans every flag of the document, and skips those with faults.
    fn plan(&mut self, flags: Vec<FlagDocument>) {
        for (at, mut flag) in flags.into_iter().enumerate() {
            self.report.unknown_fields.append(&mut flag.faults.take_unknown_fields());
            let unit = flag.id.map(|flag| Unit::Flag { flag });
            let owner = unit.and_then(|unit| self.sources.owner_beside(self.name, unit));
            if let Some(owner) = owner {
                let kind = FaultKind::OwnedByOther { owner: owner.to_owned() };
                flag.faults.add_at(format!("flags[{at}]"), kind);
            }
            let known = flag.id.and_then(|id| self.old.find(FlagRef::Id(id)));
            self.shared.faulty.check(&mut flag, at, &self.shared.next);
            let planned = if flag.is_sound() {
                let context = Context {
                    at,
                    source: self.source,
                    known: known.map(|known| &**known),
                    shared: &self.shared.next,
                    faulty_holdout: self.shared.faulty.holdout.as_deref(),
                    history: self.history,
                    now: self.now,
                };
                plan(&mut flag, &context)
            } else {
                Planned::Faulty
            };
            match planned {
                Planned::Flag(plan) => drop(self.plans.insert(plan.flag.id(), (at, *plan))),
                Planned::RemovedElsewhere(named) => {
                    self.skipped.extend(flag.id);
                    self.report.left.push((named, Left::RemovedElsewhere));
                }
                Planned::Faulty => self.skip_faulty(at, flag),
            }
        }
    }

    fn skip_faulty(&mut self, at: usize, flag: FlagDocument) {
        let by_key = flag.key.as_deref().and_then(|key| self.old.find(FlagRef::Key(key)));
        let by_id = flag.id.and_then(|id| self.old.find(FlagRef::Id(id)));
        self.is_any_unidentified |= flag.id.is_none() && by_key.is_none();
        self.skipped.extend(flag.id);
        self.skipped.extend(by_key.map(|state| state.flag.id()));
        self.report.skipped.push(SkippedFlag {
            path: format!("flags[{at}]"),
            key: flag.key,
            faults: flag.faults.into_vec(),
            kept_previous: by_key.or(by_id).is_some(),
        });
    }

    /// What the source named before, and no longer does.
    fn removals(&self) -> Removals {
        let Some(source) = self.source else { return Removals::default() };
        let is_named = |id: &FlagId| self.plans.contains_key(id) || self.skipped.contains(id);
        let gone = source.flags().filter(|id| !is_named(id));
        Removals::of(self.old, source, gone, self.is_any_unidentified)
    }

    /// The flags that the document does not change, and that stay.
    fn unplanned(&self, removals: &Removals) -> impl Iterator<Item = &Arc<FlagState>> {
        self.old.states().filter(move |state| {
            let id = state.flag.id();
            !self.plans.contains_key(&id) && !removals.has_flag(id)
        })
    }

    /// Refuses removals that are more likely a mistake than meant, unless they are allowed.
    fn check_removals(
        &self,
        removals: &Removals,
        options: &ApplyOptions,
    ) -> Result<(), ApplyError> {
        if options.removes {
            return Ok(());
        }
        let of_plans = self.plans.values().flat_map(|(_, plan)| &plan.removes_running);
        let running: Vec<Named> = of_plans.chain(&removals.running).cloned().collect();
        if !running.is_empty() {
            return Err(ApplyError::RemovesRunning { experiments: running });
        }
        let removed = removals.flags.len();
        let of = self.source.map_or(0, |source| source.flags().count());
        if removed >= 5 && removed.saturating_mul(2) > of {
            return Err(ApplyError::RemovesMost { source_name: self.name.to_owned(), removed, of });
        }
        Ok(())
    }

    /// What the source has said after this.
    fn said(&self, revision: Option<i64>) -> Source {
        let mut units: BTreeMap<Unit, _> = BTreeMap::new();
        for (_, plan) in self.plans.values() {
            units.extend(plan.said.iter().map(|(unit, said)| (*unit, said.clone())));
        }
        let before = self.source.into_iter().flat_map(|source| &source.units);
        units.extend(self.shared.said.iter().map(|(unit, said)| (*unit, said.clone())));
        let stays = |unit: &Unit| match unit.flag() {
            None => self.shared.stays.contains(unit),
            Some(id) => {
                self.skipped.contains(&id)
                    || (self.is_any_unidentified && !self.plans.contains_key(&id))
            }
        };
        let kept = before.filter(|(unit, _)| stays(unit));
        units.extend(kept.map(|(unit, said)| (*unit, said.clone())));
        Source { revision, units }
    }

    /// The states of all flags after this, with their changes staged.
    fn stage(
        &mut self,
        writer: &mut Writer<'_>,
        removals: &Removals,
    ) -> Result<Vec<Arc<FlagState>>, FileError> {
        let mut states = Vec::new();
        states.extend(self.unplanned(removals).map(|state| removals.remaining(state)));
        let engine = self.engine;
        let record_of = |id: ExperimentId| engine.control.registry.with(id, Arc::clone);
        for experiment in self.plans.values().flat_map(|(_, plan)| &plan.experiments) {
            if let ExperimentPlan::New(section) = experiment
                && record_of(section.experiment.id).is_none()
            {
                writer.expect(section.experiment.terms.count());
            }
        }
        let mut sharing = Sharing::with(self.old);
        for (_, plan) in self.plans.values_mut() {
            let mut experiments = Vec::new();
            for experiment in std::mem::take(&mut plan.experiments) {
                let record = record_of(experiment.id());
                experiments.push(match experiment {
                    ExperimentPlan::New(mut section) => {
                        let terms = &mut section.experiment.terms;
                        sharing.environment(&mut terms.environment);
                        sharing.variants(&mut terms.variants);
                        let shared = &self.shared.next;
                        experiment_of(writer, record, self.old, *section, shared, self.now)?
                    }
                    ExperimentPlan::Known { forced, definition, starts } => {
                        let mut record =
                            writer.apply(record, &definition, Baseline::default, Runs::default)?;
                        if starts {
                            record = writer.mark_start(&record);
                        }
                        ExperimentState::new(record, forced)
                    }
                });
            }
            let mut flag = plan.flag.clone();
            sharing.value(flag.shared_default_value());
            let rules = std::mem::take(&mut plan.rules).into_iter().map(|mut plan| {
                sharing.rule(&mut plan.rule);
                plan.rule
            });
            let rules = Rules::new(rules.collect());
            let state = FlagState { flag, experiments: experiments.into(), rules };
            // An unchanged flag keeps its memory, and so stays in the readers' caches.
            let known = self.old.find(FlagRef::Id(state.flag.id()));
            states.push(match known {
                Some(known) if state.is_same(known) => Arc::clone(known),
                _ => Arc::new(state),
            });
        }
        Ok(states)
    }

    /// What these flags share: without what the source no longer names, and no flag does either.
    fn settle_shared(&mut self, states: &[Arc<FlagState>]) -> Result<Arc<Shared>, ValidationError> {
        self.shared.remove_unused(states, self.history, &mut self.report);
        let old = self.old.shared();
        self.shared.check_number(old)?;
        self.report.reaches = self.shared.reaches(old, states);
        let next = &self.shared.next;
        Ok(if *next == **old { Arc::clone(old) } else { Arc::new(next.clone()) })
    }

    fn into_report(self, removals: Removals) -> ApplyReport {
        let mut report = self.report;
        let mut plans: Vec<_> = self.plans.into_values().collect();
        plans.sort_by_key(|(at, _)| *at);
        for (_, FlagPlan { mut notes, .. }) in plans {
            report.added.append(&mut notes.added);
            report.changed.append(&mut notes.changed);
            report.removed.append(&mut notes.removed);
            report.started.append(&mut notes.started);
            report.stopped.append(&mut notes.stopped);
            report.kept.append(&mut notes.kept);
            report.left.append(&mut notes.left);
        }
        report.removed.extend(removals.removed);
        report.left.extend(removals.left);
        report.skipped.sort_by(|one, other| one.path.cmp(&other.path));
        report
    }
}
