use std::error::Error;
use std::sync::Arc;

use serde_json::json;
use unleash_yggdrasil::state::{EnrichedContext, PropertiesCow, PropertiesRef};
use unleash_yggdrasil::{EngineState, UpdateMessage};

use crate::peer::{COUNTRY, Flag, NEW, OLD, PLANS, Peer, Visitor, list};

#[derive(Clone)]
pub(super) struct Unleash<const COUNTS: bool>(Arc<EngineState>);

/// What the library's context borrows from.
pub(super) struct Known {
    user: &'static str,
    properties: Option<PropertiesCow<'static>>,
}

impl<const COUNTS: bool> Peer for Unleash<COUNTS> {
    const PACKAGE: &'static str = "unleash-yggdrasil";
    const CALL: &'static str = if COUNTS {
        "EngineState::check_variant and count_variant"
    } else {
        "EngineState::check_variant"
    };
    const COUNTS: bool = COUNTS;
    const NOTE: &'static str = if COUNTS {
        "Counts how often each variant was served, in a map that shards of locks guard."
    } else {
        "The strategy is `default`; a gradual rollout would hash once more."
    };

    type Context = Known;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let variant = |value: &str| {
            json!({
                "name": value,
                "weight": 500,
                "stickiness": "userId",
                "payload": {"type": "string", "value": value}
            })
        };
        let one_of = |name: &str, values: &[&str]| {
            json!({
                "contextName": name,
                "operator": "IN",
                "values": values
            })
        };
        let constraints = json!([one_of("country", &[COUNTRY]), one_of("plan", &PLANS)]);
        let constraints = if has_rule { constraints } else { json!([]) };
        let feature = |flag: &Flag| {
            json!({
                "name": flag.name,
                "enabled": true,
                "strategies": [{
                    "name": "default",
                    "constraints": constraints,
                    "variants": [variant(OLD), variant(NEW)]
                }]
            })
        };
        json!({"version": 2, "features": list(flags, feature)}).to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        let engine = EngineState::default();
        let message = UpdateMessage::FullResponse(serde_json::from_str(configuration)?);
        match engine.take_state(message) {
            None => Ok(Unleash(Arc::new(engine))),
            Some(warnings) => Err(format!("{} warnings", warnings.len()).into()),
        }
    }

    fn context(&'static self, visitor: &'static Visitor) -> Known {
        let attributes = visitor.attributes();
        let properties = attributes.map(|(name, value)| (name.into(), value.into()));
        Known {
            user: &visitor.key,
            properties: visitor.known.is_some().then(|| properties.collect()),
        }
    }

    fn evaluate(&mut self, flag: &Flag, known: &Known, see: impl FnOnce(&str)) {
        let context = EnrichedContext {
            user_id: Some(known.user),
            session_id: None,
            environment: None,
            app_name: None,
            current_time: None,
            remote_address: None,
            properties: known.properties.as_ref().map(PropertiesRef::Cows),
            external_results: None,
            toggle_name: &flag.name,
            runtime_hostname: None,
        };
        let Some(variant) = self.0.check_variant(&context) else {
            return;
        };
        if COUNTS {
            self.0.count_variant(&flag.name, &variant.name);
        }
        if let Some(payload) = &variant.payload {
            see(&payload.value);
        }
    }
}
