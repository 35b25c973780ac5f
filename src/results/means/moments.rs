//! A number of users, the sum of their values, and the sum of the squares: exact.

use super::MeansError;
use crate::results::confidence::{Confidence, Interval};
use crate::results::special::{float, wide_float, wide_unsigned_float};

/// The largest value of a user, to either side of 0: integers up to it are exact as floats.
pub(super) const LARGEST: i64 = 1 << 53;

/// How many users there are, the sum of their values, and the sum of the squares of their values.
///
/// All three are integers, so they are exact, and the same whatever the order in which users were
/// added or merged. A user has one value, from -2^53 to 2^53 in minor units.
///
/// # Examples
///
/// ```
/// use fairsplit::results::means::Moments;
///
/// let mut cents = Moments::new();
/// cents.add(0, 97)?; // 97 users who bought nothing
/// cents.add(1_000, 2)?;
/// cents.add(4_000, 1)?;
/// assert_eq!((cents.users(), cents.sum(), cents.squares()), (100, 6_000, 18_000_000));
/// assert_eq!(cents.mean(), Some(60.0));
///
/// // The same, as a warehouse says it: COUNT(*), SUM(y), SUM(y * y).
/// assert_eq!(Moments::of_sums(100, 6_000, 18_000_000)?, cents);
/// # Ok::<(), fairsplit::results::means::MeansError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moments {
    users: u64,
    sum: i128,
    squares: u128,
}

impl Moments {
    /// No users.
    #[must_use]
    pub const fn new() -> Moments {
        Moments { users: 0, sum: 0, squares: 0 }
    }

    /// The moments of sums that were made elsewhere.
    ///
    /// # Errors
    ///
    /// [`MeansError::Sums`] if no integers from -2^53 to 2^53 have these sums: the sum is out of
    /// range, or the sum of squares is below or above what the sum and the users allow.
    pub fn of_sums(users: u64, sum: i128, squares: u128) -> Result<Moments, MeansError> {
        let largest = u128::from(LARGEST.unsigned_abs());
        let within = |most: Option<u128>, found: u128| most.is_none_or(|most| found <= most);
        let most = largest.checked_mul(u128::from(users));
        let most_squares = most.and_then(|most| most.checked_mul(largest));
        let least_squares = least_squares(users, sum.unsigned_abs());
        let is_possible = within(most, sum.unsigned_abs())
            && within(most_squares, squares)
            && least_squares.is_some_and(|least| least <= squares);
        if is_possible {
            Ok(Moments { users, sum, squares })
        } else {
            Err(MeansError::Sums { users, sum, squares })
        }
    }

    /// Adds this number of users who each have this value.
    ///
    /// # Errors
    ///
    /// [`MeansError::Value`] if the value is out of range, and [`MeansError::TooLarge`] if a sum
    /// would be. Then nothing is added.
    pub fn add(&mut self, value: i64, users: u64) -> Result<(), MeansError> {
        if value.unsigned_abs() > LARGEST.unsigned_abs() {
            return Err(MeansError::Value { found: value });
        }
        let of = || {
            Some(Moments {
                users,
                sum: i128::from(value).checked_mul(i128::from(users))?,
                squares: u128::from(value.unsigned_abs())
                    .checked_pow(2)?
                    .checked_mul(u128::from(users))?,
            })
        };
        self.merge(of().ok_or(MeansError::TooLarge)?)
    }

    /// Adds the users of another part of the same variant.
    ///
    /// # Errors
    ///
    /// [`MeansError::TooLarge`] if a sum would be out of range. Then nothing is added.
    pub fn merge(&mut self, other: Moments) -> Result<(), MeansError> {
        let merged = || {
            Some(Moments {
                users: self.users.checked_add(other.users)?,
                sum: self.sum.checked_add(other.sum)?,
                squares: self.squares.checked_add(other.squares)?,
            })
        };
        *self = merged().ok_or(MeansError::TooLarge)?;
        Ok(())
    }

    /// How many users there are.
    #[must_use]
    pub fn users(self) -> u64 {
        self.users
    }

