//! Goals in results of an engine: users, events, sums, and what is known of the goal.

use fairsplit::counts::GoalCount;
use fairsplit::goals::{Better, GoalUse, NewGoal, NewGoals, Role};
use fairsplit::results::means::GuardrailStatus;
use fairsplit::results::{Analysis, GoalResult, Note, Period, Unit, Verdict};
use fairsplit::{Engine, ExperimentId, NewFlag, Status};

use super::goals::goal;
use crate::common::{banner, engine_at_noon, experiment_id, production};

/// The flag "banner" with an experiment of three goals that counts this number of users, and 400
/// users of whom a fourth sign up, half return and a fifth buy twice.
fn shop(users: u32) -> (Engine, ExperimentId) {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    for key in ["signup", "return", "late"] {
        engine.create_goal(NewGoal::event(key)).unwrap();
    }
    engine.create_goal(NewGoal::value("purchase", "EUR").signed()).unwrap();
    let goals = || {
        NewGoals::new()
            .primary("purchase")
            .secondary("signup")
            .guardrail(GoalUse::new("return").lower(), 0.1)
    };
    let new = banner("production").id(experiment_id(1)).goals(goals()).count_users(users);
    let id = engine.create_experiment("banner", new.status(Status::Running)).unwrap().id();
    clock.advance(60);
    engine.set_goals(id, goals().secondary("late")).unwrap();
    let production = production(&engine);
    let [signup, back, late, purchase] =
        ["signup", "return", "late", "purchase"].map(|key| production.goal(key));
    for user in 0..400_u32 {
        let key = user.to_string();
        let _ = production.evaluate("banner", &*key);
        if user % 4 == 0 {
            signup.record(&*key);
            signup.record(&*key);
        }
        if user % 2 == 0 {
            back.record(&*key);
        }
        if user % 5 == 0 {
            purchase.record_value(&*key, 10.25);
            purchase.record_value(&*key, -0.5);
        }
        if user % 100 == 0 {
            late.record(&*key);
        }
    }
    (engine, id)
}

fn sum(goal: &GoalResult, number: impl Fn(GoalCount) -> i128) -> i128 {
    goal.variants.iter().map(|one| number(one.counted.unwrap())).sum()
}

fn reached(goal: &GoalResult) -> u64 {
    goal.variants.iter().map(|one| one.reached.unwrap()).sum()
}

#[test]
fn an_engine_has_the_users_the_events_and_the_sums_of_every_goal() {
    let (engine, id) = shop(1000);
    let found = engine.results(id).unwrap();
    let keys: Vec<_> = found.goals.iter().map(|goal| (&*goal.key, goal.role)).collect();
    let (secondary, guardrail) = (Role::Secondary, Role::Guardrail);
    let expected = [
        ("purchase", Role::Primary),
        ("signup", secondary),
        ("late", secondary),
        ("return", guardrail),
    ];
    assert_eq!(keys, expected);

    let purchase = goal(&found, "purchase");
    assert_eq!((purchase.unit.as_deref(), purchase.decimals), (Some("EUR"), 2));
    assert_eq!((reached(purchase), sum(purchase, |of| of.events.into())), (80, 160));
    assert_eq!(sum(purchase, GoalCount::sum), 80 * 975);
    assert_eq!(purchase.comparisons, [], "they are those of the results");
    for (one, variant) in purchase.variants.iter().zip(&found.variants) {
        assert_eq!((one.reached, one.share), (Some(variant.converted), variant.rate));
    }
    let signup = goal(&found, "signup");
    assert_eq!((reached(signup), sum(signup, |of| of.events.into())), (100, 200));
    assert_eq!((signup.unit.as_deref(), signup.since), (None, found.since));
    let back = goal(&found, "return");
    assert_eq!((back.better, back.margin, reached(back)), (Better::Lower, Some(0.1), 200));
    assert_eq!(back.comparisons[0].status, Some(GuardrailStatus::Open));
    // It came a minute after the start.
    let late = goal(&found, "late");
    assert_eq!(late.since.unwrap().unix_seconds() - found.since.unwrap().unix_seconds(), 60);
    assert_eq!(reached(late), 4);

    // By what each of them amounts to: 80 of 400 bought for 9.75.
    assert!(!purchase.measure.is_share() && found.notes.is_empty(), "{:?}", found.notes);
    let of_users = purchase.variants.iter().map(|one| one.values.unwrap().sum).sum::<i128>();
    assert_eq!(of_users, 80 * 975);
    let table = found.to_string();
    for line in [
        "purchase, primary, in EUR\n",
        "late, secondary, since 2025-03-12T12:01:00Z\n",
        "return, guardrail, lower is better, margin 10.00 %\n",
    ] {
        assert!(table.contains(line), "{table}");
    }
    let amounts: Vec<String> = purchase
        .variants
        .iter()
        .map(|one| one.counted.unwrap().sum())
        .map(|cents| format!("{}.{:02}\n", cents / 100, cents % 100))
        .collect();
    assert!(amounts.iter().all(|amount| table.contains(amount)), "{amounts:?}\n{table}");

    let json = serde_json::to_value(&found).unwrap();
    let of = &json["goals"][0];
    assert_eq!([&of["key"], &of["role"], &of["unit"]], ["purchase", "primary", "EUR"]);
    assert_eq!(of["variants"][0]["counted"]["gained"].as_u64(), {
        purchase.variants[0].counted.map(|counted| counted.gained)
    });
    assert_eq!(json["goals"][3]["comparisons"][0]["status"], "open");
    assert_eq!(json["goals"][0]["measure"]["unit"], "EUR");
}

