//! What holds for all users: ramps only add, no gate moves a user to another variant, and groups of
//! experiments share no user.

use std::collections::{BTreeMap, BTreeSet};

use fairsplit::targeting::{
    Condition, HoldoutId, LayerId, NewHoldout, NewLayer, NewTargeting, Operator,
};
use fairsplit::{Engine, NewFlag, Reason, Status, User};

use super::targeted;
use crate::common::{banner, engine_at_noon, experiment_id, production};

fn users(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("user-{number}"))
}

/// The users who are in the experiment of a flag, each with its variant.
fn split(engine: &Engine, flag: &str, count: u32) -> BTreeMap<String, String> {
    let view = production(engine).view();
    let in_it = users(count).filter_map(|user| {
        let answer = view.peek(flag, &user);
        let variant = answer.variant()?.to_owned();
        Some((user, variant))
    });
    in_it.collect()
}

#[test]
fn a_ramp_only_adds_users_and_moves_none() {
    let engine_for = |targeting: NewTargeting| {
        let (engine, _) = engine_at_noon();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let id = "cd613e30-d8f1-4adf-91b7-584a2265b1f5".parse().unwrap();
        let new = banner("production").id(id).status(Status::Running).targeting(targeting);
        engine.create_experiment("hero-banner", new).unwrap();
        (engine, id)
    };
    let (engine, id) = engine_for(NewTargeting::new().coverage(0));
    let mut before = BTreeMap::new();
    // The counts that another implementation has of these users.
    for (coverage, expected) in [(0.1, 196), (1.0, 2_005), (10.0, 19_991), (50.0, 99_590)] {
        engine.raise_coverage(id, coverage).unwrap();
        let now = split(&engine, "hero-banner", 200_000);
        assert_eq!(now.len(), expected);
        assert!(before.iter().all(|(user, variant)| now.get(user) == Some(variant)));
        before = now;
    }
    engine.raise_coverage(id, 100).unwrap();
    let all = split(&engine, "hero-banner", 200_000);
    assert_eq!(all.len(), 200_000);
    assert!(before.iter().all(|(user, variant)| all.get(user) == Some(variant)));
    let (plain, _) = engine_for(NewTargeting::new());
    assert_eq!(all, split(&plain, "hero-banner", 200_000), "as without any targeting");
}

#[test]
fn every_thousandth_of_a_ramp_holds_the_ones_before() {
    let (engine, id) = targeted(NewTargeting::new().coverage(0));
    let mut before = BTreeSet::new();
    for thousandths in
        (0..=100_000).step_by(997).chain([1, 2, 99_999, 100_000]).collect::<BTreeSet<u32>>()
    {
        engine.raise_coverage(id, f64::from(thousandths) / 1000.0).unwrap();
        let now: BTreeSet<String> = split(&engine, "hero-banner", 5_000).into_keys().collect();
        assert!(before.is_subset(&now), "{thousandths}");
        before = now;
    }
    assert_eq!(before.len(), 5_000);
}

#[test]
fn two_experiments_of_a_layer_share_no_user_and_take_all_of_it() {
    let (engine, _) = engine_at_noon();
    let layer = LayerId::from_bytes([3; 16]);
    engine.create_layer(NewLayer::new("checkout").id(layer)).unwrap();
    let parts: [&[(u8, u8)]; 3] = [&[(0, 30), (80, 90)], &[(30, 80)], &[(90, 100)]];
    let mut seen = BTreeSet::new();
    for (number, ranges) in (1..).zip(parts) {
        let key = format!("flag-{number}");
        engine.create_flag(NewFlag::new(&*key, "old")).unwrap();
        let targeting = NewTargeting::new().layer(layer, ranges.iter().copied());
        let new = banner("production").id(experiment_id(number)).status(Status::Running);
        engine.create_experiment(&*key, new.targeting(targeting)).unwrap();
        let here = split(&engine, &key, 20_000);
        let share: u32 = ranges.iter().map(|(from, to)| u32::from(to - from)).sum();
        let expected = 200 * usize::try_from(share).unwrap();
        assert!(here.len().abs_diff(expected) < 300, "{} of {expected}", here.len());
        let arms = here.values().filter(|variant| *variant == "control").count();
        assert!(arms.abs_diff(here.len() / 2) < 300, "the layer has tilted the split: {arms}");
        assert!(here.keys().all(|user| seen.insert(user.clone())), "a user is in two of them");
    }
    assert_eq!(seen.len(), 20_000);
}

