//! A durable engine whose process is killed at random moments, again and again.
//!
//! A binary of its own: the process that is killed is this one, started again, and while it starts
//! it holds the files that its parent has open at that moment.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use common::changes::assert_replayed;
use common::directory::Directory;
use common::{banner, experiment_id, flag_id, production};
use fairsplit::error::ControlError;
use fairsplit::fault::{Fault, FaultKind};
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::targeting::NewTargeting;
use fairsplit::{Engine, NewExperiment, NewFlag, Status};

/// Set for a process that is to be killed: the directory that it works on.
const VICTIM: &str = "FAIRSPLIT_TEST_VICTIM";
const THREADS: u64 = 3;
/// What each purchase brings, in cents.
const UNITS: i64 = 1990;
/// How many changes a round has at least, or syncs.
const CHANGES: u64 = 2;
/// Set for a process that counts users: the number of its round, and the capacity of a new run that
/// it begins, if it does.
const ROUND: &str = "FAIRSPLIT_TEST_ROUND";
const CAPACITY: &str = "FAIRSPLIT_TEST_CAPACITY";

/// Not a test: the work of the child, which ends by being killed.
#[test]
#[ignore = "the process that the test of this file starts and kills"]
fn victim() {
    let Some(directory) = std::env::var_os(VICTIM) else { return };
    // A thread that panics ends the round, which would otherwise go on without what it did.
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    let engine = Arc::new(Engine::open(directory).unwrap());
    // The harness has begun a line.
    say("\n");
    thread::scope(|scope| {
        for number in 0..THREADS {
            let engine = &engine;
            scope.spawn(move || {
                let purchase = production(engine).goal("purchase");
                for user in 0_u64.. {
                    let user = format!("{number}-{user}");
                    assert!(purchase.record_units(&*user, UNITS).is_counted());
                    say("purchased\n");
                    let conversion = production(engine).convert("hero-banner", &user);
                    if conversion.is_counted() {
                        say(&format!("counted {}\n", conversion.variant().unwrap()));
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
        let returning = experiment_id(2);
        if let Some(left) = engine.experiment(returning) {
            if left.status() == Status::Running {
                engine.stop(returning).unwrap();
            }
            engine.delete_experiment(returning).unwrap();
        }
        // Another experiment comes and goes meanwhile, and the default says how often.
        let known = engine.flag("hero-banner").unwrap().default_value().as_u64().unwrap();
        for change in known + 1.. {
            engine.set_default("hero-banner", change).unwrap();
            say(&format!("changed {change}\n"));
            let new = NewExperiment::new("Other", "staging").variant("only", change, 100);
            let new = new.goals(NewGoals::new().primary("purchase").secondary("signup"));
            let id = engine.create_experiment("hero-banner", new).unwrap().id();
            engine.start(id).unwrap();
            engine.stop(id).unwrap();
            engine.archive_experiment(id).unwrap();
            // One comes back each time, for more users than before.
            let new = returned(coverage_of(change)).status(Status::Running);
            engine.create_experiment("hero-banner", new).unwrap();
            assert!(engine.convert_variant(returning, "only").is_counted());
            engine.stop(returning).unwrap();
            engine.delete_experiment(returning).unwrap();
            say(&format!("left {change}\n"));
        }
    });
}

/// In thousandths of a per cent.
fn coverage_of(change: u64) -> f64 {
    f64::from(u32::try_from(change).unwrap()) / 1000.0
}

/// The experiment that leaves and comes back.
fn returned(coverage: f64) -> NewExperiment {
    let new = NewExperiment::new("Returning", "returning").variant("only", 0, 100);
    new.id(experiment_id(2)).targeting(NewTargeting::new().coverage(coverage))
}

/// Whether who was in the experiment that left is known: it does not come back for fewer users.
fn remembers(engine: &Engine, left: u64) -> bool {
    let fewer = coverage_of(left - 1);
    let refused = match engine.experiment(experiment_id(2)) {
        None => engine.create_experiment("hero-banner", returned(fewer)),
        Some(_) => engine.raise_coverage(experiment_id(2), fewer),
    };
    let shrinks = |fault: &Fault| matches!(fault.kind(), FaultKind::CoverageShrinks { .. });
    matches!(refused, Err(ControlError::Invalid(invalid)) if invalid.faults().iter().any(shrinks))
}

/// One write for a line: lines of several threads do not mix.
fn say(line: &str) {
    let _ = std::io::stdout().write_all(line.as_bytes());
}

/// Not a test either: a child that counts users.
#[test]
#[ignore = "the process that a test of this file starts and kills"]
#[expect(clippy::disallowed_methods, reason = "what the test asks this process to do")]
fn victim_with_users() {
    let Some(directory) = std::env::var_os(VICTIM) else { return };
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    let engine = Arc::new(Engine::open(directory).unwrap());
    let round = std::env::var(ROUND).unwrap();
    if let Ok(capacity) = std::env::var(CAPACITY) {
        // A new run, with small tables.
        if engine.experiment(experiment_id(1)).unwrap().status() == Status::Running {
            engine.stop(experiment_id(1)).unwrap();
        }
        engine.start(experiment_id(1)).unwrap();
        engine.count_users(experiment_id(1), capacity.parse().unwrap()).unwrap();
    }
    say("\n");
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (engine, round) = (&engine, &round);
            scope.spawn(move || {
                let production = production(engine);
                let (signup, purchase) = (production.goal("signup"), production.goal("purchase"));
                for user in 0_u64.. {
                    let key = format!("{round}-{number}-{user}");
                    assert!(production.evaluate("hero-banner", &key).is_counted());
                    say(&format!("exposed {key}\n"));
                    if user.is_multiple_of(2) {
                        assert!(production.convert("hero-banner", &key).is_counted());
                        say(&format!("converted {key}\n"));
                        assert!(signup.record(&*key).is_counted());
                        say(&format!("signed up {key}\n"));
                        assert!(purchase.record_units(&*key, UNITS).is_counted());
                        say("purchased\n");
                    }
                }
            });
        }
        // Files that are replaced go meanwhile.
        loop {
            engine.sync().unwrap();
            say("changed 0\n");
        }
    });
}

/// The lines of a child that is killed once it has made some changes, and at this moment after.
fn kill_after(child: &mut Command, moment: Duration) -> Vec<String> {
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (sender, acknowledged) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        while let Some(Ok(line)) = lines.next() {
            if line.starts_with("changed ") {
                let _ = sender.send(());
            }
            said.push(line);
        }
        said
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

fn child(name: &str, directory: &Path) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    child.env(VICTIM, directory);
    child
}

/// How many rounds: `FAIRSPLIT_KILLS=1000` for a long run.
#[expect(clippy::disallowed_methods, reason = "how long to test, not what to answer")]
fn rounds() -> u64 {
    std::env::var("FAIRSPLIT_KILLS").map_or(40, |rounds| rounds.parse().unwrap())
}

/// The moments of the kills.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Duration::from_micros((self.0 >> 33) % 60_000)
    }
}

