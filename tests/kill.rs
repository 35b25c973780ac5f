//! A durable engine whose process is killed at random moments, again and again.
//!
//! A binary of its own: the process that is killed is this one, started again, and while it starts
//! it holds the files that its parent has open at that moment.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::changes::assert_replayed;
use common::directory::Directory;
use common::{banner, experiment_id, flag_id, production};
use fairsplit::{Engine, NewExperiment, NewFlag, Status};

/// Set for a process that is to be killed: the directory that it works on.
const VICTIM: &str = "FAIRSPLIT_TEST_VICTIM";
const THREADS: u64 = 3;
/// How many changes a round has at least.
const CHANGES: u64 = 2;

/// Not a test: the work of the child, which ends by being killed.
#[test]
#[ignore = "the process that the test of this file starts and kills"]
fn victim() {
    let Some(directory) = std::env::var_os(VICTIM) else { return };
    // A thread that panics ends the round, which would otherwise go on without what it did.
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    let engine = Arc::new(Engine::open(directory).unwrap());
    let say = |line: String| {
        // One write for a line: lines of several threads do not mix.
        let _ = std::io::stdout().write_all(line.as_bytes());
    };
    // The harness has begun a line.
    say("\n".to_owned());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let engine = &engine;
            scope.spawn(move || {
                for user in 0_u64.. {
                    let user = format!("{number}-{user}");
                    let conversion = production(engine).convert("hero-banner", &user);
                    if conversion.is_counted() {
                        say(format!("counted {}\n", conversion.variant().unwrap()));
                    }
                }
            });
        }
        // The kill before may have come between a start and a stop.
        for experiment in engine.experiments("hero-banner").unwrap() {
            if experiment.environment().as_str() == "staging"
                && experiment.status() == Status::Running
            {
                engine.stop(experiment.id()).unwrap();
            }
        }
        // Another experiment comes and goes meanwhile, and the default says how often.
        let known = engine.flag("hero-banner").unwrap().default_value().as_u64().unwrap();
        for change in known + 1.. {
            engine.set_default("hero-banner", change).unwrap();
            say(format!("changed {change}\n"));
            let new = NewExperiment::new("Other", "staging").variant("only", change, 100);
            let id = engine.create_experiment("hero-banner", new).unwrap().id();
            engine.start(id).unwrap();
            engine.stop(id).unwrap();
            engine.archive_experiment(id).unwrap();
        }
    });
}

fn kill_after(directory: &Path, moment: Duration) -> (BTreeMap<String, u64>, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--ignored", "--nocapture", "--test-threads=1"])
        .env(VICTIM, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, acknowledged) = mpsc::channel();
    let reader = thread::spawn(move || {
        let (mut counted, mut changed) = (BTreeMap::new(), 0);
        while let Some(Ok(line)) = lines.next() {
            if let Some(variant) = line.strip_prefix("counted ") {
                *counted.entry(variant.to_owned()).or_default() += 1;
            } else if let Some(change) = line.strip_prefix("changed ") {
                changed = change.parse().unwrap();
                let _ = sender.send(());
            }
        }
        (counted, changed)
    });
    // However busy the machine is: the round begins when the child has made some changes.
    for _ in 0..CHANGES {
        acknowledged.recv().expect("the child ended by itself");
    }
    thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn a_kill_loses_no_count_and_leaves_no_half_of_a_change() {
    // Rounds, and the seed of their lengths: FAIRSPLIT_KILLS=1000 for a long run.
    #[expect(clippy::disallowed_methods, reason = "how long to test, not what to answer")]
    let rounds: u64 = std::env::var("FAIRSPLIT_KILLS").map_or(40, |rounds| rounds.parse().unwrap());
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let _ = writeln!(std::io::stderr(), "{rounds} rounds, seed {seed:#x}");
    let directory = Directory::new();
    // On the clock that the child has: changes that are too old are not kept.
    let engine = Engine::open(&directory.0).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", 0).id(flag_id(1))).unwrap();
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    engine.create_experiment("hero-banner", new).unwrap();
    drop(engine);
    let mut before: BTreeMap<String, u64> = BTreeMap::new();
    let (mut acknowledged, mut last) = (0, 0);
    for round in 0..rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let moment = Duration::from_micros((seed >> 33) % 60_000);
        let (counted, changed) = kill_after(&directory.0, moment);
        let moment_of_kill = format!("round {round}, killed after {moment:?}");
        let engine =
            Engine::open(&directory.0).unwrap_or_else(|error| panic!("{moment_of_kill}: {error}"));
        let counts = engine.counts(experiment_id(1)).unwrap();
        let mut in_flight = 0;
        for variant in counts.variants() {
            let was = before.insert(variant.key.clone(), variant.ever.conversions).unwrap_or(0);
            let reported = counted.get(&variant.key).copied().unwrap_or(0);
            let now = variant.ever.conversions - was;
            assert!(now >= reported, "{moment_of_kill}: {reported} were reported, {now} are there");
            in_flight += now - reported;
            acknowledged += reported;
        }
        // Counted, and killed before it could be said.
        assert!(in_flight <= THREADS, "{moment_of_kill}: {in_flight} too many");
        let default = engine.flag("hero-banner").unwrap().default_value().as_u64().unwrap();
        assert!(changed >= last + CHANGES, "{moment_of_kill}: {changed} changes, from {last}");
        let known = changed;
        assert!(
            (known..=known + 1).contains(&default),
            "{moment_of_kill}: {default} after {known}"
        );
        last = default;
        assert_replayed(&engine);
        for experiment in engine.experiments("hero-banner").unwrap() {
            let is_whole = experiment.environment().as_str() == "production"
                || experiment.variants()[0].value().as_u64().unwrap() <= default;
            assert!(is_whole, "{moment_of_kill}: {experiment}");
        }
    }
    let _ = writeln!(std::io::stderr(), "{acknowledged} conversions, {last} changes, none lost");
    assert!(acknowledged > rounds, "{acknowledged} conversions in {rounds} rounds");
    assert!(last >= rounds * CHANGES, "{last} changes in {rounds} rounds");
}
