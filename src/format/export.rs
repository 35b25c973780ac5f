//! The configuration document, written: flags as they are now, counters included.
//!
//! An experiment is written as the API writes it. Exposures, counts at the last start and forced
//! users, for which the API has no field, are in separate sections, by the experiment's id, and so
//! is who is in it. What most flags do not have is written only where there is any.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::count::counts::Count;
use crate::count::goal_counts::GoalCount;
use crate::count::registry::GoalRecord;
use crate::count::runs::{Runs, Start};
use crate::format::document::{FORMAT_VERSION, HOLDOUTS, LAYERS, NEEDS, SEGMENTS, TARGETING};
use crate::format::goals::GOALS;
use crate::format::stored::Stored;
use crate::model::experiment::{ByVariant, Experiment};
use crate::model::flag::{ENABLED, FLAG_TYPE};
use crate::model::id::ExperimentId;
use crate::model::notes::ARCHIVED;
use crate::model::targeting::shared::Shared;
use crate::model::variant::Variant;
use crate::read::snapshot::Snapshot;
use crate::read::state::{ExperimentState, FlagState};

/// The document that holds some flags as they are now, counters included.
pub(crate) struct Export<'a> {
    flags: Vec<FlagSection<'a>>,
    shared: &'a Shared,
    stored: Option<Stored>,
}

impl<'a> Export<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot) -> Export<'a> {
        let flags = snapshot.states().map(|state| FlagSection::of(state)).collect();
        Export { flags, shared: snapshot.shared(), stored: None }
    }

    /// The document as it is stored.
    pub(crate) fn with(self, stored: Stored) -> Export<'a> {
        Export { stored: Some(stored), ..self }
    }

    pub(crate) fn to_json(&self) -> String {
        // Serialising into a string fails only for maps with keys that are not strings; these are.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Serialize for Export<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Document", 8)?;
        fields.serialize_field("version", &FORMAT_VERSION)?;
        let Shared { segments, layers, holdouts, goals } = self.shared;
        if !self.shared.has_no_targeting() || self.flags.iter().any(FlagSection::has_targeting) {
            fields.serialize_field(NEEDS, &TARGETING)?;
        }
        if let Some(stored) = &self.stored {
            fields.serialize_field("stored", stored)?;
        }
        if !segments.is_empty() {
            fields.serialize_field(SEGMENTS, &Parts(segments))?;
        }
        if !layers.is_empty() {
            fields.serialize_field(LAYERS, &Parts(layers))?;
        }
        if !holdouts.is_empty() {
            fields.serialize_field(HOLDOUTS, &Parts(holdouts))?;
        }
        if !goals.is_empty() {
            fields.serialize_field(GOALS, &Parts(goals))?;
        }
        fields.serialize_field("flags", &self.flags)?;
        fields.end()
    }
}

/// An array of what is kept by id.
struct Parts<'a, I, T>(&'a BTreeMap<I, Arc<T>>);

impl<I, T: Serialize> Serialize for Parts<'_, I, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values().map(|part| &**part))
    }
}

struct FlagSection<'a> {
    state: &'a FlagState,
    /// Read once, so that an experiment and its sections have the same counts.
    counts: Vec<Box<[Count]>>,
}

