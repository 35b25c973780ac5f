//! A bound on what one user can amount to.

use super::MeansError;
use super::moments::LARGEST;
use crate::results::special::wide_unsigned_float;

/// The most that one user can amount to, to either side of 0: a sum beyond it counts as the cap.
///
/// A few users with very large sums decide a mean, and widen its interval. A cap makes the
/// comparison one of capped means, which finds differences with fewer users. **Choose it before the
/// start.** A cap that is chosen after a look is one more comparison than the figures adjust for.
///
/// # Examples
///
/// ```
/// use fairsplit::results::means::{Cap, Capped, Sample};
///
/// let values = [(0, 950), (2_000, 49), (2_500_000, 1)];
/// let cap = Cap::new(50_000)?;
/// let sample = Sample::of(values.map(|(value, users)| (cap.clamp(value), users)))?;
/// assert_eq!(sample.moments().sum(), 148_000);
///
/// let mut capped = Capped::by(cap);
/// for (value, users) in values {
///     capped.add(value, users);
/// }
/// assert_eq!(capped.users(), 1);
/// assert_eq!(format!("{:.3}", capped.share().expect("there is a sum")), "0.943");
/// # Ok::<(), fairsplit::results::means::MeansError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cap {
    limit: i64,
}

impl Cap {
    /// A cap of this size, in minor units.
    ///
    /// # Errors
    ///
    /// [`MeansError::Cap`] unless it is from 1 to 2^53.
    pub fn new(limit: i64) -> Result<Cap, MeansError> {
        if (1..=LARGEST).contains(&limit) {
            Ok(Cap { limit })
        } else {
            Err(MeansError::Cap { found: limit })
        }
    }

    /// The cap, in minor units.
    #[must_use]
    pub fn limit(self) -> i64 {
        self.limit
    }

    /// What a user's sum counts as: at most the cap, and at least the cap below 0.
    #[must_use]
    pub fn clamp(self, value: i64) -> i64 {
        value.clamp(self.limit.saturating_neg(), self.limit)
    }
}

/// What a cap has taken from the users of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Capped {
    cap: Cap,
    users: u64,
    taken: u128,
    total: u128,
}

impl Capped {
    /// What this cap takes from no users.
    #[must_use]
    pub fn by(cap: Cap) -> Capped {
        Capped { cap, users: 0, taken: 0, total: 0 }
    }

    /// Adds this number of users who each have this value before the cap.
    pub fn add(&mut self, value: i64, users: u64) {
        let times = |amount: u64| u128::from(amount).saturating_mul(u128::from(users));
        let taken = value.abs_diff(self.cap.clamp(value));
        if taken > 0 {
            self.users = self.users.saturating_add(users);
        }
        self.taken = self.taken.saturating_add(times(taken));
        self.total = self.total.saturating_add(times(value.unsigned_abs()));
    }

    /// What it has taken from the users of both.
    pub(super) fn and(self, other: Capped) -> Capped {
        Capped {
            users: self.users.saturating_add(other.users),
            taken: self.taken.saturating_add(other.taken),
            total: self.total.saturating_add(other.total),
            ..self
        }
    }

    /// The cap.
    #[must_use]
    pub fn cap(&self) -> Cap {
        self.cap
    }

    /// How many users have more than the cap.
    #[must_use]
    pub fn users(&self) -> u64 {
        self.users
    }

    /// What the cap took as a share of the sum, 0 to 1; of values below 0 as well, their sizes
    /// count. Absent if all values are 0.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let share = || wide_unsigned_float(self.taken) / wide_unsigned_float(self.total);
        (self.total > 0).then(share)
    }
}
