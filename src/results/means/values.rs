//! What the users of each variant amount to, as an analysis of goals reads it.

use std::iter::once;

use super::{Cap, Capped, Sample};
use crate::results::measure::Measure;

/// What the users of each variant amount to, in one unit: for
/// [`Observations::primary_means`](crate::results::Observations::primary_means) and its kin.
///
/// # Examples
///
/// ```
/// use fairsplit::results::means::{Cap, Capped, Sample, Values};
///
/// // Cents, and how many users have them.
/// let control = [(0, 950), (2_000, 50)];
/// let treatment = [(0, 950), (2_000, 49), (2_500_000, 1)];
///
/// let cap = Cap::new(50_000)?; // 500 EUR
/// let mut values = Values::new("EUR", 2);
/// for users in [control.to_vec(), treatment.to_vec()] {
///     let mut capped = Capped::by(cap);
///     users.iter().for_each(|(value, users)| capped.add(*value, *users));
///     let sample = Sample::of(users.into_iter().map(|(value, users)| (cap.clamp(value), users)))?;
///     values = values.capped_variant(sample, capped);
/// }
/// # let _ = values;
/// # Ok::<(), fairsplit::results::means::MeansError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "values do nothing until they are part of observations"]
pub struct Values {
    pub(in crate::results) unit: String,
    pub(in crate::results) decimals: u8,
    variants: Vec<(Sample, Option<Capped>)>,
}

impl Values {
    /// Values in this unit, with this number of decimals: 0 to
    /// [`MAX_DECIMALS`](crate::goals::MAX_DECIMALS). Without variants yet.
    pub fn new(unit: impl Into<String>, decimals: u8) -> Values {
        Values { unit: unit.into(), decimals, variants: Vec::new() }
    }

    /// Adds a variant, in the order of the variants: the values of all its exposed users, those of 0
    /// included.
    pub fn variant(mut self, sample: Sample) -> Values {
        self.variants.push((sample, None));
        self
    }

    /// The same, of values to which a cap has been applied, and what it took from them.
    pub fn capped_variant(mut self, sample: Sample, capped: Capped) -> Values {
        self.variants.push((sample, Some(capped)));
        self
    }

    /// With the sums of the users of a variant, of which this number were exposed; the others have
    /// 0. `None` if there are more sums than users, or if a sum is out of range.
    pub(in crate::results) fn with_sums(
        mut self,
        sums: &[i64],
        exposed: u64,
        cap: Option<Cap>,
    ) -> Option<Values> {
        let without = exposed.checked_sub(u64::try_from(sums.len()).ok()?)?;
        let clamp = |sum: i64| cap.map_or(sum, |cap| cap.clamp(sum));
        let each = sums.iter().map(|sum| (clamp(*sum), 1)).chain(once((0, without)));
        let capped = cap.map(|cap| {
            let mut capped = Capped::by(cap);
            for sum in sums {
                capped.add(*sum, 1);
            }
            capped
        });
        self.variants.push((Sample::of(each).ok()?, capped));
        Some(self)
    }

    /// What is compared by them.
    pub(in crate::results) fn measure(&self) -> Measure {
        Measure::Mean { unit: self.unit.clone(), decimals: self.decimals }
    }

    /// Those of each variant.
    pub(in crate::results) fn samples(&self) -> impl ExactSizeIterator<Item = Sample> {
        self.variants.iter().map(|(sample, _)| *sample)
    }

    pub(in crate::results) fn sample(&self, at: usize) -> Option<&Sample> {
        self.variants.get(at).map(|(sample, _)| sample)
    }

    pub(in crate::results) fn capped(&self, at: usize) -> Option<Capped> {
        self.variants.get(at)?.1
    }

    /// What the cap took from all variants.
    pub(in crate::results) fn capped_in_all(&self) -> Option<Capped> {
        self.variants.iter().filter_map(|(_, capped)| *capped).reduce(Capped::and)
    }
}
