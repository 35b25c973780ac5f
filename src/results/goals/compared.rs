//! Goals compared: by what users amount to, or by the share of users who reached them.

use super::observed::cap_of;
use super::{CappedUsers, GoalComparison, GoalResult, GoalVariantResult, ObservedGoal};
use crate::count::users::GoalUsers;
use crate::model::goal::definition::MAX_DECIMALS;
use crate::model::goal::of_experiment::{Better, Role};
use crate::model::path::quote;
use crate::results::analysis::{Analysis, AnalysisError, treatments};
use crate::results::comparison::Finding;
use crate::results::confidence::Interval;
use crate::results::means::{
    Cap, Guardrail, GuardrailStatus, Moments, Sample, Values, VariantMean,
};
use crate::results::measure::Measure;
use crate::results::observations::{Observations, Observed, Unit};
use crate::results::proportion::Proportion;
use crate::results::sample_ratio::SampleRatioStatus;
use crate::results::sequential::AlwaysValid;
use crate::results::special::float;

/// What the comparisons of one goal have in common.
#[derive(Clone, Copy)]
struct Terms {
    better: Better,
    /// Of a guardrail.
    guardrail: Option<Guardrail>,
    /// How many comparisons of its role are made together.
    comparisons: u64,
    /// The share of the level that all of them have.
    share: f64,
    is_withheld: bool,
    /// Whether what is compared are shares.
    is_share: bool,
}

impl Analysis {
    /// What was observed of each goal. All but the primary one are compared, where each unit is
    /// counted once: the level is divided over the secondary goals and treatments, and for harm over
    /// the guardrails and treatments.
    pub(in crate::results) fn goals(
        &self,
        observed: &Observations,
        control: &Observed,
        unit: Unit,
        share: f64,
        split: SampleRatioStatus,
    ) -> Result<Vec<GoalResult>, AnalysisError> {
        let each = observed.goals.iter().map(|goal| {
            let users = users_of(goal, observed, unit)?;
            let values = values_of(goal, observed, unit)?;
            let of_role = observed.goals.iter().filter(|other| other.role == goal.role).count();
            let treated = treatments(control, &observed.variants).count();
            let comparisons = of_role.saturating_mul(treated);
            let comparisons = u64::try_from(comparisons).unwrap_or(u64::MAX).max(1);
            let terms = Terms {
                better: goal.better,
                guardrail: guardrail_of(goal, comparisons)?,
                comparisons,
                share,
                is_withheld: split == SampleRatioStatus::Mismatch,
                is_share: values.is_none(),
            };
            let samples = match (values, users.as_deref()) {
                _ if goal.role == Role::Primary => None,
                (Some(values), _) => Some(values.samples().map(Some).collect()),
                (None, Some(users)) => Some(samples(users, &observed.variants)),
                (None, None) => None,
            };
            let capped = values.and_then(Values::capped_in_all);
            let stated = values.and(goal.cap).and_then(|cap| cap_of(cap, goal.decimals));
            Ok(GoalResult {
                key: goal.key.clone(),
                role: goal.role,
                better: goal.better,
                measure: values.map_or(Measure::Share, Values::measure),
                margin: goal.margin,
                since: goal.since,
                unit: goal.unit.clone(),
                decimals: goal.decimals,
                cap: stated.or(capped.map(|capped| capped.cap())).map(Cap::limit),
                capped: capped.map(CappedUsers::of),
                variants: self.variants_of(goal, users.as_deref(), values, control, observed),
                comparisons: samples.map_or_else(Vec::new, |samples| {
                    self.comparisons_of(&samples, control, &observed.variants, terms)
                }),
            })
        });
        each.collect()
    }

    fn variants_of(
        &self,
        goal: &ObservedGoal,
        users: Option<&[GoalUsers]>,
        values: Option<&Values>,
        control: &Observed,
        observed: &Observations,
    ) -> Vec<GoalVariantResult> {
        let each = observed.variants.iter().enumerate().map(|(at, variant)| {
            let users = users.and_then(|users| users.get(at));
            let share = users.and_then(|of| Proportion::new(of.reached, variant.exposed).ok());
            GoalVariantResult {
                key: variant.variant.clone(),
                exposed: variant.exposed,
                reached: users.map(|of| of.reached),
                reached_unexposed: users.map(|of| of.unexposed),
                share: share.map(Proportion::rate),
                interval: share.map(|share| share.wilson(self.confidence)),
                values: values
                    .and_then(|values| self.mean(values, at, control, &observed.variants)),
                capped: values.and_then(|values| values.capped(at)).map(CappedUsers::of),
                counted: goal.counted.as_ref().and_then(|counted| counted.get(at).copied()),
            }
        });
        each.collect()
    }

    /// A variant by itself, beside the one that it is compared with: of several, the one beside
    /// which it needs most.
    fn mean(
        &self,
        values: &Values,
        at: usize,
        control: &Observed,
        variants: &[Observed],
    ) -> Option<VariantMean> {
        let sample = values.sample(at)?;
        let is_control = variants.get(at)?.variant == control.variant;
        let is_other = |other: &Observed| {
            if is_control {
                treatments(control, variants).any(|one| one.variant == other.variant)
            } else {
                other.variant == control.variant
            }
        };
        let others = variants.iter().zip(values.samples()).filter(|(other, _)| is_other(other));
        let beside = others.map(|(_, other)| self.mean_of(sample, other.moments()));
        let most = beside.max_by(|a, b| a.effective_needed.total_cmp(&b.effective_needed));
        Some(most.unwrap_or_else(|| self.mean_of(sample, Moments::new())))
    }