impl<'a> FlagSection<'a> {
    fn of(state: &'a FlagState) -> FlagSection<'a> {
        let counts = state.experiments.iter().map(|experiment| experiment.counters.counts());
        FlagSection { state, counts: counts.collect() }
    }

    /// Whether a release that does not know targeting would answer otherwise.
    fn has_targeting(&self) -> bool {
        let FlagState { flag, experiments, rules } = self.state;
        let has_targeting =
            |experiment: &ExperimentState| experiment.definition.targeting.is_some();
        !flag.is_enabled() || !rules.is_empty() || experiments.iter().any(has_targeting)
    }
}

impl Serialize for FlagSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let FlagState { flag, experiments, rules } = self.state;
        let counted = || experiments.iter().zip(&self.counts);
        let as_they_stand: Vec<Experiment> = counted()
            .map(|(experiment, counts)| {
                let conversions = counts.iter().map(|count| count.conversions).collect();
                Experiment::new(Arc::clone(&experiment.definition), conversions)
            })
            .collect();
        let counters = ById(counted().map(|(experiment, counts)| {
            let variants = &*experiment.definition.terms.variants;
            let exposures = counts.iter().map(|count| count.exposures).collect();
            let (runs, id) = (&experiment.runs, experiment.definition.id);
            let goals = experiment.goals.as_deref().map(|goals| GoalsCounted { goals, variants });
            (id, CountersSection { variants, exposures, runs, goals })
        }));
        let forced = experiments
            .iter()
            .map(|experiment| (experiment.definition.id, ForcedSection(experiment)));
        let forced = ById(forced);
        let mut fields = serializer.serialize_struct("Flag", 20)?;
        if self.has_targeting() {
            fields.serialize_field(NEEDS, &TARGETING)?;
        }
        fields.serialize_field("id", &flag.id())?;
        fields.serialize_field("key", flag.key())?;
        fields.serialize_field("name", flag.name())?;
        fields.serialize_field("default_value", flag.default_value())?;
        for (name, value) in flag.notes().iter().flat_map(|notes| notes.fields()) {
            fields.serialize_field(name, &value)?;
        }
        if flag.is_archived() {
            fields.serialize_field(ARCHIVED, &true)?;
        }
        if !flag.is_enabled() {
            fields.serialize_field(ENABLED, &false)?;
        }
        if let Some(flag_type) = flag.flag_type() {
            fields.serialize_field(FLAG_TYPE, flag_type.as_str())?;
        }
        fields.serialize_field("created_at", &flag.created_at())?;
        fields.serialize_field("updated_at", &flag.updated_at())?;
        if !rules.is_empty() {
            fields.serialize_field("rules", &**rules)?;
        }
        fields.serialize_field("experiments", &as_they_stand)?;
        fields.serialize_field("counters", &counters)?;
        fields.serialize_field("forced", &forced)?;
        let targeting = experiments.iter().filter_map(|experiment| {
            let definition = &experiment.definition;
            Some((definition.id, definition.targeting.as_deref()?))
        });
        if targeting.clone().next().is_some() {
            fields.serialize_field("targeting", &ById(targeting))?;
        }
        let goals = experiments.iter().filter_map(|experiment| {
            let definition = &experiment.definition;
            Some((definition.id, definition.goals.as_deref()?))
        });
        if goals.clone().next().is_some() {
            fields.serialize_field(GOALS, &ById(goals))?;
        }
        fields.end()
    }
}

/// An object with a field for each experiment.
struct ById<I>(I);

impl<I, T> Serialize for ById<I>
where
    I: Iterator<Item = (ExperimentId, T)> + Clone,
    T: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

struct CountersSection<'a> {
    variants: &'a [Variant],
    exposures: Vec<u64>,
    runs: &'a Runs,
    goals: Option<GoalsCounted<'a>>,
}

impl Serialize for CountersSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let CountersSection { variants, exposures, runs, goals } = self;
        let mut fields = serializer.serialize_struct("Counters", 5)?;
        fields.serialize_field("exposures", &ByVariant(variants, exposures))?;
        fields.serialize_field("run", &runs.number())?;
        let at_start: Vec<Count> = (0..variants.len()).map(|at| runs.at_start(at)).collect();
        fields.serialize_field("at_start", &ByVariant(variants, &at_start))?;
        // Most experiments have none.
        if !runs.earlier().is_empty() {
            let earlier = runs.earlier().iter().map(|start| EarlierRun { variants, start });
            fields.serialize_field("earlier_runs", &earlier.collect::<Vec<_>>())?;
        }
        if let Some(goals) = goals {
            fields.serialize_field(GOALS, goals)?;
        }
        fields.end()
    }
}

/// What was counted for the goals of an experiment.
#[derive(Clone)]
struct GoalsCounted<'a> {
    goals: &'a [GoalRecord],
    variants: &'a [Variant],
}

impl Serialize for GoalsCounted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let variants = self.variants;
        serializer.collect_map(self.goals.iter().map(|record| {
            let mut at_start = record.at_start.to_vec();
            at_start.resize(variants.len(), GoalCount::default());
            let counted = GoalCounted { variants, ever: record.counters.counts(), at_start };
            (&*record.goal, counted)
        }))
    }
}

struct GoalCounted<'a> {
    variants: &'a [Variant],
    ever: Box<[GoalCount]>,
    at_start: Vec<GoalCount>,
}

impl Serialize for GoalCounted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Goal", 2)?;
        fields.serialize_field("ever", &ByVariant(self.variants, &self.ever))?;
        fields.serialize_field("at_start", &ByVariant(self.variants, &self.at_start))?;
        fields.end()
    }
}

struct EarlierRun<'a> {
    variants: &'a [Variant],
    start: &'a Start,
}

impl Serialize for EarlierRun<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Start { run, at, counts } = self.start;
        let mut fields = serializer.serialize_struct("EarlierRun", 3)?;
        fields.serialize_field("run", run)?;
        fields.serialize_field("started_at", at)?;
        let counts: Vec<Count> = (0..self.variants.len()).map(|at| counts.of(at)).collect();
        fields.serialize_field("at_start", &ByVariant(self.variants, &counts))?;
        fields.end()
    }
}

struct ForcedSection<'a>(&'a ExperimentState);

impl Serialize for ForcedSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let users = self.0.forced_users();
        let users = users.map(|(key, variant)| (&**key, self.0.variant(variant).map(Variant::key)));
        serializer.collect_map(users)
    }
}
