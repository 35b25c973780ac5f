//! Any change to the counters' file is refused, or gives counts that can be read, counted on, and
//! read again. The input is a list of changes to a sound file: where, and what to put there.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use fairsplit::durable::{OpenOptions, recover};
use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use libfuzzer_sys::fuzz_target;

struct Sound {
    directory: PathBuf,
    counters: Vec<u8>,
    definitions: Vec<u8>,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("fairsplit-fuzz-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    let engine = Engine::open(&directory).unwrap();
    for flag in ["a", "b"] {
        engine.create_flag(NewFlag::new(flag, 0)).unwrap();
        let new = NewExperiment::new("An experiment", "production").status(Status::Running);
        let new = new.variant("control", 1, 50).variant("treatment", 2, 50);
        let id = engine.create_experiment(flag, new).unwrap().id();
        assert!(engine.convert_variant(id, "control").is_counted());
    }
    drop(engine);
    let counters = fs::read(directory.join("counters")).unwrap();
    let definitions = fs::read(directory.join("definitions.json")).unwrap();
    Sound { directory, counters, definitions }
});

fuzz_target!(|changes: &[u8]| {
    let Sound { directory, counters, definitions } = &*SOUND;
    let _ = fs::remove_dir_all(directory);
    fs::create_dir(directory).unwrap();
    fs::write(directory.join("definitions.json"), definitions).unwrap();
    let mut counters = counters.clone();
    for change in changes.chunks_exact(4) {
        // The head, the blocks and what follows them all lie in the first 16 KiB.
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        match change[2] {
            0 => counters.truncate(at),
            1 => counters.resize(counters.len() + at, change[3]),
            _ => {
                if let Some(byte) = counters.get_mut(at % 0x4000) {
                    *byte = change[3];
                }
            }
        }
    }
    fs::write(directory.join("counters"), &counters).unwrap();
    let open = || OpenOptions::new().accept_edited_definitions().open(directory);
    let engine = match open() {
        Ok(engine) => engine,
        Err(_) => {
            // Damage is saved by name, whatever it is.
            let _ = recover(directory);
            let Ok(engine) = open() else { return };
            engine
        }
    };
    for id in engine.experiments("a").unwrap().iter().map(|experiment| experiment.id()) {
        let before = engine.counts(id).unwrap();
        let is_counted = engine.convert_variant(id, "control").is_counted();
        let after = engine.counts(id).unwrap();
        let (before, after) = (&before.variants()[0].ever, &after.variants()[0].ever);
        let is_full = before.conversions == u64::MAX;
        assert!(!is_counted || is_full || after.conversions >= before.conversions);
    }
    let document = engine.to_json();
    drop(engine);
    assert_eq!(open().unwrap().to_json(), document);
});
