use std::error::Error;
use std::sync::Arc;

use optimizely::Client;
use optimizely::client::UserContext;
use serde_json::json;

use crate::peer::{Flag, NEW, OLD, Peer, list};

#[derive(Clone)]
pub(super) struct Optimizely(Arc<Client>);

impl Peer for Optimizely {
    const PACKAGE: &'static str = "optimizely";
    const CALL: &'static str = "UserContext::decide";
    const NOTE: &'static str = "Not the vendor's. Has no values yet: the key of the variation stands \
        for it. Events are a feature of the crate that is off here.";

    type Context = UserContext<'static>;

    fn configuration(flags: &[Flag]) -> String {
        let experiment = |flag: &Flag| {
            let id = |variant: &str| format!("{}-{variant}", flag.name);
            json!({
                "id": flag.name,
                "layerId": flag.name,
                "audienceIds": [],
                "trafficAllocation": [
                    {"entityId": id(OLD), "endOfRange": 5_000},
                    {"entityId": id(NEW), "endOfRange": 10_000}
                ],
                "variations": [
                    {"id": id(OLD), "key": OLD, "featureEnabled": true},
                    {"id": id(NEW), "key": NEW, "featureEnabled": true}
                ]
            })
        };
        let flag =
            |flag: &Flag| json!({"key": flag.name, "rolloutId": "", "experimentIds": [flag.name]});
        json!({
            "accountId": "1",
            "projectId": "1",
            "environmentKey": "production",
            "sdkKey": "none",
            "revision": "1",
            "botFiltering": false,
            "anonymizeIP": false,
            "attributes": [],
            "typedAudiences": [],
            "rollouts": [],
            "experiments": list(flags, experiment),
            "featureFlags": list(flags, flag)
        })
        .to_string()
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        let client = Client::from_string(configuration).map_err(|fault| fault.to_string())?;
        Ok(Optimizely(Arc::new(client.initialize())))
    }

    fn context(&'static self, user: &'static str) -> UserContext<'static> {
        self.0.create_user_context(user)
    }

    fn evaluate(&mut self, flag: &Flag, user: &UserContext<'static>, see: impl FnOnce(&str)) {
        see(user.decide(&flag.name).variation_key());
    }
}
