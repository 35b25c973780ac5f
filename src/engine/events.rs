//! Events of changes and reloads, for the crate `tracing`; without that feature, nothing is
//! emitted. Events contain neither a user key nor a value, and an evaluation emits none. Names are
//! quoted, so that no name can look like a log line. Events are emitted after the writers' lock is
//! released.

use crate::engine::applying::options::ApplyError;
use crate::engine::applying::report::ApplyReport;
use crate::engine::load_report::SkippedFlag;
use crate::model::definition::Definition;
use crate::model::error::{CommitError, LoadError};
use crate::model::id::{ExperimentId, HoldoutId, LayerId, SegmentId};
use crate::model::targeting::rule::Rule;
use crate::model::targeting::share::Share;

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

pub(crate) fn flag_changed(key: &str) {
    info!(flag = ?key, "flag changed");
}

pub(crate) fn experiment_changed(flag: &str, experiment: ExperimentId) {
    info!(flag = ?flag, experiment = %experiment, "experiment changed");
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

pub(crate) fn experiment_shipped(flag: &str, experiment: ExperimentId, variant: &str) {
    info!(flag = ?flag, experiment = %experiment, variant = ?variant, "variant shipped");
}

pub(crate) fn flag_archived(key: &str) {
    info!(flag = ?key, "flag archived");
}

pub(crate) fn flag_unarchived(key: &str) {
    info!(flag = ?key, "flag unarchived");
}

pub(crate) fn experiment_archived(flag: &str, experiment: ExperimentId) {
    info!(flag = ?flag, experiment = %experiment, "experiment archived");
}

pub(crate) fn experiment_unarchived(flag: &str, experiment: ExperimentId) {
    info!(flag = ?flag, experiment = %experiment, "experiment unarchived");
}

pub(crate) fn experiment_deleted(flag: &str, experiment: ExperimentId) {
    info!(flag = ?flag, experiment = %experiment, "experiment deleted");
}

pub(crate) fn flag_deleted(key: &str) {
    info!(flag = ?key, "flag deleted");
}

pub(crate) fn user_forced(experiment: ExperimentId) {
    info!(experiment = %experiment, "user forced");
}

pub(crate) fn user_unforced(experiment: ExperimentId) {
    info!(experiment = %experiment, "user no longer forced");
}

pub(crate) fn targeting_set(flag: &str, experiment: ExperimentId) {
    info!(flag = ?flag, experiment = %experiment, "targeting set");
}

pub(crate) fn coverage_raised(flag: &str, experiment: ExperimentId, coverage: Share) {
    info!(flag = ?flag, experiment = %experiment, coverage = %coverage, "coverage set");
}

pub(crate) fn rule_created(flag: &str, rule: &Rule) {
    info!(
        flag = ?flag,
        rule = %rule.id,
        environment = ?rule.environment.as_str(),
        position = %rule.position,
        "rule created"
    );
}

pub(crate) fn rule_changed(flag: &str, rule: &Rule) {
    info!(
        flag = ?flag,
        rule = %rule.id,
        environment = ?rule.environment.as_str(),
        position = %rule.position,
        "rule changed"
    );
}

pub(crate) fn rule_deleted(flag: &str, rule: &Rule) {
    info!(flag = ?flag, rule = %rule.id, "rule deleted");
}

pub(crate) fn segment_created(segment: SegmentId) {
    info!(segment = %segment, "segment created");
}

/// Emits a change of a segment, and how many running experiments it reaches.
pub(crate) fn segment_changed(segment: SegmentId, reaches: usize) {
    info!(segment = %segment, reaches = %reaches, "segment changed");
}

pub(crate) fn segment_deleted(segment: SegmentId) {
    info!(segment = %segment, "segment deleted");
}

pub(crate) fn goal_created(goal: &str) {
    info!(goal = ?goal, "goal created");
}

pub(crate) fn goal_changed(goal: &str) {
    info!(goal = ?goal, "goal changed");
}

pub(crate) fn goal_deleted(goal: &str) {
    info!(goal = ?goal, "goal deleted");
}

pub(crate) fn goals_set(flag: &str, experiment: ExperimentId) {
    info!(flag = ?flag, experiment = %experiment, "goals set");
}

pub(crate) fn layer_created(layer: LayerId) {
    info!(layer = %layer, "layer created");
}

pub(crate) fn layer_changed(layer: LayerId) {
    info!(layer = %layer, "layer changed");
}

pub(crate) fn layer_deleted(layer: LayerId) {
    info!(layer = %layer, "layer deleted");
}

pub(crate) fn holdout_created(holdout: HoldoutId) {
    info!(holdout = %holdout, "holdout created");
}

pub(crate) fn holdout_changed(holdout: HoldoutId) {
    info!(holdout = %holdout, "holdout changed");
}

pub(crate) fn holdout_deleted(holdout: HoldoutId) {
    info!(holdout = %holdout, "holdout deleted");
}

/// Emits how a replacement ended; `Ok` has the number of flags.
pub(crate) fn replaced(version: u64, outcome: &Result<usize, LoadError>) {
    match outcome {
        Ok(loaded) => info!(version = %version, loaded = %loaded, "definitions replaced"),
        Err(error) => refused(version, error),
    }
}

/// The names of fields. Those of forced users have user keys in them.
fn without_users(fields: &[String]) -> String {
    let names = fields.iter().map(|field| match field.split_once('.') {
        Some((name @ "forced", _)) => name,
        _ => field,
    });
    let mut names: Vec<&str> = names.collect();
    names.dedup();
    names.join(", ")
}

fn skipped(flags: &[SkippedFlag]) {
    for flag in flags {
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

fn refused(version: u64, error: &LoadError) {
    match error {
        LoadError::Invalid(error) => {
            // Only the number of faults: a faulty text may be a user key.
            let faults = error.faults().len().saturating_add(error.omitted());
            warn!(version = %version, faults = %faults, "configuration refused");
        }
        // The writer has emitted an event already.
        LoadError::NotCommitted(_) => {}
        LoadError::Syntax(error) => {
            warn!(version = %version, error = %error, "configuration refused");
        }
    }
}

/// Emits a line for each thing that applying a document did or left.
pub(crate) fn applied(version: u64, outcome: &Result<ApplyReport, ApplyError>) {
    match outcome {
        Ok(report) => {
            info!(
                version = %version,
                source = ?report.source,
                skipped = %report.skipped.len(),
                "document applied"
            );
            for (what, all) in [
                ("added", &report.added),
                ("removed", &report.removed),
                ("started", &report.started),
                ("stopped", &report.stopped),
            ] {
                for named in all {
                    info!(what = %what, named = %named, "changed by the document");
                }
            }
            for (named, fields) in &report.changed {
                info!(what = %without_users(fields), named = %named, "changed by the document");
            }
            for (named, fields) in &report.kept {
                info!(what = %without_users(fields), named = %named, "kept as changed elsewhere");
            }
            for (segment, named) in &report.reaches {
                info!(segment = ?segment, named = %named, "reached by a changed segment");
            }
            for (named, why) in &report.left {
                info!(what = %why, named = %named, "left by the document");
            }
            skipped(&report.skipped);
        }
        Err(ApplyError::Load(error)) => refused(version, error),
        Err(ApplyError::RemovesRunning { experiments }) => {
            let running = experiments.len();
            warn!(version = %version, running = %running, "document refused: it removes what runs");
        }
        Err(ApplyError::RemovesMost { source_name, removed, of }) => warn!(
            version = %version,
            source = ?source_name,
            removed = %removed,
            of = %of,
            "document refused: it removes most of its flags"
        ),
    }
}

pub(crate) fn not_stored(error: &CommitError) {
    warn!(error = %error, "change not stored");
}
