use std::error::Error;

use flagsmith_flag_engine::engine::get_evaluation_result;
use flagsmith_flag_engine::engine_eval::EngineEvaluationContext;
use flagsmith_flag_engine::engine_eval::context::IdentityContext;
use flagsmith_flag_engine::types::{FlagsmithValue, FlagsmithValueType};
use serde_json::{Value, json};

use crate::peer::{COUNTRY, Flag, NEW, NONE, OLD, PLANS, Peer, Visitor, by_name, list};

/// The context holds flags and user in one, so each thread has a copy to put its users into.
#[derive(Clone)]
pub(super) struct Flagsmith(EngineEvaluationContext);

impl Peer for Flagsmith {
    const PACKAGE: &'static str = "flagsmith-flag-engine";
    const CALL: &'static str = "get_evaluation_result";
    const NOTE: &'static str = "Evaluates all flags in each call: it is made for asking once for a user \
        and keeping the answers. The prebuilt user is cloned into the context in each call.";

    type Context = IdentityContext;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let variants = json!([{"value": OLD, "weight": 50.0}, {"value": NEW, "weight": 50.0}]);
        let feature = |flag: &Flag, variants: &Value| {
            json!({
                "key": flag.name,
                "name": flag.name,
                "enabled": true,
                "value": NONE,
                "variants": variants
            })
        };
        let (everywhere, segments) = if has_rule {
            let conditions = json!([
                {"property": "country", "operator": "EQUAL", "value": COUNTRY},
                {"property": "plan", "operator": "IN", "value": PLANS}
            ]);
            let segment = json!({
                "key": "1",
                "name": "some",
                "rules": [{"type": "ALL", "conditions": conditions}],
                "overrides": list(flags, |flag| feature(flag, &variants))
            });
            (json!([]), json!({"1": segment}))
        } else {
            (variants, json!({}))
        };
        json!({
            "environment": {"key": "production", "name": "production"},
            "features": by_name(flags, |flag| feature(flag, &everywhere)),
            "segments": segments
        })
        .to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(Flagsmith(serde_json::from_str(configuration)?))
    }

    fn context(&'static self, visitor: &'static Visitor) -> IdentityContext {
        let trait_of = |(name, value): (&str, &str)| {
            let value = value.to_owned();
            let value = FlagsmithValue { value_type: FlagsmithValueType::String, value };
            (name.to_owned(), value)
        };
        IdentityContext {
            identifier: visitor.key.clone(),
            key: visitor.key.clone(),
            traits: visitor.attributes().map(trait_of).collect(),
        }
    }

    fn evaluate(&mut self, flag: &Flag, identity: &IdentityContext, see: impl FnOnce(&str)) {
        self.0.identity = Some(identity.clone());
        if let Some(result) = get_evaluation_result(&self.0).flags.get(&flag.name) {
            see(&result.value.value);
        }
    }
}
