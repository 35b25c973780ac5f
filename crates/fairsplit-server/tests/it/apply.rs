//! Documents that are applied: at the start, at SIGHUP, and by `fairsplit apply`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::common::{Directory, EXPERIMENT, FLAG, File, Server, document, fairsplit};

/// The document of the tests, with this default and this status of its experiment.
fn deploy(default_value: &str, status: &str) -> String {
    let text = document().replace(r#""old""#, &format!("{default_value:?}"));
    text.replace(r#""running""#, &format!("{status:?}"))
}

/// A document with these flags.
fn flags(flags: &[Value]) -> String {
    json!({"flags": flags}).to_string()
}

/// A flag without experiments.
fn flag(number: u32) -> Value {
    let id = format!("00000000-0000-0000-0000-0000000001{number:02}");
    json!({"id": id, "key": format!("flag-{number}"), "default_value": number})
}

/// Exit code, standard output and standard error.
fn run(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = fairsplit()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The error of a server that does not start, with the exit code 3.
fn refused(options: &[&str]) -> String {
    let mut command = fairsplit();
    command.args(["serve", "--insecure-no-auth", "--listen", "127.0.0.1:0"]).args(options);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if !line.is_empty() {
        child.kill().unwrap();
        panic!("{options:?}: {line}");
    }
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{error}");
    error
}

fn end(server: Server) -> String {
    server.terminate();
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    log
}

fn data(server: &Server, path: &str) -> Value {
    let (status, body) = server.ask(&format!("GET {path}"), "");
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["data"].take()
}

/// The default of the flag, and the status of its experiment.
fn state(server: &Server) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let flag = data(server, &format!("/api/v1/flags/{FLAG}"));
    let experiment = data(server, &format!("/api/v1/flags/{FLAG}/experiments/{EXPERIMENT}"));
    (text(&flag["default_value"]), text(&experiment["status"]))
}

fn is(default_value: &str, status: &str) -> (String, String) {
    (default_value.to_owned(), status.to_owned())
}

fn stop(server: &Server) {
    let path = format!("/api/v1/flags/{FLAG}/experiments/{EXPERIMENT}/stop");
    assert_eq!(server.ask(&format!("POST {path}"), "").0, 200);
}

#[test]
fn an_experiment_stopped_over_http_stays_stopped_over_deploys_until_the_document_starts_it() {
    let config = File::new("deploys", &deploy("old", "running"));
    let directory = Directory::new("deploys");
    let serve = || Server::open(&["--data", directory.path(), "--config", config.path()]);
    let server = serve();
    assert_eq!(state(&server), is("old", "running"));
    stop(&server);
    end(server);

    // The same document again.
    let mut server = serve();
    server.logged("kept as changed elsewhere what=status");
    assert_eq!(state(&server), is("old", "stopped"));
    end(server);

    // Another field has changed.
    fs::write(config.path(), deploy("new", "running")).unwrap();
    let mut server = serve();
    server.logged("changed by the document what=default_value");
    assert_eq!(state(&server), is("new", "stopped"));
    end(server);

    // The document says what is so already, and then that it has changed its mind.
    fs::write(config.path(), deploy("new", "stopped")).unwrap();
    let server = serve();
    assert_eq!(state(&server), is("new", "stopped"));
    end(server);
    fs::write(config.path(), deploy("new", "running")).unwrap();
    let server = serve();
    assert_eq!(state(&server), is("new", "running"));

    // The list of changes tells the whole story.
    let changes = data(&server, "/api/v1/changes");
    let story = changes.as_array().unwrap().iter().rev();
    let story = story.map(|change| (change["action"].clone(), change["actor"].clone()));
    let by_document = (json!("apply"), json!({"kind": "document", "name": "document"}));
    let by_hand = (json!("stop"), json!({"kind": "token", "name": "anonymous"}));
    let mut expected = vec![by_document; 4];
    expected.insert(1, by_hand);
    assert_eq!(story.collect::<Vec<_>>(), expected);
}

/// With a directory and without one.
#[test]
fn a_hangup_applies_what_the_document_changed_and_keeps_what_was_changed_over_http() {
    for has_directory in [false, true] {
        let config = File::new("hangup-apply", &deploy("old", "running"));
        let directory = Directory::new("hangup-apply");
        let mut options = vec!["--config", config.path()];
        if has_directory {
            options.extend(["--data", directory.path()]);
        }
        let mut server = Server::open(&options);
        stop(&server);
        fs::write(config.path(), deploy("new", "running")).unwrap();
        server.hang_up();
        server.logged("SIGHUP: configuration applied flags=1");
        assert_eq!(state(&server), is("new", "stopped"));

        // A flag with a fault stays as it was; the other one is applied.
        let faulty = json!({"id": FLAG, "key": "hero-banner", "defualt_value": "newer"});
        fs::write(config.path(), flags(&[faulty, flag(7)])).unwrap();
        server.hang_up();
        let line = server.logged(r#"skipped flags[0] "hero-banner": "#);
        assert!(line.contains("WARN") && line.contains(config.path()), "{line}");
        assert!(line.contains("flags[0].default_value: is required"), "{line}");
        server.logged("flags[0].defualt_value: is not a known field");
        server.logged("SIGHUP: configuration applied flags=2");
        assert_eq!(state(&server), is("new", "stopped"));
    }
}

#[test]
fn a_document_that_removes_what_runs_is_refused_unless_removals_are_allowed() {
    let config = File::new("removes", &deploy("old", "running"));
    let directory = Directory::new("removes");
    let options = ["--data", directory.path(), "--config", config.path()];
    let mut server = Server::open(&options);
    fs::write(config.path(), r#"{"flags": []}"#).unwrap();
    server.hang_up();
    let line = server.logged("SIGHUP: the configuration stays as it was: ");
    let named =
        r#"would remove what is running: "hero-banner", experiment "n"; stop it first, or "#;
    assert!(line.contains(named) && line.contains("--allow-removals"), "{line}");
    assert_eq!(state(&server), is("old", "running"));
    let log = end(server);
    assert!(!log.contains("ApplyOptions"), "{log}");

    let error = refused(&options);
    let message = error.split("fairsplit: ").last().unwrap();
    assert!(message.contains(": would remove what is running: \"hero-banner\""), "{error}");
    assert!(message.contains("\n  stop it first, or remove it all the same with --allow-removals"));
    assert!(!error.contains("ApplyOptions"), "{error}");

    let server = Server::open(&[&options[..], &["--allow-removals"]].concat());
    assert_eq!(data(&server, "/api/v1/flags"), json!([]));
    end(server);
}

#[test]
fn a_flag_with_a_fault_stays_as_it_was_and_ends_a_start_without_flags() {
    let faulty = json!({"id": FLAG, "key": "hero-banner"});
    let config = File::new("first-faulty", &flags(&[faulty.clone(), flag(7)]));
    let directory = Directory::new("first-faulty");
    let options = ["--data", directory.path(), "--config", config.path()];
    // Nothing is stored, so that a second start is no other.
    for data in [&options[2..], &options[..], &options[..]] {
        let error = refused(data);
        assert!(error.contains("\n  flags[0].default_value: is required\n"), "{error}");
    }
    fs::write(config.path(), deploy("old", "running")).unwrap();
    let server = Server::open(&options);
    stop(&server);
    end(server);
    fs::write(config.path(), flags(&[faulty, flag(7)])).unwrap();
    let mut server = Server::open(&options);
    let line = server.logged(r#"skipped flags[0] "hero-banner": "#);
    assert!(line.contains("WARN") && line.contains("default_value: is required"), "{line}");
    assert_eq!(state(&server), is("old", "stopped"));
    assert_eq!(data(&server, "/api/v1/flags").as_array().unwrap().len(), 2);
}

#[test]
fn a_document_older_than_the_last_one_is_skipped_with_a_warning() {
    let with_revision = |default_value: &str, revision: i64| {
        let mut document: Value = serde_json::from_str(&deploy(default_value, "running")).unwrap();
        document["revision"] = json!(revision);
        document.to_string()
    };
    let config = File::new("older", &with_revision("new", 12));
    let directory = Directory::new("older");
    let options = ["--data", directory.path(), "--config", config.path()];
    end(Server::open(&options));
    fs::write(config.path(), with_revision("old", 11)).unwrap();
    let mut server = Server::open(&options);
    let line = server.logged("skipped: revision 11 is older than 12");
    assert!(line.contains("WARN"), "{line}");
    assert_eq!(state(&server), is("new", "running"));
}

#[test]
fn an_apply_prints_what_was_done_and_leaves_what_was_changed_over_http() {
    let directory = Directory::new("apply");
    let file = File::new("apply", &deploy("old", "running"));
    let apply = || run(&["apply", directory.path(), file.path()], "");
    let (code, told, error) = apply();
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let experiment = r#""hero-banner", experiment "n""#;
    assert_eq!(told, format!("added \"hero-banner\"\nadded {experiment}\nstarted {experiment}\n"));
    assert_eq!(apply().1, "nothing to do\n");

    let server = Server::open(&["--data", directory.path()]);
    stop(&server);
    let (code, told, error) = apply();
    assert_eq!((code, told.as_str()), (Some(5), ""), "{error}");
    end(server);
    let input = deploy("new", "running");
    let (code, told, _) = run(&["apply", directory.path(), "-"], &input);
    assert_eq!(code, Some(0));
    let kept = format!("kept {experiment}: status, as changed elsewhere");
    assert_eq!(told, format!("changed \"hero-banner\": default_value\n{kept}\n"));
    let server = Server::open(&["--data", directory.path()]);
    assert_eq!(state(&server), is("new", "stopped"));
}

#[test]
fn an_apply_skips_an_older_revision_of_its_source_unless_it_goes_back() {
    let directory = Directory::new("apply-revision");
    let apply = |more: &[&str], input: &str| {
        run(&[&["apply", directory.path(), "-"], more].concat(), input)
    };
    let (one, two) = (deploy("one", "draft"), deploy("two", "draft"));
    assert_eq!(apply(&["--revision", "2"], &two).0, Some(0));
    let (code, told, _) = apply(&["--revision", "1"], &one);
    assert_eq!((code, told.as_str()), (Some(0), "skipped: revision 1 is older than 2\n"));
    let (_, told, _) = apply(&["--revision", "1", "--go-back"], &one);
    assert_eq!(told, "changed \"hero-banner\": default_value\n");

    // Another source has revisions of its own, and removes nothing of this one.
    let other = ["--source", "ranking"];
    assert_eq!(apply(&[&other[..], &["--revision", "-5"]].concat(), &flags(&[flag(7)])).0, Some(0));
    assert_eq!(apply(&other, &flags(&[])).1, "removed \"flag-7\"\n");
    let (_, exported, _) = run(&["export", directory.path()], "");
    assert!(exported.contains("hero-banner") && !exported.contains("flag-7"), "{exported}");
}

#[test]
fn an_apply_that_skips_a_flag_or_removes_too_much_exits_with_3() {
    let directory = Directory::new("apply-faulty");
    let apply = |more: &[&str], input: &str| {
        run(&[&["apply", directory.path(), "-"], more].concat(), input)
    };
    let faulty = json!({"id": FLAG, "key": "hero-banner"});
    let (code, told, error) = apply(&[], &flags(&[faulty.clone(), flag(7)]));
    assert_eq!((code, told.as_str()), (Some(3), ""));
    assert!(error.contains("\n  flags[0].default_value: is required\n"), "{error}");
    assert!(!directory.0.exists());

    let all: Vec<Value> = (1..=9).map(flag).collect();
    assert_eq!(apply(&[], &flags(&all)).0, Some(0));
    let (code, told, error) = apply(&[], &flags(&[&all[..], &[faulty]].concat()));
    assert_eq!(code, Some(3));
    let skipped = "skipped flags[9] \"hero-banner\": flags[9].default_value: is required\n";
    assert_eq!(told, skipped);
    assert!(error.contains("standard input: skipped 1 flag; the others are applied"), "{error}");

    let (code, told, error) = apply(&[], &flags(&all[..3]));
    assert_eq!((code, told.as_str()), (Some(3), ""));
    assert!(
        error.contains("would remove 6 of the 9 flags of the source \"document\"\n"),
        "{error}"
    );
    assert!(error.contains("--allow-removals") && !error.contains("ApplyOptions"), "{error}");
    let (code, told, _) = apply(&["--allow-removals"], &flags(&all[..3]));
    assert_eq!((code, told.lines().count()), (Some(0), 6));
}

#[test]
fn a_replacing_import_is_told_apart_from_an_apply_by_its_help() {
    let output = Command::new(env!("CARGO_BIN_EXE_fairsplit")).args(["import", "--help"]).output();
    let help = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(help.starts_with("Replace everything in a directory by a configuration document"));
    assert!(help.contains("`apply`"), "{help}");
}
