//! Changing what flags and experiments are called, and their descriptions, owners and tags.

use crate::common::{NOON, engine_at_noon, experiment_id, flag_id, production, running};
use fairsplit::error::{ControlError, LoadError};
use fairsplit::fault::FaultKind;
use fairsplit::{Engine, ExperimentChange, Flag, FlagChange, Timestamp};
use serde_json::{Value, json};

type Notes<'a> = (&'a str, &'a str, &'a [String]);

fn notes(flag: &Flag) -> Notes<'_> {
    (flag.description(), flag.owner(), flag.tags())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn kinds(error: ControlError) -> Vec<(String, FaultKind)> {
    let ControlError::Invalid(invalid) = error else { panic!("{error:?}") };
    let faults = invalid.faults().iter();
    faults.map(|fault| (fault.path().to_owned(), fault.kind().clone())).collect()
}

#[test]
fn a_change_of_a_flag_sets_what_it_names_and_leaves_the_rest() {
    let (engine, clock) = engine_at_noon();
    let new = fairsplit::NewFlag::new("hero-banner", "old").id(flag_id(1));
    let created = engine.create_flag(new).unwrap();
    assert_eq!(notes(&created), ("", "", [].as_slice()));
    clock.advance(60);
    let change = FlagChange::new().description("What it is").owner("anna").tags(["b", "a"]);
    let flag = engine.change_flag("hero-banner", change).unwrap();
    assert_eq!(notes(&flag), ("What it is", "anna", words(&["b", "a"]).as_slice()));
    assert_eq!((flag.name(), flag.default_value()), ("hero-banner", &json!("old")));
    assert_eq!(flag.updated_at(), Timestamp::from_unix_seconds(NOON + 60));
    let change = FlagChange::new().name("Hero").default_value("new").owner("");
    let flag = engine.change_flag(flag_id(1), change).unwrap();
    assert_eq!(notes(&flag), ("What it is", "", words(&["b", "a"]).as_slice()));
    assert_eq!((flag.name(), flag.default_value()), ("Hero", &json!("new")));
    assert_eq!(production(&engine).evaluate("hero-banner", "anna").str_or(""), "new");
    assert_eq!(engine.flag("hero-banner"), Some(flag.clone()));

    // Nothing at all is no change.
    let version = engine.snapshot().version();
    assert_eq!(engine.change_flag("hero-banner", FlagChange::new()), Ok(flag));
    assert_eq!(engine.snapshot().version(), version);
    let change = FlagChange::new().description("").tags(Vec::<String>::new());
    assert_eq!(notes(&engine.change_flag("hero-banner", change).unwrap()), ("", "", [].as_slice()));
    let refused = engine.change_flag("hero", FlagChange::new());
    assert!(matches!(refused, Err(ControlError::FlagNotFound { .. })));
}

#[test]
fn a_change_of_an_experiment_leaves_its_split_and_the_rest_of_its_api_object_as_they_were() {
    let (engine, id) = running();
    let before = production(&engine).evaluate("hero-banner", "anna").variant().map(str::to_owned);
    let object = serde_json::to_value(engine.experiment(id).unwrap()).unwrap();
    let change = ExperimentChange::new().description("Why").owner("ben").tags(["q3"]);
    let changed = engine.change_experiment(id, change).unwrap();
    let tags = words(&["q3"]);
    assert_eq!((changed.description(), changed.owner(), changed.tags()), ("Why", "ben", &*tags));
    let mut after = serde_json::to_value(&changed).unwrap();
    let notes = [("description", json!("Why")), ("owner", json!("ben")), ("tags", json!(["q3"]))];
    for (field, value) in notes {
        assert_eq!(after.as_object_mut().unwrap().remove(field), Some(value));
    }
    assert_eq!(after, object);
    let renamed = engine.change_experiment(id, ExperimentChange::new().name("Other")).unwrap();
    assert_eq!((renamed.name(), renamed.owner(), renamed.is_running()), ("Other", "ben", true));
    // The notes stay with a start and a stop.
    engine.stop(id).unwrap();
    assert_eq!(engine.start(id).unwrap().description(), "Why");
    let after = production(&engine).evaluate("hero-banner", "anna").variant().map(str::to_owned);
    assert_eq!(before, after);
    let exposures: u64 =
        engine.counts(id).unwrap().variants().iter().map(|variant| variant.ever.exposures).sum();
    assert_eq!(exposures, 2);

    let version = engine.snapshot().version();
    engine.change_experiment(id, ExperimentChange::new()).unwrap();
    assert_eq!(engine.snapshot().version(), version);
    let id = experiment_id(9);
    let refused = engine.change_experiment(id, ExperimentChange::new().name("x"));
    assert_eq!(refused, Err(ControlError::ExperimentNotFound { id }));
}

