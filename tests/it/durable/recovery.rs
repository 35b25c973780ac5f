//! Saving what is left of a damaged directory.

use std::fs;
use std::path::Path;

use super::{count, start};
use crate::common::directory::Directory;
use crate::common::{ever, experiment_id};
use fairsplit::durable::recover;
use fairsplit::error::OpenError;
use fairsplit::{NewExperiment, Status};

#[test]
fn recover_saves_what_a_damaged_file_still_holds_and_open_refuses_it() {
    let directory = Directory::new();
    let engine = directory.open();
    start(&engine);
    let second = NewExperiment::new("Second", "staging").variant("only", 1, 100);
    let second = second.id(experiment_id(2)).status(Status::Running);
    engine.create_experiment("hero-banner", second).unwrap();
    count(&engine, 30);
    assert!(engine.convert_variant(experiment_id(2), "only").is_counted());
    let counts = engine.counts(experiment_id(2)).unwrap();
    drop(engine);
    let path = directory.file("counters");
    let mut bytes = fs::read(&path).unwrap();
    // The head of the first block: its number of variants.
    bytes[2 * 128 + 4 * 8] = 99;
    fs::write(&path, &bytes).unwrap();
    let OpenError::Damaged { at, what, .. } = directory.refused() else { panic!() };
    assert_eq!((at, what.as_str()), (256, "a block is damaged"));
    assert_eq!(fs::read(&path).unwrap(), bytes, "nothing is repaired unasked");

    let recovered = recover(&directory.0).unwrap();
    assert_eq!(recovered.experiments, 1);
    assert!(recovered.damage[0].starts_with("at byte 256: "), "{:?}", recovered.damage);
    assert_eq!(fs::read(&recovered.set_aside).unwrap(), bytes);
    let engine = directory.open();
    assert_eq!(engine.counts(experiment_id(2)).unwrap(), counts);
    let first = engine.counts(experiment_id(1)).unwrap();
    assert_eq!(ever(&first), [(0, 0), (0, 0)], "as of its definition's last change");
}

/// The service that opens the directory later is seldom root, who recovers it.
#[test]
#[cfg(unix)]
fn a_recovery_leaves_the_counters_their_owner_and_their_mode() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let directory = Directory::new();
    start(&directory.open());
    let path = directory.file("counters");
    // Only root can give a file away.
    let _ = chown(&path, Some(4711), Some(4712));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
    let rights = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode())
    };
    let before = rights(&path);
    let recovered = recover(&directory.0).unwrap();
    assert_eq!(rights(&path), before);
    assert_eq!(rights(&recovered.set_aside), before);
}
