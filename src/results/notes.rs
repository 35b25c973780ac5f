//! What happened during a run, and whom it leaves out: what a reader of the figures has to know.

use std::fmt;

use serde::Serialize;

use super::analysis::treatments;
use super::goals::GoalResult;
use super::observations::{Observed, Period, Unit};
use super::special::float;
use super::text::shown;
use crate::engine::Engine;
use crate::model::definition::Definition;
use crate::model::goal::of_experiment::Role;
use crate::model::id::{ExperimentId, HoldoutId, SegmentId};
use crate::model::targeting::experiment_targeting::Targeting;
use crate::model::targeting::rule::Rule;
use crate::model::targeting::share::Share;
use crate::model::timestamp::Timestamp;
use crate::read::snapshot::FoundExperiment;

/// What a reader of the figures has to know of the run and of its goals. Displays as a sentence.
///
/// [`docs::launching`](crate::docs::launching#what-biases-a-test) says which of them bias a test.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// Not all of the audience was in the experiment, or not from the start on. Of a single run
    /// only.
    #[non_exhaustive]
    Coverage {
        /// The coverages of the run, in the order of time.
        steps: Vec<CoverageTime>,
    },
    /// A segment was changed since the counts began, and with it who is in the experiment.
    #[non_exhaustive]
    SegmentChanged {
        /// Its id.
        id: SegmentId,
        /// Its name.
        name: String,
        /// What names it.
        named_by: NamedBy,
        /// When it was last changed.
        at: Timestamp,
    },
    /// A holdout keeps users out of the experiment.
    #[non_exhaustive]
    Holdout {
        /// Its id.
        id: HoldoutId,
        /// Its name.
        name: String,
        /// How many of the units it holds out, in per cent.
        percentage: Share,
    },
    /// The primary goal has values, and the verdict is about the share of users who reached it, not
    /// about their mean: the sums of users are not known.
    #[non_exhaustive]
    ShareOfPrimary {
        /// The goal's key.
        goal: String,
        /// The unit of its values.
        unit: String,
    },
    /// The means of a goal are compared without a cap, and a variant has less than a fifth of the
    /// users of its comparison: a few users with large sums can decide there.
    #[non_exhaustive]
    NoCap {
        /// The goal's key.
        goal: String,
        /// The smallest such variant.
        variant: String,
        /// Its part of the percentages of the two variants that are compared, 0 to 1.
        share: f64,
    },
}

/// For which share of a run an experiment had which coverage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CoverageTime {
    /// Since when; the start of the run at the earliest.
    pub since: Timestamp,
    /// The coverage, in per cent.
    pub coverage: Share,
    /// For which share of the run's time, 0 to 1.
    pub share_of_time: f64,
}

/// What names a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NamedBy {
    /// The experiment's audience.
    Audience,
    /// A rule of the flag in the experiment's environment, which stands above the experiment.
    Rule,
}

impl Note {
    /// What is to be known of the last run of an experiment, or of all runs. Empty if the
    /// configuration has no experiment of this id.
    pub(super) fn all_of(engine: &Engine, id: ExperimentId, period: Period) -> Vec<Note> {
        let snapshot = engine.snapshot();
        let Some(found) = snapshot.find_experiment(id) else { return Vec::new() };
        let definition = &found.state.definition;
        let targeting = definition.targeting.as_deref();
        let mut notes = Vec::new();
        if period == Period::SinceStart {
            notes.extend(coverage(definition, engine.now()));
        }
        let since = match period {
            Period::SinceStart => definition.started_at,
            Period::Ever => Some(definition.created_at),
        };
        let changed = named_segments(found).filter_map(|(id, named_by)| {
            let segment = snapshot.shared().segments.get(&id)?;
            let at = segment.updated_at();
            let name = segment.name().to_owned();
            (at > since?).then_some(Note::SegmentChanged { id, name, named_by, at })
        });
        let mut changed: Vec<Note> = changed.collect();
        // Two rules may name one segment.
        changed.dedup();
        notes.extend(changed);
        let held_out_by = targeting.map_or(&[][..], Targeting::held_out_by);
        notes.extend(held_out_by.iter().filter_map(|id| {
            let holdout = snapshot.shared().holdouts.get(id)?;
            let name = holdout.name().to_owned();
            Some(Note::Holdout { id: *id, name, percentage: holdout.percentage() })
        }));
        notes
    }

