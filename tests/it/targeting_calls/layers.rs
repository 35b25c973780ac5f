//! Layers.

use super::{everybody, experiment, faults, fixed, idle, is_unit, layer_id, refused, shop};
use fairsplit::error::ControlError;
use fairsplit::fault::FaultKind;
use fairsplit::targeting::NewLayer;
use fairsplit::{Engine, Status};

fn new() -> NewLayer {
    NewLayer::new("users")
}

#[test]
fn a_layer_is_created_renamed_and_deleted() {
    let engine = shop();
    assert_eq!(engine.layers().len(), 2);
    let created = engine.create_layer(new().id(layer_id(3))).unwrap();
    assert_eq!(engine.layer(layer_id(3)), Some(created));
    idle(&engine, |engine| engine.change_layer(layer_id(3), new().id(layer_id(9))));
    let changed = engine.change_layer(layer_id(3), NewLayer::new("all").bucket_by("team")).unwrap();
    assert_eq!((changed.name(), changed.bucket_by()), ("all", Some("team")));
    assert_eq!(engine.delete_layer(layer_id(3)), Ok(changed));
    let unknown = ControlError::LayerNotFound { id: layer_id(3) };
    assert_eq!(refused(&engine, |engine| engine.delete_layer(layer_id(3))), unknown);
    assert_eq!(refused(&engine, |engine| engine.change_layer(layer_id(3), new())), unknown);
    let create = |engine: &Engine| engine.create_layer(new().id(layer_id(1)));
    assert_eq!(refused(&engine, create), ControlError::LayerIdTaken { id: layer_id(1) });
    for blank in [NewLayer::new(" "), NewLayer::new("a").bucket_by("")] {
        let create = blank.clone();
        assert_eq!(faults(&engine, |engine| engine.create_layer(create))[0].1, FaultKind::Blank);
        let changed = faults(&engine, |engine| engine.change_layer(layer_id(1), blank));
        assert_eq!(changed[0].1, FaultKind::Blank);
    }
}

#[test]
fn the_unit_of_a_layer_stays_while_an_experiment_has_a_part_of_it_and_its_name_does_not() {
    let engine = shop();
    let part = || everybody().layer(layer_id(1), [(0, 10)]);
    let draft = experiment(&engine, 1, part(), Status::Draft);
    let other = || new().bucket_by("company");
    let change = |engine: &Engine| engine.change_layer(layer_id(1), other());
    let found = faults(&engine, change);
    assert!(matches!(&found[..], [(path, kind)] if path == "bucket_by" && is_unit(kind)));
    let started = experiment(&engine, 2, part(), Status::Running);
    engine.stop(started).unwrap();
    assert_eq!(faults(&engine, change), [("bucket_by".to_owned(), fixed(started))]);
    engine.change_layer(layer_id(1), NewLayer::new("everybody")).unwrap();
    engine.delete_experiment(started).unwrap();
    engine.set_targeting(draft, everybody()).unwrap();
    change(&engine).unwrap();
}

#[test]
fn a_layer_cannot_be_deleted_while_an_experiment_has_a_part_of_it() {
    let engine = shop();
    let id = experiment(&engine, 1, everybody().layer(layer_id(1), [(0, 10)]), Status::Draft);
    for archives in [false, true] {
        if archives {
            engine.archive_experiment(id).unwrap();
        }
        let error = refused(&engine, |engine| engine.delete_layer(layer_id(1)));
        assert!(matches!(error, ControlError::LayerInUse { id, .. } if id == layer_id(1)));
    }
    engine.set_targeting(id, everybody()).unwrap();
    engine.delete_layer(layer_id(1)).unwrap();
}
