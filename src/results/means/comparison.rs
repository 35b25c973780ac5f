//! Two variants compared by their means.

use serde::{Serialize, Serializer};

use super::difference::{difference, difference_interval, estimate, lift, lift_interval, z_test};
use super::lacking::{Lacking, Minimum};
use super::{Better, Moments, Sample};
use crate::results::analysis::Analysis;
use crate::results::comparison::{AtPlannedEnd, Finding};
use crate::results::confidence::Interval;
use crate::results::sequential::AlwaysValid;
use crate::results::special::wide_float;
use crate::results::spending::at_share;

/// A treatment compared with the control by their means for each user. Figures are in the minor
/// units of the values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The treatment by itself.
    pub treatment: VariantMean,
    /// The control by itself.
    pub control: VariantMean,
    /// Which way the mean should move.
    pub better: Better,
    /// The treatment's mean less the control's. Absent if a variant has no users.
    pub difference: Option<f64>,
    /// The difference as a share of the control's mean. Absent unless that is above 0.
    pub lift: Option<f64>,
    /// Valid at every look: the headline. Absent while anything is `lacking`.
    pub always_valid: Option<AlwaysValid>,
    /// Valid once, at an end that was planned before the start.
    pub at_planned_end: AtPlannedEnd,
    /// What the always-valid interval has shown.
    pub finding: Finding,
    /// Why there is no always-valid interval.
    pub lacking: Option<Lacking>,
}

/// One variant by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VariantMean {
    /// How many users were exposed, with and without a value.
    pub users: u64,
    /// The sum of their values.
    #[serde(serialize_with = "integer")]
    pub sum: i128,
    /// The mean for each of them. Absent without users.
    pub mean: Option<f64>,
    /// The standard deviation, with n - 1. Absent with fewer than two users.
    pub deviation: Option<f64>,
    /// The interval of the mean, for this variant by itself; do not compare variants by it.
    pub interval: Option<Interval>,
    /// How many users carry the sum, see [`Sample::effective_users`].
    pub effective_users: f64,
    /// How many effective users it needs before it is compared.
    pub effective_needed: f64,
}

impl Analysis {
    /// Compares the means of two variants, at this analysis' confidence, tuning and minimum.
    ///
    /// The always-valid interval, and so a finding, needs enough users and [effective
    /// users](Analysis::minimum_effective) in each variant. One comparison has the whole level: with
    /// k treatments, give each a [confidence](Analysis::confidence) of 1 - (1 - confidence) / k.
    /// Whether the split is sound is another question, for
    /// [`sequential_sample_ratio`](crate::results::sequential_sample_ratio).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::results::means::{Better, Sample};
    /// use fairsplit::results::{Analysis, Finding};
    ///
    /// // Milliseconds of 300 users each: what everybody has.
    /// let control = Sample::of((0..300).map(|user| (2_000 + user * 7 % 900, 10)))?;
    /// let treatment = Sample::of((0..300).map(|user| (1_900 + user * 7 % 900, 10)))?;
    /// let found = Analysis::new().compare_means(&treatment, &control, Better::Lower);
    /// assert_eq!((found.difference, found.finding), (Some(-100.0), Finding::Better));
    /// # Ok::<(), fairsplit::results::means::MeansError>(())
    /// ```
    #[must_use]
    pub fn compare_means(
        &self,
        treatment: &Sample,
        control: &Sample,
        better: Better,
    ) -> Comparison {
        self.compare_means_at(treatment, control, better, 1.0)
    }

    /// The same, with the always-valid figures at this part of the level: one of several treatments,
    /// or the share of a sample of the users.
    pub(in crate::results) fn compare_means_at(
        &self,
        treatment: &Sample,
        control: &Sample,
        better: Better,
        part: f64,
    ) -> Comparison {
        let (ours, theirs) = (treatment.moments(), control.moments());
        let found = self.watch_means(treatment, control, 1.0, part);
        let interval = difference_interval(ours, theirs, self.confidence);
        Comparison {
            treatment: self.mean_of(treatment, theirs),
            control: self.mean_of(control, ours),
            better,
            difference: difference(ours, theirs),
            lift: lift(ours, theirs),
            always_valid: found.ok(),
            at_planned_end: AtPlannedEnd {
                interval,
                lift_interval: lift_interval(ours, theirs, self.confidence),
                test: z_test(ours, theirs),
                adjusted_p_value: None,
            },
            finding: found
                .map_or(Finding::NotEnoughData, |found| Finding::of(found.interval, better)),
            lacking: found.err(),
        }
    }

    /// The always-valid figures of the treatment's mean less a multiple of the control's, at this
    /// part of the level, or what is missing.
    pub(super) fn watch_means(
        &self,
        treatment: &Sample,
        control: &Sample,
        multiple: f64,
        part: f64,
    ) -> Result<AlwaysValid, Lacking> {
        if let Some(lacking) = self.minimum_of_means().lacking(treatment, control) {
            return Err(lacking);
        }
        let alpha = self.confidence.alpha() * part;
        let found = estimate(treatment.moments(), control.moments(), multiple)
            .and_then(|estimate| estimate.always_valid(alpha, self.tuning))
            .ok_or(Lacking::Variation)?;
        Ok(AlwaysValid { p_value: at_share(found.p_value, part), ..found })
    }

    fn minimum_of_means(&self) -> Minimum {
        Minimum { users: self.minimum.exposed, effective: self.minimum_effective }
    }

    /// A variant by itself, beside another one of this many users.
    pub(in crate::results) fn mean_of(&self, sample: &Sample, other: Moments) -> VariantMean {
        let moments = sample.moments();
        VariantMean {
            users: moments.users(),
            sum: moments.sum(),
            mean: moments.mean(),
            deviation: moments.variance().map(f64::sqrt),
            interval: moments.interval(self.confidence),
            effective_users: sample.effective_users(),
            effective_needed: self.minimum_of_means().effective_at(moments.users(), other.users()),
        }
    }
}

/// JSON in memory has integers of 64 bits: a larger sum is a float there.
fn integer<S: Serializer>(sum: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    match i64::try_from(*sum) {
        Ok(sum) => serializer.serialize_i64(sum),
        Err(_) => serializer.serialize_f64(wide_float(*sum)),
    }
}
