//! First exposures of users, written to a CSV file for a warehouse by a thread of the service.
//! `cargo run --example exposures`, or with the path of the file.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use fairsplit::exposures::Exposures;
use fairsplit::{Engine, NewExperiment, NewFlag, Status};

const USERS: usize = 5000;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(
        || std::env::temp_dir().join(format!("fairsplit-exposures-{}.csv", std::process::id())),
        PathBuf::from,
    );
    let engine = Engine::new();
    // Before the first request.
    let exposures = engine.exposures(1000);
    let file = File::create(&path)?;
    let (stop, is_over) = channel();
    let writer = thread::spawn(move || write(&exposures, file, &is_over));

    engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    let banner = NewExperiment::new("Hero banner, \"bold\"", "production")
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .count_users(1_000_000)
        .status(Status::Running);
    let id = engine.create_experiment("hero-banner", banner)?.id();
    serve(&engine)?;

    // The last of them, before the service ends.
    drop(stop);
    writer.join().expect("it does not panic")?;

    let users = engine.users(id).ok_or("the users are counted")?;
    let exposed = users.variants().iter().map(|of| (of.key.clone(), of.count.exposed));
    check(&path, &exposed.collect())?;
    println!("{} exposures found the queue full", engine.missed_exposures().unwrap_or_default());
    Ok(())
}

/// Empties the queue into the file until the service ends.
fn write(exposures: &Exposures, file: File, is_over: &Receiver<()>) -> csv::Result<()> {
    let mut file = csv::Writer::from_writer(file);
    let mut batch = Vec::new();
    loop {
        // A service waits for a second; this one makes all of its requests in one.
        let waited = is_over.recv_timeout(Duration::from_millis(1));
        exposures.take(&mut batch);
        for exposure in batch.drain(..) {
            file.serialize(exposure)?;
        }
        file.flush()?;
        if waited == Err(RecvTimeoutError::Disconnected) && exposures.is_empty() {
            return Ok(());
        }
    }
}

/// Requests of users, who come again until the queue had room for them.
fn serve(engine: &Engine) -> Result<(), Box<dyn Error>> {
    let banner = engine.environment("production")?.flag("hero-banner");
    let mut missed = None;
    while missed != engine.missed_exposures() {
        missed = engine.missed_exposures();
        for user in 0..USERS {
            // A key with what a CSV file must quote.
            let _ = banner.evaluate(&format!("user {user}, \"{}\"", user % 7));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Reads the file as a warehouse does: one row for each experiment, run and user, the earliest.
fn check(path: &Path, exposed: &BTreeMap<String, u64>) -> Result<(), Box<dyn Error>> {
    let mut file = csv::Reader::from_path(path)?;
    let columns = file.headers()?.clone();
    println!("{}", columns.iter().collect::<Vec<_>>().join(" | "));
    let at = |name| columns.iter().position(|column| column == name).ok_or("no such column");
    let key = [at("experiment_id")?, at("run")?, at("user_key")?];
    let (time, variant) = (at("at")?, at("variant")?);
    let mut rows = BTreeMap::new();
    for row in file.records() {
        let row = row?;
        if rows.is_empty() {
            println!("{}", row.iter().collect::<Vec<_>>().join(" | "));
        }
        let row_key = key.map(|column| row[column].to_owned());
        let new = (row[time].to_owned(), row[variant].to_owned());
        let earliest = rows.entry(row_key).or_insert_with(|| new.clone());
        *earliest = new.min(earliest.clone());
    }
    let mut users = BTreeMap::<String, u64>::new();
    for (_, variant) in rows.values() {
        *users.entry(variant.clone()).or_default() += 1;
    }
    println!("{} users in {}: {users:?}", rows.len(), path.display());
    assert_eq!((rows.len(), &users), (USERS, exposed), "each user who was exposed has a row");
    Ok(())
}
