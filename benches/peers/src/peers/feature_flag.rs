use std::error::Error;

use feature_flag::{FlagEvaluator, FlagSet, Subject};
use serde_json::json;

use crate::peer::{Flag, NEW, OLD, Peer, list};

#[derive(Clone)]
pub(super) struct FeatureFlag(FlagEvaluator);

impl Peer for FeatureFlag {
    const PACKAGE: &'static str = "feature-flag";
    const CALL: &'static str = "FlagEvaluator::evaluate";
    const NOTE: &'static str = "Looks for the flag from the first to the last, under a read lock.";

    type Context = Subject;

    fn configuration(flags: &[Flag]) -> String {
        let flag = |flag: &Flag| {
            json!({
                "id": flag.name,
                "variants": [OLD, NEW],
                "default_variant": OLD,
                "rules": [{
                    "id": "everyone",
                    "when": {"kind": "always"},
                    "outcome": {
                        "kind": "rollout",
                        "variants": [
                            {"variant": OLD, "weight": 50},
                            {"variant": NEW, "weight": 50}
                        ]
                    }
                }]
            })
        };
        json!({"version": "1", "flags": list(flags, flag)}).to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(FeatureFlag(FlagEvaluator::new(FlagSet::from_json(configuration)?)))
    }

    fn context(&'static self, user: &'static str) -> Subject {
        Subject::new(user)
    }

    fn evaluate(&mut self, flag: &Flag, subject: &Subject, see: impl FnOnce(&str)) {
        if let Ok(evaluation) = self.0.evaluate(&flag.name, subject) {
            see(&evaluation.variant);
        }
    }
}
