use std::error::Error;

use featurevisor::{Context, DatafileInput, FeaturevisorOptions, context, create_featurevisor};
use serde_json::json;

use crate::peer::{COUNTRY, Flag, NEW, OLD, PLANS, Peer, Visitor, by_name};

#[derive(Clone)]
pub(super) struct Featurevisor(featurevisor::Featurevisor);

impl Peer for Featurevisor {
    const PACKAGE: &'static str = "featurevisor";
    const CALL: &'static str = "Featurevisor::get_variation";
    const NOTE: &'static str = "One lock that all calls take.";

    type Context = Context;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let feature = |_: &Flag| {
            json!({
                "bucketBy": "userId",
                "variations": [{"value": OLD}, {"value": NEW}],
                "traffic": [{
                    "key": "split",
                    "segments": if has_rule { "some" } else { "*" },
                    "percentage": 100_000,
                    "allocation": [
                        {"variation": OLD, "range": [0, 50_000]},
                        {"variation": NEW, "range": [50_000, 100_000]}
                    ]
                }]
            })
        };
        let segments = json!({"some": {"conditions": [
            {"attribute": "country", "operator": "equals", "value": COUNTRY},
            {"attribute": "plan", "operator": "in", "value": PLANS}
        ]}});
        json!({
            "schemaVersion": "2",
            "revision": "1",
            "segments": if has_rule { segments } else { json!({}) },
            "features": by_name(flags, feature)
        })
        .to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(Featurevisor(create_featurevisor(FeaturevisorOptions {
            datafile: Some(DatafileInput::Json(configuration.to_owned())),
            ..Default::default()
        })))
    }

    fn context(&'static self, visitor: &'static Visitor) -> Context {
        let key = visitor.key.as_str();
        match &visitor.known {
            Some(known) => {
                context! {"userId" => key, "country" => known.country, "plan" => known.plan}
            }
            None => context! {"userId" => key},
        }
    }

    fn evaluate(&mut self, flag: &Flag, context: &Context, see: impl FnOnce(&str)) {
        if let Some(variation) = self.0.get_variation(&flag.name, Some(context), None) {
            see(&variation);
        }
    }
}
