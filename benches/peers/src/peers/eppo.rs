use std::error::Error;
use std::sync::Arc;

use eppo_core::configuration_store::ConfigurationStore;
use eppo_core::eval::{Evaluator, EvaluatorConfig};
use eppo_core::ufc::{UniversalFlagConfig, VariationType};
use eppo_core::{Attributes, Configuration, SdkMetadata, Str};
use serde_json::json;

use crate::peer::{COUNTRY, Flag, NEW, OLD, PLANS, Peer, Visitor, by_name};

#[derive(Clone)]
pub(super) struct Eppo(Arc<Evaluator>);

impl Peer for Eppo {
    const PACKAGE: &'static str = "eppo_core";
    const CALL: &'static str = "Evaluator::get_assignment";
    const NOTE: &'static str = "`doLog` is off, so that no event is made. Reads the clock.";

    type Context = (Str, Arc<Attributes>);

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let split = |flag: &Flag, variation: &str, start: u32, end: u32| {
            json!({
                "variationKey": variation,
                "shards": [{"salt": flag.name, "ranges": [{"start": start, "end": end}]}]
            })
        };
        let one_of = |name: &str, values: &[&str]| {
            json!({
                "attribute": name,
                "operator": "ONE_OF",
                "value": values
            })
        };
        let rule = json!({"conditions": [one_of("country", &[COUNTRY]), one_of("plan", &PLANS)]});
        let rules = if has_rule { json!([rule]) } else { json!([]) };
        let flag = |flag: &Flag| {
            json!({
                "key": flag.name,
                "enabled": true,
                "variationType": "STRING",
                "variations": {
                    "control": {"key": "control", "value": OLD},
                    "treatment": {"key": "treatment", "value": NEW}
                },
                "allocations": [{
                    "key": "split",
                    "rules": rules,
                    "doLog": false,
                    "splits": [
                        split(flag, "control", 0, 5_000),
                        split(flag, "treatment", 5_000, 10_000)
                    ]
                }],
                "totalShards": 10_000
            })
        };
        json!({
            "createdAt": "2026-01-01T00:00:00Z",
            "format": "SERVER",
            "environment": {"name": "production"},
            "flags": by_name(flags, flag)
        })
        .to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        let sdk_metadata = SdkMetadata { name: "peers", version: "0" };
        let flags = UniversalFlagConfig::from_json(sdk_metadata, configuration.into())?;
        let configuration_store = Arc::new(ConfigurationStore::new());
        configuration_store
            .set_configuration(Arc::new(Configuration::from_server_response(flags, None)));
        Ok(Eppo(Arc::new(Evaluator::new(EvaluatorConfig { configuration_store, sdk_metadata }))))
    }

    fn context(&'static self, visitor: &'static Visitor) -> (Str, Arc<Attributes>) {
        let attributes = visitor.attributes();
        let attributes = attributes.map(|(name, value)| (Str::from(name), Str::from(value).into()));
        (Str::from(visitor.key.as_str()), Arc::new(attributes.collect()))
    }

    fn evaluate(
        &mut self,
        flag: &Flag,
        (subject, attributes): &(Str, Arc<Attributes>),
        see: impl FnOnce(&str),
    ) {
        let expected = Some(VariationType::String);
        if let Ok(Some(assignment)) =
            self.0.get_assignment(&flag.name, subject, attributes, expected)
        {
            assignment.value.as_str().map(see);
        }
    }
}
