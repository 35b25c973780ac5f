//! Why a comparison of means has no always-valid interval yet.

use std::fmt;

use serde::Serialize;

use super::Sample;
use crate::results::special::float;

/// One of the two variants that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a comparison is of two")]
pub enum Arm {
    /// The variant that is compared.
    Treatment,
    /// The variant that it is compared with.
    Control,
}

/// What is missing before the always-valid figures of means hold. Displays as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "lacking", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lacking {
    /// A variant has too few users.
    #[non_exhaustive]
    Users {
        /// The variant that has fewer.
        of: Arm,
        /// How many users it has.
        users: u64,
        /// How many it needs.
        needed: u64,
    },
    /// Too few users carry the sum of a variant, see
    /// [`Sample::effective_users`](super::Sample::effective_users): its variance cannot be
    /// estimated yet.
    #[non_exhaustive]
    EffectiveUsers {
        /// The variant that has fewer of what it needs.
        of: Arm,
        /// How many effective users it has.
        effective: f64,
        /// How many it needs: up to twice the [minimum](crate::results::Analysis::minimum_effective)
        /// where it has less than a fifth of the users of the two variants.
        needed: f64,
    },
    /// Nothing varies: all users of a variant have one value.
    Variation,
}

impl Lacking {
    /// Which of the two lacks it.
    pub(in crate::results) fn arm(self) -> Arm {
        match self {
            Lacking::Users { of, .. } | Lacking::EffectiveUsers { of, .. } => of,
            Lacking::Variation => Arm::Treatment,
        }
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |of: &Arm| match of {
            Arm::Treatment => "treatment",
            Arm::Control => "control",
        };
        match self {
            Lacking::Users { of, users, needed } => {
                write!(f, "The {} has {users} exposed users, and needs {needed}.", name(of))
            }
            Lacking::EffectiveUsers { of, effective, needed } => write!(
                f,
                "The {} has {effective:.1} effective users, and needs {needed:.1}.",
                name(of)
            ),
            Lacking::Variation => f.write_str("All users have one value."),
        }
    }
}

/// What each of the two variants needs before their means are compared.
///
/// It guards what holds only asymptotically. Sums are skewed: most users have little, and a few
/// have much. A small variant that lacks the few has a mean and a variance that are both too low,
/// and beside a large variant its interval is far too narrow on that side. In variants of one size
/// the two skews cancel, so less is needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minimum {
    pub(super) users: u64,
    pub(super) effective: u64,
}

impl Minimum {
    /// How many effective users a variant needs that has this share of the users of the two: the
    /// minimum from a fifth of the users on, twice that to a tenth, and between them what leads from
    /// one to the other without a step, so that a split of 90 : 10 does not go to and fro over one.
    pub(super) fn effective_at(self, users: u64, others: u64) -> f64 {
        let share = float(users) / (float(users) + float(others)).max(1.0);
        float(self.effective) * (0.2 / share.max(0.1)).clamp(1.0, 2.0)
    }

    /// What is missing first.
    pub(super) fn lacking(self, treatment: &Sample, control: &Sample) -> Option<Lacking> {
        let arms = [(Arm::Treatment, treatment, control), (Arm::Control, control, treatment)];
        let fewest = arms.map(|(of, ours, _)| (of, ours.moments().users()));
        let (of, users) = fewest.into_iter().min_by_key(|(_, users)| *users)?;
        // Without two users there is no variance, whatever the minimum.
        let needed = self.users.max(2);
        if users < needed {
            return Some(Lacking::Users { of, users, needed });
        }
        let effective = arms.map(|(of, ours, theirs)| {
            let needed = self.effective_at(ours.moments().users(), theirs.moments().users());
            (of, ours.effective_users(), needed)
        });
        let (of, effective, needed) = effective
            .into_iter()
            .min_by(|(_, ours, of), (_, theirs, to)| (ours * to).total_cmp(&(theirs * of)))?;
        let is_lacking = effective < needed;
        is_lacking.then_some(Lacking::EffectiveUsers { of, effective, needed })
    }
}
