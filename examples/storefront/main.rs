//! A shop that links the engine: it serves requests on all cores while its experiments are
//! reloaded, stopped and started, and then proves that nothing it counted was lost.
//!
//! ```text
//! cargo run --release --example storefront
//! cargo run --release --example storefront -- --help
//! ```
//!
//! What a service does with the crate is in `shop.rs`: handles made at start-up, a reader for each
//! worker, flags evaluated and conversions counted on one pinned snapshot for each request. What
//! its operators do is in `control.rs`. The rest is the stage: `options.rs` reads the command line,
//! `traffic.rs` brings user keys, `report.rs` writes the outcome.

mod control;
mod options;
mod report;
mod shop;
mod traffic;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fairsplit::Engine;
use fairsplit::error::{ApplyError, LoadError};

use crate::control::Operator;
use crate::options::{Command, HELP, Options};
use crate::report::{Verdict, grouped, per_second};
use crate::shop::{Shop, Worker};
use crate::traffic::{Progress, Source};

/// The document that is shipped with the example.
const DOCUMENT: &str = include_str!("../storefront.json");

/// Why the program ends early.
pub(crate) enum Failure {
    /// The user's input cannot be used; a message for standard error.
    Input(String),
    /// Standard output cannot be written.
    Output(io::Error),
    /// A worker died, so its reports are lost.
    Worker,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// What the threads report to the main one, which alone writes.
pub(crate) enum Event {
    /// The operator did something.
    Log(String),
    /// The traffic broke off.
    Failed(Failure),
}

fn main() -> ExitCode {
    let (code, message) = match run() {
        Ok(Verdict::NothingLost) => return ExitCode::SUCCESS,
        Ok(Verdict::Differs) => (1, "the counters are not what was reported".to_owned()),
        // The reader of the output has closed it.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        Err(Failure::Output(error)) => (2, format!("standard output: {error}")),
        Err(Failure::Input(message)) => (2, message),
        Err(Failure::Worker) => (1, "a worker died".to_owned()),
    };
    // If standard error is closed too, the message is lost.
    let _ = writeln!(io::stderr().lock(), "storefront: {message}");
    ExitCode::from(code)
}

fn run() -> Result<Verdict, Failure> {
    let options = match options::parse(std::env::args_os().skip(1))? {
        Command::Serve(options) => options,
        Command::Help => {
            io::stdout().lock().write_all(HELP.as_bytes())?;
            return Ok(Verdict::NothingLost);
        }
    };
    let document = read_document(&options)?;
    let engine = load(&document, &options)?;
    let environment = engine
        .environment(&options.environment)
        .map_err(|error| Failure::Input(format!("--environment: {error}")))?;
    let source = Source::open(&options.users)?;
    let shop = Arc::new(Shop::open(environment)?);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    report::opening(&shop, &source, workers)?;

    let started = Instant::now();
    let all_totals = serve(&shop, source, document, workers)?;
    report::closing(&shop, &all_totals, started)
}

fn read_document(options: &Options) -> Result<String, Failure> {
    let Some(path) = &options.config else {
        return Ok(DOCUMENT.to_owned());
    };
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// An engine in memory loads the document whole or not at all. One with a directory applies it:
/// what the document has changed since the last start is changed, and what was changed on the
/// engine stays.
fn load(document: &str, options: &Options) -> Result<Engine, Failure> {
    let engine = open(options)?;
    if options.data.is_none() {
        engine.replace(document).map_err(|error| refused(options, &error.into()))?;
        return Ok(engine);
    }
    let report = engine.apply(document).map_err(|error| refused(options, &error))?;
    let mut out = io::stdout().lock();
    report.to_string().lines().try_for_each(|line| writeln!(out, "the document: {line}"))?;
    Ok(engine)
}

/// Why the document was refused, with every fault of it.
fn refused(options: &Options, error: &ApplyError) -> Failure {
    let path = options.config.as_ref();
    let name = path.map_or("the document".to_owned(), |path| path.display().to_string());
    Failure::Input(match error {
        ApplyError::Load(LoadError::Invalid(invalid)) => {
            let faults = invalid.faults().iter().map(|fault| format!("\n  {fault}"));
            format!("{name} has faults:{}", faults.collect::<String>())
        }
        other => format!("{name}: {other}"),
    })
}

#[cfg(feature = "durable")]
fn open(options: &Options) -> Result<Engine, Failure> {
    let Some(directory) = &options.data else { return Ok(Engine::new()) };
    Engine::open(directory).map_err(|error| Failure::Input(format!("--data: {error}")))
}

#[cfg(not(feature = "durable"))]
fn open(options: &Options) -> Result<Engine, Failure> {
    match &options.data {
        None => Ok(Engine::new()),
        Some(_) => Err(Failure::Input("--data needs the feature durable of the crate".to_owned())),
    }
}

/// Runs the traffic through the workers, and the operator beside them, until it ends.
///
/// Threads are not scoped: when something fails, the program ends without waiting for one that may
/// be reading from a pipe for ever.
fn serve(
    shop: &Arc<Shop>,
    source: Source,
    document: String,
    workers: usize,
) -> Result<Vec<shop::Totals>, Failure> {
    let progress = Arc::new(Progress::new(source.weight()));
    let (events, received) = mpsc::channel();
    // Bounded: a long file is read as fast as it is served, and never held whole.
    let (chunks, queue) = mpsc::sync_channel(4 * workers);
    let queue = Arc::new(Mutex::new(queue));

    let workers: Vec<JoinHandle<shop::Totals>> = (0..workers)
        .map(|_| {
            let worker = Worker::new(Arc::clone(shop));
            let (queue, progress) = (Arc::clone(&queue), Arc::clone(&progress));
            thread::spawn(move || worker.run(&queue, &progress))
        })
        .collect();
    // Now only workers hold the queue: should all of them die, the source notices.
    drop(queue);
    let operator = Operator::new(shop, document)?;
    {
        let (progress, events) = (Arc::clone(&progress), events.clone());
        thread::spawn(move || operator.run(&progress, &events));
    }
    thread::spawn(move || {
        if let Err(failure) = source.stream(&chunks) {
            // Sent before the workers see the end of their queue.
            let _ = events.send(Event::Failed(failure));
        }
    });

    let mut console = Console::new();
    loop {
        match received.recv_timeout(Duration::from_millis(10)) {
            Ok(Event::Log(line)) => console.log(&line)?,
            Ok(Event::Failed(failure)) => {
                console.clear();
                return Err(failure);
            }
            Err(RecvTimeoutError::Timeout) => console.show(progress.requests()),
            // Operator and source have both ended; what is left in the queue is soon served.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if workers.iter().all(JoinHandle::is_finished) {
            progress.end();
        }
    }
    let all_totals = workers.into_iter().map(|worker| worker.join().map_err(|_| Failure::Worker));
    let all_totals = all_totals.collect();
    console.clear();
    all_totals
}

/// Log lines on standard output, and progress on standard error.
struct Console {
    is_terminal: bool,
    started: Instant,
    shown: Instant,
    is_dirty: bool,
}

impl Console {
    fn new() -> Console {
        let now = Instant::now();
        let is_terminal = io::stderr().is_terminal();
        Console { is_terminal, started: now, shown: now, is_dirty: false }
    }

    fn log(&mut self, line: &str) -> io::Result<()> {
        self.clear();
        writeln!(io::stdout().lock(), "{line}")
    }

    /// One line that is written anew on a terminal; elsewhere a plain line now and then.
    fn show(&mut self, requests: u64) {
        let pause = if self.is_terminal { 500 } else { 3000 };
        if self.shown.elapsed() < Duration::from_millis(pause) {
            return;
        }
        self.shown = Instant::now();
        let rate = per_second(requests, self.started.elapsed());
        let line = format!("{} requests served, {} per second", grouped(requests), grouped(rate));
        let mut stderr = io::stderr().lock();
        // Progress that cannot be shown is no reason to stop.
        let _ = if self.is_terminal {
            self.is_dirty = true;
            write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{line}")
        };
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_dirty) {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
        }
    }
}
