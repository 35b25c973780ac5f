//! What the counts of an experiment mean: rates, intervals, tests, and a verdict.
//!
//! ```
//! use fairsplit::results::{Analysis, Observations, Unit, Verdict};
//!
//! let observed = Observations::new(Unit::Users)
//!     .variant("control", 50, 10_000, 1_420)
//!     .variant("treatment", 50, 10_000, 1_610);
//! let results = Analysis::new().results_of(&observed)?;
//!
//! assert!(matches!(results.verdict, Verdict::Better { ref variant, .. } if variant == "treatment"));
//! println!("{results}"); // a table
//! println!("{}", results.plot()); // the intervals, drawn
//! # Ok::<(), fairsplit::results::AnalysisError>(())
//! ```
//!
//! On a live engine, call [`Engine::results`](crate::Engine::results); [`Analysis`] sets
//! confidence, control and period. The functions behind it work on any numbers:
//! [`Proportion::wilson`], [`newcombe`], [`lift_interval`], [`z_test`], [`chance_to_beat`],
//! [`confidence_sequence`], [`ExactTest`], [`chi_square`], [`sequential_sample_ratio`],
//! [`sequential_multinomial`], [`conversions_only`], [`holm`], and, before the start, [`Plan`].
//! Rates are of users who convert or do not; for what each user amounts to, such as revenue, see
//! [`means`].
//!
//! [`docs::results`](crate::docs::results) says which figure answers which question, where each
//! formula comes from, and what is left to a warehouse.
//!
//! # What holds of every figure
//!
//! Every figure is finite or absent: never NaN, never infinite, whatever was counted. Counts up to
//! [`u64::MAX`] take as long as small ones: some ten microseconds for each comparison, and half a
//! millisecond more for a split that is asked about for the first time.

mod adjustment;
mod analysis;
mod bayes;
mod binomial;
mod comparison;
mod confidence;
mod conversions_only;
mod difference;
mod exact;
mod goals;
mod grid;
mod headline;
pub mod means;
mod measure;
mod minimum;
mod multinomial;
mod notes;
mod observations;
mod planning;
mod plot;
mod proportion;
mod report;
mod sample_ratio;
mod sequential;
mod special;
mod spending;
mod table;
mod text;
mod verdict;

pub use self::adjustment::{bonferroni, holm};
pub use self::analysis::{Analysis, AnalysisError};
pub use self::bayes::chance_to_beat;
pub use self::comparison::{AtPlannedEnd, Comparison, Finding, Total, VariantResult};
pub use self::confidence::{Confidence, ConfidenceError, Interval};
pub use self::conversions_only::{ConversionsOnly, ConversionsTest, conversions_only};
pub use self::difference::{ZTest, difference, lift, lift_interval, newcombe, z_test};
pub use self::exact::ExactTest;
pub use self::goals::{CappedUsers, GoalComparison, GoalResult, GoalVariantResult};
pub use self::measure::Measure;
pub use self::multinomial::{
    CONCENTRATIONS, ChiSquare, chi_square, sequential_multinomial, sequential_sample_ratio,
};
pub use self::notes::{CoverageTime, NamedBy, Note};
pub use self::observations::{Observations, Observed, Period, RunEvents, Unit, VariantEvents};
pub use self::planning::{Plan, PlanError};
pub use self::plot::Plot;
pub use self::proportion::{Proportion, ProportionError};
pub use self::report::Results;
pub use self::sample_ratio::{SampleRatio, SampleRatioStatus};
pub use self::sequential::{AlwaysValid, confidence_sequence};
pub use self::table::Table;
pub use self::verdict::{TwoMeans, Verdict};
