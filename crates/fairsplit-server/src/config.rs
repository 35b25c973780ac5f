//! The document of `--config`, applied at the start and again at SIGHUP.

use std::path::PathBuf;

use fairsplit::Engine;
use fairsplit::apply::{ApplyOptions, ApplyReport};
use fairsplit::error::{ApplyError, LoadError};
use tracing::subscriber::{NoSubscriber, with_default};
use tracing::warn;

use crate::failure::{Failure, refused, refused_on_one_line};
use crate::files;
use crate::options::Serve;

/// A document, and how it is applied.
pub(crate) struct Config {
    path: PathBuf,
    options: ApplyOptions,
}

impl Config {
    /// That of the options, if they name one.
    pub(crate) fn of(options: &Serve) -> Option<Config> {
        let path = options.config.clone()?;
        let apply = ApplyOptions::new();
        let apply = if options.allow_removals { apply.allow_removals() } else { apply };
        Some(Config { path, options: apply })
    }

    /// Applies it at the start, with every fault of a refusal on a line of its own.
    pub(crate) fn apply_first(&self, engine: &Engine) -> Result<(), Failure> {
        let text = files::text_of(&self.path)?;
        let applied = is_sound_where_new(engine, &text)
            .map_err(ApplyError::from)
            .and_then(|()| self.options.apply(engine, &text));
        let report = applied.map_err(|error| Failure::about(&self.path, refused(&error)))?;
        self.log(&report);
        Ok(())
    }

    /// Applies it again, with a refusal on one line for the log.
    pub(crate) fn apply_again(&self, engine: &Engine) -> Result<(), Failure> {
        files::readable(&self.path)?;
        let applied = self.options.apply(engine, &files::text_of(&self.path)?);
        let report =
            applied.map_err(|error| Failure::about(&self.path, refused_on_one_line(&error)))?;
        self.log(&report);
        Ok(())
    }

    /// Logs what the engine's own events leave out: why a flag or all of the document was skipped,
    /// and which fields are unknown.
    fn log(&self, report: &ApplyReport) {
        let mut problems = ApplyReport::default();
        problems.outdated_by = report.outdated_by;
        problems.skipped.clone_from(&report.skipped);
        problems.unknown_fields.clone_from(&report.unknown_fields);
        if problems == ApplyReport::default() {
            return;
        }
        // Shown beside the revision that it is older than.
        problems.revision = report.revision;
        let path = self.path.display();
        problems.to_string().lines().for_each(|line| warn!("{path}: {line}"));
    }
}

/// Refuses a document with any fault where there are no flags yet: a faulty flag could not stay as
/// it was, and would be missing.
pub(crate) fn is_sound_where_new(engine: &Engine, text: &str) -> Result<(), LoadError> {
    if !engine.flags().is_empty() {
        return Ok(());
    }
    // The log would have a reload that did not happen.
    with_default(NoSubscriber::default(), || Engine::from_json(text).map(drop))
}
