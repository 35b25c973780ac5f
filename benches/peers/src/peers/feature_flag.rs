use std::error::Error;

use feature_flag::{FlagEvaluator, FlagSet, Subject};
use serde_json::json;

use crate::peer::{COUNTRY, Flag, NEW, NONE, OLD, PLANS, Peer, Visitor, list};

#[derive(Clone)]
pub(super) struct FeatureFlag(FlagEvaluator);

impl Peer for FeatureFlag {
    const PACKAGE: &'static str = "feature-flag";
    const CALL: &'static str = "FlagEvaluator::evaluate";
    const NOTE: &'static str = "Looks for the flag from the first to the last, under a read lock.";

    type Context = Subject;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let rule = json!({"kind": "all_of", "matchers": [
            {"kind": "compare", "attr": "country", "op": "eq", "value": COUNTRY},
            {"kind": "compare", "attr": "plan", "op": "in", "value": PLANS}
        ]});
        let when = if has_rule { rule } else { json!({"kind": "always"}) };
        let flag = |flag: &Flag| {
            json!({
                "id": flag.name,
                "variants": [OLD, NEW, NONE],
                "default_variant": NONE,
                "rules": [{
                    "id": "split",
                    "when": when,
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

    fn context(&'static self, visitor: &'static Visitor) -> Subject {
        let subject = Subject::new(&visitor.key);
        visitor.attributes().fold(subject, |subject, (name, value)| subject.with_attr(name, value))
    }

    fn evaluate(&mut self, flag: &Flag, subject: &Subject, see: impl FnOnce(&str)) {
        if let Ok(evaluation) = self.0.evaluate(&flag.name, subject) {
            see(&evaluation.variant);
        }
    }
}
