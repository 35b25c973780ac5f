//! The commands on a directory: what they print and change, and the exit codes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use fairsplit::Engine;

use crate::common::{
    Directory, EXPERIMENT, FLAG, File, Server, document, evaluate, fairsplit, track,
};

const STOREFRONT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/storefront.json");

/// Exit code, standard output and standard error.
type Ended = (i32, String, String);

fn run(command: &mut Command, input: &str) -> Ended {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn call(arguments: &[&str]) -> Ended {
    run(fairsplit().args(arguments), "")
}

/// Runs a shell command in which `fairsplit` is the program.
fn shell(text: &str) -> Ended {
    let program =
        format!("fairsplit() {{ '{}' \"$@\"; }}; {text}", env!("CARGO_BIN_EXE_fairsplit"));
    run(Command::new("sh").args(["-c", &program]), "")
}

/// A directory with the example's flags, closed normally.
fn storefront(name: &str) -> Directory {
    let directory = Directory::new(name);
    assert_eq!(call(&["import", directory.path(), STOREFRONT]).0, 0);
    directory
}

/// The files of a directory and of its folders, by their names, to the byte.
fn content(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let (entry, path) = entry.map(|entry| (entry.file_name(), entry.path())).unwrap();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            files.insert(entry.into_string().unwrap(), fs::read(&path).unwrap());
        }
    }
    files
}

/// Every command that opens a directory that must exist, ready to run.
fn commands(directory: &str) -> Vec<Vec<&str>> {
    ["check", "recover", "accept-edits", "export"].map(|name| vec![name, directory]).to_vec()
}

fn and_serving(directory: &str) -> Vec<Vec<&str>> {
    let mut all = commands(directory);
    all.push(vec!["import", directory, STOREFRONT, "--replace"]);
    all.push(vec!["apply", directory, STOREFRONT]);
    all.push(vec!["serve", "--listen", "127.0.0.1:0", "--data", directory]);
    all
}

/// Changes a byte of the head of the first experiment's counters.
fn damage(directory: &Directory) {
    let file = fs::OpenOptions::new().read(true).write(true).open(directory.file("counters"));
    let (file, mut byte) = (file.unwrap(), [0]);
    file.read_exact_at(&mut byte, 256 + 32).unwrap();
    file.write_all_at(&[!byte[0]], 256 + 32).unwrap();
}