/// A directory whose experiment has a goal that is signed up for, and another one.
fn prepare(directory: &Directory) {
    // On the clock that the child has: changes that are too old are not kept.
    let engine = Engine::open(&directory.0).unwrap();
    engine.create_flag(NewFlag::new("hero-banner", 0).id(flag_id(1))).unwrap();
    engine.create_goal(NewGoal::event("signup")).unwrap();
    engine.create_goal(NewGoal::value("purchase", "EUR")).unwrap();
    let new = banner("production").id(experiment_id(1)).status(Status::Running);
    let goals = NewGoals::new().secondary("purchase").secondary("signup");
    engine.create_experiment("hero-banner", new.goals(goals)).unwrap();
}

/// How many users are exposed, have converted, and have signed up; and of how many one is kept.
fn users(engine: &Engine) -> ([u64; 3], u64) {
    let users = engine.users(experiment_id(1)).unwrap();
    let counts = || users.variants().iter().map(|variant| variant.count);
    let signup = users.goals().iter().find(|users| users.goal == "signup").unwrap();
    let exposed = counts().map(|count| count.exposed).sum();
    let converted = counts().map(|count| count.converted).sum();
    let signed_up = signup.variants.iter().map(|users| users.reached).sum();
    ([exposed, converted, signed_up], users.one_in())
}

/// The sum of what users have paid, each of whom has paid once.
fn paid(engine: &Engine) -> i64 {
    let users = engine.users(experiment_id(1)).unwrap();
    let purchase = users.goals().iter().find(|users| users.goal == "purchase").unwrap();
    let sums = (0..2).flat_map(|variant| purchase.sums(variant).expect("it has values"));
    sums.inspect(|sum| assert_eq!(**sum, UNITS)).sum()
}

/// How many purchases were counted, and what they have brought.
fn purchases(engine: &Engine) -> (u64, u64) {
    let counts = engine.goal_counts(experiment_id(1)).unwrap();
    let purchase = counts.iter().find(|counts| counts.goal == "purchase").unwrap();
    let ever = purchase.variants.iter().map(|variant| variant.ever);
    ever.fold((0, 0), |sum, count| (sum.0 + count.events, sum.1 + count.gained))
}

