//! Exposures and conversions of a [`fairsplit`] engine for Prometheus, as a collector of the crate
//! [`prometheus_client`].
//!
//! ```
//! use fairsplit::{Engine, NewFlag};
//! use fairsplit_prometheus::EngineCollector;
//! use prometheus_client::encoding::text::encode;
//! use prometheus_client::registry::Registry;
//!
//! let engine = Engine::new();
//! // Beside the service's own metrics, in one registry.
//! let mut registry = Registry::default();
//! registry.register_collector(Box::new(EngineCollector::new(&engine)));
//!
//! engine.create_flag(NewFlag::new("hero-banner", "old"))?;
//! let mut text = String::new();
//! encode(&mut text, &registry)?;
//! assert!(text.contains("\nfairsplit_config_version 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`EngineCollector`] lists the metrics. For evaluations by reason a service counts its own, with
//! [`ReasonCounts`]. The crate `fairsplit-http` serves them at `/metrics`.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]
#![doc(test(attr(deny(warnings))))]

mod goals;
mod reasons;

use std::fmt;

use fairsplit::counts::VariantCounts;
use fairsplit::targeting::{Share, Targeting};
use fairsplit::{Count, Counts, Engine, Experiment, Flag, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

pub use crate::reasons::ReasonCounts;

/// Tests the README's examples along with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

/// The counts of an engine, and the state of its configuration.
///
/// Each scrape reads the engine's own counters: nothing is counted twice, and an evaluation costs
/// the same as without. A counter never goes down. The series of an experiment that leaves the
/// configuration end, and continue with their last values if it comes back.
///
/// | metric | type | labels |
/// |---|---|---|
/// | `fairsplit_exposures_total` | counter | `flag`, `environment`, `experiment`, `variant` |
/// | `fairsplit_conversions_total` | counter | the same |
/// | `fairsplit_exposures_missed_total` | counter | |
/// | `fairsplit_goal_events_total` | counter | those, and `goal` |
/// | `fairsplit_goal_gained_total` | counter | the same |
/// | `fairsplit_goal_lost_total` | counter | the same |
/// | `fairsplit_goal_refused_total` | counter | `environment`, `goal`, `cause` |
/// | `fairsplit_experiment_running` | gauge | `flag`, `environment`, `experiment` |
/// | `fairsplit_experiment_coverage_ratio` | gauge | the same |
/// | `fairsplit_flag_enabled` | gauge | `flag` |
/// | `fairsplit_config_version` | gauge | |
/// | `fairsplit_storage_ok` | gauge | |
/// | `fairsplit_last_load_success` | gauge | |
/// | `fairsplit_last_load_skipped` | gauge | |
/// | `fairsplit_last_load_timestamp_seconds` | gauge | |
///
/// The metrics of goals appear with the first goal. What was gained and lost is in the goal's unit,
/// `EUR` and not cents; a goal without values has neither. The events of the goal that decides an
/// experiment are its conversions, and in both metrics. Refused is what was recorded and not
/// counted, by `cause`: `not_found` (there is no such goal), `value` (the value was refused, or
/// missing), `unexposed` (the user had not been exposed, once for each experiment).
///
/// Exposures that were missed are those that the queue of first exposures had no room for
/// ([`Engine::missed_exposures`]); the metric appears once there is such a queue.
///
/// Exposures and conversions are events, not users, and totals over all runs. The label
/// `experiment` is the experiment's id. The coverage is 0 to 1, of the running experiments alone;
/// an archived flag counts as not enabled, since both answer the default. `fairsplit_storage_ok` is
/// 0 after a save or sync of the engine's directory that failed, until one succeeds; an engine in
/// memory has 1. The last three metrics appear after the first load of a document.
#[derive(Clone, Debug)]
pub struct EngineCollector {
    engine: Engine,
}

impl EngineCollector {
    /// A collector for this engine and its clones.
    #[must_use]
    pub fn new(engine: &Engine) -> EngineCollector {
        EngineCollector { engine: engine.clone() }
    }
}

impl Collector for EngineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.engine.snapshot();
        // Each experiment is read once, so that its exposures and conversions match.
        let experiments: Vec<(&Flag, Experiment, Counts)> = snapshot.experiments().collect();
        counter(
            &mut encoder,
            "fairsplit_exposures",
            "Evaluations that served a running experiment's variant. Events, not users.",
            &experiments,
            |count| count.exposures,
        )?;
        counter(
            &mut encoder,
            "fairsplit_conversions",
            "Conversions counted for a variant. Events, not users.",
            &experiments,
            |count| count.conversions,
        )?;
        if let Some(missed) = self.engine.missed_exposures() {
            let help = "First exposures of users that were not queued since the queue was full.";
            let name = "fairsplit_exposures_missed";
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            let mut metric = metric;
            metric.encode_counter::<NoLabelSet, u64, u64>(&missed, None)?;
        }
        goals::encode(&self.engine, &experiments, &mut encoder)?;
        let help = "1 for an experiment that splits traffic now, else 0.";
        let name = "fairsplit_experiment_running";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (flag, experiment, _) in &experiments {
            let is_running = u64::from(experiment.status() == Status::Running);
            let of = Labels { flag, experiment, variant: None };
            family.encode_family(&of)?.encode_gauge(&is_running)?;
        }
        let help = "Which part of its audience a running experiment covers, 0 to 1.";
        let name = "fairsplit_experiment_coverage_ratio";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (flag, experiment, _) in experiments.iter().filter(|(_, of, _)| of.is_running()) {
            let coverage = experiment.targeting().map_or(Share::ALL, Targeting::coverage);
            let of = Labels { flag, experiment, variant: None };
            family.encode_family(&of)?.encode_gauge(&(coverage.percent() / 100.0))?;
        }
        let help = "1 for a flag that is enabled and not archived, else 0: it answers its default.";
        let name = "fairsplit_flag_enabled";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for flag in snapshot.flags() {
            let is_enabled = u64::from(flag.is_enabled() && !flag.is_archived());
            family.encode_family(&[("flag", flag.key())])?.encode_gauge(&is_enabled)?;
        }
        let mut gauge = |name, help, value: i64| {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
        };
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let version = i64::try_from(snapshot.version()).unwrap_or(i64::MAX);
        let help = "One more with every change that was published.";
        gauge("fairsplit_config_version", help, version)?;
        let help = "1 if the last save or sync of the directory succeeded, 0 if it failed.";
        let stores = self.engine.storage_error().is_none();
        gauge("fairsplit_storage_ok", help, stores.into())?;
        if let Some(last) = self.engine.last_load() {
            let help = "1 if the last document was loaded, 0 if it was refused.";
            gauge("fairsplit_last_load_success", help, last.succeeded.into())?;
            let help = "Flags that the last load skipped for their faults.";
            gauge("fairsplit_last_load_skipped", help, number(last.skipped))?;
            let help = "When the last load was tried.";
            gauge("fairsplit_last_load_timestamp_seconds", help, last.at.unix_seconds())?;
        }
        Ok(())
    }
}

/// The series of one number of every variant.
fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    experiments: &[(&Flag, Experiment, Counts)],
    number: fn(Count) -> u64,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (flag, experiment, counts) in experiments {
        for VariantCounts { key, ever, .. } in counts.variants() {
            let of = Labels { flag, experiment, variant: Some(key) };
            let number = number(*ever);
            family.encode_family(&of)?.encode_counter::<NoLabelSet, u64, u64>(&number, None)?;
        }
    }
    Ok(())
}

/// What a series is about.
struct Labels<'a> {
    flag: &'a Flag,
    experiment: &'a Experiment,
    variant: Option<&'a str>,
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let id = self.experiment.id().to_string();
        let environment = self.experiment.environment().as_str();
        [("flag", self.flag.key()), ("environment", environment), ("experiment", &id)]
            .encode(encoder)?;
        self.variant.map_or(Ok(()), |variant| [("variant", variant)].encode(encoder))
    }
}