fn edit(directory: &Directory, from: &str, to: &str) {
    let path = directory.file("definitions.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn every_command_has_a_help_with_an_example_and_the_exit_codes() {
    let table = "Exit codes:\n  0  it is done; for serve: a signal ended it\n  1  anything else failed\n  \
        2  the command line cannot be used\n  3  the tokens, the document or the directory cannot be used\n  \
        4  the address cannot be listened on\n  5  another process has the directory open\n";
    for command in
        ["serve", "check", "recover", "accept-edits", "export", "import", "apply", "token new"]
    {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let (code, help, _) = call(&arguments);
        assert_eq!(code, 0);
        assert!(help.ends_with(table), "{help}");
        assert!(help.contains(&format!("\nExample: fairsplit {command} ")), "{help}");
    }
    assert!(call(&["--help"]).1.ends_with(table));
    assert_eq!(call(&["check"]).0, 2);
    assert_eq!(call(&["import", "somewhere"]).0, 2);
    assert_eq!(call(&["apply", "somewhere"]).0, 2);
    assert_eq!(call(&["serve", "--allow-removals"]).0, 2, "there is no document");
    assert_eq!(call(&["serve", "--wait", "1"]).0, 2, "there is nothing to wait for");
}

#[test]
fn an_exported_directory_imports_into_an_equal_one() {
    let one = storefront("export-one");
    // Counts that only the counters have.
    let engine = Engine::open(&one.0).unwrap();
    let production = engine.environment("production").unwrap();
    assert!(production.evaluate("hero-banner", "anna").is_counted());
    let expected = engine.to_json();
    drop((engine, production));
    let (code, text, _) = call(&["export", one.path()]);
    assert_eq!((code, &text), (0, &format!("{expected}\n")));

    let file = File::new("exported", "what was there");
    let (code, told, _) = call(&["export", one.path(), "--output", file.path()]);
    assert_eq!(code, 0);
    let counted = told.strip_prefix(&format!("{}: ", file.path())).unwrap();
    assert_eq!(fs::read_to_string(file.path()).unwrap(), text);

    for input in ["-", file.path()] {
        let two = Directory::new("export-two");
        let (code, told, error) = run(fairsplit().args(["import", two.path(), input]), &text);
        assert_eq!((code, error.as_str()), (0, ""));
        assert_eq!(told, format!("{}: imported {counted}", two.path()));
        assert_eq!(call(&["export", two.path()]).1, text);
    }
}

#[test]
fn an_export_that_fails_or_is_killed_leaves_the_file_as_it_was() {
    let one = storefront("export-fails");
    let place = Directory::new("export-place");
    fs::create_dir(&place.0).unwrap();
    let file = place.file("backup.json");
    fs::write(&file, "what was there").unwrap();
    let export = format!("fairsplit export {} --output {}", one.path(), file.display());
    // No file may be longer than 512 bytes.
    let (code, _, error) = shell(&format!("trap '' XFSZ; ulimit -f 1; {export}"));
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("backup.json: "), "{error}");
    assert_eq!(content(&place.0).len(), 1);
    let (code, _, _) = shell(&format!("ulimit -f 1; {export}"));
    assert_ne!(code, 0, "a signal kills it in the middle");
    assert_eq!(fs::read_to_string(&file).unwrap(), "what was there");

    assert_eq!(call(&["export", one.path(), "--output", "/dev/full"]).0, 3);
    assert_eq!(call(&["export", one.path(), "--output", "/nonexistent/file"]).0, 3);
    // The files of the directory are the engine's.
    let counters = std::fs::read(one.0.join("counters")).unwrap();
    for name in ["counters", "definitions.json", "export.json"] {
        let output = one.0.join(name);
        let (code, _, failure) =
            call(&["export", one.path(), "--output", output.to_str().unwrap()]);
        assert_eq!(code, 3, "{failure}");
    }
    assert!(std::fs::read(one.0.join("counters")).unwrap() == counters);
    assert!(!one.0.join("export.json").exists());
    assert_eq!(call(&["check", one.path()]).0, 0);
    assert_eq!(shell(&format!("fairsplit export {} > /dev/full", one.path())).0, 1);
}

