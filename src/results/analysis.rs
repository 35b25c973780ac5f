//! What to ask of the counts, and the analysis that answers it.

use thiserror::Error;

use super::comparison::{Finding, Total, VariantResult};
use super::confidence::Confidence;
use super::conversions_only::{ConversionsOnly, conversions_only};
use super::minimum::Minimum;
use super::notes::Note;
use super::observations::{Observations, Observed, Period, Unit};
use super::proportion::Proportion;
use super::report::Results;
use super::sample_ratio::{SampleRatio, SampleRatioStatus};
use super::special::float;
use super::spending::{at_share, share_of_level};
use super::verdict::Verdict;
use crate::count::counts::Counts;
use crate::count::users::UserCounts;
use crate::engine::Engine;
use crate::model::experiment::Experiment;
use crate::model::goal::definition::MAX_DECIMALS;
use crate::model::goal::of_experiment::Role;
use crate::model::id::ExperimentId;
use crate::model::path::quote;

/// What to ask of the counts: at which confidence, against which control, over which period.
///
/// # Examples
///
/// ```
/// use fairsplit::results::{Analysis, Confidence, Observations, Unit};
///
/// let observed = Observations::new(Unit::Users)
///     .variant("blue", 40, 4_000, 400)
///     .variant("green", 40, 4_100, 480)
///     .variant("old", 20, 2_000, 190);
/// let analysis = Analysis::new().control("old").confidence(Confidence::new(0.9)?);
/// let results = analysis.results_of(&observed)?;
/// assert_eq!(results.comparisons.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an analysis does nothing until it is given counts"]
pub struct Analysis {
    pub(super) confidence: Confidence,
    control: Option<String>,
    period: Period,
    pub(super) tuning: f64,
    pub(super) minimum: Minimum,
    pub(super) minimum_effective: u64,
    has_single_events: bool,
}

impl Analysis {
    /// An analysis at a confidence of 0.95, against the first variant, since the last start.
    /// Always-valid intervals are narrowest at 5,000 units, and each of the two variants of a
    /// comparison needs at least 100 exposed, 20 converted and 20 not converted; of
    /// [means](super::means), 100 exposed and 50 effective users.
    pub fn new() -> Analysis {
        Analysis {
            confidence: Confidence::default(),
            control: None,
            period: Period::default(),
            tuning: 5000.0,
            minimum: Minimum { exposed: 100, converted: 20 },
            minimum_effective: 50,
            has_single_events: false,
        }
    }

    /// Sets the confidence of every interval and of the verdict.
    pub fn confidence(self, confidence: Confidence) -> Analysis {
        Analysis { confidence, ..self }
    }

    /// Compares every other variant with the variant of this key, which is chosen before the start:
    /// a choice after a look makes more comparisons than the figures adjust for.
    pub fn control(self, variant: impl Into<String>) -> Analysis {
        Analysis { control: Some(variant.into()), ..self }
    }

    /// Analyses the counts of this period.
    pub fn period(self, period: Period) -> Analysis {
        Analysis { period, ..self }
    }

    /// Sets the number of units, in the two variants together, at which always-valid intervals are
    /// narrowest; at least 1. The intervals hold for any number that is chosen before the start.
    pub fn tuning(self, units: u64) -> Analysis {
        Analysis { tuning: float(units.max(1)), ..self }
    }

    /// Sets what each of the two variants of a comparison needs before it has an always-valid
    /// interval, and so a verdict: this number exposed, of which at least `converted` converted and
    /// at least `converted` did not. Below the default, error rates may exceed their level.
    pub fn minimum(self, exposed: u64, converted: u64) -> Analysis {
        Analysis { minimum: Minimum { exposed, converted }, ..self }
    }

    /// Sets how many [effective users](super::means::Sample::effective_users) each of two variants
    /// needs before their means have an always-valid interval, beside the number exposed of
    /// [`minimum`](Analysis::minimum): this number where the variant has at least a fifth of the
    /// users of the two, twice that where it has a tenth or less, and between them in proportion.
    /// Below the default, error rates may exceed their level.
    pub fn minimum_effective(self, users: u64) -> Analysis {
        Analysis { minimum_effective: users, ..self }
    }

    /// States that each event belongs to a different unit: no unit is exposed twice or converts
    /// twice. Events are then analysed as users are, with p-values and a verdict, and the unit of
    /// the results is [`Unit::SingleEvents`].
    ///
    /// The engine cannot check this. If users do come back, verdicts err far more often than they
    /// state.
    pub fn one_event_per_unit(self) -> Analysis {
        Analysis { has_single_events: true, ..self }
    }