#[test]
fn held_out_users_are_in_no_experiment_and_the_others_as_without() {
    let (engine, _) = engine_at_noon();
    engine.create_holdout(NewHoldout::new("2026", 5).id(HoldoutId::from_bytes([7; 16]))).unwrap();
    let mut out: Option<BTreeSet<String>> = None;
    for number in 1..=4 {
        let key = format!("flag-{number}");
        engine.create_flag(NewFlag::new(&*key, "old")).unwrap();
        let new = || banner("production").id(experiment_id(number)).status(Status::Running);
        engine.create_experiment(&*key, new()).unwrap();
        let here = split(&engine, &key, 20_000);
        let plain = {
            let (engine, _) = engine_at_noon();
            engine.create_flag(NewFlag::new(&*key, "old")).unwrap();
            engine.create_experiment(&*key, new()).unwrap();
            split(&engine, &key, 20_000)
        };
        assert!(here.iter().all(|(user, variant)| plain.get(user) == Some(variant)));
        let held: BTreeSet<String> =
            users(20_000).filter(|user| !here.contains_key(user)).collect();
        assert!(held.len().abs_diff(1_000) < 150, "{}", held.len());
        assert_eq!(*out.get_or_insert_with(|| held.clone()), held, "the same users everywhere");
    }
}

#[test]
fn exposures_are_counted_for_a_split_and_for_nothing_else() {
    let audience = Condition::new("plan", Operator::In, serde_json::json!(["pro", "team"]));
    let (engine, id) = targeted(NewTargeting::new().condition(audience).coverage(40));
    engine.force(id, "user-1", "treatment").unwrap();
    let rule = fairsplit::targeting::NewRule::new("production", "ruled")
        .percentage(20)
        .id(super::rule_id(1));
    engine.create_rule("hero-banner", rule).unwrap();
    let place = production(&engine);
    let mut reasons: BTreeMap<Reason, u64> = BTreeMap::new();
    for (at, user) in users(10_000).enumerate() {
        let plan = [("plan", ["free", "pro", "team"][at % 3].into())];
        let answer = place.evaluate("hero-banner", User::new(&user).with(&plan));
        assert_eq!(answer.is_counted(), answer.reason() == Reason::Split);
        *reasons.entry(answer.reason()).or_default() += 1;
    }
    let seen: Vec<Reason> = reasons.keys().copied().collect();
    assert_eq!(
        seen,
        [Reason::Split, Reason::Forced, Reason::Rule, Reason::NotInAudience, Reason::NotCovered]
    );
    assert_eq!(super::counted(&engine, id), (reasons[&Reason::Split], 0));
}

/// The sample ratio of every audience is that of the percentages: what decides who is in never
/// looks at the variant. 40 audiences at a level of 1 in 10,000 each.
#[test]
fn the_sample_ratio_holds_in_every_audience() {
    for number in 0..40_u32 {
        let third = Condition::new("third", Operator::Equals, number % 3);
        let coverage = 5 + (number * 17) % 90;
        let targeting = NewTargeting::new().condition(third).coverage(coverage);
        let (engine, _) = engine_at_noon();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let new = fairsplit::NewExperiment::new("Uneven", "production")
            .id(experiment_id(u128::from(number)))
            .variant("a", "a", 10)
            .variant("b", "b", 30)
            .variant("c", "c", 60)
            .status(Status::Running)
            .targeting(targeting);
        engine.create_experiment("hero-banner", new).unwrap();
        let view = production(&engine).view();
        let mut counts = [0_u32; 3];
        for (at, user) in (0_u32..).zip(users(30_000)) {
            let known = [("third", (at % 3).into())];
            let answer = view.peek("hero-banner", User::new(&user).with(&known));
            if let Some(variant) = answer.variant() {
                counts["abc".find(variant).unwrap()] += 1;
            }
        }
        let all = f64::from(counts.iter().sum::<u32>());
        let chi_square: f64 = counts
            .iter()
            .zip([0.1, 0.3, 0.6])
            .map(|(count, share)| (f64::from(*count) - all * share).powi(2) / (all * share))
            .sum();
        // The quantile of two degrees of freedom at 1 in 10,000: -2 ln 0.0001.
        assert!(all > 400.0 && chi_square < 18.42, "{number}: {counts:?}, {chi_square}");
    }
}
