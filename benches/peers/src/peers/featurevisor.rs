use std::error::Error;

use featurevisor::{Context, DatafileInput, FeaturevisorOptions, context, create_featurevisor};
use serde_json::json;

use crate::peer::{Flag, NEW, OLD, Peer, by_name};

#[derive(Clone)]
pub(super) struct Featurevisor(featurevisor::Featurevisor);

impl Peer for Featurevisor {
    const PACKAGE: &'static str = "featurevisor";
    const CALL: &'static str = "Featurevisor::get_variation";
    const NOTE: &'static str = "One lock that all calls take.";

    type Context = Context;

    fn configuration(flags: &[Flag]) -> String {
        let feature = |_: &Flag| {
            json!({
                "bucketBy": "userId",
                "variations": [{"value": OLD}, {"value": NEW}],
                "traffic": [{
                    "key": "everyone",
                    "segments": "*",
                    "percentage": 100_000,
                    "allocation": [
                        {"variation": OLD, "range": [0, 50_000]},
                        {"variation": NEW, "range": [50_000, 100_000]}
                    ]
                }]
            })
        };
        json!({
            "schemaVersion": "2",
            "revision": "1",
            "segments": {},
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

    fn context(&'static self, user: &'static str) -> Context {
        context! {"userId" => user}
    }

    fn evaluate(&mut self, flag: &Flag, context: &Context, see: impl FnOnce(&str)) {
        if let Some(variation) = self.0.get_variation(&flag.name, Some(context), None) {
            see(&variation);
        }
    }
}