    /// The results of an experiment as an engine counted it: of the last run's users if `users` is
    /// given, else of events. [`Period::Ever`] is of events in any case: users are counted by run.
    /// Events have rates but no verdict, unless each event belongs to a [different
    /// unit](Analysis::one_event_per_unit).
    ///
    /// Of the experiment's goals they have the users, and what these amount to. Events, and the sums of
    /// all users, are known to [`Engine::analyse`] alone.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] if the counts belong to another experiment, or if no variant has the
    /// control's key.
    pub fn results(
        &self,
        experiment: &Experiment,
        counts: &Counts,
        users: Option<&UserCounts>,
    ) -> Result<Results, AnalysisError> {
        let expected = experiment.id();
        for found in [Some(counts.experiment()), users.map(UserCounts::experiment)] {
            if let Some(found) = found.filter(|found| *found != expected) {
                return Err(AnalysisError::OtherExperiment { expected, found });
            }
        }
        self.results_of(&Observations::of(experiment, counts, users, self.period))
    }

    /// The results of any observations; their own period applies.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] if no variant has the control's key, if two variants have one key, if the
    /// percentages do not sum to 100, if a goal has numbers of more or fewer variants than there are,
    /// if its values are of another number of users than were exposed or have too many decimals, or if
    /// a margin is not from 0 to 1.
    pub fn results_of(&self, observed: &Observations) -> Result<Results, AnalysisError> {
        let variants = &observed.variants;
        let control = self.control_of(variants)?;
        let unit = match observed.unit {
            Unit::Events if self.has_single_events => Unit::SingleEvents,
            unit => unit,
        };
        let share = share_of_level(observed.one_in);
        let sample_ratio = SampleRatio::of(variants, unit, share);
        let goals = self.goals(observed, control, unit, share, sample_ratio.status)?;
        let mut comparisons = self.headline(observed, control, unit, share);
        if sample_ratio.status == SampleRatioStatus::Mismatch {
            for comparison in &mut comparisons {
                comparison.finding = Finding::Withheld;
            }
        }
        let conversions: Vec<(u64, u8)> = variants
            .iter()
            .map(|variant| {
                let all = variant.converted.saturating_add(variant.converted_unexposed);
                (all, variant.percentage)
            })
            .collect();
        let conversions_only =
            if unit.is_independent() { conversions_only(&conversions) } else { None };
        let conversions_only = conversions_only.map(|test| ConversionsOnly {
            sequential_p_value: at_share(test.sequential_p_value, share),
            ..test
        });
        let primary = goals.iter().find(|goal| goal.role == Role::Primary);
        let verdict = Verdict::of(
            &sample_ratio,
            unit,
            control,
            variants,
            &comparisons,
            primary,
            self.minimum,
        )
        .with_guardrails(&goals);
        let notes = Note::of_goals(&goals, unit, control, variants);
        Ok(Results {
            name: observed.name.clone(),
            unit,
            period: observed.period,
            run: observed.run,
            since: observed.since,
            one_in: observed.one_in.unwrap_or(1),
            confidence: self.confidence,
            control: control.variant.clone(),
            sample_ratio,
            variants: variants
                .iter()
                .map(|one| self.variant(one, observed.one_in.unwrap_or(1)))
                .collect(),
            events: observed.events.clone(),
            comparisons,
            conversions_only,
            goals,
            notes,
            verdict,
        })
    }

    fn control_of<'a>(&self, variants: &'a [Observed]) -> Result<&'a Observed, AnalysisError> {
        let sum = variants.iter().map(|variant| u64::from(variant.percentage)).sum();
        if sum != 100 {
            return Err(AnalysisError::Percentages { found: sum });
        }
        for (at, variant) in variants.iter().enumerate() {
            if variants.iter().take(at).any(|other| other.variant == variant.variant) {
                return Err(AnalysisError::Duplicate { found: quote(&variant.variant) });
            }
        }
        let control = match &self.control {
            None => variants.first(),
            Some(key) => variants.iter().find(|variant| variant.variant == *key),
        };
        control.ok_or_else(|| AnalysisError::NoSuchControl {
            found: quote(self.control.as_deref().unwrap_or_default()),
        })
    }

    fn variant(&self, observed: &Observed, one_in: u64) -> VariantResult {
        let proportion = Proportion::new(observed.converted, observed.exposed).ok();
        VariantResult {
            key: observed.variant.clone(),
            percentage: observed.percentage,
            exposed: observed.exposed,
            converted: observed.converted,
            converted_unexposed: observed.converted_unexposed,
            rate: proportion.map(Proportion::rate),
            interval: proportion.map(|proportion| proportion.wilson(self.confidence)),
            total: (one_in > 1).then(|| total(observed, one_in)),
        }
    }
}

impl Default for Analysis {
    fn default() -> Analysis {
        Analysis::new()
    }
}

