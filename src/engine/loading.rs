//! Replacing all definitions by a document, and writing one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::Engine;
use super::applying::options::ApplyError;
use super::applying::report::ApplyReport;
use super::consistency::{check_change, check_flag_state};
use super::goals;
use super::holdouts::refuse_fixed;
use super::lifecycle::same_experiment;
use super::references::FaultyParts;
use super::remembering::History;
use super::replacing::open_and_close;
use super::writer::Writer;
use crate::engine::events;
use crate::engine::load_report::LastLoad;
use crate::format::document::{Document, HOLDOUTS};
use crate::format::export::Export;
use crate::format::goals::GOALS;
use crate::format::stored::Stored;
use crate::format::targeting::shared_part::SharedPart;
use crate::model::change::Action;
use crate::model::error::LoadError;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::id::{ExperimentId, HoldoutId};
use crate::model::path::Path;
use crate::model::source::Sources;
use crate::model::targeting::shared::Shared;
use crate::model::timestamp::Timestamp;
use crate::read::snapshot::Snapshot;

impl Engine {
    /// An engine on the system's clock with the configuration of a document, loaded strictly.
    ///
    /// Not on `wasm32-unknown-unknown`: there use [`Engine::with_clock`] and [`Engine::replace`].
    ///
    /// # Errors
    ///
    /// As [`Engine::replace`].
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    ///
    /// let engine = Engine::from_json(r#"{"flags": [{
    ///     "id": "d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7a",
    ///     "key": "hero-banner",
    ///     "default_value": "old",
    ///     "experiments": [{
    ///         "id": "3c4d5e6f-7a8b-4c9d-8e0f-1a2b3c4d5e6f",
    ///         "name": "Hero Banner A/B Test",
    ///         "environment": "production",
    ///         "status": "running",
    ///         "variants": [
    ///             {"key": "control", "value": "old", "percentage": 50},
    ///             {"key": "treatment", "value": "new", "percentage": 50}
    ///         ]
    ///     }]
    /// }]}"#)?;
    /// let production = engine.environment("production")?;
    /// assert!(production.evaluate("hero-banner", "user-1").variant().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub fn from_json(text: &str) -> Result<Engine, LoadError> {
        let engine = Engine::new();
        engine.replace(text)?;
        Ok(engine)
    }

    /// Replaces all definitions by those of a document, strictly: any fault refuses it, unknown
    /// fields included. For a backup, or a fixed configuration; what calls and other documents did
    /// is undone. For a document that comes with each deploy, see [`Engine::apply`].
    ///
    /// All readers see the change in one step. Flags that the document lacks are removed.
    ///
    /// What sources of documents said before is forgotten: the next [`Engine::apply`] of each is
    /// its first.
    ///
    /// An experiment gets the status that the document gives it, so one that was stopped on the
    /// engine runs again if the document says so. For every experiment that the engine knows, the
    /// counters go on, whatever the document says; for others they start at what the document
    /// carries. "Since start" begins anew with a `started_at` later than the last one, and with a
    /// start that has no date but now. Timestamps and forced users that the document leaves out
    /// stay as they are in the engine; a new timestamp comes from the clock.
    ///
    /// The variants and the environment of an experiment never change: a document that changes them
    /// under an id that the engine knows is refused, with a fault at that place. So is one that
    /// changes who is in an experiment that has been started, other than by a larger coverage, and
    /// one that changes a holdout that binds an experiment. All of that also holds for what has left
    /// the configuration and comes back. A [goal](Engine::create_goal) that a started experiment
    /// counts, or has counted, does not change either, and stays although the document leaves it
    /// out.
    ///
    /// [`docs::document`](crate::docs::document) describes the format.
    ///
    /// # Errors
    ///
    /// [`LoadError::Syntax`] if the text is not JSON, [`LoadError::Invalid`] with every fault of
    /// the document. The engine then does not change.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    ///
    /// let engine = Engine::new();
    /// let misspelt = r#"{"flags": [
    ///     {"id": "00000000-0000-4000-8000-00000000000a", "key": "a", "defualt_value": 2}
    /// ]}"#;
    /// let refused = engine.replace(misspelt).unwrap_err();
    /// assert_eq!(refused.to_string(), "flags[0].default_value: is required; \
    ///     flags[0].defualt_value: is not a known field");
    /// ```
    pub fn replace(&self, text: &str) -> Result<(), LoadError> {
        let outcome = self.replace_by(text);
        self.record_last(outcome.is_ok(), 0);
        events::replaced(self.current.pin().version(), &outcome);
        outcome.map(drop)
    }

    /// Takes over the definitions that an engine has stored: nothing is committed.
    #[cfg_attr(not(feature = "durable"), expect(dead_code, reason = "nothing is stored"))]
    pub(crate) fn restore(&self, text: &str) -> Result<(), LoadError> {
        let document = Document::read_stored(text)?;
        // Definitions from before versions were stored are a first version.
        let version = document.stored.as_ref().map_or(1, |stored| stored.version);
        // What was stored has been checked as it was made.
        let (writer, next) = self.replacing(document, false)?;
        if let Some(durability) = &self.control.durability {
            durability.keep(text)?;
        }
        writer.publish_committed(next.of_version(version));
        Ok(())
    }

    /// Goes on after the version of definitions that are gone.
    #[cfg_attr(not(feature = "durable"), expect(dead_code, reason = "nothing is stored"))]
    pub(crate) fn continue_from(&self, version: u64) {
        let writer = self.lock();
        let next = self.current.pin().with_all(&[]).of_version(version);
        writer.publish_committed(next);
    }

    /// Takes over stored definitions that were edited by hand: a change of its own, after the
    /// newest one.
    #[cfg_attr(not(feature = "durable"), expect(dead_code, reason = "nothing is stored"))]
    pub(crate) fn accept_edits(&self, text: &str, newest: u64) -> Result<(), LoadError> {
        let document = Document::read_stored(text)?;
        let version = document.stored.as_ref().map_or(0, |stored| stored.version);
        let version = version.max(newest).max(1).saturating_add(1);
        let (writer, next) = self.replacing(document, true)?;
        Ok(writer.publish(next.of_version(version), Action::AcceptEdits)?)
    }

    /// Returns how many flags there are now.
    fn replace_by(&self, text: &str) -> Result<usize, LoadError> {
        // Do what does not depend on the engine before taking the writers' lock.
        let document = Document::read(text)?;
        let count = document.flags.len();
        let (mut writer, next) = self.replacing(document, true)?;
        writer.set_sources(Sources::default());
        writer.publish(next, Action::Replace)?;
        Ok(count)
    }

    /// The next snapshot, of the flags of a document without faults, and of what they share.
    fn replacing(
        &self,
        mut document: Document,
        is_checked: bool,
    ) -> Result<(Writer<'_>, Snapshot), LoadError> {
        let mut writer = self.lock_to_change()?;
        let stored = document.stored.take();
        let is_stored = stored.is_some();
        if let Some(Stored { sources, remembered, .. }) = stored {
            writer.set_sources((*sources).clone());
            writer.set_remembered(remembered);
        }
        let view = self.current.pin();
        let history = writer.history();
        self.refuse_changed_terms(&mut document);
        refuse_changed_targeting(history, &mut document, |_| true);
        // Of the holdouts that there are, what is stored is itself all that is known.
        let is_gone = |id| history.remembered.holdouts.contains_key(&id);
        refuse_changed_holdouts(&view, history, &mut document, |id| !is_stored || is_gone(id));
        refuse_changed_goals(&view, history, &mut document);
        let unsound = FaultyParts::of(&document);
        let shared = shared_by(&mut document, view.shared(), history, self.control.clock.now());
        for (at, flag) in document.flags.iter_mut().enumerate() {
            unsound.check(flag, at, &shared);
        }
        document.take_faults().into_result()?;
        let states = self.replaced_by(&mut writer, &view, document.flags, &shared)?;
        if is_checked {
            let mut faults = Faults::default();
            let flags = Path::Root.field("flags");
            for (at, state) in states.iter().enumerate() {
                check_flag_state(state, &shared, &flags.item(at), &mut faults);
            }
            faults.into_result()?;
        }
        let next = view.with_definitions(&states, &shared);
        open_and_close(&mut writer, &view, &next);
        Ok((writer, next))
    }

    /// Records how applying a document ended, and emits its event.
    pub(super) fn record_applied(&self, outcome: &Result<ApplyReport, ApplyError>) {
        let skipped = outcome.as_ref().map_or(0, |report| report.skipped.len());
        self.record_last(outcome.is_ok(), skipped);
        events::applied(self.current.pin().version(), outcome);
    }

    fn record_last(&self, succeeded: bool, skipped: usize) {
        let last = LastLoad { at: self.control.clock.now(), succeeded, skipped };
        *self.control.last_load.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    }

    /// How the last document was loaded: [applied](Engine::apply) or as a
    /// [replacement](Engine::replace); `None` before the first. The first load of
    /// [`Engine::from_json`] counts as one; opening a directory does not.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    ///
    /// let engine = Engine::new();
    /// assert!(engine.last_load().is_none());
    /// engine.apply("{").unwrap_err();
    /// assert!(!engine.last_load().unwrap().succeeded);
    /// ```
    #[must_use]
    pub fn last_load(&self) -> Option<LastLoad> {
        *self.control.last_load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration as a document, counters included: loading it makes an equal engine. The
    /// counts of each experiment are read when it is written; [`Counts`](crate::Counts) says what
    /// that guarantees.
    #[must_use]
    pub fn to_json(&self) -> String {
        let view = self.current.pin();
        Export::of(&view).to_json()
    }

    /// Adds a fault to each experiment whose variants or environment differ from those that the
    /// engine knows, or from those of its counters in a durable engine's directory.
    pub(super) fn refuse_changed_terms(&self, document: &mut Document) {
        let root = Path::Root;
        let all = root.field("flags");
        for (at, flag) in document.flags.iter_mut().enumerate() {
            let path = all.item(at);
            let path = path.field("experiments");
            for section in &mut flag.experiments {
                let (id, terms) = (section.experiment.id, &mut section.experiment.terms);
                let path = path.item(section.at);
                let known = self.control.registry.with(id, |record| {
                    same_experiment(record, id, terms, &path, &mut flag.faults);
                });
                let durability = self.control.durability.as_ref().filter(|_| known.is_none());
                if durability.is_some_and(|durability| durability.counts_for_others(id, terms)) {
                    flag.faults.add(&path, FaultKind::CountsForOthers { id: id.to_string() });
                }
            }
        }
    }
}

