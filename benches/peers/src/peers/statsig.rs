use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use serde_json::{Value, json};
use statsig_rust::{
    ExperimentEvaluationOptions, StatsigBootstrapSpecsAdapter, StatsigOptions, StatsigUser,
    StatsigUserBuilder,
};

use crate::peer::{COUNTRY, Flag, NEW, OLD, PLANS, Peer, Visitor, block_on, by_name};

#[derive(Clone)]
pub(super) struct Statsig(Arc<statsig_rust::Statsig>);

/// The conditions of the rule, which all flags share.
fn rule() -> [(&'static str, Value); 2] {
    let one_of = |field: &str, values: &[&str]| {
        json!({
            "type": "user_field",
            "operator": "any_case_sensitive",
            "targetValue": values,
            "field": field,
            "additionalValues": {},
            "idType": "userID"
        })
    };
    [("country", one_of("country", &[COUNTRY])), ("plan", one_of("plan", &PLANS))]
}

/// The condition that a user's bucket of 1,000 is below a limit.
fn below(limit: u32, flag: &Flag) -> (String, Value) {
    let condition = json!({
        "type": "user_bucket",
        "operator": "lt",
        "targetValue": limit,
        "field": null,
        "additionalValues": {"salt": flag.name},
        "idType": "userID"
    });
    (format!("{}-{limit}", flag.name), condition)
}

impl Peer for Statsig {
    const PACKAGE: &'static str = "statsig-rust";
    const CALL: &'static str = "Statsig::get_experiment_with_options";
    const NOTE: &'static str = "Exposures are not logged, though checks without one are still counted. \
        The specification has a condition for each group, as the service writes it; those of the rule \
        are in each group, not in a targeting gate. Strings of one \
        instance are shared with the next, so that loading again is cheaper than loading first.";

    type Context = StatsigUser;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let group = |flag: &Flag, limit: u32, group: &str, value: &str| {
            let mut conditions = vec![below(limit, flag).0];
            if has_rule {
                conditions.splice(0..0, rule().map(|(name, _)| name.to_owned()));
            }
            json!({
                "name": group,
                "groupName": group,
                "id": group,
                "salt": group,
                "passPercentage": 100,
                "conditions": conditions,
                "returnValue": {"value": value},
                "idType": "userID",
                "isExperimentGroup": true
            })
        };
        let experiment = |flag: &Flag| {
            json!({
                "type": "dynamic_config",
                "entity": "experiment",
                "salt": flag.name,
                "enabled": true,
                "isActive": true,
                "hasSharedParams": false,
                "defaultValue": {},
                "rules": [group(flag, 500, "control", OLD), group(flag, 1_000, "treatment", NEW)],
                "idType": "userID",
                "version": 1
            })
        };
        let buckets = flags.iter().flat_map(|flag| [below(500, flag), below(1_000, flag)]);
        let shared = rule().map(|(name, condition)| (name.to_owned(), condition));
        let conditions: Value = buckets.chain(shared.into_iter().filter(|_| has_rule)).collect();
        json!({
            "has_updates": true,
            "time": 1,
            "response_format": "dcs-v2",
            "feature_gates": {},
            "layer_configs": {},
            "experiment_to_layer": {},
            "condition_map": conditions,
            "dynamic_configs": by_name(flags, experiment)
        })
        .to_string()
    }

    fn load(configuration: &str, flags: &[Flag]) -> Result<Self, Box<dyn Error>> {
        let specs = Arc::new(StatsigBootstrapSpecsAdapter::new(configuration.to_owned()));
        let options = StatsigOptions::builder()
            .specs_adapter(Some(specs))
            .disable_network(Some(true))
            .disable_country_lookup(Some(true))
            // Its logger would print what other libraries log.
            .output_log_level(Some(0))
            .build();
        let statsig = statsig_rust::Statsig::new("secret-none", Some(Arc::new(options)));
        block_on(statsig.initialize())?.map_err(|error| error.to_string())?;
        if statsig.get_experiment_list().len() == flags.len() {
            Ok(Statsig(Arc::new(statsig)))
        } else {
            Err("the specification was not taken".into())
        }
    }

    fn context(&'static self, visitor: &'static Visitor) -> StatsigUser {
        let Some(known) = &visitor.known else {
            return StatsigUser::with_user_id(&*visitor.key);
        };
        let custom = HashMap::from([("plan".to_owned(), known.plan.to_owned())]);
        StatsigUserBuilder::new_with_user_id(&*visitor.key)
            .country(Some(known.country.to_owned()))
            .custom_from_str_map(Some(custom))
            .build()
    }

    fn evaluate(&mut self, flag: &Flag, user: &StatsigUser, see: impl FnOnce(&str)) {
        let options =
            ExperimentEvaluationOptions { disable_exposure_logging: true, ..Default::default() };
        let experiment = self.0.get_experiment_with_options(user, &flag.name, options);
        experiment.value.get("value").and_then(Value::as_str).map(see);
    }
}
