//! Engines that join a fleet, by the public API.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::{Engine, ExperimentId, NewExperiment, NewFlag, Status};

use super::proxy::{Fault, Proxy};
use super::server::Server;
use crate::{Fleet, FleetError, FleetOptions, Schema};

const LONG: Duration = Duration::from_secs(60);

fn id() -> ExperimentId {
    ExperimentId::from_bytes([9; 16])
}

fn engine() -> Engine {
    let engine = Engine::new();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
    let new = NewExperiment::new("Hero Banner", "production").id(id());
    let new = new.variant("control", "old", 50).variant("treatment", "new", 50);
    let new = new.goals(NewGoals::new().primary("signup").secondary("purchase"));
    engine.create_experiment("hero-banner", new.status(Status::Running)).unwrap();
    engine
}

/// So long an interval that only what a test asks for is shipped.
fn options() -> FleetOptions {
    FleetOptions::new().interval(LONG * 60)
}

/// Exposures and conversions of both variants, ever and in the run.
fn totals(fleet: &Fleet) -> [(u64, u64); 2] {
    let counts = fleet.counts(id()).unwrap();
    let sum = |of: fn(&crate::FleetVariant) -> fairsplit::Count| {
        let counts = counts.variants.iter().map(of);
        counts.fold((0, 0), |sum, count| (sum.0 + count.exposures, sum.1 + count.conversions))
    };
    [sum(|variant| variant.ever), sum(|variant| variant.in_run)]
}

fn evaluate(engine: &Engine, users: u32) {
    let production = engine.environment("production").unwrap();
    for user in 0..users {
        let _ = production.evaluate("hero-banner", &format!("user-{user}"));
    }
}

#[test]
fn two_engines_agree_on_what_both_have_counted() {
    let Some(server) = Server::start() else { return };
    let engines = [engine(), engine()];
    evaluate(&engines[0], 5);
    let fleets: Vec<Fleet> =
        engines.iter().map(|engine| options().join(engine, &server.url()).unwrap()).collect();
    for (engine, users) in engines.iter().zip([10, 20]) {
        evaluate(engine, users);
        assert!(engine.convert_variant(id(), "treatment").is_counted());
        let production = engine.environment("production").unwrap();
        assert_eq!(production.goal("purchase").record_value("user-1", 2.5).counted(), 1);
        assert_eq!(production.goal("signup").record("user-1").counted(), 1);
    }
    for fleet in &fleets {
        fleet.flush().unwrap();
        fleet.flush().unwrap();
    }
    for (engine, fleet) in engines.iter().zip(&fleets) {
        // The 5 from before it joined are not the fleet's.
        assert_eq!(totals(fleet), [(30, 4), (30, 4)]);
        let counts = fleet.counts(id()).unwrap();
        let keys: Vec<&str> = counts.variants.iter().map(|variant| &*variant.key).collect();
        assert_eq!((keys, counts.run), (vec!["control", "treatment"], 1));
        let share = counts.variants[0].ever.exposures;
        let local = engine.counts(id()).unwrap().variants()[0].ever.exposures;
        assert!(local < share && share < 30, "{local} {share}");
        let goals = fleet.goal_counts(id()).unwrap();
        let sums: Vec<(&str, u64, u64)> = goals
            .iter()
            .map(|goal| {
                let ever = goal.variants.iter().map(|variant| variant.ever);
                let sums = ever.fold((0, 0), |sum, of| (sum.0 + of.events, sum.1 + of.gained));
                (&*goal.goal, sums.0, sums.1)
            })
            .collect();
        // Events of the primary goal are the conversions.
        assert_eq!(sums, [("purchase", 2, 500), ("signup", 4, 0)]);
    }
}

#[test]
fn a_restart_begins_a_run_and_leaves_what_was_counted_ever() {
    let Some(server) = Server::start() else { return };
    let engine = engine();
    let fleet = options().join(&engine, &server.url()).unwrap();
    evaluate(&engine, 10);
    engine.stop(id()).unwrap();
    engine.start(id()).unwrap();
    evaluate(&engine, 3);
    fleet.flush().unwrap();
    assert_eq!(totals(&fleet), [(13, 0), (3, 0)]);
    engine.stop(id()).unwrap();
    engine.delete_experiment(id()).unwrap();
    assert_eq!(fleet.counts(id()), Err(FleetError::UnknownExperiment));
}

#[test]
fn a_fleet_that_is_dropped_or_left_ships_its_last_counts_and_nothing_after_them() {
    let Some(server) = Server::start() else { return };
    let observer = engine();
    let observing = options().join(&observer, &server.url()).unwrap();
    let engine = engine();
    let fleet = options().join(&engine, &server.url()).unwrap();
    evaluate(&engine, 10);
    drop(fleet);
    evaluate(&engine, 100);
    assert_eq!(totals(&observing)[0], (10, 0));
    // It joins again: another life, which begins here.
    let fleet = options().join(&engine, &server.url()).unwrap();
    evaluate(&engine, 3);
    assert_eq!(fleet.leave(LONG), Ok(()));
    assert_eq!(totals(&observing)[0], (13, 0));
    let mut connection = server.connection();
    let rows = connection.query("SELECT count(*) FROM fairsplit.lives WHERE state = 'closed'", &[]);
    assert_eq!(rows.unwrap()[0].get::<_, i64>(0), 2);
}