/// Adds a fault for each part of an experiment's targeting, and for each of its goals, that would
/// change after a start, of those experiments that are `checked`. Where nothing is known of one, the
/// document itself says what stays of its goals.
pub(super) fn refuse_changed_targeting(
    history: History<'_>,
    document: &mut Document,
    is_checked: impl Fn(ExperimentId) -> bool,
) {
    let flags = Path::Root.field("flags");
    for (at, flag) in document.flags.iter_mut().enumerate() {
        let path = flags.item(at);
        let (of_targeting, of_goals) = (path.field("targeting"), path.field(GOALS));
        for section in &flag.experiments {
            let (id, given) = (section.experiment.id, &section.experiment);
            let id_text = id.to_string();
            let path = of_goals.field(&id_text);
            let goals = || given.goals.as_deref().cloned().unwrap_or_default();
            match history.population(id) {
                Some(known) if is_checked(id) => {
                    let before = known.targeting.as_deref().cloned().unwrap_or_default();
                    let after = given.targeting.as_deref().cloned().unwrap_or_default();
                    let of_targeting = of_targeting.field(&id_text);
                    check_change(id, &before, &after, &of_targeting, &mut flag.faults);
                    let before = known.goals.as_deref().cloned().unwrap_or_default();
                    before.check_change(&goals(), id, &path, &mut flag.faults);
                }
                None if section.was_started() && given.goals.is_some() => {
                    goals().check_change(&goals(), id, &path, &mut flag.faults);
                }
                _ => {}
            }
        }
    }
}

