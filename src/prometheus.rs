//! Counts for Prometheus, as a collector of the crate `prometheus-client`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, LabelSetEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::engine::Engine;
use crate::read::state::ExperimentState;

/// The counts of an engine, and what became of its configuration.
///
/// They are read from the engine's own counters when somebody scrapes: nothing is counted twice, and an
/// evaluation costs no more for it. A counter never goes down; the series of an experiment that leaves
/// the configuration are not told, and go on where they were if it comes back.
///
/// | metric | type | labels |
/// |---|---|---|
/// | `fairsplit_exposures_total` | counter | `flag`, `environment`, `experiment`, `variant` |
/// | `fairsplit_conversions_total` | counter | the same |
/// | `fairsplit_experiment_running` | gauge | `flag`, `environment`, `experiment` |
/// | `fairsplit_config_version` | gauge | |
/// | `fairsplit_last_reload_success` | gauge | |
/// | `fairsplit_last_reload_skipped` | gauge | |
/// | `fairsplit_last_reload_timestamp_seconds` | gauge | |
///
/// Exposures and conversions are events, not users, and count ever, restarts included. The label
/// `experiment` is its id. The last three are there once something has been reloaded.
///
/// # Examples
///
/// ```
/// use fairsplit::prometheus::EngineCollector;
/// use fairsplit::{Engine, NewFlag};
/// use prometheus_client::encoding::text::encode;
/// use prometheus_client::registry::Registry;
///
/// let engine = Engine::new();
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(EngineCollector::new(&engine)));
///
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let mut text = String::new();
/// encode(&mut text, &registry)?;
/// assert!(text.contains("\nfairsplit_config_version 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct EngineCollector {
    engine: Engine,
}

impl EngineCollector {
    /// Of this engine, or of any clone of it.
    #[must_use]
    pub fn new(engine: &Engine) -> EngineCollector {
        EngineCollector { engine: engine.clone() }
    }
}

impl Collector for EngineCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let view = self.engine.view();
        let experiments = || {
            view.states().flat_map(|state| {
                state.experiments.iter().map(move |experiment| (state.flag.key(), experiment))
            })
        };
        // Each experiment is read once, so that its exposures and conversions are of one moment.
        let counts: Vec<_> =
            experiments().map(|(_, experiment)| experiment.counters.counts()).collect();
        let exposures =
            "Evaluations that served a running experiment's variant. Events, not users.";
        let conversions = "Conversions counted for a variant. Events, not users.";
        for (is_exposures, name, help) in [
            (true, "fairsplit_exposures", exposures),
            (false, "fairsplit_conversions", conversions),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for ((flag, experiment), counts) in experiments().zip(&counts) {
                for (variant, count) in experiment.definition.terms.variants.iter().zip(counts) {
                    let of = Labels { flag, experiment, variant: Some(variant.key()) };
                    let count = if is_exposures { count.exposures } else { count.conversions };
                    family
                        .encode_family(&of)?
                        .encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
                }
            }
        }
        let help = "1 for an experiment that splits traffic now, else 0.";
        let name = "fairsplit_experiment_running";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (flag, experiment) in experiments() {
            let is_running = u64::from(experiment.definition.is_running());
            let of = Labels { flag, experiment, variant: None };
            family.encode_family(&of)?.encode_gauge(&is_running)?;
        }
        let mut gauge = |name, help, value: i64| {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
        };
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let version = i64::try_from(view.version()).unwrap_or(i64::MAX);
        let help = "One more with every change or reload that was published.";
        gauge("fairsplit_config_version", help, version)?;
        if let Some(last) = self.engine.last_reload() {
            let help = "1 if the last reload succeeded, 0 if it was refused.";
            gauge("fairsplit_last_reload_success", help, last.succeeded.into())?;
            let help = "Flags that the last reload skipped for their faults.";
            gauge("fairsplit_last_reload_skipped", help, number(last.skipped))?;
            let help = "When the last reload was tried.";
            gauge("fairsplit_last_reload_timestamp_seconds", help, last.at.unix_seconds())?;
        }
        Ok(())
    }
}

/// What a series is about.
struct Labels<'a> {
    flag: &'a str,
    experiment: &'a ExperimentState,
    variant: Option<&'a str>,
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let definition = &self.experiment.definition;
        let id = definition.id.to_string();
        let environment = definition.terms.environment.as_str();
        [("flag", self.flag), ("environment", environment), ("experiment", &id)].encode(encoder)?;
        self.variant.map_or(Ok(()), |variant| [("variant", variant)].encode(encoder))
    }
}