#[test]
fn every_fault_of_a_change_is_named_and_nothing_changes() {
    let (engine, id) = running();
    let before = engine.to_json();
    let long = |characters: usize| "ä".repeat(characters);
    let change =
        FlagChange::new().name(" ").description(long(4097)).owner(long(256)).tags(["a", "", "a"]);
    let expected = [
        ("name".to_owned(), FaultKind::Blank),
        ("description".to_owned(), FaultKind::TextTooLong { most: 4096, found: 4097 }),
        ("owner".to_owned(), FaultKind::TextTooLong { most: 255, found: 256 }),
        ("tags[1]".to_owned(), FaultKind::Blank),
    ];
    let found = kinds(engine.change_flag("hero-banner", change).unwrap_err());
    assert_eq!(found[..4], expected);
    assert!(matches!(&found[4..], [(path, FaultKind::Duplicate { .. })] if path == "tags[2]"));
    let many = ExperimentChange::new().name("").tags((0..33).map(|tag| tag.to_string()));
    assert_eq!(
        kinds(engine.change_experiment(id, many).unwrap_err()),
        [
            ("name".to_owned(), FaultKind::Blank),
            ("tags".to_owned(), FaultKind::TooManyTags { found: 33 }),
        ]
    );
    assert_eq!(engine.to_json(), before);
    // And the most of each.
    let change = FlagChange::new().description(long(4096)).owner(long(255));
    engine.change_flag("hero-banner", change.tags((0..32).map(|tag| tag.to_string()))).unwrap();
}

#[test]
fn a_change_is_read_from_one_or_more_of_its_fields() {
    let text =
        r#"{"name": "n", "default_value": null, "description": "", "owner": "o", "tags": []}"#;
    let change = FlagChange::new().name("n").default_value(Value::Null).description("");
    let change = change.owner("o").tags(Vec::<String>::new());
    assert_eq!(FlagChange::from_json(text).unwrap(), change);
    let text = r#"{"description": "d", "tags": ["t"]}"#;
    let change = ExperimentChange::new().description("d").tags(["t"]);
    assert_eq!(ExperimentChange::from_json(text).unwrap(), change);
    let kinds = |error: LoadError| {
        let LoadError::Invalid(invalid) = error else { panic!("{error:?}") };
        let faults = invalid.faults().iter().map(|fault| fault.kind().clone());
        faults.collect::<Vec<_>>()
    };
    assert_eq!(kinds(FlagChange::from_json("{}").unwrap_err()), [FaultKind::NoField]);
    assert_eq!(kinds(ExperimentChange::from_json("{}").unwrap_err()), [FaultKind::NoField]);
    let unknown = r#"{"default_value": 1}"#;
    assert_eq!(kinds(ExperimentChange::from_json(unknown).unwrap_err()), [FaultKind::UnknownField]);
    let many =
        kinds(FlagChange::from_json(r#"{"name": "", "tags": [1, "b"], "x": 1}"#).unwrap_err());
    assert_eq!(many.len(), 3, "{many:?}");
}

#[test]
fn notes_are_in_documents_where_there_are_any() {
    let (engine, id) = running();
    let without = engine.to_json();
    for field in ["description", "owner", "tags", "notes"] {
        assert!(!without.contains(&format!("\"{field}\"")), "{field}");
    }
    let flag = FlagChange::new().description("What").owner("anna").tags(["a"]);
    engine.change_flag("hero-banner", flag).unwrap();
    let experiment = ExperimentChange::new().description("Why").owner("ben").tags(["b"]);
    engine.change_experiment(id, experiment).unwrap();
    let text = engine.to_json();
    let document: Value = serde_json::from_str(&text).unwrap();
    let section = &document["flags"][0];
    assert_eq!(section["description"], "What");
    let of_experiment = &section["experiments"][0];
    assert_eq!(of_experiment["description"], "Why");
    assert_eq!((&of_experiment["owner"], &of_experiment["tags"]), (&json!("ben"), &json!(["b"])));
    let other = Engine::from_json(&text).unwrap();
    assert_eq!(other.to_json(), text);
    assert_eq!(other.flags(), engine.flags());
    assert_eq!(other.experiment(id), engine.experiment(id));
    let object = serde_json::to_string(&engine.experiment(id)).unwrap();
    let read: Option<fairsplit::Experiment> = serde_json::from_str(&object).unwrap();
    assert_eq!(read, engine.experiment(id));
    // What a loaded document leaves out is empty.
    other.replace(&without).unwrap();
    assert_eq!(notes(&other.flag("hero-banner").unwrap()), ("", "", [].as_slice()));
    assert_eq!(other.experiment(id).unwrap().description(), "");
}

#[test]
fn applying_a_document_changes_the_notes_that_it_changed_and_no_others() {
    let (engine, _) = engine_at_noon();
    let id = experiment_id(1).to_string();
    let mut document = json!({"flags": [{
        "id": flag_id(1), "key": "hero-banner", "default_value": "old",
        "owner": "anna", "tags": ["a"],
        "experiments": [serde_json::from_str::<Value>(&format!(
            r#"{{"id": "{id}", "name": "n", "environment": "production", "variants": [
                {{"key": "only", "value": 1, "percentage": 100}}]}}"#
        )).unwrap()],
        "notes": {&id: {"description": "Why", "owner": "ben"}}
    }]});
    let apply = |document: &Value| engine.apply(&document.to_string()).unwrap();
    let _ = apply(&document);
    let change = FlagChange::new().owner("by hand").description("by hand");
    engine.change_flag("hero-banner", change).unwrap();
    let change = ExperimentChange::new().owner("by hand");
    engine.change_experiment(experiment_id(1), change).unwrap();

    document["flags"][0]["tags"] = json!(["a", "b"]);
    document["flags"][0]["notes"][&id]["description"] = json!("Why not");
    let report = apply(&document);
    let changed: Vec<_> = report.changed.iter().flat_map(|(_, fields)| fields).collect();
    assert_eq!(changed, ["tags", "description"]);
    let flag = engine.flag("hero-banner").unwrap();
    assert_eq!(notes(&flag), ("by hand", "by hand", words(&["a", "b"]).as_slice()));
    let experiment = engine.experiment(experiment_id(1)).unwrap();
    assert_eq!((experiment.description(), experiment.owner()), ("Why not", "by hand"));

    // What it no longer gives is cleared, and what it never gave is not.
    document["flags"][0].as_object_mut().unwrap().remove("tags");
    document["flags"][0].as_object_mut().unwrap().remove("notes");
    let _ = apply(&document);
    let flag = engine.flag("hero-banner").unwrap();
    assert_eq!(notes(&flag), ("by hand", "by hand", [].as_slice()));
    let experiment = engine.experiment(experiment_id(1)).unwrap();
    assert_eq!(experiment.description(), "");
}

