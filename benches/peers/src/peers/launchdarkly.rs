use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use launchdarkly_server_sdk_evaluation::{
    Context, ContextBuilder, Flag as Definition, FlagValue, Segment, Store, evaluate,
};
use serde_json::json;

use crate::peer::{COUNTRY, Flag, NEW, NONE, OLD, PLANS, Peer, Visitor, by_name};

#[derive(Clone)]
pub(super) struct LaunchDarkly(Arc<HashMap<String, Definition>>);

/// Where the library looks for what a flag refers to. These flags refer to nothing.
struct Nothing;

impl Store for Nothing {
    fn flag(&self, _: &str) -> Option<Definition> {
        None
    }

    fn segment(&self, _: &str) -> Option<Segment> {
        None
    }
}

impl Peer for LaunchDarkly {
    const PACKAGE: &'static str = "launchdarkly-server-sdk-evaluation";
    const CALL: &'static str = "evaluate";
    const NOTE: &'static str = "Only the evaluation: the caller holds the flags, here in a map of the \
        standard library that nothing guards. The SDK on top of it takes locks and makes events.";

    type Context = Context;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let rollout = json!({
            "kind": "experiment",
            "variations": [{"variation": 0, "weight": 50_000}, {"variation": 1, "weight": 50_000}]
        });
        let one_of = |name: &str, values: &[&str]| {
            json!({
                "contextKind": "user",
                "attribute": name,
                "op": "in",
                "values": values
            })
        };
        let rule = json!({
            "id": "some",
            "clauses": [one_of("country", &[COUNTRY]), one_of("plan", &PLANS)],
            "rollout": rollout,
            "trackEvents": false
        });
        let (rules, fallthrough) = if has_rule {
            (json!([rule]), json!({"variation": 2}))
        } else {
            (json!([]), json!({"rollout": rollout}))
        };
        let flag = |flag: &Flag| {
            json!({
                "key": flag.name,
                "version": 1,
                "on": true,
                "targets": [],
                "rules": rules,
                "prerequisites": [],
                "fallthrough": fallthrough,
                "offVariation": 2,
                "variations": [OLD, NEW, NONE],
                "salt": flag.name
            })
        };
        by_name(flags, flag).to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(LaunchDarkly(Arc::new(serde_json::from_str(configuration)?)))
    }

    fn context(&'static self, visitor: &'static Visitor) -> Context {
        let mut builder = ContextBuilder::new(&visitor.key);
        for (name, value) in visitor.attributes() {
            builder.set_string(name, value);
        }
        builder.build().expect("a key is all that a context needs")
    }

    fn evaluate(&mut self, flag: &Flag, context: &Context, see: impl FnOnce(&str)) {
        let Some(definition) = self.0.get(&flag.name) else {
            return;
        };
        if let Some(FlagValue::Str(value)) = evaluate(&Nothing, definition, context, None).value {
            see(value);
        }
    }
}
