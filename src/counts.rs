//! What a reader of the counters is given.

use serde::Serialize;

use crate::id::ExperimentId;
use crate::tally::Count;
use crate::variant::Variant;

/// What has been counted for an experiment, by variant, at the moment it was asked for.
///
/// # What a reader may assume
///
/// Counts are of events, not of users. Every event whose counting is known to have happened before
/// the reading (the same thread did it, or a join, a channel or a lock says so) is in the counts,
/// and none is in twice. Events that are being counted at that very moment may be in or not, each on
/// its own: exposures and conversions of several variants are not read in one instant, so a
/// conversion can be in whose exposure is not yet. Read again, the count "ever" is never smaller.
///
/// A stop is not a barrier for calls that are already under way: one that found the experiment
/// running may add its event in the nanoseconds after the stop returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    experiment: ExperimentId,
    variants: Vec<VariantCounts>,
}

impl Counts {
    pub(crate) fn new(
        experiment: ExperimentId,
        variants: &[Variant],
        at_start: &[Count],
        now: &[Count],
    ) -> Counts {
        let counted = variants.iter().zip(now.iter().zip(at_start));
        let variants = counted.map(|(variant, (&ever, &at_start))| VariantCounts {
            key: variant.key().to_owned(),
            ever,
            since_start: ever.since(at_start),
        });
        Counts { experiment, variants: variants.collect() }
    }

    /// The experiment's id.
    #[must_use]
    pub fn experiment(&self) -> ExperimentId {
        self.experiment
    }

    /// One for each variant, in the variants' order.
    #[must_use]
    pub fn variants(&self) -> &[VariantCounts] {
        &self.variants
    }

    /// The counts of the variant with this key.
    #[must_use]
    pub fn variant(&self, key: &str) -> Option<&VariantCounts> {
        self.variants.iter().find(|variant| variant.key == key)
    }
}

/// What has been counted for one variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VariantCounts {
    /// The variant's key.
    pub key: String,
    /// Since the experiment was created, restarts included; with what the document carried from
    /// which it was first loaded.
    pub ever: Count,
    /// Since the experiment was last started.
    pub since_start: Count,
}
