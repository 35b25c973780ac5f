//! Where requests come from: user keys, generated or read, in chunks.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;
use std::str;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use crate::Failure;
use crate::options::Users;
use crate::report::grouped;

/// The number of requests that a worker receives at once.
const CHUNK: u64 = 1000;
/// The longest line that is read as a user key.
const LONGEST: u64 = 64 * 1024;
/// The length of a stream is unknown: the operator's plan spans this number of requests.
const STREAM: u64 = 200_000;

/// Some requests: a user key on each line, an empty line for an anonymous one.
#[derive(Default)]
pub(crate) struct Chunk {
    users: String,
    /// The number of the first request.
    first: u64,
    requests: u64,
    /// What it adds to the progress.
    weight: u64,
}

impl Chunk {
    /// The requests, by their numbers.
    pub(crate) fn users(&self) -> impl Iterator<Item = (u64, &str)> {
        (self.first..).zip(self.users.split_terminator('\n'))
    }

    fn push(&mut self, number: u64, user: &str, weight: u64) {
        if self.requests == 0 {
            self.first = number;
        }
        self.users.push_str(user);
        self.users.push('\n');
        self.requests += 1;
        self.weight += weight;
    }
}

/// Where requests come from.
pub(crate) enum Source {
    Generated {
        requests: u64,
    },
    Lines {
        name: String,
        reader: BufReader<Box<dyn Read + Send>>,
        /// The size of a file; `None` for a pipe.
        bytes: Option<u64>,
    },
}

impl Source {
    pub(crate) fn open(users: &Users) -> Result<Source, Failure> {
        match users {
            Users::Generated(requests) => Ok(Source::Generated { requests: *requests }),
            Users::Stdin => Ok(Source::Lines {
                name: "standard input".to_owned(),
                reader: BufReader::new(Box::new(io::stdin())),
                bytes: None,
            }),
            Users::File(path) => Source::file(path)
                .map_err(|error| Failure::Input(format!("{}: {error}", path.display()))),
        }
    }

    fn file(path: &Path) -> io::Result<Source> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let bytes = metadata.is_file().then_some(metadata.len());
        let reader = BufReader::new(Box::new(file) as Box<dyn Read + Send>);
        Ok(Source::Lines { name: path.display().to_string(), reader, bytes })
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Source::Generated { requests } => format!("{} generated requests", grouped(*requests)),
            Source::Lines { name, .. } => format!("a request for each line of {name}"),
        }
    }

    /// The expected weight of all chunks together.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Source::Generated { requests } => *requests,
            Source::Lines { bytes, .. } => bytes.unwrap_or(STREAM),
        }
    }

    /// Sends all requests to the workers. Waits while the queue is full.
    pub(crate) fn stream(self, chunks: &SyncSender<Chunk>) -> Result<(), Failure> {
        match self {
            Source::Generated { requests } => {
                generate(requests, chunks);
                Ok(())
            }
            Source::Lines { name, reader, bytes } => read(&name, reader, bytes.is_some(), chunks),
        }
    }
}

/// The same users in every run; 2 % of the requests are anonymous, and now and then there is the
/// tester whom the document forces into a variant.
fn generate(requests: u64, chunks: &SyncSender<Chunk>) {
    let mut user = String::new();
    let mut chunk = Chunk::default();
    for number in 0..requests {
        user.clear();
        if number % 10_000 == 5000 {
            user.push_str("qa-anna");
        } else if number % 50 != 49 {
            // Writing to a string does not fail.
            let _ = write!(user, "user-{number}");
        }
        chunk.push(number, &user, 1);
        if chunk.requests == CHUNK && chunks.send(std::mem::take(&mut chunk)).is_err() {
            return;
        }
    }
    // It fails only if all workers died, which joining them reports.
    let _ = chunks.send(chunk);
}

fn read(
    name: &str,
    mut reader: BufReader<Box<dyn Read + Send>>,
    is_sized: bool,
    chunks: &SyncSender<Chunk>,
) -> Result<(), Failure> {
    let mut line = Vec::new();
    let mut chunk = Chunk::default();
    for number in 1u64.. {
        line.clear();
        let broken = |what: &str| Failure::Input(format!("{name}: line {number} {what}"));
        // Two more, for the end of the line.
        let bytes = reader.by_ref().take(LONGEST + 2).read_until(b'\n', &mut line);
        if bytes.map_err(|error| broken(&format!("cannot be read: {error}")))? == 0 {
            break;
        }
        let user = line.strip_suffix(b"\n").unwrap_or(&line);
        let user = user.strip_suffix(b"\r").unwrap_or(user);
        if user.len() as u64 > LONGEST {
            return Err(broken(&format!("is longer than {} bytes", grouped(LONGEST))));
        }
        let user = str::from_utf8(user).map_err(|_| broken("is not valid UTF-8"))?;
        chunk.push(number, user, if is_sized { line.len() as u64 } else { 1 });
        // A slow stream is served as it arrives, without waiting for a full chunk.
        let is_due = chunk.requests == CHUNK || reader.buffer().is_empty();
        if is_due && chunks.send(std::mem::take(&mut chunk)).is_err() {
            break;
        }
    }
    Ok(())
}

/// The progress of the traffic. Workers add whole chunks, so that requests share nothing.
pub(crate) struct Progress {
    requests: AtomicU64,
    weight: AtomicU64,
    whole: u64,
    is_over: AtomicBool,
}

impl Progress {
    pub(crate) fn new(whole: u64) -> Progress {
        Progress {
            requests: AtomicU64::new(0),
            weight: AtomicU64::new(0),
            whole,
            is_over: AtomicBool::new(false),
        }
    }

    pub(crate) fn served(&self, chunk: &Chunk) {
        self.requests.fetch_add(chunk.requests, Ordering::Relaxed);
        self.weight.fetch_add(chunk.weight, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether this number of twelfths of the traffic is served, or it has ended.
    pub(crate) fn has_reached(&self, twelfths: u64) -> bool {
        let weight = u128::from(self.weight.load(Ordering::Relaxed));
        weight * 12 >= u128::from(self.whole) * u128::from(twelfths)
            || self.is_over.load(Ordering::Relaxed)
    }
}
