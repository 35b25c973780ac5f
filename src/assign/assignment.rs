//! Assignment v1: user key to hash to bucket to variant.

use crate::assign::allocation::{Allocation, AllocationError};
use crate::assign::bucket::{Bucket, Seed};

/// The assignment of one experiment: a pure function from a user key to a variant's position.
///
/// It depends on the experiment's id, the percentages in their order, and the user key alone.
/// [`docs::assignment_v1`](crate::docs::assignment_v1) specifies it to the bit. Services evaluate
/// through an [`Engine`](crate::Engine), which uses this type. It is public so that a report or a
/// test can recompute assignments.
///
/// # Examples
///
/// ```
/// use fairsplit::ExperimentId;
/// use fairsplit::assign::Assignment;
///
/// let id: ExperimentId = "cd613e30-d8f1-4adf-91b7-584a2265b1f5".parse()?;
/// let assignment = Assignment::new(id.to_bytes(), &[25, 75])?;
/// assert_eq!(assignment.variant("user-511554"), Some(1));
/// assert_eq!(assignment.variant(""), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    seed: Seed,
    allocation: Allocation,
}

impl Assignment {
    /// The assignment of the experiment with this id (the 16 bytes of its text form, big-endian)
    /// and these percentages.
    ///
    /// # Errors
    ///
    /// [`AllocationError`], as [`Allocation::new`].
    pub fn new(id: [u8; 16], percentages: &[u8]) -> Result<Assignment, AllocationError> {
        Ok(Assignment { seed: Seed::from_id(id), allocation: Allocation::new(percentages)? })
    }

    pub(crate) fn from_parts(seed: Seed, allocation: Allocation) -> Assignment {
        Assignment { seed, allocation }
    }

    /// The position of the variant that a user is assigned, or `None` for the empty key, which
    /// stands for no user: all anonymous traffic would land in one bucket.
    ///
    /// Cost: one XXH3 of the key, one multiplication, one table look-up; no allocation.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `Answer::decide`")]
    #[must_use]
    pub fn variant(&self, user_key: &str) -> Option<usize> {
        if user_key.is_empty() {
            return None;
        }
        Some(self.allocation.variant(self.bucket(user_key)))
    }

    /// The bucket of a user key. The empty key has one too, but is never assigned.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "see `Answer::decide`")]
    #[must_use]
    pub fn bucket(&self, user_key: &str) -> Bucket {
        Bucket::from_hash(self.seed.hash(user_key))
    }

    /// The seed of the experiment.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The table from bucket to variant.
    #[must_use]
    pub fn allocation(&self) -> &Allocation {
        &self.allocation
    }
}
