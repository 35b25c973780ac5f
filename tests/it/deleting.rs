//! Deleting flags and experiments: what goes, what stays, and what is still handed over.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::common::{banner, engine_at_noon, ever, experiment_id, flag_id, production, running};
use fairsplit::error::ControlError;
use fairsplit::{Count, Engine, ExperimentId, NewExperiment, NewFlag, Reason, Status};

/// What the next deltas add, by experiment and variant.
fn handed_over(engine: &Engine) -> BTreeMap<(ExperimentId, String), Count> {
    let mut added: BTreeMap<_, Count> = BTreeMap::new();
    let outcome = engine.with_deltas(|deltas| {
        for delta in deltas {
            let count = added.entry((delta.experiment, delta.variant.clone())).or_default();
            count.exposures += delta.added().exposures;
            count.conversions += delta.added().conversions;
        }
        Ok::<_, Infallible>(())
    });
    outcome.unwrap();
    added
}

/// The conversions that the next deltas add, of each variant of one experiment.
fn conversions(engine: &Engine) -> Vec<(String, u64)> {
    let added = handed_over(engine).into_iter();
    added.map(|((_, variant), count)| (variant, count.conversions)).collect()
}

fn golden(id: ExperimentId) -> NewExperiment {
    NewExperiment::new("Golden", "production").variant("golden", "gold", 100).id(id)
}

fn convert(engine: &Engine, id: ExperimentId, variant: &str, times: u64) {
    for _ in 0..times {
        assert!(engine.convert_variant(id, variant).is_counted());
    }
}

#[test]
fn a_deleted_flag_is_gone_with_its_experiments_and_its_names_can_be_used_again() {
    let (engine, id) = running();
    engine.create_flag(NewFlag::new("checkout", 1).id(flag_id(2))).unwrap();
    let production = production(&engine);
    let handle = production.flag("hero-banner");
    let _ = production.evaluate("hero-banner", "anna");
    engine.stop(id).unwrap();
    engine.delete_flag("hero-banner").unwrap();

    assert_eq!(production.evaluate("hero-banner", "anna").reason(), Reason::FlagNotFound);
    assert_eq!(handle.evaluate("anna").reason(), Reason::FlagNotFound);
    assert_eq!((engine.experiment(id), engine.counts(id), engine.users(id)), (None, None, None));
    assert_eq!(engine.runs(id), None);
    assert!(engine.flag(flag_id(1)).is_none());
    assert_eq!(production.evaluate("checkout", "anna").i64_or(0), 1);
    let refused = engine.delete_flag("hero-banner");
    assert!(matches!(refused, Err(ControlError::FlagNotFound { .. })), "{refused:?}");
    let refused = engine.delete_experiment(id);
    assert_eq!(refused, Err(ControlError::ExperimentNotFound { id }));

    engine.create_flag(NewFlag::new("hero-banner", "other").id(flag_id(1))).unwrap();
    engine.create_experiment("hero-banner", golden(id).status(Status::Running)).unwrap();
    assert_eq!(handle.evaluate("anna").str_or(""), "gold");
    assert_eq!(ever(&engine.counts(id).unwrap()), [(1, 0)]);
}

#[test]
fn an_experiment_that_is_deleted_leaves_the_others_of_its_flag_as_they_were() {
    let (engine, first) = running();
    let second = experiment_id(2);
    engine.create_experiment("hero-banner", banner("staging").id(second)).unwrap();
    engine.force(second, "qa", "treatment").unwrap();
    let stopped = engine.stop(first).unwrap();
    assert_eq!(engine.delete_experiment(first), Ok(stopped));
    assert_eq!(engine.experiments("hero-banner").unwrap().len(), 1);
    assert_eq!(engine.forced(second).unwrap(), [("qa".to_owned(), "treatment".to_owned())]);
    engine.start(second).unwrap();
    convert(&engine, second, "control", 1);
    assert_eq!(production(&engine).evaluate("hero-banner", "anna").reason(), Reason::NotRunning);
}

#[test]
fn what_runs_is_deleted_only_after_a_stop() {
    let (engine, id) = running();
    let before = (engine.to_json(), engine.snapshot().version());
    assert_eq!(engine.delete_experiment(id), Err(ControlError::DeletesRunning { id }));
    let flag = "hero-banner".to_owned();
    let refused = ControlError::FlagHasRunning { flag, running: id };
    assert_eq!(engine.delete_flag("hero-banner"), Err(refused));
    assert_eq!((engine.to_json(), engine.snapshot().version()), before);
    engine.stop(id).unwrap();
    let flag = engine.flag("hero-banner").unwrap();
    assert_eq!(engine.delete_flag(flag_id(1)), Ok(flag));
}

#[test]
fn a_view_from_before_a_deletion_answers_and_counts_nothing() {
    let (engine, id) = running();
    let production = production(&engine);
    let view = production.view();
    let variant = view.evaluate("hero-banner", "anna").variant().map(str::to_owned);
    engine.stop(id).unwrap();
    engine.delete_experiment(id).unwrap();
    assert_eq!(handed_over(&engine).len(), 1);
    engine.delete_flag("hero-banner").unwrap();
    assert_eq!(view.evaluate("hero-banner", "anna").variant().map(str::to_owned), variant);
    assert!(!view.convert("hero-banner", "anna").is_counted());
    assert_eq!(handed_over(&engine).len(), 0);
}

