use std::error::Error;
use std::sync::Arc;

use optimizely::client::UserContext;
use optimizely::{AttributeValue, Client};
use serde_json::json;

use crate::peer::{COUNTRY, Flag, NEW, OLD, PLANS, Peer, Visitor, list};

#[derive(Clone)]
pub(super) struct Optimizely(Arc<Client>);

impl Peer for Optimizely {
    const PACKAGE: &'static str = "optimizely";
    const CALL: &'static str = "UserContext::decide";
    const NOTE: &'static str = "Not the vendor's. Has no values yet: the key of the variation stands \
        for it. Events are a feature of the crate that is off here.";

    type Context = UserContext<'static>;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let audiences = if has_rule { json!(["some"]) } else { json!([]) };
        let experiment = |flag: &Flag| {
            let id = |variant: &str| format!("{}-{variant}", flag.name);
            json!({
                "id": flag.name,
                "layerId": flag.name,
                "audienceIds": audiences,
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
        let equals = |name: &str, value: &str| {
            json!({
                "type": "custom_attribute",
                "name": name,
                "match": "exact",
                "value": value
            })
        };
        let [first, second] = PLANS.map(|plan| equals("plan", plan));
        let conditions = json!(["and", equals("country", COUNTRY), ["or", first, second]]);
        json!({
            "accountId": "1",
            "projectId": "1",
            "environmentKey": "production",
            "sdkKey": "none",
            "revision": "1",
            "botFiltering": false,
            "anonymizeIP": false,
            "attributes": [{"id": "1", "key": "country"}, {"id": "2", "key": "plan"}],
            "typedAudiences": [{"id": "some", "name": "some", "conditions": conditions}],
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

    fn context(&'static self, visitor: &'static Visitor) -> UserContext<'static> {
        let mut context = self.0.create_user_context(&visitor.key);
        for (name, value) in visitor.attributes() {
            context.set_attribute(name, AttributeValue::String(value.to_owned()));
        }
        context
    }

    fn evaluate(&mut self, flag: &Flag, user: &UserContext<'static>, see: impl FnOnce(&str)) {
        see(user.decide(&flag.name).variation_key());
    }
}
