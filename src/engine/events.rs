//! Events of changes and reloads, for the crate `tracing`; without that feature, nothing is
//! emitted. Events contain neither a user key nor a value, and an evaluation emits none. Names are
//! quoted, so that no name can look like a log line. Events are emitted after the writers' lock is
//! released.

use crate::engine::load_report::LoadReport;
use crate::model::definition::Definition;
use crate::model::error::{CommitError, LoadError};
use crate::model::id::ExperimentId;

#[cfg(feature = "tracing")]
use tracing::{info, warn};

/// Uses the values of an event that is not emitted.
#[cfg(not(feature = "tracing"))]
macro_rules! nothing {
    ($($field:ident = $mark:tt $value:expr,)* $text:literal) => {{ $(let _ = &$value;)* }};
}
#[cfg(not(feature = "tracing"))]
use nothing as info;
#[cfg(not(feature = "tracing"))]
use nothing as warn;

pub(crate) fn flag_created(key: &str) {
    info!(flag = ?key, "flag created");
}

pub(crate) fn default_changed(key: &str) {
    info!(flag = ?key, "default changed");
}

pub(crate) fn experiment_created(flag: &str, definition: &Definition) {
    info!(
        flag = ?flag,
        experiment = %definition.id,
        environment = ?definition.terms.environment.as_str(),
        status = %definition.status,
        "experiment created"
    );
}

pub(crate) fn experiment_started(flag: &str, definition: &Definition) {
    info!(
        flag = ?flag,
        experiment = %definition.id,
        environment = ?definition.terms.environment.as_str(),
        "experiment started"
    );
}

pub(crate) fn experiment_stopped(flag: &str, definition: &Definition) {
    info!(
        flag = ?flag,
        experiment = %definition.id,
        environment = ?definition.terms.environment.as_str(),
        "experiment stopped"
    );
}

pub(crate) fn user_forced(experiment: ExperimentId) {
    info!(experiment = %experiment, "user forced");
}

pub(crate) fn user_unforced(experiment: ExperimentId) {
    info!(experiment = %experiment, "user no longer forced");
}

pub(crate) fn reloaded(version: u64, outcome: &Result<LoadReport, LoadError>) {
    match outcome {
        Ok(report) => {
            let (loaded, skipped) = (report.loaded, &report.skipped);
            info!(
                version = %version,
                loaded = %loaded,
                skipped = %skipped.len(),
                "configuration reloaded"
            );
            for flag in skipped {
                let faults = flag.faults.len();
                warn!(
                    path = %flag.path,
                    flag = ?flag.key,
                    faults = %faults,
                    kept_previous = %flag.kept_previous,
                    "flag skipped"
                );
            }
        }
        Err(LoadError::Invalid(error)) => {
            // Only the number of faults: a faulty text may be a user key.
            let faults = error.faults().len().saturating_add(error.omitted());
            warn!(version = %version, faults = %faults, "configuration refused");
        }
        // `record_reload` has emitted an event already.
        Err(LoadError::NotCommitted(_)) => {}
        Err(error) => warn!(version = %version, error = %error, "configuration refused"),
    }
}

pub(crate) fn not_stored(error: &CommitError) {
    warn!(error = %error, "change not stored");
}