#[test]
fn what_a_deleted_experiment_has_counted_is_handed_over_once() {
    let (engine, id) = running();
    convert(&engine, id, "control", 2);
    assert_eq!(conversions(&engine), [("control".to_owned(), 2)]);
    convert(&engine, id, "control", 3);
    engine.stop(id).unwrap();
    engine.delete_experiment(id).unwrap();
    // The id is that of another experiment before the rest is handed over.
    engine.create_experiment("hero-banner", golden(id).status(Status::Running)).unwrap();
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 0)]);
    convert(&engine, id, "golden", 1);
    engine.with_deltas(|_| Err(())).unwrap_err();
    assert_eq!(conversions(&engine), [("control".to_owned(), 3), ("golden".to_owned(), 1)]);
    assert_eq!(conversions(&engine), []);
    convert(&engine, id, "golden", 4);
    assert_eq!(conversions(&engine), [("golden".to_owned(), 4)]);
}

#[test]
fn a_receiver_of_deltas_can_delete_what_they_are_of() {
    let (engine, id) = running();
    convert(&engine, id, "control", 2);
    engine.stop(id).unwrap();
    let outcome = engine.with_deltas(|deltas| {
        assert_eq!(deltas.len(), 1);
        engine.delete_experiment(id).map(drop)
    });
    assert_eq!(outcome, Ok(()));
    assert_eq!(conversions(&engine), []);
}

#[test]
fn what_left_by_a_document_keeps_its_counts() {
    let (engine, _) = engine_at_noon();
    engine.create_flag(NewFlag::new("hero-banner", "old").id(flag_id(1))).unwrap();
    let id = experiment_id(1);
    engine.create_experiment("hero-banner", golden(id).status(Status::Running)).unwrap();
    convert(&engine, id, "golden", 2);
    engine.replace(r#"{"flags": []}"#).unwrap();
    assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 2)]);
}

#[cfg(feature = "durable")]
mod in_a_directory {
    use super::*;
    use crate::common::directory::Directory;
    use fairsplit::changes::Action;
    use fairsplit::fault::FaultKind;

    fn kinds(error: &ControlError) -> Vec<FaultKind> {
        let ControlError::Invalid(invalid) = error else { panic!("{error:?}") };
        invalid.faults().iter().map(|fault| fault.kind().clone()).collect()
    }

    #[test]
    fn a_deleted_id_goes_on_with_the_same_variants_and_other_ones_are_refused() {
        let directory = Directory::new();
        let id = experiment_id(1);
        let engine = directory.open();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        engine.create_experiment("hero-banner", golden(id).status(Status::Running)).unwrap();
        convert(&engine, id, "golden", 3);
        engine.stop(id).unwrap();
        engine.delete_experiment(id).unwrap();
        let refused = engine.create_experiment("hero-banner", banner("production").id(id));
        let expected = [FaultKind::CountsForOthers { id: id.to_string() }];
        assert_eq!(kinds(&refused.unwrap_err()), expected);

        // Not handed over yet; the same cells count on.
        engine.create_experiment("hero-banner", golden(id).status(Status::Running)).unwrap();
        assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 3)]);
        convert(&engine, id, "golden", 2);
        assert_eq!(conversions(&engine), [("golden".to_owned(), 5)]);
        engine.stop(id).unwrap();
        engine.delete_experiment(id).unwrap();
        drop(engine);

        let engine = directory.open();
        assert_eq!(engine.experiment(id), None);
        let refused = engine.create_experiment("hero-banner", banner("production").id(id));
        assert_eq!(kinds(&refused.unwrap_err()), expected);
        engine.create_experiment("hero-banner", golden(id).status(Status::Running)).unwrap();
        assert_eq!(ever(&engine.counts(id).unwrap()), [(0, 5)]);
        assert_eq!(conversions(&engine), []);
    }

    #[test]
    fn deletions_are_changes_and_those_of_a_deleted_flag_are_found_by_its_id() {
        let directory = Directory::new();
        let (id, flag) = (experiment_id(1), flag_id(1));
        let engine = directory.open();
        engine.create_flag(NewFlag::new("hero-banner", "old").id(flag)).unwrap();
        engine.create_experiment("hero-banner", golden(id)).unwrap();
        engine.delete_experiment(id).unwrap();
        engine.delete_flag("hero-banner").unwrap();
        drop(engine);
        let engine = directory.open();
        assert!(engine.flags().is_empty());
        let actions: Vec<_> =
            engine.changes_of(flag).unwrap().iter().map(|change| change.action).collect();
        let (create_flag, create) = (Action::CreateFlag, Action::CreateExperiment);
        let expected = [create_flag, create, Action::DeleteExperiment, Action::DeleteFlag];
        assert_eq!(actions, expected);
        let never = engine.changes_of(flag_id(9));
        assert!(matches!(never, Err(ControlError::FlagNotFound { .. })));
        let by_key = engine.changes_of("hero-banner");
        assert!(matches!(by_key, Err(ControlError::FlagNotFound { .. })));
    }
}
