//! What a document says of an experiment's counts beside its conversions: exposures, and the counts
//! at each start.

use crate::count::counts::{Baseline, Count};
use crate::count::goal_counts::GoalCount;
use crate::count::runs::{Runs, Start};
use crate::format::fields::{Fields, array, by_variant, count, entries, mistyped, parsed};
use crate::format::goals::GOALS;
use crate::format::node::Node;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::timestamp::Timestamp;
use crate::model::variant::Variant;

/// The section `counters` of one experiment.
#[derive(Debug, Default)]
pub(crate) struct CountersDocument {
    pub(crate) exposures: Option<Vec<u64>>,
    /// The number of the last run.
    run: Option<u32>,
    /// The counts at the last start.
    at_start: Option<Vec<Count>>,
    earlier: Vec<EarlierRun>,
    /// Of goals other than conversions.
    pub(crate) goals: Vec<CarriedGoal>,
}

/// The counts of a goal that a document carries, in the variants' order.
#[derive(Clone, Debug, Default)]
pub(crate) struct CarriedGoal {
    /// The goal's key.
    pub(crate) goal: String,
    pub(crate) ever: Box<[GoalCount]>,
    /// What of it was counted until the last start.
    pub(crate) at_start: Box<[GoalCount]>,
}

#[derive(Debug)]
struct EarlierRun {
    run: u32,
    started_at: Option<Timestamp>,
    at_start: Vec<Count>,
}

impl CountersDocument {
    pub(super) fn read(
        node: Node<'_>,
        path: &Path<'_>,
        faults: &mut Faults,
        variants: &[Variant],
    ) -> CountersDocument {
        let Some(mut fields) = Fields::open(node, path, faults) else {
            return CountersDocument::default();
        };
        let counts = |node: Node<'_>, path: &Path<'_>, faults: &mut Faults| {
            by_variant(node, path, faults, variants, both_counts)
        };
        let exposures = fields.optional("exposures", faults, |node, path, faults| {
            by_variant(node, path, faults, variants, count)
        });
        let run = fields.optional("run", faults, run_number);
        let at_start = fields.optional("at_start", faults, counts);
        let earlier = fields.optional("earlier_runs", faults, |node, path, faults| {
            let nodes = array(node, path, faults)?.into_iter().enumerate();
            let read = nodes.map(|(at, node)| {
                let path = path.item(at);
                let mut fields = Fields::open(node, &path, faults)?;
                let run = fields.required("run", faults, run_number);
                let started_at = fields.optional("started_at", faults, parsed);
                let at_start = fields.optional("at_start", faults, counts);
                fields.close(faults);
                let at_start = at_start.unwrap_or_else(|| vec![Count::default(); variants.len()]);
                Some(EarlierRun { run: run?, started_at, at_start })
            });
            // One that could not be read has a fault of its own.
            Some(read.collect::<Vec<_>>().into_iter().flatten().collect())
        });
        let goals = fields.optional(GOALS, faults, |node, path, faults| {
            let goals = entries(node, path, faults).into_iter();
            Some(
                goals
                    .filter_map(|(goal, node)| carried_goal(&goal, node, path, faults, variants))
                    .collect(),
            )
        });
        fields.close(faults);
        let (earlier, goals) = (earlier.unwrap_or_default(), goals.unwrap_or_default());
        CountersDocument { exposures, run, at_start, earlier, goals }
    }

    /// Adds a fault for each start with more than the count ever, or than at the next start, and
    /// for runs that are not in their order.
    pub(super) fn check(
        &self,
        path: &Path<'_>,
        faults: &mut Faults,
        variants: &[Variant],
        ever: &Baseline,
    ) {
        let ever: Vec<Count> = (0..variants.len()).map(|at| ever.of(at)).collect();
        let last = self.at_start.as_ref();
        if let Some(last) = last {
            let path = path.field("at_start");
            refuse_more(&path, faults, variants, last, &ever, |found, ever| FaultKind::AtStart {
                found,
                ever,
            });
        }
        let zeros = || vec![Count::default(); variants.len()];
        let (mut next, mut next_run) = (last.cloned().unwrap_or_else(zeros), self.run);
        let path = path.field("earlier_runs");
        for (at, earlier) in self.earlier.iter().enumerate().rev() {
            let path = path.item(at);
            let is_in_order = next_run.is_some_and(|next| (1..next).contains(&earlier.run));
            if !is_in_order {
                let kind = FaultKind::EarlierRun { found: earlier.run, next: next_run };
                faults.add(&path.field("run"), kind);
            }
            let path = path.field("at_start");
            refuse_more(&path, faults, variants, &earlier.at_start, &next, |found, next| {
                FaultKind::AtEarlierStart { found, next }
            });
            (next, next_run) = (earlier.at_start.clone(), Some(earlier.run));
        }
    }

