//! Goals compared by the share of users who reached them.

use super::{GoalComparison, GoalResult, GoalVariantResult, ObservedGoal};
use crate::count::users::GoalUsers;
use crate::model::goal::of_experiment::{Better, Role};
use crate::model::path::quote;
use crate::results::analysis::{Analysis, AnalysisError, treatments};
use crate::results::comparison::Finding;
use crate::results::confidence::Interval;
use crate::results::means::{Guardrail, GuardrailStatus, Sample};
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
            };
            let compared = users.as_deref().filter(|_| goal.role != Role::Primary);
            Ok(GoalResult {
                key: goal.key.clone(),
                role: goal.role,
                better: goal.better,
                margin: goal.margin,
                since: goal.since,
                unit: goal.unit.clone(),
                decimals: goal.decimals,
                variants: self.variants_of(goal, users.as_deref(), &observed.variants),
                comparisons: compared.map_or_else(Vec::new, |users| {
                    self.comparisons_of(users, control, &observed.variants, terms)
                }),
            })
        });
        each.collect()
    }

    fn variants_of(
        &self,
        goal: &ObservedGoal,
        users: Option<&[GoalUsers]>,
        variants: &[Observed],
    ) -> Vec<GoalVariantResult> {
        let each = variants.iter().enumerate().map(|(at, variant)| {
            let users = users.and_then(|users| users.get(at));
            let share = users.and_then(|of| Proportion::new(of.reached, variant.exposed).ok());
            GoalVariantResult {
                key: variant.variant.clone(),
                exposed: variant.exposed,
                reached: users.map(|of| of.reached),
                reached_unexposed: users.map(|of| of.unexposed),
                share: share.map(Proportion::rate),
                interval: share.map(|share| share.wilson(self.confidence)),
                counted: goal.counted.as_ref().and_then(|counted| counted.get(at).copied()),
            }
        });
        each.collect()
    }

    fn comparisons_of(
        &self,
        users: &[GoalUsers],
        control: &Observed,
        variants: &[Observed],
        terms: Terms,
    ) -> Vec<GoalComparison> {
        let sample = |of: &Observed| {
            let at = variants.iter().position(|variant| variant.variant == of.variant)?;
            sample(users.get(at)?.reached, of.exposed)
        };
        let theirs = sample(control);
        let each = treatments(control, variants).map(|treatment| {
            let ours = sample(treatment);
            let both = ours.as_ref().zip(theirs.as_ref());
            self.comparison_of(&treatment.variant, both, terms)
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
        comparison.always_valid = found.always_valid.map(of_shares);
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

/// A one for each user who reached a goal, and a zero for each who did not.
fn sample(reached: u64, exposed: u64) -> Option<Sample> {
    Sample::of([(1, reached), (0, exposed.checked_sub(reached)?)]).ok()
}

/// A difference of shares is from -1 to 1.
fn of_shares(found: AlwaysValid) -> AlwaysValid {
    let Interval { low, high } = found.interval;
    AlwaysValid { interval: Interval::within(low, high, -1.0, 1.0), ..found }
}
