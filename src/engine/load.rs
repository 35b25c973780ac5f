//! Configuration from a document, whole or in its sound parts, and back into one.

use std::sync::Arc;

use super::control::same_experiment;
use super::select::{Selection, select};
use super::{Engine, Writer};
use crate::document::{Document, ExperimentSection, FlagDocument};
use crate::entry::{ExperimentEntry, FlagEntry};
use crate::experiment::Definition;
use crate::export::Export;
use crate::fault::{LoadError, Path};
use crate::flag::FlagRef;
use crate::report::LoadReport;
use crate::snapshot::Snapshot;
use crate::status::Status;
use crate::tally::Count;
use crate::timestamp::Timestamp;
use crate::wire::ExperimentDocument;

impl Engine {
    /// An engine on the system's clock with the configuration of a document, loaded strictly.
    ///
    /// Not on `wasm32-unknown-unknown`: there use [`Engine::with_clock`] and [`Engine::reload`].
    ///
    /// # Errors
    ///
    /// As [`Engine::reload`].
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, Environment};
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
    /// let production = Environment::new("production")?;
    /// assert!(engine.evaluate(&production, "hero-banner", "user-1").variant().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub fn from_json(text: &str) -> Result<Engine, LoadError> {
        let engine = Engine::new();
        engine.reload(text)?;
        Ok(engine)
    }

    /// Replaces the configuration by that of a document, strictly: any fault refuses it, unknown
    /// fields included. For configuration that was written by hand or is shipped with the service.
    ///
    /// All readers see the change in one step. Flags that the document does not have are gone.
    ///
    /// The document is the configuration: an experiment has the status that stands there, so one that
    /// was stopped on the engine runs again if the document says so. Counters go on for every
    /// experiment that the engine has met, whatever the document says of them; for others they start
    /// at what the document carries. "Since start" begins anew with a `started_at` that is later than
    /// the last one, and with a start that has no date but now. Timestamps and pins that the document
    /// leaves out stay as they are in the engine, or come from the clock.
    ///
    /// The variants and the environment of an experiment never change: a document that changes them
    /// under an id that the engine has met is at fault there.
    ///
    /// [`docs::document`](crate::docs::document) describes the format.
    ///
    /// # Errors
    ///
    /// [`LoadError::Syntax`] if the text is no JSON, [`LoadError::Invalid`] with every fault of the
    /// document. The engine is then as it was.
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
    /// let refused = engine.reload(misspelt).unwrap_err();
    /// assert_eq!(refused.to_string(), "flags[0].default_value: is required; \
    ///     flags[0].defualt_value: is not a known field");
    /// ```
    pub fn reload(&self, text: &str) -> Result<(), LoadError> {
        // All that does not depend on the engine is done before its writers have to wait.
        let mut document = Document::read(text)?;
        let mut writer = self.lock();
        let view = self.current.view();
        self.refuse_changed_terms(&mut document);
        document.take_findings().into_result()?;
        self.take(&mut writer, &view, document.flags, Vec::new());
        Ok(())
    }

    /// Replaces the configuration by what is sound of a document: a flag with a fault keeps its last
    /// good definition, and the others go live. Unknown fields are reported and otherwise ignored,
    /// since a newer server may send more. For configuration that is fetched.
    ///
    /// Else as [`reload`](Engine::reload).
    ///
    /// # Errors
    ///
    /// [`LoadError::Syntax`] if the text is no JSON, [`LoadError::Invalid`] if it is no document at
    /// all: no object with an array of `flags`. The engine is then as it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("a", 1).id("00000000-0000-4000-8000-00000000000a".parse()?))?;
    /// let report = engine.reload_tolerant(r#"{"flags": [
    ///     {"id": "00000000-0000-4000-8000-00000000000a", "key": "a", "defualt_value": 2},
    ///     {"id": "00000000-0000-4000-8000-00000000000b", "key": "b", "default_value": 3}
    /// ]}"#)?;
    /// assert_eq!(report.taken, 1);
    /// assert_eq!(report.left_out[0].path, "flags[0]");
    /// assert!(report.left_out[0].kept);
    /// assert_eq!(engine.flag("a").unwrap().default_value(), 1);
    /// assert_eq!(engine.flag("b").unwrap().default_value(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reload_tolerant(&self, text: &str) -> Result<LoadReport, LoadError> {
        let mut document = Document::read(text)?;
        let mut writer = self.lock();
        let view = self.current.view();
        self.refuse_changed_terms(&mut document);
        if document.frame.has_faults() {
            return Err(document.take_findings().into_error().into());
        }
        let mut unknown_fields = document.frame.take_unknown_fields();
        for flag in &mut document.flags {
            unknown_fields.append(&mut flag.findings.take_unknown_fields());
        }
        let Selection { taken, kept, left_out } = select(&view, document.flags);
        let report = LoadReport { taken: taken.len(), left_out, unknown_fields };
        self.take(&mut writer, &view, taken, kept);
        Ok(report)
    }

    /// The configuration as a document, counters included: loading it gives an equal engine. Counts
    /// are as of the moment at which each experiment is written, under the terms of
    /// [`Counts`](crate::Counts).
    #[must_use]
    pub fn to_json(&self) -> String {
        let view = self.current.view();
        // Serialising into a string fails only for maps whose keys are no strings; these are.
        serde_json::to_string_pretty(&Export::of(view.entries())).unwrap_or_default()
    }

    /// Faults experiments whose variants or environment are not those that the engine has met.
    fn refuse_changed_terms(&self, document: &mut Document) {
        let root = Path::Root;
        let all = root.field("flags");
        for (at, flag) in document.flags.iter_mut().enumerate() {
            let path = all.item(at);
            let path = path.field("experiments");
            for section in &flag.experiments {
                let (id, terms) = (section.experiment.id, &section.experiment.terms);
                if let Some(record) = self.control.registry.get(id) {
                    let path = path.item(section.at);
                    same_experiment(&record, id, terms, &path, &mut flag.findings);
                }
            }
        }
    }

    /// Publishes flags of a document, which are sound, beside flags that stay as they are.
    fn take(
        &self,
        writer: &mut Writer<'_>,
        old: &Snapshot,
        flags: Vec<FlagDocument>,
        kept: Vec<Arc<FlagEntry>>,
    ) {
        let now = self.control.clock.now();
        let taken = flags.into_iter().filter_map(|mut document| {
            let known = document.id.and_then(|id| old.find(FlagRef::Id(id)));
            let flag = document.flag(known.map(|entry| &entry.flag), now)?;
            let sections = document.experiments.into_iter();
            let experiments =
                sections.map(|section| self.experiment_of(old, section, now)).collect();
            Some(Arc::new(FlagEntry { flag, experiments }))
        });
        let entries: Vec<_> = taken.chain(kept).collect();
        let next = old.with_all(&entries);
        // As for a single start or stop: counters open before the version that shows them running is
        // published, and close after the one that does not.
        let tallies = |snapshot: &Snapshot, running: bool| {
            let experiments = snapshot.entries().flat_map(|entry| &entry.experiments);
            let wanted = experiments.filter(|entry| entry.definition.is_running() == running);
            wanted.map(|entry| Arc::clone(&entry.tally)).collect::<Vec<_>>()
        };
        let open = tallies(&next, true);
        let gone = old
            .entries()
            .flat_map(|entry| &entry.experiments)
            .filter(|entry| next.find_experiment(entry.definition.id).is_none())
            .map(|entry| Arc::clone(&entry.tally));
        let close: Vec<_> = gone.chain(tallies(&next, false)).collect();
        for tally in open {
            tally.set_open(true);
        }
        writer.publish(next);
        for tally in close {
            tally.set_open(false);
        }
    }

    /// An experiment of a document, with its counters and pins.
    fn experiment_of(
        &self,
        old: &Snapshot,
        mut section: ExperimentSection,
        now: Timestamp,
    ) -> ExperimentEntry {
        let known = old.find_experiment(section.experiment.id).map(|(_, _, entry)| entry);
        let forced = match section.forced.take() {
            Some(forced) => Arc::new(forced),
            None => known.map(|entry| Arc::clone(&entry.forced)).unwrap_or_default(),
        };
        let known = known.map(|entry| &*entry.definition);
        let carried = section.carried().collect();
        // A document that says nothing of an earlier start says that there was none.
        let nothing = || vec![Count::default(); section.experiment.terms.variants.len()];
        let at_start = section.at_start.unwrap_or_else(nothing).into();
        let is_dated = section.experiment.started_at.is_some();
        let last = self.control.registry.get(section.experiment.id);
        let last_start = last.as_ref().and_then(|record| record.started_at);
        let definition = definition_of(section.experiment, known, last_start, now);
        let record = self.control.registry.meet(&definition, carried, at_start);
        // "Since start" moves with `started_at`, or with a start that has no other date than now.
        let was_running = known.is_some_and(Definition::is_running);
        let is_undated_start = definition.is_running() && !is_dated && !was_running;
        let is_started = definition.started_at > last_start || is_undated_start;
        let at_start = if last.is_some() && is_started {
            self.mark_start(&definition, &record.tally)
        } else {
            record.at_start
        };
        ExperimentEntry { definition: Arc::new(definition), tally: record.tally, at_start, forced }
    }
}

