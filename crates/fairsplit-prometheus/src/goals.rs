//! The metrics of goals.

use std::fmt;

use fairsplit::counts::{GoalCount, GoalCounts};
use fairsplit::goals::Goal;
use fairsplit::{Counts, Engine, Experiment, Flag};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::Labels;

/// A goal of an experiment, with its decimals if its events have values.
struct Counted<'a> {
    flag: &'a Flag,
    experiment: &'a Experiment,
    counts: GoalCounts,
    decimals: Option<u8>,
}

pub(crate) fn encode(
    engine: &Engine,
    experiments: &[(&Flag, Experiment, Counts)],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let goals = engine.goals();
    let tallies = engine.goal_tallies();
    if goals.is_empty() && tallies.is_empty() {
        return Ok(());
    }
    let counted: Vec<Counted<'_>> = experiments
        .iter()
        .flat_map(|(flag, experiment, _)| {
            let all = engine.goal_counts(experiment.id()).unwrap_or_default();
            all.into_iter().map(move |counts| (*flag, experiment, counts))
        })
        .map(|(flag, experiment, counts)| {
            let goal = goals.iter().find(|goal| goal.key() == counts.goal);
            let decimals = goal.filter(|goal| goal.has_values()).map(Goal::decimals);
            Counted { flag, experiment, counts, decimals }
        })
        .collect();
    let help = "Events of a goal that were counted for a variant. Events, not users.";
    let descriptor = MetricType::Counter;
    let mut family = encoder.encode_descriptor("fairsplit_goal_events", help, None, descriptor)?;
    for (of, ever, _) in series(&counted) {
        family.encode_family(&of)?.encode_counter::<NoLabelSet, u64, u64>(&ever.events, None)?;
    }
    sums(
        encoder,
        "fairsplit_goal_gained",
        "The sum of the values above 0, in the goal's unit.",
        &counted,
        |count| count.gained,
    )?;
    sums(
        encoder,
        "fairsplit_goal_lost",
        "The sum of the values below 0, without its sign, in the goal's unit.",
        &counted,
        |count| count.lost,
    )?;
    let help = "What was recorded of a goal and not counted.";
    let name = "fairsplit_goal_refused";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for tally in &tallies {
        let causes = [
            ("not_found", tally.not_found),
            ("value", tally.refused),
            ("unexposed", tally.unexposed),
        ];
        for (cause, number) in causes {
            let of = [
                ("environment", tally.environment.as_str()),
                ("goal", &tally.goal),
                ("cause", cause),
            ];
            family.encode_family(&of)?.encode_counter::<NoLabelSet, u64, u64>(&number, None)?;
        }
    }
    Ok(())
}

/// The series of the sums of values.
fn sums(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counted: &[Counted<'_>],
    units: fn(&GoalCount) -> u64,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (of, ever, decimals) in series(counted) {
        let Some(decimals) = decimals else { continue };
        // Only here a float: Prometheus has no other number.
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 minor units")]
        let sum = units(&ever) as f64 / 10_f64.powi(decimals.into());
        family.encode_family(&of)?.encode_counter::<NoLabelSet, f64, f64>(&sum, None)?;
    }
    Ok(())
}

fn series<'a>(
    counted: &'a [Counted<'a>],
) -> impl Iterator<Item = (OfGoal<'a>, GoalCount, Option<u8>)> {
    counted.iter().flat_map(|Counted { flag, experiment, counts, decimals }| {
        counts.variants.iter().map(move |variant| {
            let labels = Labels { flag, experiment, variant: Some(&variant.key) };
            (OfGoal { labels, goal: &counts.goal }, variant.ever, *decimals)
        })
    })
}

/// What a series is about.
struct OfGoal<'a> {
    labels: Labels<'a>,
    goal: &'a str,
}

impl EncodeLabelSet for OfGoal<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.labels.encode(encoder)?;
        [("goal", self.goal)].encode(encoder)
    }
}
