use std::error::Error;

use flagsmith_flag_engine::engine::get_evaluation_result;
use flagsmith_flag_engine::engine_eval::EngineEvaluationContext;
use flagsmith_flag_engine::engine_eval::context::IdentityContext;
use serde_json::json;

use crate::peer::{Flag, NEW, OLD, Peer, by_name};

/// The context holds flags and user in one, so each thread has a copy to put its users into.
#[derive(Clone)]
pub(super) struct Flagsmith(EngineEvaluationContext);

impl Peer for Flagsmith {
    const PACKAGE: &'static str = "flagsmith-flag-engine";
    const CALL: &'static str = "get_evaluation_result";
    const NOTE: &'static str = "Evaluates all flags in each call: it is made for asking once for a user \
        and keeping the answers. The prebuilt user is cloned into the context in each call.";

    type Context = IdentityContext;

    fn configuration(flags: &[Flag]) -> String {
        let feature = |flag: &Flag| {
            json!({
                "key": flag.name,
                "name": flag.name,
                "enabled": true,
                "value": OLD,
                "variants": [{"value": OLD, "weight": 50.0}, {"value": NEW, "weight": 50.0}]
            })
        };
        json!({
            "environment": {"key": "production", "name": "production"},
            "features": by_name(flags, feature)
        })
        .to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(Flagsmith(serde_json::from_str(configuration)?))
    }

    fn context(&'static self, user: &'static str) -> IdentityContext {
        let (identifier, key) = (user.to_owned(), user.to_owned());
        IdentityContext { identifier, key, traits: Default::default() }
    }

    fn evaluate(&mut self, flag: &Flag, identity: &IdentityContext, see: impl FnOnce(&str)) {
        self.0.identity = Some(identity.clone());
        if let Some(result) = get_evaluation_result(&self.0).flags.get(&flag.name) {
            see(&result.value.value);
        }
    }
}
