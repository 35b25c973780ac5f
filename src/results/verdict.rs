//! What the results amount to, in one value and one sentence.

use std::fmt;

use serde::Serialize;

use super::comparison::{Comparison, Finding};
use super::goals::GoalResult;
use super::means::{Arm, GuardrailStatus, Lacking};
use super::measure::Measure;
use super::minimum::Minimum;
use super::observations::{Observed, Unit};
use super::sample_ratio::{SampleRatio, SampleRatioStatus};
use super::text::{PValue, shown};
use crate::model::goal::of_experiment::Better;

/// What an experiment has shown. It rests only on figures that are valid at every look. Displays as
/// a sentence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Users were not split in the shares of the percentages: no comparison can be trusted.
    #[non_exhaustive]
    SampleRatioMismatch {
        /// A variant of 0 % that has exposures or conversions, if that is the reason.
        unserved: Option<String>,
        /// The sequential p-value of the sample ratio.
        p_value: Option<f64>,
    },
    /// The counts are of events, not users: a user who comes back is counted several times, so no
    /// test holds. [`Engine::count_users`](crate::Engine::count_users) counts each user once.
    UsersNotCounted,
    /// More converted than were exposed, so there is no rate.
    #[non_exhaustive]
    NoRate {
        /// The first such variant.
        variant: String,
        /// What was counted.
        unit: Unit,
        /// How many converted.
        converted: u64,
        /// How many were exposed.
        exposed: u64,
    },
    /// There is no second variant above 0 %, or the control has 0 %.
    NothingToCompare,
    /// Too few units were exposed, converted, or did not convert, for the always-valid interval to
    /// hold; of means, too few users carry the sum.
    #[non_exhaustive]
    NotEnoughData {
        /// The variant that lacks data; of two, the one that lacks more.
        variant: String,
        /// What was counted.
        unit: Unit,
        /// How many were exposed to it.
        exposed: u64,
        /// How many of these converted.
        converted: u64,
        /// How many have to be exposed in each of the two variants compared.
        exposed_needed: u64,
        /// How many of these have to have converted, and how many have to have not. Of means 0.
        converted_needed: u64,
        /// Of means: how many [effective users](super::means::Sample::effective_users) it has.
        #[serde(skip_serializing_if = "Option::is_none")]
        effective_users: Option<f64>,
        /// Of means: how many effective users it needs.
        #[serde(skip_serializing_if = "Option::is_none")]
        effective_needed: Option<f64>,
    },
    /// The intervals contain 0. This is not a proof that there is no difference.
    #[non_exhaustive]
    NoDifferenceYet {
        /// The smallest always-valid p-value.
        p_value: Option<f64>,
    },
    /// A variant is better than the control.
    #[non_exhaustive]
    Better {
        /// The better variant; of several, the one with the best rate or mean.
        variant: String,
        /// The control's key.
        control: String,
        /// What is compared.
        #[serde(skip_serializing_if = "Measure::is_share")]
        measure: Measure,
        /// Its rate or mean less the control's, as `measure` says; below 0 where lower is better.
        difference: f64,
        /// The two means, if means are compared.
        #[serde(skip_serializing_if = "Option::is_none")]
        means: Option<TwoMeans>,
        /// The always-valid p-value.
        p_value: f64,
        /// The keys of the guardrails that it harms.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        harmed: Vec<String>,
        /// The keys of the guardrails that are not shown to be kept, nor to be harmed.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        open: Vec<String>,
    },
    /// No variant is better than the control, and one is worse.
    #[non_exhaustive]
    Worse {
        /// The worse variant; of several, the one with the worst rate or mean.
        variant: String,
        /// The control's key.
        control: String,
        /// What is compared.
        #[serde(skip_serializing_if = "Measure::is_share")]
        measure: Measure,
        /// Its rate or mean less the control's, as `measure` says; above 0 where lower is better.
        difference: f64,
        /// The two means, if means are compared.
        #[serde(skip_serializing_if = "Option::is_none")]
        means: Option<TwoMeans>,
        /// The always-valid p-value.
        p_value: f64,
    },
}

/// The means of two variants, in minor units for each user.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TwoMeans {
    /// That of the variant.
    pub variant: f64,
    /// That of the control.
    pub control: f64,
}

