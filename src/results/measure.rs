//! What two variants are compared by, and how its figures are written.

use serde::Serialize;

use super::confidence::Interval;
use super::text::{Amount, Percent, shortened};

/// What two variants are compared by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// The share of users who reached the goal. Figures are shares of 1.
    #[default]
    Share,
    /// What each exposed user amounts to: the sum over the run after the cap, and 0 for a user
    /// without any. Figures are in minor units for each user.
    #[non_exhaustive]
    Mean {
        /// The unit of the goal.
        unit: String,
        /// How many decimals the unit has: a mean of 234.0 with two is 2.34.
        decimals: u8,
    },
}

impl Measure {
    /// Whether it is the share of users.
    #[must_use]
    pub fn is_share(&self) -> bool {
        matches!(self, Measure::Share)
    }

    /// A figure times this is what is written: a share in percent, a mean in its unit.
    pub(super) fn scale(&self) -> f64 {
        match self {
            Measure::Share => 100.0,
            Measure::Mean { decimals, .. } => 10_f64.powi(i32::from(*decimals)).recip(),
        }
    }

    /// What differences are in, short enough for the head of a column.
    pub(super) fn unit(&self) -> String {
        match self {
            Measure::Share => "points".to_owned(),
            Measure::Mean { unit, .. } => shortened(unit, 6),
        }
    }

    pub(super) fn plain(&self, figure: f64) -> String {
        match self {
            Measure::Share => Percent(figure).to_string(),
            Measure::Mean { decimals, .. } => amount(figure, *decimals).to_string(),
        }
    }

    pub(super) fn signed(&self, figure: f64) -> String {
        match self {
            Measure::Share => format!("{:+}", Percent(figure)),
            Measure::Mean { decimals, .. } => format!("{:+}", amount(figure, *decimals)),
        }
    }

    /// Where a figure of one variant is.
    pub(super) fn interval(&self, Interval { low, high }: Interval) -> String {
        format!("{} to {}", self.plain(low), self.plain(high))
    }

    /// Where a difference is.
    pub(super) fn range(&self, Interval { low, high }: Interval) -> String {
        format!("{} to {}", self.signed(low), self.signed(high))
    }
}

fn amount(figure: f64, decimals: u8) -> Amount {
    // Divided, not multiplied by a tenth or a hundredth, which no float is exactly.
    Amount { value: figure / 10_f64.powi(i32::from(decimals)), decimals }
}
