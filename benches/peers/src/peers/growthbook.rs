//! The client, and the state that it wraps, which can be asked as well.

use std::error::Error;
use std::iter;
use std::sync::Arc;

use growthbook_rust::client::{GrowthBookClient, GrowthBookClientBuilder, GrowthBookClientTrait};
use growthbook_rust::growthbook::GrowthBook;
use growthbook_rust::model_public::{FeatureResult, GrowthBookAttribute, GrowthBookAttributeValue};
use serde_json::{Value, json};

use crate::peer::{COUNTRY, Flag, NEW, NONE, OLD, PLANS, Peer, Visitor, block_on, by_name};

type Attributes = Option<Vec<GrowthBookAttribute>>;

fn features(flags: &[Flag], has_rule: bool) -> String {
    let condition = json!({"country": COUNTRY, "plan": {"$in": PLANS}});
    let condition = if has_rule { condition } else { Value::Null };
    let feature = |flag: &Flag| {
        json!({
            "defaultValue": NONE,
            "rules": [{
                "key": flag.name,
                "condition": condition,
                "hashAttribute": "id",
                "hashVersion": 2,
                "variations": [OLD, NEW]
            }]
        })
    };
    by_name(flags, feature).to_string()
}

fn attributes(visitor: &'static Visitor) -> Attributes {
    let attribute = |(name, value): (&str, &str)| {
        let value = GrowthBookAttributeValue::String(value.to_owned());
        GrowthBookAttribute::new(name.to_owned(), value)
    };
    Some(
        iter::once(("id", visitor.key.as_str()))
            .chain(visitor.attributes())
            .map(attribute)
            .collect(),
    )
}

fn see_value(result: &FeatureResult, see: impl FnOnce(&str)) {
    result.value.as_str().map(see);
}

#[derive(Clone)]
pub(super) struct Client(GrowthBookClient);

impl Peer for Client {
    const PACKAGE: &'static str = "growthbook-rust";
    const CALL: &'static str = "GrowthBookClient::feature_result";
    const NOTE: &'static str = "Clones all flags in each call.";

    type Context = Attributes;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        features(flags, has_rule)
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        let features = serde_json::from_str(configuration)?;
        let builder = GrowthBookClientBuilder::new().features_json(features)?;
        Ok(Client(block_on(builder.build())?.map_err(|fault| fault.to_string())?))
    }

    fn context(&'static self, visitor: &'static Visitor) -> Attributes {
        attributes(visitor)
    }

    fn evaluate(&mut self, flag: &Flag, attributes: &Attributes, see: impl FnOnce(&str)) {
        see_value(&self.0.feature_result(&flag.name, attributes.clone()), see);
    }
}

#[derive(Clone)]
pub(super) struct Check(Arc<GrowthBook>);

impl Peer for Check {
    const PACKAGE: &'static str = "growthbook-rust";
    const CALL: &'static str = "GrowthBook::check";
    const NOTE: &'static str =
        "What the client calls on its clone: no lock, no refresh, no callbacks.";

    type Context = Attributes;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        features(flags, has_rule)
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(Check(Arc::new(GrowthBook {
            forced_variations: None,
            features: serde_json::from_str(configuration)?,
            attributes: None,
            sticky_bucket_service: None,
            saved_groups: Default::default(),
        })))
    }

    fn context(&'static self, visitor: &'static Visitor) -> Attributes {
        attributes(visitor)
    }

    fn evaluate(&mut self, flag: &Flag, attributes: &Attributes, see: impl FnOnce(&str)) {
        see_value(&self.0.check(&flag.name, attributes), see);
    }
}
