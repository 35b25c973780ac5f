//! The text that a scraper reads: hostile names, read back by a parser of the tests, and counters
//! that never go down.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairsplit::clock::ManualClock;
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::targeting::NewTargeting;
use fairsplit::{
    Engine, Environment, ExperimentId, FlagChange, NewExperiment, NewFlag, Reason, Status,
    Timestamp,
};
use fairsplit_prometheus::{EngineCollector, ReasonCounts};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use proptest::prelude::*;

/// 2025-03-12T12:00:00Z
const NOON: i64 = 1_741_780_800;

fn engine_at_noon() -> (Engine, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_unix_seconds(NOON)));
    (Engine::with_clock(Arc::clone(&clock)), clock)
}

fn production(engine: &Engine) -> Environment {
    engine.environment("production").unwrap()
}

fn experiment_id(number: u128) -> ExperimentId {
    ExperimentId::from_bytes(number.to_be_bytes())
}

fn scrape(engine: &Engine) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(EngineCollector::new(engine)));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

#[test]
fn missed_exposures_are_a_counter_once_there_is_a_queue() {
    let (engine, _) = engine_at_noon();
    assert!(!scrape(&engine).contains("fairsplit_exposures_missed"));
    let exposures = engine.exposures(1);
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let new = NewExperiment::new("Hero Banner", "production").variant("control", "old", 100);
    let new = new.count_users(100).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    let missed = || {
        let series = parse(&scrape(&engine));
        series[&("fairsplit_exposures_missed_total".to_owned(), BTreeMap::new())]
    };
    for (user, expected) in [("anna", 0.0), ("anna", 0.0), ("ben", 1.0), ("ben", 2.0)] {
        let _ = production(&engine).evaluate("hero-banner", user);
        assert_eq!(missed().to_bits(), f64::to_bits(expected), "{user}");
    }
    exposures.take(&mut Vec::new());
    let _ = production(&engine).evaluate("hero-banner", "ben");
    assert_eq!(missed().to_bits(), 2.0_f64.to_bits());
}

/// A series by its name and labels, with its value. Reads the text form as its description says:
/// one sample a line, `\\`, `\"` and `\n` in a label's value, nothing else escaped.
type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

fn parse(text: &str) -> Series {
    let mut series = Series::new();
    let lines = text.strip_suffix("# EOF\n").unwrap().split_terminator('\n');
    for line in lines.filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let mut labels = BTreeMap::new();
        let mut rest = rest;
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            loop {
                let (label, value) = rest.split_once("=\"").unwrap();
                let mut characters = value.char_indices();
                let mut text = String::new();
                let end = loop {
                    match characters.next().unwrap() {
                        (end, '"') => break end,
                        (_, '\\') => match characters.next().unwrap().1 {
                            'n' => text.push('\n'),
                            escaped @ ('\\' | '"') => text.push(escaped),
                            other => panic!("\\{other}"),
                        },
                        (_, other) => text.push(other),
                    }
                };
                assert!(labels.insert(label.to_owned(), text).is_none(), "{line}");
                rest = &value[end + 1..];
                match rest.strip_prefix(',') {
                    Some(next) => rest = next,
                    None => break,
                }
            }
            rest = rest.strip_prefix('}').unwrap();
        }
        let value = rest.strip_prefix(' ').unwrap().parse().unwrap();
        assert!(series.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
    }
    series
}

fn of(series: &Series, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
    series.get(&(name.to_owned(), labels.collect())).copied()
}

