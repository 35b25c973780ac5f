//! Every way of asking, of a flag with rules, segments, an audience with every operator, coverage,
//! a layer and a holdout, for users with attributes in every form.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hint::black_box;

use fairsplit::targeting::{
    AttributeValue, Attributes, Condition, HoldoutId, LayerId, MatchType, NewHoldout, NewLayer,
    NewRule, NewSegment, NewTargeting, Operator, RuleId, SegmentId,
};
use fairsplit::{
    Engine, Environment, FlagHandle, NewFlag, Outcome, Reader, Reason, Status, User, UserKey,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::allocator::calls;
use crate::common::{banner, engine_at_noon, experiment_id, flag_id, production};

/// Units of the experiment: a text, an integer, the user key.
const UNITS: [Option<&str>; 3] = [Some("company"), Some("number"), None];

#[test]
fn evaluating_and_converting_with_attributes_allocate_nothing() {
    for unit in UNITS {
        for counts_users in [false, true] {
            let engine = engine(unit);
            if counts_users {
                engine.count_users(experiment_id(1), 1_000_000).unwrap();
            }
            let place = production(&engine);
            let (handle, mut reader) = (place.flag("hero-banner"), place.reader());
            // The first call of a thread sets up its place in arc-swap.
            drop(engine.snapshot());
            let mut reasons = BTreeSet::new();
            for number in 0..200 {
                in_every_form(number, &mut |key, attributes| {
                    // Adding a user may allocate; one who is known does not.
                    if counts_users {
                        drop(handle.evaluate(User::new(key).with(attributes)));
                        drop(handle.convert(User::new(key).with(attributes)));
                    }
                    let (allocations, reason) =
                        calls(|| ask(&place, &handle, &mut reader, key, attributes));
                    assert_eq!(allocations, 0, "{key:?}, {unit:?}, {reason}");
                    reasons.insert(reason);
                });
            }
            let mut every_way = BTreeSet::from([
                Reason::Split,
                Reason::Rule,
                Reason::Forced,
                Reason::HeldOut,
                Reason::OtherLayerRange,
                Reason::NotInAudience,
                Reason::NotCovered,
            ]);
            every_way.insert(if unit.is_some() { Reason::NoUnit } else { Reason::NoUserKey });
            assert_eq!(reasons, every_way, "{unit:?}");
        }
    }
}

#[test]
fn writing_a_user_key_allocates_nothing() {
    let (allocations, length) = calls(|| {
        let integers = [UserKey::from(i64::MIN), UserKey::from(u64::MAX), UserKey::from(-7_i32)];
        let uuid = UserKey::from(Uuid::from_u128(7));
        integers.iter().chain([&uuid]).map(|key| black_box(key.as_str()).len()).sum::<usize>()
    });
    assert_eq!((allocations, length), (0, 20 + 20 + 2 + 36));
}

/// An engine with the flag "hero-banner", and its experiment running in production.
fn engine(unit: Option<&str>) -> Engine {
    let (engine, _) = engine_at_noon();
    let [staff, free] = [1, 2_u128].map(|number| SegmentId::from_bytes(number.to_be_bytes()));
    let condition = |attribute, operator, value| Condition::new(attribute, operator, value);
    let segment = NewSegment::new("staff").id(staff).match_type(MatchType::Any);
    let segment = segment.condition(condition("email", Operator::EndsWith, "@example.org"));
    let segment = segment.condition(condition("plan", Operator::Equals, "staff"));
    engine.create_segment(segment).unwrap();
    let segment = NewSegment::new("free").id(free);
    let segment = segment.condition(condition("plan", Operator::Equals, "free"));
    engine.create_segment(segment).unwrap();

    let mut layer = NewLayer::new("checkout").id(LayerId::from_bytes([1; 16]));
    let mut holdout = NewHoldout::new("2026", 20).id(HoldoutId::from_bytes([1; 16]));
    let mut targeting = NewTargeting::new();
    if let Some(unit) = unit {
        layer = layer.bucket_by(unit);
        holdout = holdout.bucket_by(unit);
        targeting = targeting.bucket_by(unit);
    }
    let layer = engine.create_layer(layer).unwrap().id();
    engine.create_holdout(holdout).unwrap();
    targeting = targeting.layer(layer, [(0, 40), (50, 90)]).coverage(70).not_segment(free);
    for condition in Operator::ALL.into_iter().filter_map(one_that_holds) {
        targeting = targeting.condition(condition);
    }

    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let beta = condition("user_key", Operator::Equals, "beta");
    for (number, rule) in [
        NewRule::new("production", "staff").segment(staff),
        NewRule::new("production", "none").segment(free).percentage(1),
        NewRule::new("production", "beta").condition(beta).percentage(100),
    ]
    .into_iter()
    .enumerate()
    {
        let id = RuleId::from_bytes((number as u128).to_be_bytes());
        engine.create_rule("hero-banner", rule.id(id)).unwrap();
    }
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    let id = engine.create_experiment("hero-banner", new.targeting(targeting)).unwrap().id();
    engine.force(id, "qa", "treatment").unwrap();
    engine
}

/// A condition of this operator that holds for the users of these tests.
fn one_that_holds(operator: Operator) -> Option<Condition> {
    let many: Vec<String> = (0..100).map(|number| format!("company-{number}")).collect();
    let (attribute, value) = match operator {
        Operator::IsSet => return Some(Condition::is_set("plan")),
        Operator::IsNotSet => return Some(Condition::is_not_set("nothing")),
        Operator::Matches if !cfg!(feature = "regex") => return None,
        Operator::Matches => ("email", json!("^[a-z]+@")),
        Operator::Equals => ("active", json!(true)),
        Operator::In => ("country", json!(["AT", "CH", "DE"])),
        Operator::NotIn => ("country", json!(many)),
        Operator::Contains => ("email", json!("@")),
        Operator::NotContains => ("email", json!(["#", "?"])),
        Operator::StartsWith => ("email", json!("anna")),
        Operator::EndsWith => ("email", json!([".org", ".com"])),
        Operator::NotEquals | Operator::GreaterThan | Operator::GreaterThanOrEquals => {
            ("number", json!(-1))
        }
        Operator::LessThan | Operator::LessThanOrEquals => ("number", json!(1e9)),
        Operator::Before => ("joined", json!("2026-01-01T00:00:00Z")),
        Operator::After => ("joined", json!(0)),
        Operator::SemverEquals => ("version", json!("2.10")),
        Operator::SemverGreaterThan | Operator::SemverGreaterThanOrEquals => {
            ("version", json!("2.9.0-rc.1"))
        }
        Operator::SemverLessThan | Operator::SemverLessThanOrEquals => ("version", json!("3")),
        other => panic!("{other} is in no test"),
    };
    Some(Condition::new(attribute, operator, value))
}

/// A request, which answers for its attributes itself.
struct Request {
    plan: &'static str,
    company: String,
    number: u64,
}

impl Attributes for Request {
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        Some(match name {
            "plan" => self.plan.into(),
            "company" => self.company.as_str().into(),
            "number" => self.number.into(),
            "active" => true.into(),
            "country" => "DE".into(),
            "email" => "anna@example.com".into(),
            "joined" => "2025-03-12T12:00:00.5+01:00".into(),
            "version" => "2.10.0+build".into(),
            _ => return None,
        })
    }
}