/// Each event is said to be of another user, and what users amount to is not known.
#[test]
fn results_say_where_a_goal_with_values_is_compared_by_its_share() {
    let (engine, id) = shop(0);
    let found = engine.analyse(id, &Analysis::new().one_event_per_unit()).unwrap().unwrap();
    assert!(goal(&found, "purchase").measure.is_share());
    let note =
        "The verdict is about the share of users who reached purchase, not about the mean in EUR.";
    assert!(matches!(&found.notes[..], [Note::ShareOfPrimary { .. }]), "{:?}", found.notes);
    assert_eq!(found.notes[0].to_string(), note);
    assert_eq!(serde_json::to_value(&found.notes[0]).unwrap()["note"], "share_of_primary");
}

#[test]
fn an_engine_that_counts_no_users_has_counts_of_goals_alone() {
    let (engine, id) = shop(0);
    let found = engine.results(id).unwrap();
    assert_eq!((found.unit, found.verdict.clone()), (Unit::Events, Verdict::UsersNotCounted));
    for goal in &found.goals {
        assert_eq!(goal.comparisons, []);
        assert!(goal.variants.iter().all(|one| one.reached.is_none() && one.share.is_none()));
    }
    assert_eq!(sum(goal(&found, "signup"), |of| of.events.into()), 200);
    assert_eq!(found.notes, []);
    let table = found.to_string();
    assert!(table.contains("signup, secondary") && !table.contains("reached"), "{table}");
    // Counts of the run and of all runs.
    engine.stop(id).unwrap();
    engine.start(id).unwrap();
    assert_eq!(sum(goal(&engine.results(id).unwrap(), "signup"), |of| of.events.into()), 0);
    let ever = Analysis::new().period(Period::Ever);
    let ever = engine.analyse(id, &ever).unwrap().unwrap();
    assert_eq!(sum(goal(&ever, "signup"), |of| of.events.into()), 200);
}