#[test]
fn a_document_with_faults_is_not_imported_and_each_fault_has_a_line() {
    let faulty = File::new("faulty", r#"{"flags": [{"key": ""}]}"#);
    let fresh = Directory::new("import-fresh");
    let (code, told, error) = call(&["import", fresh.path(), faulty.path()]);
    assert_eq!((code, told.as_str()), (3, ""));
    assert!(error.starts_with(&format!("fairsplit: {}: ", faulty.path())), "{error}");
    for fault in ["flags[0].id: is required", "flags[0].key: must not be blank"] {
        assert!(error.contains(&format!("\n  {fault}\n")), "{error}");
    }
    assert!(!fresh.0.exists());
    let import = |input: &str| run(fairsplit().args(["import", fresh.path(), "-"]), input);
    let (code, _, error) = import("{");
    assert_eq!(code, 3);
    assert!(error.contains("standard input: invalid JSON at line 1, column 1"), "{error}");
    assert_eq!(call(&["import", fresh.path(), "/nonexistent/document"]).0, 3);
    assert!(!fresh.0.exists());

    // Variants of an experiment that the directory has counted for others.
    assert_eq!(import(&document()).0, 0);
    let before = content(&fresh.0);
    let changed = document().replace("\"percentage\": 50", "\"percentage\": 40");
    let changed = changed.replacen("\"percentage\": 40", "\"percentage\": 60", 1);
    let changed = File::new("changed", &changed);
    let (code, _, error) = call(&["import", fresh.path(), changed.path(), "--replace"]);
    assert_eq!(code, 3);
    assert!(error.contains("\n  flags[0].experiments[0]"), "{error}");
    assert_eq!(content(&fresh.0), before);
}

#[test]
fn a_directory_with_flags_is_replaced_only_when_asked() {
    let directory = storefront("import-replace");
    let document = File::new("replacing", &document());
    let before = content(&directory.0);
    let (code, told, error) = call(&["import", directory.path(), document.path()]);
    assert_eq!((code, told.as_str()), (3, ""));
    assert!(error.contains("flags already\n  nothing was changed; with --replace"), "{error}");
    assert_eq!(content(&directory.0), before);
    let (code, told, _) = call(&["import", directory.path(), document.path(), "--replace"]);
    let expected = format!("{}: imported 1 flag and 1 experiment\n", directory.path());
    assert_eq!((code, told), (0, expected));
    assert!(call(&["export", directory.path()]).1.contains(EXPERIMENT));
}

#[test]
fn a_check_says_what_is_there_and_changes_no_byte() {
    let config = File::new("check", &document());
    let directory = Directory::new("check");
    let (code, _, error) = call(&["import", directory.path(), config.path()]);
    assert_eq!((code, error.as_str()), (0, ""));
    let check = || call(&["check", directory.path()]);
    let found =
        format!("{}: nothing is wrong: 1 flag, counters of 1 experiment; ", directory.path());
    let before = content(&directory.0);
    assert_eq!(check(), (0, format!("{found}closed normally\n"), String::new()));
    assert_eq!(content(&directory.0), before);

    let mut server = Server::open(&["--data", directory.path()]);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let before = content(&directory.0);
    let (code, told, _) = check();
    assert_eq!(code, 0);
    assert_eq!(told, format!("{found}not closed normally, as after a crash or a kill\n"));
    assert_eq!(content(&directory.0), before);
}

#[test]
fn a_path_without_a_directory_of_fairsplit_is_refused_and_not_created() {
    let missing = Directory::new("missing");
    let empty = Directory::new("empty");
    fs::create_dir(&empty.0).unwrap();
    let file = File::new("no-directory", "");
    for (path, problem) in [
        (missing.path(), "No such file"),
        (empty.path(), "has neither definitions.json nor counters"),
        (file.path(), "is not a directory"),
    ] {
        for command in commands(path) {
            let (code, told, error) = call(&command);
            assert_eq!((code, told.as_str()), (3, ""), "{command:?}");
            assert!(error.starts_with(&format!("fairsplit: {path}: {problem}")), "{error}");
        }
    }
    for command in and_serving(file.path()) {
        let (code, _, error) = call(&command);
        assert_eq!(code, 3);
        assert!(error.contains("is not a directory"), "{error}");
    }
    assert!(!missing.0.exists() && content(&empty.0).is_empty());
}

#[test]
fn a_damaged_directory_is_recovered_by_the_command_that_the_error_names() {
    // A name that a shell would take apart.
    let directory = storefront("it's damaged");
    let intact = content(&directory.0);
    let (code, told, _) = call(&["recover", directory.path()]);
    assert_eq!(code, 0);
    assert!(told.ends_with(": nothing is damaged, and nothing was changed\n"), "{told}");
    assert_eq!(content(&directory.0), intact);

    damage(&directory);
    let damaged = content(&directory.0);
    let mut next = String::new();
    for command in and_serving(directory.path()).iter().filter(|command| command[0] != "recover") {
        let (code, told, error) = call(command);
        assert_eq!((code, told.as_str()), (3, ""), "{command:?}");
        assert!(error.contains("counters is damaged at byte "), "{error}");
        let named = error.lines().last().unwrap();
        next = named.strip_prefix("  to save what can be read: ").expect(&error).to_owned();
        assert_eq!(content(&directory.0), damaged);
    }
    let (code, told, error) = shell(&next);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(told.starts_with(&format!("{}: saved the counters of ", directory.path())), "{told}");
    assert!(told.contains("\ncould not be read: "), "{told}");
    let aside = directory.file("counters.damaged");
    assert!(told.ends_with(&format!("\nthe damaged file is now {}\n", aside.display())), "{told}");
    assert_eq!(fs::read(aside).unwrap(), damaged["counters"]);
    assert_eq!(call(&["check", directory.path()]).0, 0);
}

#[test]
fn an_edited_file_is_accepted_by_the_command_that_the_error_names() {
    let directory = storefront("edited");
    let intact = content(&directory.0);
    let (code, told, _) = call(&["accept-edits", directory.path()]);
    assert_eq!(code, 0);
    assert!(told.contains(": nothing was edited: "), "{told}");
    assert_eq!(content(&directory.0)["definitions.json"], intact["definitions.json"]);

    edit(&directory, "\"hero-banner\"", "\"hero-banner-2\"");
    let mut next = String::new();
    for command in
        and_serving(directory.path()).iter().filter(|command| command[0] != "accept-edits")
    {
        let (code, told, error) = call(command);
        assert_eq!((code, told.as_str()), (3, ""), "{command:?}");
        assert!(error.contains("definitions.json has been changed since it was saved"), "{error}");
        let named = error.lines().nth(1).unwrap();
        next = named.strip_prefix("  to use it as it is now: ").expect(&error).to_owned();
    }
    let (code, told, error) = shell(&next);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(told.contains(": the edited file is accepted: "), "{told}");
    assert!(call(&["export", directory.path()]).1.contains("\"hero-banner-2\""));
    assert_eq!(call(&["check", directory.path()]).0, 0);

    edit(&directory, "\"default_value\"", "\"defualt_value\"");
    let edited = fs::read(directory.file("definitions.json")).unwrap();
    let (code, _, error) = call(&["accept-edits", directory.path()]);
    assert_eq!(code, 3);
    for fault in
        ["flags[0].default_value: is required", "flags[0].defualt_value: is not a known field"]
    {
        assert!(error.contains(&format!("\n  {fault}\n")), "{error}");
    }
    assert_eq!(fs::read(directory.file("definitions.json")).unwrap(), edited);
}

#[test]
fn a_directory_with_a_file_missing_is_started_again_from_its_definitions() {
    let directory = storefront("lost-counters");
    fs::remove_file(directory.file("counters")).unwrap();
    let (code, _, error) = call(&["check", directory.path()]);
    assert_eq!(code, 3);
    let next = format!("then fairsplit import {} FILE", directory.path());
    assert!(error.contains("counters is missing") && error.contains(&next), "{error}");
    let saved = File::new("saved", "");
    fs::rename(directory.file("definitions.json"), saved.path()).unwrap();
    assert_eq!(call(&["import", directory.path(), saved.path()]).0, 0);

    fs::remove_file(directory.file("definitions.json")).unwrap();
    let (code, _, error) = call(&["export", directory.path()]);
    assert_eq!(code, 3);
    assert!(error.contains("definitions.json is missing"), "{error}");
}

#[test]
fn a_directory_that_a_server_has_is_left_to_it() {
    let config = File::new("in-use", &document());
    let directory = Directory::new("in-use");
    let server = Server::open(&["--data", directory.path(), "--config", config.path()]);
    for command in and_serving(directory.path()) {
        let (code, told, error) = call(&command);
        assert_eq!((code, told.as_str()), (5, ""), "{command:?}");
        assert!(error.contains("counters is in use by another engine"), "{error}");
        assert!(error.contains("\n  another process has it: "), "{error}");
        assert_eq!(error.contains("ask that server over HTTP"), command[0] == "export", "{error}");
    }
    let anna = crate::common::ANNA;
    assert!(server.ask(&evaluate(), anna).1.contains(r#""counted":true"#));
    assert!(server.ask(&track(), anna).1.contains(r#""counted":true"#));
    server.terminate();
    assert_eq!(server.end().0, Some(0));
    let (code, text, _) = call(&["export", directory.path()]);
    assert!(code == 0 && text.contains(FLAG), "{text}");
}

/// Each experiment's users are in a file of their own.
#[test]
fn a_directory_of_more_files_than_a_process_may_have_open_is_checked_and_opened() {
    let flag = |number: u32| {
        let id = |kind: u32| format!("00000000-0000-4000-8000-{kind:04}{number:08}");
        serde_json::json!({
            "id": id(1), "key": format!("flag-{number}"), "default_value": 1,
            "experiments": [{
                "id": id(2), "name": "n", "environment": "production", "status": "running",
                "count_users": 10, "variants": [{"key": "a", "value": 1, "percentage": 100}],
            }],
        })
    };
    let flags: Vec<_> = (0..100).map(flag).collect();
    let file = File::new("many", &serde_json::json!({"flags": flags}).to_string());
    let directory = Directory::new("many");
    assert_eq!(call(&["import", directory.path(), file.path()]).0, 0);
    assert_eq!(fs::read_dir(directory.file("users")).unwrap().count(), 100);
    for command in ["check", "export"] {
        let (code, _, error) =
            shell(&format!("ulimit -n 50; fairsplit {command} {}", directory.path()));
        assert_eq!((code, &*error), (0, ""), "{command}");
    }
    assert_eq!(fs::read_dir(directory.file("users")).unwrap().count(), 100);
}