#[test]
fn faulty_notes_of_a_document_are_named() {
    let id = experiment_id(1);
    let (engine, _) = running();
    let text = engine.to_json().replace("\"production\"", "\"production\", \"tags\": [\"\"]");
    let LoadError::Invalid(invalid) = engine.replace(&text).unwrap_err() else { panic!() };
    assert_eq!(invalid.faults()[0].path(), "flags[0].experiments[0].tags[0]");
    let mut document: Value = serde_json::from_str(&engine.to_json()).unwrap();
    document["flags"][0]["tags"] = json!(["a", "a"]);
    document["flags"][0]["notes"] =
        json!({ id.to_string(): {"owner": 1, "x": 1}, experiment_id(2).to_string(): {} });
    let LoadError::Invalid(invalid) = engine.replace(&document.to_string()).unwrap_err() else {
        panic!("it has faults")
    };
    let mut paths: Vec<_> = invalid.faults().iter().map(|fault| fault.path().to_owned()).collect();
    paths.sort();
    let at = format!("flags[0].notes.{id}");
    let other = format!("flags[0].notes.{}", experiment_id(2));
    assert_eq!(paths, [format!("{at}.owner"), format!("{at}.x"), other, "flags[0].tags[1]".into()]);
}

#[cfg(feature = "durable")]
#[test]
fn notes_are_fields_of_changes_and_are_there_after_an_opening() {
    use fairsplit::changes::Action;
    let directory = crate::common::directory::Directory::new();
    let engine = directory.open();
    engine.create_flag(fairsplit::NewFlag::new("hero-banner", "old")).unwrap();
    let id = experiment_id(1);
    engine.create_experiment("hero-banner", crate::common::banner("production").id(id)).unwrap();
    engine.change_flag("hero-banner", FlagChange::new().tags(["a"])).unwrap();
    engine.change_experiment(id, ExperimentChange::new().owner("ben")).unwrap();
    drop(engine);
    let engine = directory.open();
    assert_eq!(engine.flag("hero-banner").unwrap().tags(), ["a"]);
    assert_eq!(engine.experiment(id).unwrap().owner(), "ben");
    let changes = engine.changes().unwrap();
    let found: Vec<_> = changes[2..]
        .iter()
        .map(|change| {
            let edits = change.edits.iter().map(|edit| (edit.field.clone(), edit.after.clone()));
            (change.action, edits.filter(|(field, _)| field != "updated_at").collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        (Action::ChangeFlag, vec![("tags".to_owned(), Some(json!(["a"])))]),
        (Action::ChangeExperiment, vec![("owner".to_owned(), Some(json!("ben")))]),
    ];
    assert_eq!(found, expected);
}