/// Adds a fault to each holdout that would change although it binds an experiment, of those that
/// are `checked`.
fn refuse_changed_holdouts(
    view: &Snapshot,
    history: History<'_>,
    document: &mut Document,
    is_checked: impl Fn(HoldoutId) -> bool,
) {
    let path = Path::Root.field(HOLDOUTS);
    for (at, part) in document.holdouts.iter_mut().enumerate() {
        if let Some(holdout) = &part.part
            && is_checked(holdout.id)
        {
            refuse_fixed(view, history, holdout, &path.item(at), &mut part.faults);
        }
    }
}

/// Adds a fault to each goal that would change although an experiment counts it.
fn refuse_changed_goals(view: &Snapshot, history: History<'_>, document: &mut Document) {
    let path = Path::Root.field(GOALS);
    for (at, part) in document.goals.iter_mut().enumerate() {
        if let Some(goal) = &part.part {
            goals::refuse_fixed(view.shared(), history, goal, &path.item(at), &mut part.faults);
        }
    }
}

/// What the flags of a document share, as far as it could be read. What is as it was keeps its
/// memory. A goal that has been counted stays although it is left out: what was counted is in its
/// unit.
fn shared_by(
    document: &mut Document,
    known: &Arc<Shared>,
    history: History<'_>,
    now: Timestamp,
) -> Arc<Shared> {
    fn all<I: Copy + Ord, T: PartialEq>(
        parts: &mut [SharedPart<I, T>],
        known: &BTreeMap<I, Arc<T>>,
        dated: impl Fn(T, Option<Timestamp>, Option<&T>) -> T,
    ) -> BTreeMap<I, Arc<T>> {
        let sound = parts.iter_mut().filter(|part| part.is_sound());
        let parts = sound.filter_map(|part| {
            let (id, at) = (part.id?, part.updated_at);
            let known = known.get(&id);
            let part = dated(part.part.take()?, at, known.map(|known| &**known));
            let as_known = known.filter(|known| ***known == part);
            Some((id, as_known.map_or_else(|| Arc::new(part), Arc::clone)))
        });
        parts.collect()
    }
    let mut shared = Shared {
        segments: all(&mut document.segments, &known.segments, |segment, at, known| {
            segment.dated(at, known, now)
        }),
        layers: all(&mut document.layers, &known.layers, |layer, _, _| layer),
        holdouts: all(&mut document.holdouts, &known.holdouts, |holdout, _, _| holdout),
        goals: all(&mut document.goals, &known.goals, |goal, _, _| goal),
    };
    for (id, goal) in &known.goals {
        if !shared.goals.contains_key(id) && history.counting(&goal.key).is_some() {
            shared.goals.insert(*id, Arc::clone(goal));
        }
    }
    if shared == **known { Arc::clone(known) } else { Arc::new(shared) }
}