#[test]
fn a_scrape_has_the_counts_the_version_and_the_last_load_word_for_word() {
    let (engine, clock) = engine_at_noon();
    engine.create_flag(NewFlag::new("a \"b\"\\\n", "old")).unwrap();
    let new = NewExperiment::new("n", "production").id(experiment_id(1));
    let new = new.variant("all", 1, 100).variant("none", 2, 0).status(Status::Running);
    engine.create_experiment("a \"b\"\\\n", new).unwrap();
    let production = production(&engine);
    for _ in 0..3 {
        let _ = production.evaluate("a \"b\"\\\n", "anna");
    }
    production.convert("a \"b\"\\\n", "anna");
    clock.advance(60);
    engine.replace("{").unwrap_err();
    let labels =
        format!(r#"flag="a \"b\"\\\n",environment="production",experiment="{}""#, experiment_id(1));
    assert_eq!(
        scrape(&engine),
        format!(
            r#"# HELP fairsplit_exposures Evaluations that served a running experiment's variant. Events, not users.
# TYPE fairsplit_exposures counter
fairsplit_exposures_total{{{labels},variant="all"}} 3
fairsplit_exposures_total{{{labels},variant="none"}} 0
# HELP fairsplit_conversions Conversions counted for a variant. Events, not users.
# TYPE fairsplit_conversions counter
fairsplit_conversions_total{{{labels},variant="all"}} 1
fairsplit_conversions_total{{{labels},variant="none"}} 0
# HELP fairsplit_experiment_running 1 for an experiment that splits traffic now, else 0.
# TYPE fairsplit_experiment_running gauge
fairsplit_experiment_running{{{labels}}} 1
# HELP fairsplit_experiment_coverage_ratio Which part of its audience a running experiment covers, 0 to 1.
# TYPE fairsplit_experiment_coverage_ratio gauge
fairsplit_experiment_coverage_ratio{{{labels}}} 1.0
# HELP fairsplit_flag_enabled 1 for a flag that is enabled and not archived, else 0: it answers its default.
# TYPE fairsplit_flag_enabled gauge
fairsplit_flag_enabled{{flag="a \"b\"\\\n"}} 1
# HELP fairsplit_config_version One more with every change that was published.
# TYPE fairsplit_config_version gauge
fairsplit_config_version 2
# HELP fairsplit_storage_ok 1 if the last save or sync of the directory succeeded, 0 if it failed.
# TYPE fairsplit_storage_ok gauge
fairsplit_storage_ok 1
# HELP fairsplit_last_load_success 1 if the last document was loaded, 0 if it was refused.
# TYPE fairsplit_last_load_success gauge
fairsplit_last_load_success 0
# HELP fairsplit_last_load_skipped Flags that the last load skipped for their faults.
# TYPE fairsplit_last_load_skipped gauge
fairsplit_last_load_skipped 0
# HELP fairsplit_last_load_timestamp_seconds When the last load was tried.
# TYPE fairsplit_last_load_timestamp_seconds gauge
fairsplit_last_load_timestamp_seconds 1741780860
# EOF
"#
        )
    );
}

#[test]
fn the_last_load_shows_as_successful_refused_or_partial() {
    let (engine, _) = engine_at_noon();
    let last = |engine: &Engine| {
        let series = parse(&scrape(engine));
        ["success", "skipped"].map(|what| of(&series, &format!("fairsplit_last_load_{what}"), &[]))
    };
    assert_eq!(last(&engine), [None, None]);
    engine.replace(r#"{"flags": []}"#).unwrap();
    assert_eq!(last(&engine), [Some(1.0), Some(0.0)]);
    engine.replace("[]").unwrap_err();
    assert_eq!(last(&engine), [Some(0.0), Some(0.0)]);
    let report = engine.apply(r#"{"flags": [{}, {"key": 1}]}"#).unwrap();
    assert_eq!(report.skipped.len(), 2);
    assert_eq!(last(&engine), [Some(1.0), Some(2.0)]);
}

#[test]
fn a_running_experiment_shows_its_coverage_and_a_stopped_one_none() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("flag", 0)).unwrap();
    let new = NewExperiment::new("n", "production").id(experiment_id(1)).variant("all", 1, 100);
    let new = new.targeting(NewTargeting::new().coverage(12.5)).status(Status::Running);
    engine.create_experiment("flag", new).unwrap();
    let id = experiment_id(1).to_string();
    let labels = [("flag", "flag"), ("environment", "production"), ("experiment", id.as_str())];
    let coverage = || of(&parse(&scrape(&engine)), "fairsplit_experiment_coverage_ratio", &labels);
    assert_eq!(coverage(), Some(0.125));
    engine.raise_coverage(experiment_id(1), 50).unwrap();
    assert_eq!(coverage(), Some(0.5));
    engine.stop(experiment_id(1)).unwrap();
    assert_eq!(coverage(), None);
}

#[test]
fn a_flag_that_is_disabled_or_archived_is_a_gauge_of_0() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("flag", 0)).unwrap();
    let enabled = || of(&parse(&scrape(&engine)), "fairsplit_flag_enabled", &[("flag", "flag")]);
    assert_eq!(enabled(), Some(1.0));
    engine.change_flag("flag", FlagChange::new().enabled(false)).unwrap();
    assert_eq!(enabled(), Some(0.0));
    engine.change_flag("flag", FlagChange::new().enabled(true)).unwrap();
    assert_eq!(enabled(), Some(1.0));
    engine.archive_flag("flag").unwrap();
    assert_eq!(enabled(), Some(0.0));
}

