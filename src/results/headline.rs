//! The headline: every treatment compared with the control by what the primary goal is about.

use super::adjustment::holm;
use super::analysis::{Analysis, treatments};
use super::bayes::chance_to_beat;
use super::comparison::{AtPlannedEnd, Comparison, Finding};
use super::difference::{difference, lift, lift_interval, newcombe, z_test};
use super::exact::ExactTest;
use super::goals::ObservedGoal;
use super::means;
use super::observations::{Observations, Observed, Unit};
use super::proportion::Proportion;
use super::sequential::{AlwaysValid, confidence_sequence};
use super::special::float;
use super::spending::at_share;
use crate::model::goal::of_experiment::Better;

impl Analysis {
    /// Compares every other variant above 0 % with the control, if the control is above 0 %: by the
    /// means of the primary goal where its values are known, else by the share that converted.
    pub(super) fn headline(
        &self,
        observed: &Observations,
        control: &Observed,
        unit: Unit,
        share: f64,
    ) -> Vec<Comparison> {
        let primary = observed.primary_goal();
        let better = primary.map_or_else(Better::default, ObservedGoal::better);
        let values = primary.and_then(ObservedGoal::values).filter(|_| unit.is_independent());
        let variants = &observed.variants;
        let sample = |of: &Observed| {
            let at = variants.iter().position(|variant| variant.variant == of.variant)?;
            values?.sample(at)
        };
        let treatments: Vec<&Observed> = treatments(control, variants).collect();
        let count = u64::try_from(treatments.len()).unwrap_or(u64::MAX);
        // Bonferroni: if each holds at its part of the level, all together hold at the share.
        let part = share / float(count.max(1));
        let mut comparisons: Vec<Comparison> = treatments
            .iter()
            .map(|treatment| match sample(treatment).zip(sample(control)) {
                None => self.of_shares(treatment, control, unit, better, part),
                Some((ours, theirs)) => {
                    let found = self.compare_means_at(ours, theirs, better, part);
                    of_means(treatment, control, &found)
                }
            })
            .collect();
        let tested = comparisons.iter_mut().filter_map(|one| {
            let p_value = one.at_planned_end.test?.p_value;
            Some((p_value, &mut one.at_planned_end.adjusted_p_value))
        });
        let (p_values, slots): (Vec<f64>, Vec<&mut Option<f64>>) = tested.unzip();
        for (slot, adjusted) in slots.into_iter().zip(holm(&p_values)) {
            *slot = Some(adjusted);
        }
        comparisons
    }

    fn of_shares(
        &self,
        treatment: &Observed,
        control: &Observed,
        unit: Unit,
        better: Better,
        part: f64,
    ) -> Comparison {
        let mut comparison = nothing_yet(treatment);
        if is_odd(treatment) || is_odd(control) || !unit.is_independent() {
            comparison.finding = Finding::Withheld;
        }
        let proportion = |of: &Observed| Proportion::new(of.converted, of.exposed);
        let (Ok(ours), Ok(theirs)) = (proportion(treatment), proportion(control)) else {
            return comparison;
        };
        comparison.difference = Some(difference(ours, theirs));
        comparison.lift = lift(ours, theirs);
        if !unit.is_independent() {
            return comparison;
        }
        comparison.exact_p_value = ExactTest::shared(treatment.percentage, control.percentage)
            .map(|test| at_share(test.p_value(ours, theirs), part));
        comparison.at_planned_end.interval = Some(newcombe(ours, theirs, self.confidence));
        comparison.at_planned_end.lift_interval = lift_interval(ours, theirs, self.confidence);
        comparison.at_planned_end.test = z_test(ours, theirs);
        comparison.chance_to_beat = Some(match better {
            Better::Higher => chance_to_beat(ours, theirs),
            Better::Lower => chance_to_beat(theirs, ours),
        });
        if self.minimum.is_met_by(treatment) && self.minimum.is_met_by(control) {
            comparison.always_valid = self.always_valid(ours, theirs, part);
            comparison.finding = match comparison.always_valid {
                Some(found) => Finding::of(found.interval, better),
                // Nothing varies: only a minimum of 0 lets that through.
                None => Finding::NotEnoughData,
            };
        }
        comparison
    }

    /// An interval and a p-value at this part of the level.
    fn always_valid(
        &self,
        treatment: Proportion,
        control: Proportion,
        part: f64,
    ) -> Option<AlwaysValid> {
        let alpha = self.confidence.alpha() * part;
        let mut found = confidence_sequence(treatment, control, alpha, self.tuning)?;
        found.p_value = at_share(found.p_value, part);
        Some(found)
    }
}

/// The comparison of two means. There is no exact test of them, and no chance to beat.
fn of_means(treatment: &Observed, control: &Observed, found: &means::Comparison) -> Comparison {
    let is_odd = is_odd(treatment) || is_odd(control);
    Comparison {
        difference: found.difference,
        lift: found.lift,
        always_valid: found.always_valid,
        at_planned_end: found.at_planned_end,
        finding: if is_odd { Finding::Withheld } else { found.finding },
        lacking: found.lacking,
        ..nothing_yet(treatment)
    }
}

fn nothing_yet(treatment: &Observed) -> Comparison {
    Comparison {
        variant: treatment.variant.clone(),
        difference: None,
        lift: None,
        always_valid: None,
        exact_p_value: None,
        at_planned_end: AtPlannedEnd {
            interval: None,
            lift_interval: None,
            test: None,
            adjusted_p_value: None,
        },
        chance_to_beat: None,
        finding: Finding::NotEnoughData,
        lacking: None,
    }
}

/// Whether more converted than were exposed.
fn is_odd(of: &Observed) -> bool {
    of.converted > of.exposed
}