impl Verdict {
    /// Whether the verdict names a difference.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        matches!(self, Verdict::Better { .. } | Verdict::Worse { .. })
    }

    /// Checks the sample ratio first, then whether there are rates and comparisons, then what these
    /// found.
    pub(super) fn of(
        sample_ratio: &SampleRatio,
        unit: Unit,
        control: &Observed,
        variants: &[Observed],
        comparisons: &[Comparison],
        primary: Option<&GoalResult>,
        minimum: Minimum,
    ) -> Verdict {
        if sample_ratio.status == SampleRatioStatus::Mismatch {
            return Verdict::SampleRatioMismatch {
                unserved: sample_ratio.unserved.first().cloned(),
                p_value: sample_ratio.sequential_p_value,
            };
        }
        if !unit.is_independent() && !comparisons.is_empty() {
            return Verdict::UsersNotCounted;
        }
        if let Some(odd) = variants.iter().find(|variant| variant.converted > variant.exposed) {
            let (converted, exposed) = (odd.converted, odd.exposed);
            return Verdict::NoRate { variant: odd.variant.clone(), unit, converted, exposed };
        }
        if comparisons.is_empty() {
            return Verdict::NothingToCompare;
        }
        let found = |finding| comparisons.iter().filter(move |one| one.finding == finding);
        let better = primary.map_or_else(Better::default, |goal| goal.better);
        let gain = |one: &&Comparison| match better {
            Better::Higher => one.difference.unwrap_or_default(),
            Better::Lower => -one.difference.unwrap_or_default(),
        };
        let best = found(Finding::Better).max_by(|a, b| gain(a).total_cmp(&gain(b)));
        if let Some(verdict) = best.and_then(|one| decided(one, &control.variant, primary)) {
            return verdict;
        }
        let worst = found(Finding::Worse).min_by(|a, b| gain(a).total_cmp(&gain(b)));
        if let Some(verdict) = worst.and_then(|one| decided(one, &control.variant, primary)) {
            return verdict;
        }
        if let Some(lacking) = found(Finding::NotEnoughData).next() {
            let treatment = variants.iter().find(|one| one.variant == lacking.variant);
            // Of two variants that lack data, name the one that lacks more.
            let of_two = || {
                let two = [Some(control), treatment].into_iter().flatten();
                two.max_by_key(|one| minimum.lacking(one)).unwrap_or(control)
            };
            let of = match lacking.lacking {
                None => of_two(),
                Some(missing) if missing.arm() == Arm::Control => control,
                Some(_) => treatment.unwrap_or(control),
            };
            let values = primary.and_then(|goal| goal.values_of(&of.variant));
            let effective_needed = match lacking.lacking {
                Some(Lacking::EffectiveUsers { needed, .. }) => Some(needed),
                _ => values.map(|values| values.effective_needed),
            };
            return Verdict::NotEnoughData {
                variant: of.variant.clone(),
                unit,
                exposed: of.exposed,
                converted: of.converted,
                exposed_needed: minimum.exposed,
                converted_needed: if values.is_some() { 0 } else { minimum.converted },
                effective_users: values.map(|values| values.effective_users),
                effective_needed: values.and(effective_needed),
            };
        }
        let p_values = comparisons.iter().filter_map(|one| Some(one.always_valid?.p_value));
        Verdict::NoDifferenceYet { p_value: p_values.reduce(f64::min) }
    }

    /// With the guardrails that the better variant does not keep.
    pub(super) fn with_guardrails(mut self, goals: &[GoalResult]) -> Verdict {
        if let Verdict::Better { variant, harmed, open, .. } = &mut self {
            let with = |status| {
                let of = goals.iter().filter(|goal| goal.status_of(variant) == Some(status));
                of.map(|goal| goal.key.clone()).collect()
            };
            *harmed = with(GuardrailStatus::Harmed);
            *open = with(GuardrailStatus::Open);
        }
        self
    }
}

fn decided(
    comparison: &Comparison,
    control: &str,
    primary: Option<&GoalResult>,
) -> Option<Verdict> {
    let measure = primary.map_or(Measure::Share, |goal| goal.measure.clone());
    let mean = |variant: &str| primary?.values_of(variant)?.mean;
    let means = mean(&comparison.variant).zip(mean(control));
    let means = means.map(|(variant, control)| TwoMeans { variant, control });
    let (variant, control) = (comparison.variant.clone(), control.to_owned());
    let (difference, p_value) = (comparison.difference?, comparison.always_valid?.p_value);
    Some(match comparison.finding {
        Finding::Better => {
            let (harmed, open) = (Vec::new(), Vec::new());
            Verdict::Better { variant, control, measure, difference, means, p_value, harmed, open }
        }
        _ => Verdict::Worse { variant, control, measure, difference, means, p_value },
    })
}