#[test]
fn an_engine_that_keeps_a_sample_has_the_goals_of_its_users() {
    let (engine, id) = shop(100);
    let (found, users) = (engine.results(id).unwrap(), engine.users(id).unwrap());
    assert!(found.one_in > 1);
    for of in users.goals() {
        let expected: u64 = of.variants.iter().map(|one| one.reached).sum();
        assert_eq!(reached(goal(&found, &of.goal)), expected, "{}", of.goal);
    }
    assert!((1..100).contains(&reached(goal(&found, "return"))));
    assert_eq!(sum(goal(&found, "return"), |of| of.events.into()), 200, "events are of all");
    // An analysis of counts alone has the users, and no events.
    let (experiment, counts) = (engine.experiment(id).unwrap(), engine.counts(id).unwrap());
    let alone = Analysis::new().results(&experiment, &counts, Some(&users)).unwrap();
    assert_eq!(goal(&alone, "return").comparisons, goal(&found, "return").comparisons);
    let purchase = goal(&alone, "purchase");
    assert_eq!((purchase.variants[0].counted, purchase.unit.as_deref()), (None, Some("EUR")));
}

#[test]
fn an_engine_that_has_less_is_better_finds_a_rise_worse() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    engine.create_goal(NewGoal::event("refund")).unwrap();
    let goals = NewGoals::new().primary(GoalUse::new("refund").lower());
    let new = banner("production").goals(goals).count_users(10_000).status(Status::Running);
    let id = engine.create_experiment("banner", new).unwrap().id();
    let production = production(&engine);
    for user in 0..4000_u32 {
        let key = user.to_string();
        let is_new = production.evaluate("banner", &*key).as_str() == Ok("new");
        if user % if is_new { 2 } else { 5 } == 0 {
            production.convert("banner", &*key);
        }
    }
    let found = engine.results(id).unwrap();
    assert!(matches!(found.verdict, Verdict::Worse { .. }), "{found}");
    assert!(found.comparisons[0].difference.unwrap() > 0.2);
}

/// From recorded values to a verdict about the mean: everybody pays about as much, and the
/// treatment's users a tenth more; one of them more than the cap.
#[test]
fn a_primary_goal_with_values_is_decided_by_what_users_amount_to() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    let goals = NewGoals::new().primary(GoalUse::new("purchase").cap(30));
    let new = banner("production").id(experiment_id(1)).goals(goals).count_users(100_000);
    let id = engine.create_experiment("banner", new.status(Status::Running)).unwrap().id();
    let production = production(&engine);
    let purchase = production.goal("purchase");
    let mut whale = None;
    // By variant: how many were exposed, and what they amount to, in cents after the cap.
    let mut expected = [(0_u64, 0_i64); 2];
    for user in 0..4000_i64 {
        let key = user.to_string();
        let is_treated = production.evaluate("banner", &*key).variant() == Some("treatment");
        let mut cents = if is_treated { 1100 } else { 1000 } + user % 200;
        if is_treated && whale.is_none() {
            whale = Some(user);
            cents = 5_000_000;
        }
        // In two purchases, neither of which decides what the user amounts to.
        assert!(purchase.record_units(&*key, cents - 400).is_counted());
        assert!(purchase.record_units(&*key, 400).is_counted());
        let variant = &mut expected[usize::from(is_treated)];
        *variant = (variant.0 + 1, variant.1 + cents.min(3000));
    }
    let found = engine.results(id).unwrap();
    let Verdict::Better { variant, difference, measure, .. } = &found.verdict else {
        panic!("{found}")
    };
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let [control, treatment] = expected.map(|(users, sum)| sum as f64 / users as f64);
    assert_eq!((&**variant, measure.is_share()), ("treatment", false));
    assert!((difference - (treatment - control)).abs() < 1e-9, "{difference}");
    let of_goal = goal(&found, "purchase");
    assert_eq!(of_goal.capped.unwrap().users, 1);
    assert_eq!(sum(of_goal, GoalCount::sum), i128::from(expected[0].1 + expected[1].1) + 4_997_000);
    let text = found.to_string();
    assert!(text.contains("EUR"), "{text}");
    assert!(!found.notes.iter().any(|note| matches!(note, Note::ShareOfPrimary { .. })), "{text}");
    // Without the users, there is no mean, and no verdict.
    engine.count_users(id, 0).unwrap();
    assert!(matches!(engine.results(id).unwrap().verdict, Verdict::UsersNotCounted));
}
