//! Random flags, with rules, segments, gates and forced users, against an evaluator that is written
//! plainly from the order in the docs.

use fairsplit::assign::{Assignment, Gate, GateSeed};
use fairsplit::targeting::{
    AttributeValue, Condition, HoldoutId, LayerId, MatchType, NewHoldout, NewLayer, NewRule,
    NewSegment, NewTargeting, Operator, SegmentId, Truth,
};
use fairsplit::{Engine, FlagChange, NewFlag, Reason, Status, User};
use proptest::prelude::*;
use serde_json::json;

use super::{rule_id, segment_id};
use crate::common::{banner, engine_at_noon, experiment_id, production, staging};

#[derive(Clone, Debug)]
struct Part {
    conditions: Vec<Condition>,
    segments: Vec<(usize, bool)>,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
struct Setup {
    is_enabled: bool,
    is_running: bool,
    segments: Vec<(MatchType, Vec<Condition>)>,
    /// In production or in staging, enabled, a percentage in thousandths, and whom it is for.
    rules: Vec<(bool, bool, Option<u32>, Part)>,
    audience: Part,
    coverage: u32,
    bucket_by: bool,
    ranges: Option<Vec<(u8, u8)>>,
    holdout: Option<u8>,
    forced: bool,
    counts_users: bool,
}

fn condition() -> impl Strategy<Value = Condition> {
    let attribute = prop::sample::select(vec!["plan", "age", "user_key"]);
    let operator = prop::sample::select(vec![
        (Operator::Equals, json!("pro")),
        (Operator::NotEquals, json!("pro")),
        (Operator::In, json!(["pro", "team", 7])),
        (Operator::LessThan, json!(7)),
        (Operator::GreaterThanOrEquals, json!(7)),
        (Operator::Contains, json!("1")),
    ]);
    let some =
        (attribute, operator, any::<bool>()).prop_map(|(attribute, (operator, value), no)| {
            let condition = Condition::new(attribute, operator, value);
            if no { condition.negate() } else { condition }
        });
    prop_oneof![
        4 => some,
        1 => Just(Condition::is_set("age")),
        1 => Just(Condition::is_not_set("plan")),
    ]
}

fn part(segments: usize) -> impl Strategy<Value = Part> {
    let segment = (0..segments.max(1), any::<bool>());
    let most = usize::from(segments > 0);
    (prop::collection::vec(condition(), 0..3), prop::collection::vec(segment, 0..=most))
        .prop_map(|(conditions, segments)| Part { conditions, segments })
}

fn setup() -> impl Strategy<Value = Setup> {
    let any_of = prop_oneof![Just(MatchType::All), Just(MatchType::Any)];
    let segment = (any_of, prop::collection::vec(condition(), 1..3));
    prop::collection::vec(segment, 0..3).prop_flat_map(|segments| {
        let number = segments.len();
        let percentage = prop::option::of(prop_oneof![Just(0), Just(100_000), 0_u32..100_000]);
        let rule = (prop::bool::weighted(0.8), prop::bool::weighted(0.8), percentage, part(number));
        let ranges = prop::collection::vec((0_u8..50, 50_u8..=100), 1..2);
        let first = (
            prop::bool::weighted(0.9),
            prop::bool::weighted(0.8),
            prop::collection::vec(rule, 0..3),
            part(number),
            prop_oneof![Just(100_000_u32), 0_u32..=100_000],
        );
        let second = (
            prop::bool::weighted(0.3),
            prop::option::of(ranges),
            prop::option::of(0_u8..=100),
            any::<bool>(),
            any::<bool>(),
        );
        (Just(segments), first, second).prop_map(|(segments, first, second)| {
            let (is_enabled, is_running, rules, audience, coverage) = first;
            let (bucket_by, ranges, holdout, forced, counts_users) = second;
            Setup {
                is_enabled,
                is_running,
                segments,
                rules,
                audience,
                coverage,
                bucket_by,
                ranges,
                holdout,
                forced,
                counts_users,
            }
        })
    })
}

const LAYER: [u8; 16] = [3; 16];
const HOLDOUT: [u8; 16] = [7; 16];

fn id(at: usize) -> SegmentId {
    segment_id(u128::try_from(at).unwrap() + 1)
}

/// The rules of a part that the engine can have: a rule names one segment, and never its negation.
fn engine_of(setup: &Setup) -> Engine {
    let (engine, _) = engine_at_noon();
    for (at, (match_type, conditions)) in setup.segments.iter().enumerate() {
        let mut segment = NewSegment::new("a segment").id(id(at)).match_type(*match_type);
        for condition in conditions {
            segment = segment.condition(condition.clone());
        }
        engine.create_segment(segment).unwrap();
    }
    engine.create_flag(NewFlag::new("flag", "default")).unwrap();
    let unit = setup.bucket_by.then_some("company");
    let mut targeting = NewTargeting::new().coverage(f64::from(setup.coverage) / 1000.0);
    for condition in &setup.audience.conditions {
        targeting = targeting.condition(condition.clone());
    }
    for (segment, is_out) in &setup.audience.segments {
        targeting = if *is_out {
            targeting.not_segment(id(*segment))
        } else {
            targeting.segment(id(*segment))
        };
    }
    if let Some(attribute) = unit {
        targeting = targeting.bucket_by(attribute);
    }
    if let Some(ranges) = &setup.ranges {
        let mut layer = NewLayer::new("a layer").id(LayerId::from_bytes(LAYER));
        if let Some(attribute) = unit {
            layer = layer.bucket_by(attribute);
        }
        engine.create_layer(layer).unwrap();
        targeting = targeting.layer(LayerId::from_bytes(LAYER), ranges.iter().copied());
    }
    if let Some(percent) = setup.holdout {
        let mut holdout = NewHoldout::new("a holdout", percent).id(HoldoutId::from_bytes(HOLDOUT));
        if let Some(attribute) = unit {
            holdout = holdout.bucket_by(attribute);
        }
        engine.create_holdout(holdout).unwrap();
    }
    let status = if setup.is_running { Status::Running } else { Status::Draft };
    let users = if setup.counts_users { 1_000 } else { 0 };
    let new = banner("production").id(experiment_id(1)).status(status).count_users(users);
    engine.create_experiment("flag", new.targeting(targeting)).unwrap();
    for (at, (is_here, is_enabled, percentage, part)) in setup.rules.iter().enumerate() {
        let environment = if *is_here { "production" } else { "staging" };
        let number = u128::try_from(at).unwrap() + 1;
        let mut rule = NewRule::new(environment, format!("rule {at}"))
            .id(rule_id(number))
            .enabled(*is_enabled);
        for condition in &part.conditions {
            rule = rule.condition(condition.clone());
        }
        if let Some((segment, _)) = part.segments.first() {
            rule = rule.segment(id(*segment));
        }
        if let Some(thousandths) = percentage {
            rule = rule.percentage(f64::from(*thousandths) / 1000.0);
        }
        engine.create_rule("flag", rule).unwrap();
    }
    if setup.forced {
        engine.force(experiment_id(1), "user-1", "treatment").unwrap();
    }
    if !setup.is_enabled {
        engine.change_flag("flag", FlagChange::new().enabled(false)).unwrap();
    }
    engine
}

// The plain evaluator.

fn all(truths: &[Truth]) -> Truth {
    if truths.contains(&Truth::False) {
        return Truth::False;
    }
    *truths.iter().find(|truth| **truth != Truth::True).unwrap_or(&Truth::True)
}

fn is_in(setup: &Setup, at: usize, user: User<'_>) -> Truth {
    let (match_type, conditions) = &setup.segments[at];
    let says: Vec<Truth> = conditions.iter().map(|one| one.ask(user).unwrap()).collect();
    match match_type {
        MatchType::All => all(&says),
        MatchType::Any => {
            let negated: Vec<Truth> = says.into_iter().map(|truth| !truth).collect();
            !all(&negated)
        }
    }
}

fn is_meant(setup: &Setup, part: &Part, can_negate: bool, user: User<'_>) -> bool {
    let conditions = part.conditions.iter().map(|one| one.ask(user).unwrap());
    let segments = part.segments.iter().map(|(at, is_out)| {
        let is_in = is_in(setup, *at, user);
        if *is_out && can_negate { !is_in } else { is_in }
    });
    conditions.chain(segments).all(|truth| truth == Truth::True)
}

fn slot(gate: Gate, id: [u8; 16], unit: &str) -> u32 {
    GateSeed::new(gate, id).slot(unit).index()
}

fn expected(setup: &Setup, user: User<'_>, company: Option<&str>) -> (Reason, String) {
    let default = |reason| (reason, "default".to_owned());
    if !setup.is_enabled {
        return default(Reason::Disabled);
    }
    if setup.forced && user.key() == "user-1" {
        return (Reason::Forced, "new".to_owned());
    }
    for (at, (is_here, is_enabled, percentage, part)) in setup.rules.iter().enumerate() {
        let id = rule_id(u128::try_from(at).unwrap() + 1).to_bytes();
        let picks = percentage
            .is_none_or(|share| !user.key().is_empty() && slot(Gate::Rule, id, user.key()) < share);
        if *is_here && *is_enabled && picks && is_meant(setup, part, false, user) {
            return (Reason::Rule, format!("rule {at}"));
        }
    }
    if !setup.is_running {
        let is_nobody = user.key().is_empty();
        return default(if is_nobody { Reason::NoUserKey } else { Reason::NotRunning });
    }
    let unit = match (setup.bucket_by, company) {
        (false, _) if user.key().is_empty() => return default(Reason::NoUserKey),
        (false, _) => user.key(),
        (true, None | Some("")) => return default(Reason::NoUnit),
        (true, Some(company)) => company,
    };
    if let Some(percent) = setup.holdout
        && slot(Gate::Holdout, HOLDOUT, unit) < u32::from(percent) * 1000
    {
        return default(Reason::HeldOut);
    }
    if let Some(ranges) = &setup.ranges {
        let slot = slot(Gate::Layer, LAYER, unit);
        let has = |(from, to): &(u8, u8)| {
            (u32::from(*from) * 1000..u32::from(*to) * 1000).contains(&slot)
        };
        if !ranges.iter().any(has) {
            return default(Reason::OtherLayerRange);
        }
    }
    if !is_meant(setup, &setup.audience, true, user) {
        return default(Reason::NotInAudience);
    }
    let id = experiment_id(1).to_bytes();
    if slot(Gate::Coverage, id, unit) >= setup.coverage {
        return default(Reason::NotCovered);
    }
    let variant = Assignment::new(id, &[50, 50]).unwrap().variant(unit).unwrap();
    (Reason::Split, ["old", "new"][variant].to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_way_of_asking_answers_as_the_plain_evaluator(
        setup in setup(),
        users in prop::collection::vec(
            (0_u8..8, prop::option::of(prop::sample::select(vec!["free", "pro", "team"])),
             prop::option::of(5_i64..9), prop::option::of(0_u8..4)),
            1..12,
        ),
    ) {
        let engine = engine_of(&setup);
        let place = production(&engine);
        let handle = place.flag("flag");
        let other = staging(&engine);
        let mut exposures = 0;
        let mut exposed = std::collections::BTreeSet::new();
        for (number, plan, age, company) in users {
            // The key 0 is no user at all.
            let key = if number == 0 { String::new() } else { format!("user-{number}") };
            let company = company.map(|number| if number == 0 { String::new() } else { format!("company-{number}") });
            let mut known: Vec<(&str, AttributeValue<'_>)> = Vec::new();
            known.extend(plan.map(|plan| ("plan", plan.into())));
            known.extend(age.map(|age| ("age", age.into())));
            known.extend(company.as_ref().map(|company| ("company", company.into())));
            let known = known.as_slice();
            let user = User::new(&key).with(&known);
            let (reason, value) = expected(&setup, user, company.as_deref());
            let answer = place.evaluate("flag", user);
            prop_assert_eq!((answer.reason(), answer.str_or("")), (reason, &*value));
            prop_assert_eq!(answer.is_counted(), reason == Reason::Split);
            prop_assert_eq!(answer.assignment().is_some(), reason == Reason::Split);
            let rule = answer.rule().map(|rule| format!("rule {}", rule.to_bytes()[15] - 1));
            prop_assert_eq!(rule, (reason == Reason::Rule).then(|| value.clone()));
            exposures += u64::from(answer.is_counted());
            for answer in [handle.peek(user), place.peek("flag", user)] {
                prop_assert_eq!((answer.reason(), answer.str_or(""), answer.is_counted()), (reason, &*value, false));
            }
            let why = place.explain("flag", user);
            prop_assert_eq!((why.reason, why.value.as_ref().and_then(|value| value.as_str())), (reason, Some(&*value)));
            let answering = why.rules.iter().position(|rule| rule.answers);
            if reason == Reason::Rule {
                prop_assert!(answering.is_some());
            } else if reason != Reason::Forced {
                prop_assert_eq!(answering, None);
            }
            // A conversion counts where the unit is known to have been exposed; else as an
            // evaluation would.
            let unit = if setup.bucket_by { company.clone().filter(|company| !company.is_empty()) } else { Some(key.clone()).filter(|key| !key.is_empty()) };
            if reason == Reason::Split {
                exposed.insert(unit.clone());
            }
            let decides = setup.is_running && setup.counts_users && setup.is_enabled;
            let is_counted = match reason {
                Reason::Forced => false,
                _ if decides && unit.is_some() => exposed.contains(&unit),
                reason => reason == Reason::Split,
            };
            prop_assert_eq!(handle.convert(user).is_counted(), is_counted, "{:?} {:?}", reason, user);
            // Another environment has its own rules, and no experiment.
            let elsewhere = other.evaluate("flag", user).reason();
            prop_assert!(matches!(elsewhere, Reason::Rule | Reason::NotRunning | Reason::NoUserKey | Reason::Disabled));
        }
        prop_assert_eq!(super::counted(&engine, experiment_id(1)).0, exposures);
    }
}
