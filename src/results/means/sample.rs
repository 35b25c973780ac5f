//! The values of a variant's users, walked twice: moments, and how many users carry them.

use super::{MeansError, Moments};
use crate::results::special::{float, wide_float};

/// The values of one variant: their [`Moments`], and how many [effective
/// users](Sample::effective_users) carry them, which a comparison needs before it is made.
///
/// Needs two walks over the values, and no memory for each of them. [`Sample::of`] walks an
/// iterator twice; [`Sample::around`] is for a caller who walks the users of all variants at once.
///
/// # Examples
///
/// ```
/// use fairsplit::results::means::{Moments, Sample};
///
/// let values = [(0, 950), (2_000, 49), (2_500_000, 1)]; // one user bought everything
/// let sample = Sample::of(values)?;
/// assert!(sample.effective_users() < 1.1);
///
/// // The same by hand: the first walk for the mean, the second around it.
/// let mut first = Moments::new();
/// for (value, users) in values {
///     first.add(value, users)?;
/// }
/// let mut second = Sample::around(first);
/// for (value, users) in values {
///     second.add(value, users)?;
/// }
/// assert_eq!(second, sample);
/// # Ok::<(), fairsplit::results::means::MeansError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sample {
    centre: Moments,
    all: Moments,
    above: Moments,
}

impl Sample {
    /// The sample of these values, each with the number of users who have it. Walks the iterator
    /// twice.
    ///
    /// # Errors
    ///
    /// [`MeansError::Value`] if a value is out of range, and [`MeansError::TooLarge`] if a sum is.
    pub fn of<V>(values: V) -> Result<Sample, MeansError>
    where
        V: IntoIterator<Item = (i64, u64)> + Clone,
    {
        let mut first = Moments::new();
        for (value, users) in values.clone() {
            first.add(value, users)?;
        }
        let mut sample = Sample::around(first);
        for (value, users) in values {
            sample.add(value, users)?;
        }
        Ok(sample)
    }

    /// A sample without users yet, around the mean that a first walk over the same values has
    /// found.
    ///
    /// Where values change between the two walks, the figures are those of the second, and effective
    /// users are counted around a mean that is slightly off.
    #[must_use]
    pub fn around(first: Moments) -> Sample {
        Sample { centre: first, all: Moments::new(), above: Moments::new() }
    }

    /// Adds this number of users who each have this value.
    ///
    /// # Errors
    ///
    /// [`MeansError::Value`] if the value is out of range, and [`MeansError::TooLarge`] if a sum
    /// would be. Then nothing is added.
    pub fn add(&mut self, value: i64, users: u64) -> Result<(), MeansError> {
        self.all.add(value, users)?;
        if value > self.centre.mean_rounded_down() {
            self.above.add(value, users)?;
        }
        Ok(())
    }

    /// The number of users, the sum of their values and the sum of the squares.
    #[must_use]
    pub fn moments(&self) -> Moments {
        self.all
    }

    /// How many users carry the differences from the mean: with D the sum of the distances of the
    /// values from it, D^2 / (4 times the sum of the squared distances).
    ///
    /// Of users who have one value or 0, it is n p (1 - p), with p the share of those who have it:
    /// nearly the number of buyers, where few buy. Where everybody has a value, it is at most n / 4:
    /// 0.16 n of a normal distribution, and fewer the longer the tail. One user who amounts to as
    /// much as all others together leaves about one. 0 where all values are equal.
    #[must_use]
    pub fn effective_users(&self) -> f64 {
        // The mean is whole + part, with part below 1. Values are integers, so that each is at most
        // whole, or at least whole + 1. All terms below are at least 0, and nothing cancels.
        let whole = self.centre.mean_rounded_down();
        let part = self.centre.mean_from(whole);
        let rest = 1.0 - part;
        let above = self.above.sum_from(whole);
        let users_above = i128::from(self.above.users());
        let below = above.wrapping_sub(self.all.sum_from(whole));
        let users_below = i128::from(self.all.users()).wrapping_sub(users_above);
        let distance = wide_float(above.wrapping_sub(users_above))
            + wide_float(users_above) * rest
            + wide_float(below)
            + wide_float(users_below) * part;
        let off = self.all.mean_from(whole) - part;
        let squares = self.all.deviations_squared() + float(self.all.users()) * off * off;
        if squares > 0.0 { distance * (distance / squares) / 4.0 } else { 0.0 }
    }
}
