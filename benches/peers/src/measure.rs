//! Measures every way in turn, again and again, so that what else the machine does falls on all.

use std::error::Error;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};

use crate::allocations::during;
use crate::peer::{Flag, NEW, OLD, Peer, USERS, Visitor, insiders, outsiders};

/// How many flags the larger configuration has.
const MANY: usize = 1000;

/// How often everything is measured, and how long each time.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
}

/// What is timed.
#[derive(Clone, Copy)]
enum Task {
    /// One flag; the user is there in the library's form.
    One,
    /// One flag; the user is made from the key in every call.
    Built,
    /// Many flags, asked for in turn.
    Many,
    /// One flag, in wall-clock time, from this number of threads.
    Threads(usize),
}

const TASKS: [Task; 5] = [Task::One, Task::Built, Task::Many, Task::Threads(1), Task::Threads(2)];

/// All that take part in a task.
pub(crate) struct Field {
    has_rule: bool,
    users: &'static [Visitor],
    /// Users who do not meet the rule.
    outsiders: &'static [Visitor],
    one: &'static [Flag],
    many: &'static [Flag],
    ways: Vec<Box<dyn Way>>,
    left_out: Vec<(&'static str, &'static str)>,
    failed: Vec<String>,
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) package: &'static str,
    pub(crate) call: &'static str,
    pub(crate) note: &'static str,
    counts: bool,
    /// Nanoseconds of a call, by task.
    one: f64,
    built: f64,
    many: f64,
    threads: f64,
    allocations: f64,
    bytes: f64,
    /// Of the configuration of many flags, if the library holds one.
    size: Option<Size>,
}

#[derive(Clone, Copy)]
struct Size {
    kibibytes: f64,
    milliseconds: f64,
}

trait Way {
    /// Nanoseconds of a call, over this number of calls.
    fn time(&mut self, task: Task, calls: usize) -> f64;
    fn row(&mut self) -> Row;
}

struct Runner<P: Peer> {
    users: &'static [Visitor],
    one: Loaded<P>,
    many: Loaded<P>,
    size: Option<Size>,
}

/// A configuration in memory, and the users in the form in which this very instance wants them.
struct Loaded<P: Peer> {
    peer: &'static P,
    flags: &'static [Flag],
    contexts: &'static [P::Context],
}

impl<P: Peer> Loaded<P> {
    /// Leaks: contexts may borrow from the instance, and both are needed to the end.
    fn new(peer: P, flags: &'static [Flag], users: &'static [Visitor]) -> Loaded<P> {
        let peer: &'static P = Box::leak(Box::new(peer));
        let contexts: Vec<P::Context> = users.iter().map(|user| peer.context(user)).collect();
        Loaded { peer, flags, contexts: contexts.leak() }
    }
}

