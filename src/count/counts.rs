//! Counts as read from the counters, now and at an earlier moment.

use std::sync::Arc;

use serde::Serialize;

use crate::model::id::ExperimentId;
use crate::model::variant::Variant;

/// Exposures and conversions of one variant. Events, not users: loading a page twice counts two
/// exposures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Count {
    /// Evaluations that served the variant.
    pub exposures: u64,
    /// Conversions counted for the variant.
    pub conversions: u64,
}

impl Count {
    /// The increase since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Count) -> Count {
        Count {
            exposures: self.exposures.saturating_sub(earlier.exposures),
            conversions: self.conversions.saturating_sub(earlier.conversions),
        }
    }

    pub(crate) fn plus(self, other: Count) -> Count {
        Count {
            exposures: self.exposures.saturating_add(other.exposures),
            conversions: self.conversions.saturating_add(other.conversions),
        }
    }
}

/// A count for each variant of an experiment at an earlier moment: where counting began, or the
/// last start. One word, and no allocation if all counts are 0, as for most experiments.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Baseline(Option<Arc<Vec<Count>>>);

impl Baseline {
    pub(crate) fn new(counts: &[Count]) -> Baseline {
        let is_zero = counts.iter().all(|count| *count == Count::default());
        Baseline((!is_zero).then(|| Arc::new(counts.to_vec())))
    }

    /// These counts, where they are not more than those.
    pub(crate) fn at_most(self, most: impl FnOnce() -> Box<[Count]>) -> Baseline {
        let Baseline(Some(counts)) = &self else { return self };
        let least = |(count, most): (&Count, &Count)| Count {
            exposures: count.exposures.min(most.exposures),
            conversions: count.conversions.min(most.conversions),
        };
        Baseline::new(&counts.iter().zip(&*most()).map(least).collect::<Vec<_>>())
    }

    /// The count of the variant in this position.
    pub(crate) fn of(&self, variant: usize) -> Count {
        self.0.as_ref().and_then(|counts| counts.get(variant)).copied().unwrap_or_default()
    }
}

/// What has been counted for an experiment, by variant, at the moment of the call.
///
/// # What a reader may assume
///
/// Counts are of events, not of users. Every event that was counted before the reading (on the same
/// thread, or ordered by a join, a channel or a lock) is in the counts, exactly once. An event that
/// is being counted at that moment may be in or not: the cells are not read in one instant, so a
/// conversion can be included while its exposure is not yet. In a later reading, the count "ever"
/// is never smaller.
///
/// A stop does not wait for calls that are under way: one that found the experiment running may add
/// its event in the nanoseconds after the stop returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    experiment: ExperimentId,
    variants: Vec<VariantCounts>,
}

impl Counts {
    pub(crate) fn new(
        experiment: ExperimentId,
        variants: &[Variant],
        at_start: &Baseline,
        now: &[Count],
    ) -> Counts {
        let counted = variants.iter().zip(now).enumerate();
        let variants = counted.map(|(at, (variant, &ever))| VariantCounts {
            key: variant.key().to_owned(),
            ever,
            since_start: ever.since(at_start.of(at)),
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
    /// Since the experiment was created, restarts included. Includes the counts of the document
    /// that it was first loaded from.
    pub ever: Count,
    /// Since the experiment was last started.
    pub since_start: Count,
}