    /// Whether there was a run.
    pub(crate) fn has_runs(&self) -> bool {
        self.run.is_some_and(|run| run > 0)
    }

    /// The runs of an experiment that was last started then. A document without a number of runs
    /// shows whether there was one start, or more.
    pub(crate) fn runs(&self, started_at: Option<Timestamp>) -> Runs {
        let counts = |counts: &[Count]| Baseline::new(counts);
        let earlier = self.earlier.iter().map(|run| Start {
            run: run.run,
            at: run.started_at,
            counts: counts(&run.at_start),
        });
        let at_start = self.at_start.as_deref().map(counts).unwrap_or_default();
        let is_restarted = at_start != Baseline::default();
        let number = if is_restarted { 2 } else { started_at.is_some().into() };
        let last = Start { run: self.run.unwrap_or(number), at: started_at, counts: at_start };
        Runs::stored(last, earlier.collect())
    }
}

/// Adds what `kind` says for each of these counts that is above its limit.
fn refuse_more(
    path: &Path<'_>,
    faults: &mut Faults,
    variants: &[Variant],
    counts: &[Count],
    limits: &[Count],
    kind: impl Fn(u64, u64) -> FaultKind,
) {
    for (variant, (count, limit)) in variants.iter().zip(counts.iter().zip(limits)) {
        let path = path.field(variant.key());
        for (event, found, limit) in [
            ("exposures", count.exposures, limit.exposures),
            ("conversions", count.conversions, limit.conversions),
        ] {
            if found > limit {
                faults.add(&path.field(event), kind(found, limit));
            }
        }
    }
}

/// The counts of a goal; at the last start no more than ever.
fn carried_goal(
    goal: &str,
    node: Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
    variants: &[Variant],
) -> Option<CarriedGoal> {
    let path = path.field(goal);
    let mut fields = Fields::open(node, &path, faults)?;
    let mut counts = |name, faults: &mut Faults| {
        let counts = fields.optional(name, faults, |node, path, faults| {
            by_variant(node, path, faults, variants, goal_count)
        });
        counts.unwrap_or_default().into_boxed_slice()
    };
    let (ever, at_start) = (counts("ever", faults), counts("at_start", faults));
    fields.close(faults);
    let of_start = path.field("at_start");
    for (at, start) in at_start.iter().enumerate() {
        let ever = ever.get(at).copied().unwrap_or_default();
        let Some(variant) = variants.get(at) else { continue };
        let path = of_start.field(variant.key());
        for (name, found, ever) in [
            ("events", start.events, ever.events),
            ("gained", start.gained, ever.gained),
            ("lost", start.lost, ever.lost),
        ] {
            if found > ever {
                faults.add(&path.field(name), FaultKind::AtStart { found, ever });
            }
        }
    }
    Some(CarriedGoal { goal: goal.to_owned(), ever, at_start })
}

fn goal_count(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<GoalCount> {
    let mut fields = Fields::open(node, path, faults)?;
    let events = fields.optional("events", faults, count);
    let gained = fields.optional("gained", faults, count);
    let lost = fields.optional("lost", faults, count);
    fields.close(faults);
    Some(GoalCount {
        events: events.unwrap_or_default(),
        gained: gained.unwrap_or_default(),
        lost: lost.unwrap_or_default(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
fn run_number(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<u32> {
    let number = match &node {
        Node::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    if number.is_none() {
        mistyped(&node, "an integer from 0 to 4294967295", path, faults);
    }
    number
}

fn both_counts(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Count> {
    let mut fields = Fields::open(node, path, faults)?;
    let exposures = fields.optional("exposures", faults, count);
    let conversions = fields.optional("conversions", faults, count);
    fields.close(faults);
    Some(Count {
        exposures: exposures.unwrap_or_default(),
        conversions: conversions.unwrap_or_default(),
    })
}