    /// The sum of their values.
    #[must_use]
    pub fn sum(self) -> i128 {
        self.sum
    }

    /// The sum of the squares of their values.
    #[must_use]
    pub fn squares(self) -> u128 {
        self.squares
    }

    /// The mean for each user. Absent without users.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.users > 0).then(|| self.mean_from(0))
    }

    /// The variance of the values, with n - 1. Absent with fewer than two users.
    #[must_use]
    pub fn variance(self) -> Option<f64> {
        (self.users > 1).then(|| self.deviations_squared() / float(self.users.saturating_sub(1)))
    }

    /// The interval of the mean for this variant by itself: the normal quantile, at one look. Do
    /// not compare variants by it. Absent with fewer than two users.
    #[must_use]
    pub fn interval(self, confidence: Confidence) -> Option<Interval> {
        let (mean, error) = (self.mean()?, self.error_squared()?.sqrt());
        Interval::finite(mean - confidence.z() * error, mean + confidence.z() * error)
    }

    /// The squared standard error of the mean. Absent with fewer than two users.
    pub(super) fn error_squared(self) -> Option<f64> {
        Some(self.variance()? / float(self.users))
    }

    /// The mean less the pivot: exact before it is rounded, so that two means near each other and
    /// far from 0 keep the digits of their difference. 0 without users.
    pub(super) fn mean_from(self, pivot: i64) -> f64 {
        wide_float(self.sum_from(pivot)) / float(self.users.max(1))
    }

    /// The sum of each value less the pivot.
    pub(super) fn sum_from(self, pivot: i64) -> i128 {
        // Below 2^118, and so exact: the sum and the product are below 2^117.
        self.sum.wrapping_sub(i128::from(pivot).wrapping_mul(i128::from(self.users)))
    }

    /// The integer at the mean or below it. 0 without users.
    pub(super) fn mean_rounded_down(self) -> i64 {
        let floor = self.sum.checked_div_euclid(i128::from(self.users)).unwrap_or(0);
        i64::try_from(floor).unwrap_or(0)
    }

    /// The integer nearest to the mean. 0 without users.
    pub(super) fn nearest_to_mean(self) -> i64 {
        let users = i128::from(self.users);
        // Below 2^119: no product overflows.
        let twice = self.sum.wrapping_mul(2).wrapping_add(users);
        let nearest = twice.checked_div_euclid(users.wrapping_mul(2)).unwrap_or(0);
        i64::try_from(nearest).unwrap_or(0)
    }

    /// The sum of (y - mean)^2, without cancellation. 0 without users.
    pub(super) fn deviations_squared(self) -> f64 {
        let pivot = self.nearest_to_mean();
        let rest = wide_float(self.sum_from(pivot));
        // The sum of (y - pivot)^2. It is at most the sum of squares, since the mean is at most as
        // far from its nearest integer as from 0. So it is exact modulo 2^128, whatever the sizes
        // of its three terms.
        let pivot = i128::from(pivot);
        let twice = pivot.wrapping_mul(2).wrapping_mul(self.sum).cast_unsigned();
        let square = pivot.wrapping_mul(pivot).wrapping_mul(i128::from(self.users)).cast_unsigned();
        let around = self.squares.wrapping_sub(twice).wrapping_add(square);
        // The subtraction takes at most half: of integers, the sum of squares is at least the sum
        // of absolute values.
        (wide_unsigned_float(around) - rest * rest / float(self.users.max(1))).max(0.0)
    }
}

/// The smallest sum of squares of integers with this sum of absolute value: each is the mean
/// rounded down or up. `None` if it has more than 128 bits, or if there is a sum without users.
fn least_squares(users: u64, sum: u128) -> Option<u128> {
    let Some(mean) = sum.checked_div(u128::from(users)) else {
        return (sum == 0).then_some(0);
    };
    let above = sum.checked_rem(u128::from(users))?;
    mean.checked_mul(sum.checked_add(above)?)?.checked_add(above)
}