#[test]
fn a_kill_loses_no_user_and_no_user_twice() {
    let (rounds, mut moments) = (rounds(), Moments(0x1234_5678_9abc_def0));
    let directory = Directory::new();
    prepare(&directory);
    let kinds = ["exposed ", "converted ", "signed up "];
    let mut all = kinds.map(|_| BTreeSet::new());
    let (mut before, mut reported, mut sampled, mut moving) = ([0; 3], 0, 0, 0);
    let mut paid_before = 0;
    for round in 0..rounds {
        let moment = moments.next();
        let mut child = child("victim_with_users", &directory.0);
        child.env(ROUND, round.to_string());
        // Every other run has more users than are kept.
        if round.is_multiple_of(3) {
            child.env(CAPACITY, if round.is_multiple_of(2) { "1000000" } else { "300" });
            all.iter_mut().for_each(BTreeSet::clear);
            before = [0; 3];
            paid_before = 0;
        }
        let said = kill_after(&mut child, moment);
        let moment_of_kill = format!("round {round}, killed after {moment:?}");
        let mut new = [0; 3];
        for (at, kind) in kinds.iter().enumerate() {
            let keys = said.iter().filter_map(|line| line.strip_prefix(kind));
            let keys: Vec<String> = keys.map(str::to_owned).collect();
            new[at] = keys.len() as u64;
            all[at].extend(keys);
        }
        reported += new[0];
        moving += u64::from(std::fs::read_dir(directory.file("users")).unwrap().count() > 2);
        let engine =
            Engine::open(&directory.0).unwrap_or_else(|error| panic!("{moment_of_kill}: {error}"));
        let found = users(&engine);
        if found.1 == 1 {
            // Counted, and killed before it could be said.
            let is_as_said =
                |at: usize| (new[at]..=new[at] + THREADS).contains(&(found.0[at] - before[at]));
            assert!(
                (0..kinds.len()).all(is_as_said),
                "{moment_of_kill}: {found:?}, {before:?} and {new:?}"
            );
        } else {
            sampled += 1;
        }
        before = found.0;
        let (purchases, now) =
            (said.iter().filter(|line| *line == "purchased").count(), paid(&engine));
        if found.1 == 1 {
            let new = i64::try_from(purchases).unwrap() * UNITS;
            let at_most = new + i64::try_from(THREADS).unwrap() * UNITS;
            assert!((new..=at_most).contains(&(now - paid_before)), "{moment_of_kill}");
        }
        paid_before = now;
        // Each user is there, with what it has done: to count it again changes nothing.
        let production = production(&engine);
        let signup = production.goal("signup");
        let [exposed, converted, signed_up] = &all;
        for key in exposed {
            assert!(production.evaluate("hero-banner", key).is_counted());
        }
        for key in converted {
            assert!(production.convert("hero-banner", key).is_counted());
        }
        for key in signed_up {
            assert!(signup.record(&**key).is_counted());
        }
        assert_eq!((users(&engine), paid(&engine)), (found, now), "{moment_of_kill}");
    }
    let what = format!("{reported} users; a sample in {sampled} rounds, several files in {moving}");
    let _ = writeln!(std::io::stderr(), "{what}");
    assert!(reported > 100 * rounds, "{reported} users in {rounds} rounds");
    assert!(rounds < 6 || sampled > 0);
}

#[test]
fn a_kill_loses_no_count_and_leaves_no_half_of_a_change() {
    let (rounds, mut moments) = (rounds(), Moments(0x9e37_79b9_7f4a_7c15));
    let _ = writeln!(std::io::stderr(), "{rounds} rounds, seed {:#x}", moments.0);
    let directory = Directory::new();
    prepare(&directory);
    let mut purchased = (0, 0);
    let mut before: BTreeMap<String, u64> = BTreeMap::new();
    let (mut acknowledged, mut last, mut left) = (0, 0, None);
    for round in 0..rounds {
        let moment = moments.next();
        let said = kill_after(&mut child("victim", &directory.0), moment);
        let (mut counted, mut changed) = (BTreeMap::<String, u64>::new(), 0);
        for line in &said {
            if let Some(variant) = line.strip_prefix("counted ") {
                *counted.entry(variant.to_owned()).or_default() += 1;
            } else if let Some(change) = line.strip_prefix("changed ") {
                changed = change.parse().unwrap();
            } else if let Some(change) = line.strip_prefix("left ") {
                left = Some(change.parse().unwrap());
            }
        }
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
        let now = purchases(&engine);
        let said = said.iter().filter(|line| *line == "purchased").count() as u64;
        let units = UNITS.unsigned_abs();
        let (new, cents) = (now.0 - purchased.0, now.1 - purchased.1);
        assert!((said..=said + THREADS).contains(&new), "{moment_of_kill}: {new} of {said}");
        // What a purchase brings is added after the purchase.
        assert!(
            cents.is_multiple_of(units) && (said..=new).contains(&(cents / units)),
            "{moment_of_kill}: {cents} of {new}, {said} said"
        );
        purchased = now;
        let default = engine.flag("hero-banner").unwrap().default_value().as_u64().unwrap();
        assert!(changed >= last + CHANGES, "{moment_of_kill}: {changed} changes, from {last}");
        let known = changed;
        assert!(
            (known..=known + 1).contains(&default),
            "{moment_of_kill}: {default} after {known}"
        );
        last = default;
        assert!(left.is_none_or(|left| remembers(&engine, left)), "{moment_of_kill}: {left:?}");
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
