//! The commands that operate on a directory without serving it: each prints what it found or did,
//! and an error names the command to run next.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fairsplit::Engine;
use fairsplit::durable::{self, OpenOptions};
use fairsplit::error::{ApplyError, OpenError};

use crate::config::is_sound_where_new;
use crate::failure::{Failure, faults, refused};
use crate::options::Apply;

const END_IT: &str = "another process has it: end that process first";
const ASK_IT: &str = "another process has it: ask that server over HTTP for its flags, \
     experiments and results, or end it first";
const NOT_CHECKED: &str = "another process has it: the directory was not checked";

/// `fairsplit check`.
pub(crate) fn check(directory: &Path) -> Result<(), Failure> {
    exists(directory)?;
    let checked = durable::check(directory)
        .map_err(|error| Failure::opening(directory, &error, NOT_CHECKED))?;
    let closed = if checked.was_closed {
        "closed normally"
    } else {
        "not closed normally, as after a crash or a kill"
    };
    let users = match checked.users {
        0 => String::new(),
        users => format!(", {}", number(users, "user")),
    };
    print(&format!(
        "{}: nothing is wrong: {}, counters of {}{users}; {closed}",
        directory.display(),
        number(checked.flags, "flag"),
        number(checked.experiments, "experiment"),
    ))
}

/// `fairsplit recover`. Only a damaged file is replaced: a recovery gives up the checksum that
/// would reveal an edit.
pub(crate) fn recover(directory: &Path) -> Result<(), Failure> {
    exists(directory)?;
    let failed = |error: OpenError| Failure::opening(directory, &error, END_IT);
    match durable::check(directory) {
        Err(OpenError::Damaged { .. }) => {}
        Err(other) => return Err(failed(other)),
        Ok(_) => {
            let shown = directory.display();
            return print(&format!("{shown}: nothing is damaged, and nothing was changed"));
        }
    }
    let recovered = durable::recover(directory).map_err(failed)?;
    let mut text = format!(
        "{}: saved the counters of {}\n",
        directory.display(),
        number(recovered.experiments, "experiment")
    );
    for damage in &recovered.damage {
        text.push_str("could not be read: ");
        text.push_str(damage);
        text.push('\n');
    }
    if recovered.users_tables > 0 {
        text.push_str("lost the users of ");
        text.push_str(&number(recovered.users_tables, "damaged table"));
        text.push_str(", set aside in the folder users\n");
    }
    text.push_str("the damaged file is now ");
    text.push_str(&recovered.set_aside.display().to_string());
    print(&text)?;
    // The definitions may have faults of their own, which end with an error that says so.
    durable::check(directory).map(drop).map_err(failed)
}

/// `fairsplit accept-edits`.
pub(crate) fn accept_edits(directory: &Path) -> Result<(), Failure> {
    exists(directory)?;
    let failed = |error: OpenError| Failure::opening(directory, &error, END_IT);
    let was_edited = match durable::check(directory) {
        Ok(_) => false,
        Err(OpenError::Edited { .. }) => true,
        Err(other) => return Err(failed(other)),
    };
    let engine = OpenOptions::new().accept_edited_definitions().open(directory).map_err(failed)?;
    engine.sync()?;
    let done = if was_edited { "the edited file is accepted" } else { "nothing was edited" };
    print(&format!("{}: {done}: {}", directory.display(), content(&engine)))
}

/// `fairsplit export`.
pub(crate) fn export(directory: &Path, output: Option<&Path>) -> Result<(), Failure> {
    exists(directory)?;
    let engine =
        Engine::open(directory).map_err(|error| Failure::opening(directory, &error, ASK_IT))?;
    let text = engine.to_json();
    let Some(output) = output else {
        return print(&text);
    };
    write_whole(output, directory, &text).map_err(|error| Failure::about(output, error))?;
    print(&format!("{}: {}", output.display(), content(&engine)))
}