impl Field {
    /// Nothing yet, for flags that split all users, or those who meet the rule.
    pub(crate) fn new(has_rule: bool) -> Field {
        Field {
            has_rule,
            users: insiders(has_rule).leak(),
            outsiders: outsiders().leak(),
            one: vec![Flag::at(0)].leak(),
            many: (0..MANY).map(Flag::at).collect::<Vec<_>>().leak(),
            ways: Vec::new(),
            left_out: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Adds a way of asking, after checking that it splits users as configured, and those only.
    pub(crate) fn enter<P: Peer>(&mut self) {
        match Runner::<P>::new(self) {
            Ok(runner) => self.ways.push(Box::new(runner)),
            Err(error) => self.failed.push(format!("{} ({}): {error}", P::PACKAGE, P::CALL)),
        }
    }

    /// Says that a library does not take part, and why.
    pub(crate) fn leave_out(&mut self, package: &'static str, why: &'static str) {
        self.left_out.push((package, why));
    }

    pub(crate) fn left_out(&self) -> &[(&'static str, &'static str)] {
        &self.left_out
    }

    /// The ways that could not be added, and why.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &str> {
        self.failed.iter().map(String::as_str)
    }

    pub(crate) fn measure(&mut self, effort: Effort) -> Vec<Row> {
        let calls: Vec<[usize; TASKS.len()]> = self
            .ways
            .iter_mut()
            .map(|way| TASKS.map(|task| calls_within(effort.slice, way.as_mut(), task)))
            .collect();
        let mut times = vec![vec![Vec::new(); TASKS.len()]; self.ways.len()];
        for _ in 0..effort.rounds {
            for ((way, calls), times) in self.ways.iter_mut().zip(&calls).zip(&mut times) {
                for ((task, calls), times) in TASKS.into_iter().zip(calls).zip(times) {
                    times.push(way.time(task, *calls));
                }
            }
        }
        let rows = self.ways.iter_mut().zip(times).map(|(way, times)| {
            let mut times = TASKS.into_iter().zip(times).map(|(task, times)| match task {
                // By the clock on the wall, whatever else runs counts too: the best round has least
                // of it.
                Task::Threads(_) => times.into_iter().fold(f64::INFINITY, f64::min),
                Task::One | Task::Built | Task::Many => median(times),
            });
            let [one, built, many, alone, both] =
                std::array::from_fn(|_| times.next().unwrap_or_default());
            Row { one, built, many, threads: both / alone, ..way.row() }
        });
        rows.collect()
    }
}

/// How many calls take about this long: the more the better, but one at least.
fn calls_within(slice: Duration, way: &mut dyn Way, task: Task) -> usize {
    way.time(task, 16);
    let nanoseconds = way.time(task, 16);
    (slice.as_nanos() as f64 / nanoseconds).clamp(1.0, 1e6) as usize
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl<P: Peer> Runner<P> {
    fn new(field: &Field) -> Result<Runner<P>, Box<dyn Error>> {
        let one = P::load(&P::configuration(field.one, field.has_rule), field.one)?;
        let configuration = P::configuration(field.many, field.has_rule);
        let mut times = Vec::new();
        let mut held = 0;
        let mut many = None;
        for _ in 0..5 {
            drop(many.take());
            // Of all threads, since some libraries load on another one.
            let start = ProcessTime::now();
            let (peer, allocated) = during(|| P::load(&configuration, field.many));
            times.push(start.elapsed().as_secs_f64() * 1e3);
            held = allocated.held;
            many = Some(peer?);
        }
        let many = many.ok_or("it was never loaded")?;
        let size = (!configuration.is_empty())
            .then(|| Size { kibibytes: held as f64 / 1024.0, milliseconds: median(times) });
        let one = Loaded::new(one, field.one, field.users);
        let many = Loaded::new(many, field.many, field.users);
        one.check_split()?;
        many.check_split()?;
        if field.has_rule {
            one.check_rule(field.outsiders)?;
            many.check_rule(field.outsiders)?;
        }
        Ok(Runner { users: field.users, one, many, size })
    }
}

impl<P: Peer> Loaded<P> {
    /// Both values have to come, and each to about half of the users.
    fn check_split(&self) -> Result<(), String> {
        let (mut peer, flag) = (self.peer.clone(), &self.flags[self.flags.len() / 2]);
        let mut counts = [0; 2];
        for context in self.contexts {
            peer.evaluate(flag, context, |value| {
                for (count, known) in counts.iter_mut().zip([OLD, NEW]) {
                    *count += usize::from(value == known);
                }
            });
        }
        let [old, new] = counts;
        if old + new == USERS && (USERS * 35 / 100..=USERS * 65 / 100).contains(&old) {
            return Ok(());
        }
        let name = &flag.name;
        Err(format!(
            "of {USERS} users {old} got {OLD:?} and {new} {NEW:?} for {name}, not half each"
        ))
    }
}

impl<P: Peer> Loaded<P> {
    /// Users who do not meet the rule are not split.
    fn check_rule(&self, outsiders: &'static [Visitor]) -> Result<(), String> {
        let (mut peer, flag) = (self.peer.clone(), &self.flags[self.flags.len() / 2]);
        for visitor in outsiders {
            let mut is_split = false;
            let context = self.peer.context(visitor);
            peer.evaluate(flag, &context, |value| is_split = [OLD, NEW].contains(&value));
            if is_split {
                let known: Vec<_> = visitor.attributes().collect();
                return Err(format!("a user with {known:?} does not meet the rule, and is split"));
            }
        }
        Ok(())
    }
}

/// Evaluates for one user after the other, and does something with the values that the compiler
/// cannot leave out.
fn ask<P: Peer>(peer: &mut P, flags: &[Flag], contexts: &[P::Context], calls: usize) {
    let asked = flags.iter().cycle().zip(contexts.iter().cycle());
    for (flag, context) in asked.take(calls) {
        peer.evaluate(black_box(flag), black_box(context), |value| {
            black_box(value.len());
        });
    }
}

impl<P: Peer> Way for Runner<P> {
    fn time(&mut self, task: Task, calls: usize) -> f64 {
        let Runner { one, many, .. } = self;
        let (mut of_one, mut of_many) = (one.peer.clone(), many.peer.clone());
        let start = ThreadTime::now();
        let took = match task {
            Task::One => {
                ask(&mut of_one, one.flags, one.contexts, calls);
                start.elapsed()
            }
            Task::Built => {
                for user in self.users.iter().cycle().take(calls) {
                    let context = one.peer.context(black_box(user));
                    ask(&mut of_one, one.flags, std::slice::from_ref(&context), 1);
                }
                start.elapsed()
            }
            Task::Many => {
                ask(&mut of_many, many.flags, many.contexts, calls);
                start.elapsed()
            }
            Task::Threads(threads) => together(threads, one, calls),
        };
        took.as_nanos() as f64 / calls as f64
    }

    fn row(&mut self) -> Row {
        let Loaded { peer, flags, contexts } = self.one;
        let mut peer = peer.clone();
        // What is set up at a first call is not every call's.
        ask(&mut peer, flags, contexts, USERS);
        let ((), allocated) = during(|| ask(&mut peer, flags, contexts, USERS));
        Row {
            package: P::PACKAGE,
            call: P::CALL,
            note: P::NOTE,
            counts: P::COUNTS,
            one: 0.0,
            built: 0.0,
            many: 0.0,
            threads: 0.0,
            allocations: allocated.calls as f64 / USERS as f64,
            bytes: allocated.bytes as f64 / USERS as f64,
            size: self.size,
        }
    }
}

/// The time of the slowest of some threads that make calls at the same time.
fn together<P: Peer>(threads: usize, loaded: &Loaded<P>, calls: usize) -> Duration {
    let Loaded { peer, flags, contexts } = *loaded;
    let all_are_there = &Barrier::new(threads);
    thread::scope(|scope| {
        let worker = |_| {
            let mut peer = peer.clone();
            scope.spawn(move || {
                ask(&mut peer, flags, contexts, 1);
                all_are_there.wait();
                let start = Instant::now();
                ask(&mut peer, flags, contexts, calls);
                start.elapsed()
            })
        };
        let workers: Vec<_> = (0..threads).map(worker).collect();
        let times = workers.into_iter().map(thread::ScopedJoinHandle::join);
        times.flatten().max().unwrap_or_default()
    })
}

impl Row {
    /// The heads of the cells.
    pub(crate) const HEAD: &str = "| package | call | counts | user ready: times the first | user made in the call: times the first | \
         allocations | bytes | 1,000 flags: times 1 flag | two threads: times one | heap, KiB | load, ms |\n\
         |---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|";

    /// The time of a call, in both forms.
    pub(crate) fn nanoseconds(&self) -> String {
        format!(
            "{} ns, or {} ns where the user is made in the call",
            figure(self.one),
            figure(self.built)
        )
    }

    /// The line of the table; `first` is the row that others are compared with, form by form.
    pub(crate) fn cells(&self, version: &str, first: &Row) -> String {
        let size = self.size.map_or_else(
            || "- | -".to_owned(),
            |size| format!("{:.0} | {:.1}", size.kibibytes, size.milliseconds),
        );
        let counts = if self.counts { "yes" } else { "no" };
        format!(
            "| {} {version} | `{}` | {counts} | {} | {} | {:.0} | {:.0} | {} | {:.1} | {size} |",
            self.package,
            self.call,
            figure(self.one / first.one),
            figure(self.built / first.built),
            self.allocations,
            self.bytes,
            figure(self.many / self.one),
            self.threads,
        )
    }
}

/// Three digits or so.
fn figure(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
