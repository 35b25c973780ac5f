//! Running experiments of one layer that would share users.

use std::collections::BTreeMap;

use crate::model::environment_name::EnvironmentName;
use crate::model::id::{ExperimentId, LayerId};
use crate::model::targeting::experiment_targeting::{LayerRange, Targeting};

/// A range of a layer that an experiment has where it runs.
#[derive(Clone, Debug)]
pub(crate) struct RunningRange {
    pub(crate) layer: LayerId,
    pub(crate) environment: EnvironmentName,
    pub(crate) experiment: ExperimentId,
    /// Its position among the ranges of the experiment.
    pub(crate) at: usize,
    pub(crate) range: LayerRange,
}

impl RunningRange {
    /// The ranges of an experiment that runs in this environment.
    pub(crate) fn of(
        experiment: ExperimentId,
        environment: &EnvironmentName,
        targeting: Option<&Targeting>,
    ) -> impl Iterator<Item = RunningRange> {
        let layer = targeting.and_then(|targeting| targeting.layer.as_ref());
        layer.into_iter().flat_map(move |layer| {
            layer.ranges.iter().enumerate().map(move |(at, range)| RunningRange {
                layer: layer.id,
                environment: environment.clone(),
                experiment,
                at,
                range: *range,
            })
        })
    }
}

/// Pairs of ranges, by their positions in `ranges`, that overlap and belong to two experiments
/// which run in one environment: for each range that overlaps another one, at least one pair.
pub(crate) fn overlapping(ranges: &[RunningRange]) -> Vec<(usize, usize)> {
    let mut groups: BTreeMap<_, Vec<(usize, &RunningRange)>> = BTreeMap::new();
    for (at, range) in ranges.iter().enumerate() {
        groups.entry((range.layer, &range.environment)).or_default().push((at, range));
    }
    let mut pairs = Vec::new();
    for mut group in groups.into_values() {
        group.sort_by_key(|(at, range)| (range.range.from, *at));
        // Of those that begin before, the one that ends last overlaps if any does.
        let mut last: Option<(usize, &RunningRange)> = None;
        for (at, range) in group {
            if let Some((other, before)) = last
                && before.range.overlaps(range.range)
                && before.experiment != range.experiment
            {
                pairs.push((other.min(at), other.max(at)));
            }
            if last.is_none_or(|(_, before)| before.range.to < range.range.to) {
                last = Some((at, range));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::targeting::share::Share;
    use proptest::prelude::*;

    fn some_ranges() -> impl Strategy<Value = Vec<RunningRange>> {
        let range = (0_u8..2, 0_u8..2, 0_u8..4, 0_u8..20, 1_u8..5);
        let range = range.prop_map(|(layer, environment, experiment, from, length)| {
            let share = |percent: u8| Share::from_percent(percent.into()).unwrap();
            RunningRange {
                layer: LayerId::from_bytes([layer; 16]),
                environment: EnvironmentName::new(&environment.to_string()).unwrap(),
                experiment: ExperimentId::from_bytes([experiment; 16]),
                at: 0,
                range: LayerRange { from: share(from), to: share(from + length) },
            }
        });
        prop::collection::vec(range, 0..12)
    }

    proptest! {
        #[test]
        fn each_range_that_overlaps_another_experiments_is_in_a_pair(ranges in some_ranges()) {
            let overlaps = |one: &RunningRange, other: &RunningRange| {
                one.layer == other.layer
                    && one.environment == other.environment
                    && one.experiment != other.experiment
                    && one.range.overlaps(other.range)
            };
            // The ranges of one experiment have been checked by themselves.
            let is_sound = ranges.iter().enumerate().all(|(at, one)| {
                ranges[..at].iter().all(|other| {
                    one.experiment != other.experiment || !one.range.overlaps(other.range)
                })
            });
            prop_assume!(is_sound);
            let pairs = overlapping(&ranges);
            for (one, other) in &pairs {
                prop_assert!(overlaps(&ranges[*one], &ranges[*other]));
            }
            for (at, one) in ranges.iter().enumerate() {
                let is_paired = pairs.iter().any(|(first, second)| [*first, *second].contains(&at));
                let expected = ranges.iter().any(|other| overlaps(one, other));
                prop_assert_eq!(is_paired, expected, "{}", at);
            }
        }
    }
}