/// Asks for users of this number, each with the same attributes in every form.
fn in_every_form(number: u64, ask: &mut dyn FnMut(&str, &dyn Attributes)) {
    let plan = if number.is_multiple_of(10) { "free" } else { "pro" };
    let request = Request { plan, company: format!("company {number}"), number };
    let names = ["plan", "company", "number", "active", "country", "email", "joined", "version"];
    let pairs = names.map(|name| (name, request.get(name).unwrap()));
    let owned = pairs.map(|(name, value)| (name.to_owned(), value));
    let json = |value| match value {
        AttributeValue::Str(text) => json!(text),
        AttributeValue::Uint(number) => json!(number),
        AttributeValue::Bool(value) => json!(value),
        other => panic!("{other:?}"),
    };
    let object: Map<String, Value> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), json(*value))).collect();
    let hashed: HashMap<_, _> = pairs.into_iter().collect();
    let sorted: BTreeMap<_, _> = pairs.into_iter().collect();
    let hashed_json: HashMap<_, _> = object.clone().into_iter().collect();
    let sorted_json: BTreeMap<_, _> = object.clone().into_iter().collect();
    let forms: [&dyn Attributes; 9] =
        [&pairs, &owned, &request, &hashed, &sorted, &hashed_json, &sorted_json, &object, &()];
    let written = [UserKey::from(number), Uuid::from_u128(number.into()).into()];
    let text = format!("user-{number}");
    for attributes in forms {
        for key in [&*written[0], &*written[1], &text, "qa", "beta", ""] {
            ask(key, attributes);
        }
    }
}

/// Evaluates, peeks and converts, in every way.
fn ask(
    place: &Environment,
    handle: &FlagHandle,
    reader: &mut Reader,
    key: &str,
    attributes: &dyn Attributes,
) -> Reason {
    let user = User::new(key).with(attributes);
    let by_name = place.evaluate("hero-banner", user);
    black_box((by_name.value(), by_name.variant(), by_name.is_counted()));
    black_box(place.peek("hero-banner", user).value());
    black_box(place.convert("hero-banner", user).variant());
    let view = place.view();
    black_box(view.evaluate("hero-banner", user).value());
    black_box(view.peek("hero-banner", user).value());
    black_box(view.convert("hero-banner", user).variant());
    black_box(handle.evaluate(user).value());
    black_box(handle.peek(user).value());
    let converted = handle.convert(user);
    black_box(converted.variant());
    let snapshot = reader.snapshot();
    black_box(handle.evaluate_on(snapshot, user).value());
    black_box(handle.peek_on(snapshot, user).value());
    black_box(handle.convert_on(snapshot, user).variant());
    let reason = by_name.reason();
    assert!(reason != Reason::Split || converted.outcome() == Outcome::Counted);
    reason
}
