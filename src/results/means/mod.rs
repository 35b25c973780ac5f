//! Means: what each user amounts to (money, times, milliseconds), summed for each user and compared
//! between two variants.
//!
//! The unit is the user. Each exposed user has one value: the sum over the run, 0 for a user
//! without any. Values are integers in minor units (cents, milliseconds), so sums are exact, and
//! results depend on no order: any split, merge or permutation of the users gives the same bits.
//! Figures are in the same units, and their variances in the square of them.
//!
//! ```
//! use fairsplit::results::means::{Better, Sample};
//! use fairsplit::results::{Analysis, Finding};
//!
//! // Cents, and how many users have them: most users buy nothing.
//! let control = Sample::of([(0, 9_500), (1_990, 300), (4_990, 150), (19_900, 50)])?;
//! let treatment = Sample::of([(0, 9_420), (1_990, 340), (4_990, 180), (19_900, 60)])?;
//! let found = Analysis::new().compare_means(&treatment, &control, Better::Higher);
//!
//! assert_eq!(format!("{:.2}", found.difference.expect("users in both")), "42.83");
//! assert_eq!(found.finding, Finding::NoDifferenceYet);
//! # Ok::<(), fairsplit::results::means::MeansError>(())
//! ```
//!
//! The functions behind it need no more than the number of users, the sum and the sum of squares,
//! which a warehouse has as well ([`Moments::of_sums`]): [`confidence_sequence`], [`z_test`],
//! [`difference_interval`], [`lift_interval`], and, before the start, [`Plan`]. Only the minimum of
//! a comparison needs the values themselves, see [`Sample::effective_users`]. A [`Cap`] bounds what
//! one user can amount to, and a [`Guardrail`] says whether a metric that should stay as it is has
//! been kept.
//!
//! [`docs::results`](crate::docs::results#means) has the formulas, their sources, and what holds
//! when.

mod cap;
mod comparison;
mod difference;
mod error;
mod guardrail;
mod lacking;
mod moments;
mod planning;
mod sample;
mod values;

pub use self::cap::{Cap, Capped};
pub use self::comparison::{Comparison, VariantMean};
pub use self::difference::{
    confidence_sequence, difference, difference_interval, lift, lift_interval, z_test,
};
pub use self::error::MeansError;
pub use self::guardrail::{Guarded, Guardrail, GuardrailStatus};
pub use self::lacking::{Arm, Lacking};
pub use self::moments::Moments;
pub use self::planning::Plan;
pub use self::sample::Sample;
pub use self::values::Values;
pub use crate::model::goal::of_experiment::Better;
