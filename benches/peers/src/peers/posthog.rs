use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use posthog_rs::{FlagCache, FlagValue, LocalEvaluator};
use serde_json::{Value, json};

use crate::peer::{COUNTRY, Flag, NEW, OLD, PLANS, Peer, Visitor, list};

#[derive(Clone)]
pub(super) struct PostHog(Arc<LocalEvaluator>);

impl Peer for PostHog {
    const PACKAGE: &'static str = "posthog-rs";
    const CALL: &'static str = "LocalEvaluator::evaluate_flag_simple";
    const NOTE: &'static str = "The key of the variant stands for its value, which is a payload that \
        this call does not give. The client on top of it makes events.";

    type Context = (&'static str, HashMap<String, Value>);

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let is = |name: &str, value: Value| {
            json!({
                "key": name,
                "value": value,
                "operator": "exact",
                "type": "person"
            })
        };
        let group = if has_rule {
            json!({"properties": [is("country", json!(COUNTRY)), is("plan", json!(PLANS))]})
        } else {
            json!({})
        };
        let flag = |flag: &Flag| {
            json!({
                "key": flag.name,
                "active": true,
                "filters": {
                    "groups": [group],
                    "multivariate": {
                        "variants": [
                            {"key": OLD, "rollout_percentage": 50.0},
                            {"key": NEW, "rollout_percentage": 50.0}
                        ]
                    }
                }
            })
        };
        json!({"flags": list(flags, flag)}).to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        let cache = FlagCache::new();
        cache.update(serde_json::from_str(configuration)?);
        Ok(PostHog(Arc::new(LocalEvaluator::new(cache))))
    }

    fn context(&'static self, visitor: &'static Visitor) -> Self::Context {
        let attributes = visitor.attributes();
        let properties = attributes.map(|(name, value)| (name.to_owned(), Value::from(value)));
        (&visitor.key, properties.collect())
    }

    fn evaluate(&mut self, flag: &Flag, context: &Self::Context, see: impl FnOnce(&str)) {
        let (user, properties) = context;
        // Empty maps allocate nothing, so building them here is as cheap as keeping them.
        let value = self.0.evaluate_flag_simple(
            &flag.name,
            user,
            properties,
            &HashMap::new(),
            &HashMap::new(),
        );
        if let Ok(Some(FlagValue::String(variant))) = value {
            see(&variant);
        }
    }
}
