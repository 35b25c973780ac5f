use std::error::Error;
use std::sync::Arc;

use serde_json::json;
use unleash_yggdrasil::state::EnrichedContext;
use unleash_yggdrasil::{EngineState, UpdateMessage};

use crate::peer::{Flag, NEW, OLD, Peer, list};

#[derive(Clone)]
pub(super) struct Unleash<const COUNTS: bool>(Arc<EngineState>);

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
        "The strategy is on for everyone; a gradual rollout would hash once more."
    };

    type Context = EnrichedContext<'static>;

    fn configuration(flags: &[Flag]) -> String {
        let variant = |value: &str| {
            json!({
                "name": value,
                "weight": 500,
                "stickiness": "userId",
                "payload": {"type": "string", "value": value}
            })
        };
        let feature = |flag: &Flag| {
            json!({
                "name": flag.name,
                "enabled": true,
                "strategies": [{"name": "default", "variants": [variant(OLD), variant(NEW)]}]
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

    fn context(&'static self, user: &'static str) -> EnrichedContext<'static> {
        EnrichedContext {
            user_id: Some(user),
            session_id: None,
            environment: None,
            app_name: None,
            current_time: None,
            remote_address: None,
            properties: None,
            external_results: None,
            toggle_name: "",
            runtime_hostname: None,
        }
    }

    fn evaluate(
        &mut self,
        flag: &Flag,
        context: &EnrichedContext<'static>,
        see: impl FnOnce(&str),
    ) {
        let Some(variant) = self.0.check_variant(&context.with_toggle_name(&flag.name)) else {
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