    fn comparisons_of(
        &self,
        samples: &[Option<Sample>],
        control: &Observed,
        variants: &[Observed],
        terms: Terms,
    ) -> Vec<GoalComparison> {
        let sample = |of: &Observed| {
            let at = variants.iter().position(|variant| variant.variant == of.variant)?;
            samples.get(at)?.as_ref()
        };
        let theirs = sample(control);
        let each = treatments(control, variants).map(|treatment| {
            self.comparison_of(&treatment.variant, sample(treatment).zip(theirs), terms)
        });
        each.collect()
    }

    /// Compares two variants; `None` if one has more users who reached the goal than exposed ones.
    fn comparison_of(
        &self,
        variant: &str,
        both: Option<(&Sample, &Sample)>,
        terms: Terms,
    ) -> GoalComparison {
        let mut comparison = GoalComparison {
            variant: variant.to_owned(),
            difference: None,
            lift: None,
            always_valid: None,
            finding: Finding::Withheld,
            margin_left: None,
            status: terms.guardrail.map(|_| GuardrailStatus::Open),
            lacking: None,
        };
        let Some((ours, theirs)) = both else { return comparison };
        let part = terms.share / float(terms.comparisons);
        let found = self.compare_means_at(ours, theirs, terms.better, part);
        comparison.difference = found.difference;
        comparison.lift = found.lift;
        comparison.always_valid = match found.always_valid {
            Some(found) if terms.is_share => Some(of_shares(found)),
            found => found,
        };
        comparison.lacking = found.lacking;
        let guarded = terms
            .guardrail
            .map(|guardrail| self.guard_mean_at(ours, theirs, guardrail, terms.share));
        comparison.margin_left = guarded.and_then(|guarded| guarded.always_valid);
        if !terms.is_withheld {
            comparison.finding = found.finding;
            comparison.status = guarded.map(|guarded| guarded.status);
        }
        comparison
    }
}

/// The users who reached a goal, by variant; `None` unless each unit is counted once.
fn users_of(
    goal: &ObservedGoal,
    observed: &Observations,
    unit: Unit,
) -> Result<Option<Vec<GoalUsers>>, AnalysisError> {
    let expected = observed.variants.len();
    if let Some(users) = goal.users.as_ref().filter(|users| users.len() != expected) {
        let (goal, found) = (quote(&goal.key), users.len());
        return Err(AnalysisError::Reached { goal, found, expected });
    }
    if !unit.is_independent() {
        return Ok(None);
    }
    if goal.role != Role::Primary {
        return Ok(goal.users.clone());
    }
    // Its events are the conversions.
    let each = observed.variants.iter().map(|variant| GoalUsers {
        reached: variant.converted,
        unexposed: variant.converted_unexposed,
    });
    Ok(Some(each.collect()))
}

fn guardrail_of(goal: &ObservedGoal, comparisons: u64) -> Result<Option<Guardrail>, AnalysisError> {
    let Some(margin) = goal.margin else { return Ok(None) };
    let guardrail = Guardrail::new(goal.better, margin)
        .map_err(|_| AnalysisError::Margin { goal: quote(&goal.key), found: margin.to_string() })?;
    Ok(Some(guardrail.comparisons(comparisons)))
}

/// What users amount to; `None` where shares are compared.
fn values_of<'g>(
    goal: &'g ObservedGoal,
    observed: &Observations,
    unit: Unit,
) -> Result<Option<&'g Values>, AnalysisError> {
    let Some(values) = goal.values.as_ref() else { return Ok(None) };
    let (expected, found) = (observed.variants.len(), values.samples().len());
    if found != expected {
        return Err(AnalysisError::Reached { goal: quote(&goal.key), found, expected });
    }
    if values.decimals > MAX_DECIMALS {
        return Err(AnalysisError::Decimals { goal: quote(&goal.key), found: values.decimals });
    }
    let differs = |variant: &Observed, users: u64| variant.exposed != users;
    let users = values.samples().map(|sample| sample.moments().users());
    let odd = observed.variants.iter().zip(users).find(|(variant, users)| differs(variant, *users));
    if let Some((variant, found)) = odd {
        let (goal, variant, expected) =
            (quote(&goal.key), quote(&variant.variant), variant.exposed);
        return Err(AnalysisError::Values { goal, variant, found, expected });
    }
    Ok(unit.is_independent().then_some(values))
}

/// A one for each user who reached a goal, and a zero for each who did not. `None` for a variant
/// with more users who reached it than exposed ones.
fn samples(users: &[GoalUsers], variants: &[Observed]) -> Vec<Option<Sample>> {
    let each = users.iter().zip(variants).map(|(users, variant)| {
        let others = variant.exposed.checked_sub(users.reached)?;
        Sample::of([(1, users.reached), (0, others)]).ok()
    });
    each.collect()
}

/// A difference of shares is from -1 to 1.
fn of_shares(found: AlwaysValid) -> AlwaysValid {
    let Interval { low, high } = found.interval;
    AlwaysValid { interval: Interval::within(low, high, -1.0, 1.0), ..found }
}
