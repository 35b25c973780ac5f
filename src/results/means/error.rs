//! What values, sums, caps and margins may be refused for.

use thiserror::Error;

/// Why a value, a sum, a cap or a margin is refused.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum MeansError {
    /// A value is above 2^53 or below -2^53.
    #[error("the value {found} is not from -2^53 to 2^53")]
    #[non_exhaustive]
    Value {
        /// What was given.
        found: i64,
    },
    /// There are more than 2^64 - 1 users, or their squares sum to 2^128 or more: for instance 2^22
    /// users of 2^53 each.
    #[error("the users, or the sum of their squares, are too many for 128 bits")]
    TooLarge,
    /// Sums that belong to no values.
    #[error("no {users} integers have the sum {sum} and the sum of squares {squares}")]
    #[non_exhaustive]
    Sums {
        /// How many users there are.
        users: u64,
        /// The sum that was given.
        sum: i128,
        /// The sum of squares that was given.
        squares: u128,
    },
    /// A cap is not from 1 to 2^53.
    #[error("the cap {found} is not from 1 to 2^53")]
    #[non_exhaustive]
    Cap {
        /// What was given.
        found: i64,
    },
    /// A margin is not from 0 to 1.
    #[error("the margin {found} is not from 0 to 1")]
    #[non_exhaustive]
    Margin {
        /// What was given.
        found: f64,
    },
}
