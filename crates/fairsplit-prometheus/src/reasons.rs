//! Evaluations by reason, for a service that counts its own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fairsplit::Reason;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// How often flags were answered for each reason, as a counter with the label `reason`, whose
/// values are those of [`Reason::ALL`]: `split`, `rule`, `not_in_audience` and so on.
///
/// The engine counts exposures and conversions, and not why all other evaluations were answered:
/// that would be one more write in each of them. A service that wants it adds the reasons of the
/// evaluations it cares about. Clones count together.
///
/// # Cost
///
/// [`add`](ReasonCounts::add) is one atomic addition, on a cache line that all threads share: a few
/// nanoseconds, and several times that where many threads count at once.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewFlag};
/// use fairsplit_prometheus::ReasonCounts;
/// use prometheus_client::encoding::text::encode;
/// use prometheus_client::registry::Registry;
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let production = engine.environment("production")?;
///
/// let reasons = ReasonCounts::new();
/// let mut registry = Registry::default();
/// registry.register("shop_evaluations", "Evaluations by reason", reasons.clone());
///
/// // On a request:
/// let banner = production.evaluate("hero-banner", "anna");
/// reasons.add(banner.reason());
///
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("\nshop_evaluations_total{reason=\"not_running\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct ReasonCounts {
    /// In the order of [`Reason::ALL`].
    counts: Arc<[AtomicU64; Reason::ALL.len()]>,
}

impl ReasonCounts {
    /// Counts of 0 for each reason.
    #[must_use]
    pub fn new() -> ReasonCounts {
        ReasonCounts::default()
    }

    /// Adds one evaluation that was answered for this reason.
    pub fn add(&self, reason: Reason) {
        let position = Reason::ALL.iter().position(|known| *known == reason);
        if let Some(count) = position.and_then(|position| self.counts.get(position)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were added for this reason.
    #[must_use]
    pub fn get(&self, reason: Reason) -> u64 {
        let mut known = Reason::ALL.iter().zip(&*self.counts);
        known
            .find(|(known, _)| **known == reason)
            .map_or(0, |(_, count)| count.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for ReasonCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Reason::ALL.map(|reason| (reason, self.get(reason)))).finish()
    }
}

impl EncodeMetric for ReasonCounts {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for reason in Reason::ALL {
            let labels = [("reason", reason.as_str())];
            let mut series = encoder.encode_family(&labels)?;
            series.encode_counter::<NoLabelSet, u64, u64>(&self.get(reason), None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}