/// Every variant above 0 % but the control, if the control is above 0 %.
pub(super) fn treatments<'o>(
    control: &'o Observed,
    variants: &'o [Observed],
) -> impl Iterator<Item = &'o Observed> {
    variants
        .iter()
        .filter(|one| one.variant != control.variant)
        .filter(|one| one.percentage > 0 && control.percentage > 0)
}

/// Estimates totals from a sample that keeps each user with the chance 1 / `one_in`: a binomial
/// draw.
fn total(observed: &Observed, one_in: u64) -> Total {
    let one_in = float(one_in);
    let error = |kept: u64| (float(kept) * (1.0 - 1.0 / one_in)).sqrt() * one_in;
    Total {
        exposed: float(observed.exposed) * one_in,
        exposed_error: error(observed.exposed),
        converted: float(observed.converted) * one_in,
        converted_error: error(observed.converted),
    }
}

/// Why an analysis has no results.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnalysisError {
    /// No variant has the control's key.
    #[error("the control {found:?} is not a variant")]
    #[non_exhaustive]
    NoSuchControl {
        /// The key that was given.
        found: String,
    },
    /// Two variants have one key.
    #[error("there are two variants {found:?}")]
    #[non_exhaustive]
    Duplicate {
        /// The key.
        found: String,
    },
    /// The percentages do not sum to 100; without variants the sum is 0.
    #[error("the percentages sum to {found}, not to 100")]
    #[non_exhaustive]
    Percentages {
        /// What they sum to.
        found: u64,
    },
    /// A goal has numbers of more or fewer variants than there are.
    #[error("the goal {goal:?} has numbers of {found} variants, and there are {expected}")]
    #[non_exhaustive]
    Reached {
        /// The goal's key.
        goal: String,
        /// How many numbers were given.
        found: usize,
        /// How many variants there are.
        expected: usize,
    },
    /// The values of a goal are of another number of users than were exposed: those who have nothing
    /// are users as well.
    #[error(
        "the goal {goal:?} has values of {found} users of the variant {variant:?}, and {expected} were \
         exposed"
    )]
    #[non_exhaustive]
    Values {
        /// The goal's key.
        goal: String,
        /// The variant's key.
        variant: String,
        /// How many users have values.
        found: u64,
        /// How many were exposed.
        expected: u64,
    },
    /// The values of a goal have more decimals than a goal can have.
    #[error("the goal {goal:?} has {found} decimals, and at most {MAX_DECIMALS} can be")]
    #[non_exhaustive]
    Decimals {
        /// The goal's key.
        goal: String,
        /// How many were given.
        found: u8,
    },
    /// The margin of a guardrail is not from 0 to 1.
    #[error("the margin {found} of the guardrail {goal:?} is not from 0 to 1")]
    #[non_exhaustive]
    Margin {
        /// The goal's key.
        goal: String,
        /// The margin that was given, as text.
        found: String,
    },
    /// The counts belong to another experiment.
    #[error("the counts are of the experiment {found}, not of {expected}")]
    #[non_exhaustive]
    OtherExperiment {
        /// The experiment.
        expected: ExperimentId,
        /// The experiment that the counts belong to.
        found: ExperimentId,
    },
}

impl Engine {
    /// The results of an experiment by the default [`Analysis`]: since the last start, against the
    /// first variant. `None` if the configuration has no experiment of this id.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let experiment = NewExperiment::new("Hero Banner", "production")
    ///     .variant("control", "old", 50)
    ///     .variant("treatment", "new", 50)
    ///     .count_users(1_000_000) // of events there is no verdict
    ///     .status(Status::Running);
    /// let id = engine.create_experiment("hero-banner", experiment)?.id();
    /// let production = engine.environment("production")?;
    /// let _banner = production.evaluate("hero-banner", "anna");
    ///
    /// let results = engine.results(id).expect("it was created above");
    /// assert!(results.verdict.to_string().starts_with("Not enough data"));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    #[must_use]
    pub fn results(&self, id: ExperimentId) -> Option<Results> {
        // The default analysis has no error: the first variant always exists.
        self.analyse(id, &Analysis::new())?.ok()
    }

    /// The results of an experiment by this analysis. `None` if the configuration has no experiment
    /// of this id.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] if no variant has the control's key.
    #[must_use]
    pub fn analyse(
        &self,
        id: ExperimentId,
        analysis: &Analysis,
    ) -> Option<Result<Results, AnalysisError>> {
        let (experiment, counts) = (self.experiment(id)?, self.counts(id)?);
        let users = self.users(id);
        let observed = Observations::of(&experiment, &counts, users.as_ref(), analysis.period)
            .with_counts_of_goals(self, id);
        let mut notes = Note::all_of(self, id, analysis.period);
        Some(analysis.results_of(&observed).map(|results| {
            notes.extend(results.notes);
            Results { notes, ..results }
        }))
    }
}
