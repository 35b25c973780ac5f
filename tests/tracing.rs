//! The events of changes, and that evaluations emit none, nor any event a user key or a value.
//!
//! A binary of its own: `tracing` keeps for the whole process whether an event is wanted, and that
//! is no, once a thread without a subscriber emitted it first.

mod common;

use std::fmt::{self, Debug, Write};
use std::sync::{Arc, Mutex};

use common::{banner, engine_at_noon, experiment_id, flag_id, production};
use fairsplit::targeting::{
    Condition, HoldoutId, LayerId, NewHoldout, NewLayer, NewRule, NewSegment, NewTargeting,
    Operator, RuleId, SegmentId,
};
use fairsplit::{NewFlag, Status};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes each event as a line: level, message, fields.
#[derive(Clone, Default)]
struct Notebook(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Notebook {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("fairsplit")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("there are no spans")
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = self.0.lock().unwrap();
        let _ = write!(text, "{}", event.metadata().level());
        event.record(&mut Line(&mut text));
        text.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl fmt::Display for Notebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.lock().unwrap())
    }
}

#[test]
fn changes_and_reloads_emit_events_and_evaluations_emit_none() {
    let notebook = Notebook::default();
    tracing::subscriber::with_default(notebook.clone(), || {
        let (engine, _) = engine_at_noon();
        let id = experiment_id(1);
        engine.create_flag(NewFlag::new("hero-banner", "a secret").id(flag_id(1))).unwrap();
        engine.create_flag(NewFlag::new("hero-banner", "a secret")).unwrap_err();
        engine.set_default("hero-banner", "another secret").unwrap();
        engine.create_experiment("hero-banner", banner("production").id(id)).unwrap();
        engine.start(id).unwrap();
        engine.start(id).unwrap_err();
        let handle = production(&engine).flag("hero-banner");
        for user in ["anna", "ben", ""] {
            let _ = handle.evaluate(user);
            production(&engine).convert("hero-banner", user);
            let _ = production(&engine).explain("hero-banner", user);
        }
        engine.force(id, "anna", "treatment").unwrap();
        engine.unforce(id, "anna").unwrap();
        engine.stop(id).unwrap();
        engine.archive_experiment(id).unwrap();
        engine.unarchive_experiment(id).unwrap();
        engine.archive_flag("hero-banner").unwrap();
        engine.archive_flag("hero-banner").unwrap();
        engine.unarchive_flag("hero-banner").unwrap();
        let document = engine.to_json();
        engine.replace(&document).unwrap();
        engine.replace("{").unwrap_err();
        engine.replace(r#"{"flags": [{"key": "anna", "secret": 1}]}"#).unwrap_err();
        let _ = engine.apply(&document.replace("\"old\"", "\"new\"")).unwrap();
    });
    let events = notebook.to_string();
    let id = experiment_id(1);
    let expected = format!(
        "INFO flag created flag=\"hero-banner\"
INFO default changed flag=\"hero-banner\"
INFO experiment created flag=\"hero-banner\" experiment={id} environment=\"production\" status=draft
INFO experiment started flag=\"hero-banner\" experiment={id} environment=\"production\"
INFO user forced experiment={id}
INFO user no longer forced experiment={id}
INFO experiment stopped flag=\"hero-banner\" experiment={id} environment=\"production\"
INFO experiment archived flag=\"hero-banner\" experiment={id}
INFO experiment unarchived flag=\"hero-banner\" experiment={id}
INFO flag archived flag=\"hero-banner\"
INFO flag unarchived flag=\"hero-banner\"
INFO definitions replaced version=12 loaded=1
WARN configuration refused version=12 error=invalid JSON at line 1, column 1: EOF while parsing an object
WARN configuration refused version=12 faults=3
INFO document applied version=13 source=\"document\" skipped=1
WARN flag skipped path=flags[0] flag=Some(\"hero-banner\") faults=1 kept_previous=true
"
    );
    assert_eq!(events, expected);
}

#[test]
fn an_applied_document_emits_a_line_for_each_thing_and_no_user_key() {
    let notebook = Notebook::default();
    let id = experiment_id(1);
    tracing::subscriber::with_default(notebook.clone(), || {
        let (engine, _) = engine_at_noon();
        let document = |default: &str, status: &str| {
            serde_json::json!({"flags": [{
                "id": flag_id(1), "key": "hero-banner", "default_value": default,
                "experiments": [{
                    "id": id, "name": "Banner", "environment": "production", "status": status,
                    "variants": [{"key": "a", "value": "a secret", "percentage": 100}]
                }],
                "forced": {(id.to_string()): {"anna": "a", "ben": "a"}}
            }]})
            .to_string()
        };
        let _ = engine.apply(&document("a secret", "running")).unwrap();
        engine.stop(id).unwrap();
        engine.unforce(id, "anna").unwrap();
        let _ = engine.apply(&document("another secret", "running")).unwrap();
        engine.apply("{").unwrap_err();
    });
    let events = notebook.to_string();
    let expected = format!(
        r#"INFO document applied version=1 source="document" skipped=0
INFO changed by the document what=added named="hero-banner"
INFO changed by the document what=added named="hero-banner", experiment "Banner"
INFO changed by the document what=started named="hero-banner", experiment "Banner"
INFO experiment stopped flag="hero-banner" experiment={id} environment="production"
INFO user no longer forced experiment={id}
INFO document applied version=4 source="document" skipped=0
INFO changed by the document what=default_value named="hero-banner"
INFO kept as changed elsewhere what=forced, status named="hero-banner", experiment "Banner"
WARN configuration refused version=4 error=invalid JSON at line 1, column 1: EOF while parsing an object
"#
    );
    assert_eq!(events, expected);
}

#[test]
fn calls_for_targeting_emit_ids_and_no_value() {
    let notebook = Notebook::default();
    let bytes = |number: u128| number.to_be_bytes();
    let (rule, segment) = (RuleId::from_bytes(bytes(2)), SegmentId::from_bytes(bytes(3)));
    let (layer, holdout) = (LayerId::from_bytes(bytes(4)), HoldoutId::from_bytes(bytes(5)));
    tracing::subscriber::with_default(notebook.clone(), || {
        let (engine, _) = engine_at_noon();
        engine.create_flag(NewFlag::new("hero-banner", "old")).unwrap();
        let secret = |name: &str| {
            let condition = Condition::new("email", Operator::Equals, "a secret");
            NewSegment::new(name).condition(condition).id(segment)
        };
        let new = |name: &str| NewRule::new("production", name).id(rule).segment(segment);
        engine.create_segment(secret("a")).unwrap();
        engine.create_rule("hero-banner", new("a secret")).unwrap();
        let running = banner("production").id(experiment_id(1)).status(Status::Running);
        engine.create_experiment("hero-banner", running).unwrap();
        let edited = || secret("b").condition(Condition::is_set("email"));
        let _ = engine.change_segment(segment, edited()).unwrap();
        let _ = engine.change_segment(segment, edited()).unwrap();
        engine.change_rule(rule, new("another secret")).unwrap();
        engine.delete_segment(segment).unwrap_err();
        engine.delete_rule(rule).unwrap();
        engine.delete_segment(segment).unwrap();
        engine.create_layer(NewLayer::new("a").id(layer)).unwrap();
        engine.change_layer(layer, NewLayer::new("b")).unwrap();
        engine.delete_layer(layer).unwrap();
        engine.create_holdout(NewHoldout::new("a", 5).id(holdout)).unwrap();
        engine.change_holdout(holdout, NewHoldout::new("b", 5)).unwrap();
        engine.delete_holdout(holdout).unwrap();
        let draft = banner("staging").id(experiment_id(2));
        engine.create_experiment("hero-banner", draft).unwrap();
        engine.set_targeting(experiment_id(2), NewTargeting::new().coverage(1)).unwrap();
        engine.raise_coverage(experiment_id(2), 2.5).unwrap();
    });
    let (flag, events) = ("flag=\"hero-banner\"", notebook.to_string());
    let (one, two) = (experiment_id(1), experiment_id(2));
    let expected = format!(
        "INFO flag created {flag}
INFO segment created segment={segment}
INFO rule created {flag} rule={rule} environment=\"production\" position=0
INFO experiment created {flag} experiment={one} environment=\"production\" status=running
INFO segment changed segment={segment} reaches=1
INFO rule changed {flag} rule={rule} environment=\"production\" position=0
INFO rule deleted {flag} rule={rule}
INFO segment deleted segment={segment}
INFO layer created layer={layer}
INFO layer changed layer={layer}
INFO layer deleted layer={layer}
INFO holdout created holdout={holdout}
INFO holdout changed holdout={holdout}
INFO holdout deleted holdout={holdout}
INFO experiment created {flag} experiment={two} environment=\"staging\" status=draft
INFO targeting set {flag} experiment={two}
INFO coverage set {flag} experiment={two} coverage=2.5
"
    );
    assert_eq!(events, expected);
}

/// A name with a line break does not make a line, and a thousand faults are not where counting
/// ends.
#[test]
fn events_quote_names_and_count_all_faults() {
    let notebook = Notebook::default();
    tracing::subscriber::with_default(notebook.clone(), || {
        let (engine, _) = engine_at_noon();
        let key = "a\nINFO flag created flag=\"b\"";
        engine.create_flag(NewFlag::new(key, 0)).unwrap();
        engine.create_experiment(key, banner("c\nd").id(experiment_id(1))).unwrap();
        let flags = vec!["{}"; 600].join(",");
        engine.replace(&format!(r#"{{"flags": [{flags}]}}"#)).unwrap_err();
    });
    let events = notebook.to_string();
    assert_eq!(events.lines().count(), 3, "{events}");
    assert!(events.ends_with("faults=1800\n"), "{events}");
}

/// What it would have removed, and no call of the library: the operator of a server has none.
#[test]
fn a_document_refused_for_what_it_removes_emits_how_much_that_is() {
    let notebook = Notebook::default();
    let flag = |number: u128| {
        let (id, running) = (flag_id(number), experiment_id(number));
        format!(
            r#"{{"id": "{id}", "key": "flag-{number}", "default_value": 0, "experiments": [{{
                "id": "{running}", "name": "n", "environment": "production", "status": "running",
                "variants": [{{"key": "a", "value": 1, "percentage": 100}}]
            }}]}}"#
        )
    };
    let flags: Vec<String> = (1..=6).map(flag).collect();
    let document = format!(r#"{{"flags": [{}]}}"#, flags.join(","));
    tracing::subscriber::with_default(notebook.clone(), || {
        let (engine, _) = engine_at_noon();
        let _ = engine.apply(&document).unwrap();
        engine.apply(r#"{"flags": []}"#).unwrap_err();
        for number in 1..=6 {
            engine.stop(experiment_id(number)).unwrap();
        }
        engine.apply(r#"{"flags": []}"#).unwrap_err();
    });
    let events = notebook.to_string();
    assert_eq!(
        events.lines().filter(|line| line.starts_with("WARN")).collect::<Vec<_>>(),
        [
            "WARN document refused: it removes what runs version=1 running=6",
            "WARN document refused: it removes most of its flags version=7 source=\"document\" \
             removed=6 of=6",
        ]
    );
}