    /// What is to be known of goals with values. Events have no verdict.
    pub(super) fn of_goals(
        goals: &[GoalResult],
        unit: Unit,
        control: &Observed,
        variants: &[Observed],
    ) -> Vec<Note> {
        let primary = goals.iter().find(|goal| goal.role == Role::Primary);
        let by_share = primary.filter(|goal| unit.is_independent() && goal.measure.is_share());
        let share_of_primary = by_share.and_then(|goal| {
            Some(Note::ShareOfPrimary { goal: goal.key.clone(), unit: goal.unit.clone()? })
        });
        let (share, smallest) = smallest(control, variants);
        let uncapped = goals.iter().filter(|goal| !goal.measure.is_share() && goal.cap.is_none());
        let uncapped = uncapped.filter(|_| share < 0.2).map(|goal| Note::NoCap {
            goal: goal.key.clone(),
            variant: smallest.variant.clone(),
            share,
        });
        share_of_primary.into_iter().chain(uncapped).collect()
    }
}

/// The variant that has the smallest part of the percentages of the two that are compared.
fn smallest<'o>(control: &'o Observed, variants: &'o [Observed]) -> (f64, &'o Observed) {
    let each = treatments(control, variants).flat_map(|treatment| {
        let both = f64::from(treatment.percentage) + f64::from(control.percentage);
        [treatment, control].map(|one| (f64::from(one.percentage) / both, one))
    });
    each.min_by(|(a, _), (b, _)| a.total_cmp(b)).unwrap_or((1.0, control))
}

/// The segments of the audience, and those of the rules above it; those of rules sorted.
fn named_segments(found: FoundExperiment<'_>) -> impl Iterator<Item = (SegmentId, NamedBy)> {
    let definition = &found.state.definition;
    let audience = definition.targeting.iter().flat_map(|targeting| {
        let audience = targeting.audience();
        audience.segments().iter().chain(audience.not_segments())
    });
    let environment = &definition.terms.environment;
    let rules = found.flag.rules.iter();
    let here = rules.filter(|rule| rule.is_enabled() && rule.environment() == environment);
    let mut of_rules: Vec<SegmentId> = here.filter_map(Rule::segment).collect();
    of_rules.sort_unstable();
    let of_rules = of_rules.into_iter().map(|id| (id, NamedBy::Rule));
    audience.map(|id| (*id, NamedBy::Audience)).chain(of_rules)
}

/// The coverages of the last run, up to its end or now.
fn coverage(definition: &Definition, now: Timestamp) -> Option<Note> {
    let steps = definition.targeting.as_ref()?.coverages();
    let start = definition.started_at?;
    let end = if definition.is_running() { now } else { definition.stopped_at.unwrap_or(now) };
    let seconds = |from: Timestamp, to: Timestamp| {
        let seconds = to.unix_seconds().saturating_sub(from.unix_seconds());
        float(u64::try_from(seconds).unwrap_or(0))
    };
    let whole = seconds(start, end);
    let nexts = steps.iter().skip(1).map(|next| next.at()).chain([end]);
    let mut times: Vec<CoverageTime> = Vec::new();
    for (step, next) in steps.iter().zip(nexts) {
        let (since, until) = (step.at().max(start), next.min(end));
        let share_of_time = if whole > 0.0 { seconds(since, until) / whole } else { 0.0 };
        times.push(CoverageTime { since, coverage: step.coverage(), share_of_time });
    }
    // What was over before the run began, or lasted for no time, is not of it.
    let last = times.pop()?;
    times.retain(|time| time.share_of_time > 0.0);
    let is_only = times.is_empty();
    times.push(CoverageTime {
        share_of_time: if is_only { 1.0 } else { last.share_of_time },
        ..last
    });
    let always_all = times.iter().all(|time| time.coverage == Share::ALL);
    (!always_all).then_some(Note::Coverage { steps: times })
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Coverage { steps } => match steps.as_slice() {
                [only] => write!(f, "Covered {} % of the audience.", only.coverage),
                steps => {
                    f.write_str("Covered ")?;
                    for (at, step) in steps.iter().enumerate() {
                        let before = if at == 0 { "" } else { ", then " };
                        let time = step.share_of_time * 100.0;
                        write!(f, "{before}{} % for {time:.1} % of the time", step.coverage)?;
                    }
                    f.write_str(": users of a later step have been exposed for a shorter time.")
                }
            },
            Note::SegmentChanged { name, named_by, at, .. } => {
                let of = match named_by {
                    NamedBy::Audience => "of the audience",
                    NamedBy::Rule => "of a rule",
                };
                let name = shown(name);
                write!(f, "The segment {name} {of} was changed during the run, last at {at}.")
            }
            Note::Holdout { name, percentage, .. } => {
                write!(f, "The holdout {} keeps {percentage} % out.", shown(name))
            }
            Note::ShareOfPrimary { goal, unit } => write!(
                f,
                "The verdict is about the share of users who reached {}, not about the mean in {}.",
                shown(goal),
                shown(unit)
            ),
            Note::NoCap { goal, variant, share } => write!(
                f,
                "{} has no cap, and {} has {:.1} % of the users of its comparison: below a fifth, a few \
                 large sums can decide.",
                shown(goal),
                shown(variant),
                share * 100.0
            ),
        }
    }
}