/// `fairsplit apply`.
pub(crate) fn apply(options: &Apply) -> Result<(), Failure> {
    let (directory, (file, text)) = (&options.directory, read(&options.file)?);
    // Before the directory is created: one that is not JSON creates none.
    let is_new = fs::symlink_metadata(directory).is_err();
    if is_new {
        is_sound_where_new(&Engine::new(), &text)
            .map_err(|error| Failure::about(file, faults(&error)))?;
    }
    is_no_file(directory)?;
    let engine =
        Engine::open(directory).map_err(|error| Failure::opening(directory, &error, END_IT))?;
    let applied = is_sound_where_new(&engine, &text)
        .map_err(ApplyError::from)
        .and_then(|()| options.how().apply(&engine, &text));
    let report = applied.map_err(|error| Failure::about(file, refused(&error)))?;
    engine.sync()?;
    print(&report.to_string())?;
    if report.skipped.is_empty() {
        return Ok(());
    }
    // By their paths, as in `segments[0]`: what was skipped is not always a flag.
    let skipped = ["flag", "segment", "layer", "holdout"].into_iter().filter_map(|what| {
        let all = report.skipped.iter().filter(|skipped| skipped.path.starts_with(what));
        let found = all.count();
        (found > 0).then(|| number(found, what))
    });
    let skipped: Vec<String> = skipped.collect();
    let skipped = skipped.join(", ");
    Err(Failure::about(file, format!("skipped {skipped}; the others are applied")))
}

/// `fairsplit import`.
pub(crate) fn import(directory: &Path, file: &Path, replaces: bool) -> Result<(), Failure> {
    let (source, text) = read(file)?;
    // In memory first: a document with faults does not create a directory.
    Engine::from_json(&text).map_err(|error| Failure::about(source, faults(&error)))?;
    is_no_file(directory)?;
    let engine =
        Engine::open(directory).map_err(|error| Failure::opening(directory, &error, END_IT))?;
    let there = engine.flags().len();
    if there > 0 && !replaces {
        let there = number(there, "flag");
        let next =
            "nothing was changed; with --replace the document takes the place of what is there";
        return Err(Failure::about(directory, format!("has {there} already\n  {next}")));
    }
    engine.replace(&text).map_err(|error| Failure::about(source, faults(&error)))?;
    engine.sync()?;
    print(&format!("{}: imported {}", directory.display(), content(&engine)))
}

/// The text of a file or of standard input, and what errors call it.
fn read(file: &Path) -> Result<(&Path, String), Failure> {
    let (source, text) = if file == Path::new("-") {
        (Path::new("standard input"), io::read_to_string(io::stdin().lock()))
    } else {
        (file, fs::read_to_string(file))
    };
    let text = text.map_err(|error| Failure::about(source, error))?;
    Ok((source, text))
}

/// Refuses a path of something else than a directory.
pub(crate) fn is_no_file(directory: &Path) -> Result<(), Failure> {
    match fs::metadata(directory) {
        Ok(found) if !found.is_dir() => Err(Failure::about(directory, "is not a directory")),
        _ => Ok(()),
    }
}

/// Refuses a directory that no engine has used: opening would create it, which hides a misspelt
/// name.
fn exists(directory: &Path) -> Result<(), Failure> {
    is_no_file(directory)?;
    let is_used = |file: &str| fs::symlink_metadata(directory.join(file)).is_ok();
    match fs::metadata(directory) {
        Err(error) => Err(Failure::about(directory, error)),
        Ok(_) if ["definitions.json", "counters"].iter().any(|file| is_used(file)) => Ok(()),
        Ok(_) => Err(Failure::about(
            directory,
            "has neither definitions.json nor counters: not a directory of fairsplit",
        )),
    }
}

/// Writes a file that a reader finds as it was before, or complete. Not into the directory that is
/// exported: its files are the engine's.
fn write_whole(path: &Path, exported: &Path, text: &str) -> io::Result<()> {
    // A link stays a link, and the file that it leads to is replaced.
    let path = match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(io::Error::other("is not a file that can be replaced"));
        }
        Ok(_) => fs::canonicalize(path)?,
        Err(_) => path.to_owned(),
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if fs::canonicalize(parent.unwrap_or(Path::new(".")))? == fs::canonicalize(exported)? {
        return Err(io::Error::other("is in the directory that is exported"));
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new: PathBuf = path.with_file_name(name);
    let written = (|| {
        let mut file = fs::File::create_new(&new)?;
        if let Ok(replaced) = fs::metadata(&path) {
            file.set_permissions(replaced.permissions())?;
        }
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&new, &path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// What an engine has now, in words.
fn content(engine: &Engine) -> String {
    let snapshot = engine.snapshot();
    let experiments = number(snapshot.experiments().count(), "experiment");
    format!("{} and {experiments}", number(engine.flags().len(), "flag"))
}

fn number(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