#[test]
fn evaluations_that_a_service_adds_are_counted_by_their_reasons_from_all_threads() {
    let reasons = ReasonCounts::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let reasons = reasons.clone();
            scope.spawn(move || {
                for (at, reason) in Reason::ALL.into_iter().enumerate() {
                    (0..=at).for_each(|_| reasons.add(reason));
                }
            });
        }
    });
    let mut registry = Registry::default();
    registry.register("shop_evaluations", "Evaluations by reason", reasons.clone());
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(text.contains("# TYPE shop_evaluations counter\n"), "{text}");
    let series = parse(&text);
    assert_eq!(series.len(), Reason::ALL.len());
    for (at, reason) in Reason::ALL.into_iter().enumerate() {
        let expected = 4 * (u32::try_from(at).unwrap() + 1);
        let labels = [("reason", reason.as_str())];
        assert_eq!(of(&series, "shop_evaluations_total", &labels), Some(expected.into()));
        assert_eq!(reasons.get(reason), u64::from(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Names with quotes, line ends and braces come out as they went in, and no two series are one.
    #[test]
    fn a_scraper_reads_hostile_names_as_they_were_given(
        flag in "[ -~\n\"\\\\λ]{1,20}",
        environment in "[ -~\n\"\\\\}{,=]{1,20}",
        variant in "\\PC{1,20}",
    ) {
        let names = [&flag, &environment, &variant];
        prop_assume!(names.iter().all(|name| !name.trim().is_empty()));
        let (engine, _) = engine_at_noon();
        engine.create_flag(NewFlag::new(flag.as_str(), 0)).unwrap();
        let new = NewExperiment::new("n", environment.as_str()).id(experiment_id(1));
        let new = new.variant(variant.as_str(), 1, 60).variant(format!("{variant}2"), 2, 40);
        engine.create_experiment(flag.as_str(), new.status(Status::Running)).unwrap();
        engine.convert_variant(experiment_id(1), &variant);
        let series = parse(&scrape(&engine));
        let id = experiment_id(1).to_string();
        let labels = [
            ("flag", flag.as_str()),
            ("environment", environment.as_str()),
            ("experiment", id.as_str()),
            ("variant", variant.as_str()),
        ];
        prop_assert_eq!(of(&series, "fairsplit_conversions_total", &labels), Some(1.0));
        prop_assert_eq!(of(&series, "fairsplit_exposures_total", &labels), Some(0.0));
    }

    #[test]
    fn no_counter_goes_down_when_experiments_stop_restart_leave_or_return(steps in prop::collection::vec(0..6_u8, 1..60)) {
        let (engine, _) = engine_at_noon();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let banner = NewExperiment::new("Hero Banner A/B Test", "production").id(experiment_id(1));
        let banner = banner.variant("control", "old", 50).variant("treatment", "new", 50);
        engine.create_experiment("hero-banner", banner).unwrap();
        let document = engine.to_json();
        let production = production(&engine);
        let mut highest = Series::new();
        for (at, step) in steps.into_iter().enumerate() {
            let user = format!("user-{at}");
            match step {
                0 => drop(engine.start(experiment_id(1))),
                1 => drop(engine.stop(experiment_id(1))),
                2 => engine.replace(&document).unwrap(),
                3 => engine.replace(r#"{"flags": []}"#).unwrap(),
                4 => drop(production.evaluate("hero-banner", &user)),
                _ => drop(production.convert("hero-banner", &user)),
            }
            for (series, value) in parse(&scrape(&engine)) {
                if series.0.ends_with("_total") {
                    let before = highest.insert(series, value).unwrap_or_default();
                    prop_assert!(value >= before);
                }
            }
        }
    }
}

#[test]
fn a_directory_that_fails_to_store_is_a_gauge_of_0_until_it_stores() {
    let directory = std::env::temp_dir().join(format!("fairsplit-gauge-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let engine = Engine::open(&directory).unwrap();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(EngineCollector::new(&engine)));
    let has = |line: &str| {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines().any(|other| other == line)
    };
    // Where the next definitions are written, a file cannot be created.
    let obstacle = directory.join("definitions.json.new");
    std::fs::create_dir(&obstacle).unwrap();
    engine.create_flag(NewFlag::new("a", 1)).unwrap_err();
    assert!(has("fairsplit_storage_ok 0"));
    std::fs::remove_dir(&obstacle).unwrap();
    engine.create_flag(NewFlag::new("a", 1)).unwrap();
    assert!(has("fairsplit_storage_ok 1"));
    drop((registry, engine));
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn goals_have_series_of_their_own_in_their_unit() {
    let (engine, _) = engine_at_noon();
    assert!(!scrape(&engine).contains("goal"));
    engine.create_goal(NewGoal::value("balance", "EUR").signed()).unwrap();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_flag(NewFlag::new("banner", "old")).unwrap();
    let new = NewExperiment::new("Banner", "production")
        .id(experiment_id(1))
        .variant("golden", "new", 100)
        .goals(NewGoals::new().primary("signup").secondary("balance"))
        .status(Status::Running);
    engine.create_experiment("banner", new).unwrap();
    let production = production(&engine);
    for value in [49.90, 0.05, -20.0] {
        assert!(production.goal("balance").record_value("anna", value).is_counted());
    }
    assert!(production.convert("banner", "anna").is_counted());
    assert!(!production.goal("balance").record("anna").is_counted());
    assert!(!production.goal("blance").record("anna").is_counted());

    let series = parse(&scrape(&engine));
    let id = experiment_id(1).to_string();
    let labels = |goal: &str| {
        let labels = [
            ("flag", "banner"),
            ("environment", "production"),
            ("experiment", &id),
            ("variant", "golden"),
            ("goal", goal),
        ];
        labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    };
    let of = |name: &str, goal: &str| series.get(&(name.to_owned(), labels(goal))).copied();
    assert_eq!(of("fairsplit_goal_events_total", "balance"), Some(3.0));
    assert_eq!(of("fairsplit_goal_gained_total", "balance"), Some(49.95));
    assert_eq!(of("fairsplit_goal_lost_total", "balance"), Some(20.0));
    assert_eq!(of("fairsplit_goal_events_total", "signup"), Some(1.0));
    assert_eq!(of("fairsplit_goal_gained_total", "signup"), None);
    let refused = |goal: &str, cause: &str| {
        let labels = [("environment", "production"), ("goal", goal), ("cause", cause)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        series.get(&("fairsplit_goal_refused_total".to_owned(), labels)).copied()
    };
    assert_eq!(refused("balance", "value"), Some(1.0));
    assert_eq!(refused("blance", "not_found"), Some(1.0));
    assert_eq!(refused("signup", "unexposed"), Some(0.0));
}