/// By how much one variant is better or worse: in points, or in the unit of the goal.
fn by(measure: &Measure, difference: f64, means: Option<TwoMeans>) -> String {
    let size = measure.plain(difference.abs());
    match measure {
        Measure::Share => format!("{size} points"),
        Measure::Mean { unit, .. } => {
            let of = |means: TwoMeans| {
                let (control, variant) =
                    (measure.plain(means.control), measure.plain(means.variant));
                format!(", {control} -> {variant}")
            };
            let means = means.map(of).unwrap_or_default();
            format!("{size} {} for each user{means}", shown(unit))
        }
    }
}

/// The guardrails of a status, if there are any.
fn not_kept(status: &str, goals: &[String]) -> String {
    let names: Vec<String> = goals.iter().map(|goal| shown(goal)).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("; guardrails {status}: {}", names.join(", "))
    }
}

/// Without what is after the first decimal: 49.97 of 50 are not 50.0.
fn tenths(number: f64) -> f64 {
    (number * 10.0).floor() / 10.0
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::SampleRatioMismatch { unserved: Some(variant), .. } => write!(
                f,
                "No verdict, the split is broken: {}, a variant of 0 %, has exposures or conversions. \
                 Find out why before you trust any figure here.",
                shown(variant)
            ),
            Verdict::SampleRatioMismatch { p_value, .. } => {
                f.write_str("No verdict, the split is broken: the variants were not served in the shares of their percentages")?;
                if let Some(p_value) = p_value {
                    write!(f, " (p {})", PValue(*p_value))?;
                }
                f.write_str(". Find out why before you trust any figure here.")
            }
            Verdict::UsersNotCounted => f.write_str(
                "No verdict from events: a user who comes back is counted each time. Engine::count_users \
                 counts each user once; Analysis::one_event_per_unit states that each event is of another \
                 user.",
            ),
            Verdict::NoRate { variant, unit, converted, exposed } => write!(
                f,
                "No verdict, there is no rate: {} has {converted} converted of {exposed} exposed {unit}. \
                 Count each user once, or see what the conversions alone say.",
                shown(variant)
            ),
            Verdict::NothingToCompare => f.write_str(
                "Nothing to compare: the control, or every other variant, has 0 %.",
            ),
            Verdict::NotEnoughData {
                variant,
                unit,
                exposed,
                converted,
                exposed_needed,
                converted_needed,
                effective_users: None,
                ..
            } => write!(
                f,
                "Not enough data: {} has {exposed} exposed {unit}, of which {converted} converted. Each \
                 variant compared needs {exposed_needed}, of which {converted_needed} converted and \
                 {converted_needed} did not.",
                shown(variant)
            ),
            Verdict::NotEnoughData {
                variant,
                unit,
                exposed,
                exposed_needed,
                effective_users: Some(effective),
                effective_needed,
                ..
            } => {
                let (effective, needed) = (tenths(*effective), effective_needed.unwrap_or_default());
                write!(
                    f,
                    "Not enough data: {} has {exposed} exposed {unit}, of which {effective:.1} are \
                     effective. It needs {exposed_needed}, of which {needed:.1} are effective.",
                    shown(variant)
                )
            }
            Verdict::NoDifferenceYet { p_value } => {
                let p = p_value.map(|p| format!(" (always-valid p {})", PValue(p))).unwrap_or_default();
                write!(f, "No difference shown yet{p}. That is no proof that there is none.")
            }
            Verdict::Better {
                variant,
                control,
                measure,
                difference,
                means,
                p_value,
                harmed,
                open,
            } => {
                let lower = if *difference < 0.0 { "lower " } else { "" };
                write!(
                    f,
                    "{} is better than {}, {lower}by {} (always-valid p {})",
                    shown(variant),
                    shown(control),
                    by(measure, *difference, *means),
                    PValue(*p_value)
                )?;
                write!(f, "{}{}.", not_kept("harmed", harmed), not_kept("open", open))
            }
            Verdict::Worse { variant, control, measure, difference, means, p_value } => {
                let higher = if *difference > 0.0 { "higher " } else { "" };
                write!(
                    f,
                    "{} is worse than {}, {higher}by {} (always-valid p {}).",
                    shown(variant),
                    shown(control),
                    by(measure, *difference, *means),
                    PValue(*p_value)
                )
            }
        }
    }
}