/// The definition that a document gives, with what it leaves out taken from the one that is known,
/// or else from the clock.
fn definition_of(
    document: ExperimentDocument,
    known: Option<&Definition>,
    last_start: Option<Timestamp>,
    now: Timestamp,
) -> Definition {
    let was_running = known.is_some_and(Definition::is_running);
    let is_running = document.status == Status::Running;
    // What is undated and was not running starts, or stops, now.
    let started_at = document.started_at.or((is_running && !was_running).then_some(now));
    let (started_at, stopped_at) = match document.status {
        Status::Draft => (document.started_at, document.stopped_at),
        // A start that the engine has seen is not taken back by a document from before it: the
        // counts since then are those of this start.
        Status::Running => (started_at.max(last_start), None),
        Status::Stopped | Status::Completed => {
            let known_stop = known.and_then(|known| known.stopped_at);
            let last_stop = if was_running { Some(now) } else { known_stop };
            (started_at.max(last_start), document.stopped_at.or(last_stop))
        }
    };
    let created_at = document.created_at.or(known.map(|known| known.created_at)).unwrap_or(now);
    let mut definition = Definition {
        id: document.id,
        terms: document.terms,
        status: document.status,
        started_at,
        stopped_at,
        created_at,
        updated_at: now,
    };
    if let Some(known) = known {
        // An unchanged experiment was not updated.
        let as_before = Definition { updated_at: known.updated_at, ..definition.clone() };
        if as_before == *known {
            definition = as_before;
        }
    }
    definition.updated_at = document.updated_at.unwrap_or(definition.updated_at);
    definition
}