#[test]
fn counts_of_the_time_without_a_database_arrive_when_it_is_back() {
    let Some(mut server) = Server::start() else { return };
    server.kill();
    let engine = engine();
    let options = options().statement_limit(Duration::from_secs(1));
    let fleet = options.join(&engine, &server.url()).unwrap();
    evaluate(&engine, 10);
    assert!(matches!(fleet.flush(), Err(FleetError::Database { .. })));
    let status = fleet.status();
    assert_eq!((status.unshipped, status.last_contact), (10, None));
    assert!(status.last_error.is_some());
    server.restart();
    evaluate(&engine, 10);
    fleet.flush().unwrap();
    assert_eq!(totals(&fleet)[0], (20, 0));
    let status = fleet.status();
    assert_eq!((status.unshipped, status.dropped, status.last_error), (0, 0, None));
    assert!(status.last_contact.is_some());
}

#[test]
fn leaving_without_a_database_returns_how_many_events_are_not_there() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.directory());
    let engine = engine();
    let fleet = options().join(&engine, &proxy.url()).unwrap();
    evaluate(&engine, 10);
    fleet.flush().unwrap();
    proxy.set(Fault::NoRequest);
    evaluate(&engine, 7);
    let left = fleet.leave(Duration::from_millis(300));
    assert_eq!(left, Err(FleetError::Unshipped { events: 7 }));
}

#[test]
fn a_database_that_hangs_holds_up_no_call_but_those_that_ask_it() {
    let directory = std::env::temp_dir().join(format!("fairsplit-hung-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    // It accepts connections, and says nothing.
    let _listener = UnixListener::bind(directory.join(".s.PGSQL.5432")).unwrap();
    let engine = engine();
    let url = format!("host={} user=fleet", directory.display());
    let limit = Duration::from_millis(200);
    let fleet = options().statement_limit(limit).leave_within(limit).join(&engine, &url).unwrap();
    assert_eq!(fleet.flush(), Err(FleetError::Timeout { limit }));
    let fleet = {
        drop(fleet);
        options().statement_limit(LONG).join(&engine, &url).unwrap()
    };
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| fleet.status());
        evaluate(&engine, 1_000);
        assert_eq!(engine.counts(id()).unwrap().run(), 1);
        engine.stop(id()).unwrap();
        asking.join().unwrap();
    });
    let left = fleet.leave(Duration::from_millis(100));
    assert!(matches!(left, Err(FleetError::Unshipped { .. })), "{left:?}");
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn what_is_shipped_by_itself_needs_no_call() {
    let Some(server) = Server::start() else { return };
    let engine = engine();
    let options = FleetOptions::new().interval(Duration::from_millis(100)).label("checkout 3");
    let fleet = options.join(&engine, &server.url()).unwrap();
    evaluate(&engine, 10);
    // Far longer than it takes, so that one that never comes ends.
    let arrives = (0..1_000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        totals(&fleet)[0] == (10, 0)
    });
    assert!(arrives);
    let rows = server.connection().query("SELECT label, state FROM fairsplit.lives", &[]).unwrap();
    assert_eq!((rows[0].get(0), rows[0].get(1)), ("checkout 3", "open"));
}

#[test]
fn an_engine_with_a_directory_is_refused() {
    let directory = std::env::temp_dir().join(format!("fairsplit-durable-{}", std::process::id()));
    let engine = Engine::open(&directory).unwrap();
    let refused = Fleet::join(&engine, "host=/tmp user=fleet").unwrap_err();
    assert_eq!(refused, FleetError::HasDirectory);
    drop(engine);
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_flush_whose_request_or_answer_is_lost_or_late_counts_once() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.directory());
    let engine = engine();
    let options = options().statement_limit(Duration::from_millis(500));
    let fleet = options.join(&engine, &proxy.url()).unwrap();
    let mut events = 0;
    for fault in [Fault::None, Fault::NoRequest, Fault::NoAnswer, Fault::Late, Fault::NoAnswer] {
        evaluate(&engine, 10);
        events += 10;
        fleet.flush().unwrap();
        evaluate(&engine, 5);
        proxy.set(fault);
        assert_eq!(fleet.flush().is_ok(), fault == Fault::None, "{fault:?}");
        let rows =
            server.connection().query("SELECT sum(exposures)::bigint FROM fairsplit.totals", &[]);
        let arrived = u64::try_from(rows.unwrap()[0].get::<_, i64>(0)).unwrap();
        let expected = if fault == Fault::NoRequest { events } else { events + 5 };
        assert_eq!(arrived, expected, "{fault:?}");
        evaluate(&engine, 3);
        events += 8;
        proxy.set(Fault::None);
        fleet.flush().unwrap();
        assert_eq!(totals(&fleet)[0], (events, 0), "{fault:?}");
    }
}

#[test]
fn a_database_that_accepts_no_writes_for_a_while_gets_all_after_it() {
    let Some(server) = Server::start() else { return };
    server.execute("CREATE ROLE shop LOGIN");
    server.execute(&Schema::default().grants_to_processes("shop").unwrap());
    let engine = engine();
    let fleet = options().join(&engine, &server.url_of("shop")).unwrap();
    evaluate(&engine, 10);
    fleet.flush().unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'";
    server.execute(&format!("ALTER ROLE shop SET default_transaction_read_only = on; {end}"));
    evaluate(&engine, 10);
    for _ in 0..2 {
        assert!(matches!(fleet.flush(), Err(FleetError::Database { .. })));
    }
    server.execute("ALTER ROLE shop RESET default_transaction_read_only");
    fleet.flush().unwrap();
    assert_eq!(totals(&fleet)[0], (20, 0));
}
