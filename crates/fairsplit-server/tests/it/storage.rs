//! Serving a directory: its start, its handover, and its failures.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::common::{Directory, File, Server, document, fairsplit, hang_up};

/// A rolling update: the new server waits for the directory of the old one. A hangup that comes
/// meanwhile does not end it.
#[test]
fn a_server_that_waits_for_a_directory_goes_on_where_the_other_one_ended() {
    let directory = Directory::new("handover");
    let old = Server::open(&["--data", directory.path()]);
    let (status, body) = old.ask("POST /api/v1/flags", r#"{"key": "mine", "default_value": 1}"#);
    assert_eq!(status, 201, "{body}");
    let serve = ["serve", "--insecure-no-auth", "--listen", "127.0.0.1:0", "--data"];
    let serve = |wait: &str| {
        let mut command = fairsplit();
        command.args(serve).args([directory.path(), "--wait", wait]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let expired = serve("1").output().unwrap();
    let error = String::from_utf8(expired.stderr).unwrap();
    assert_eq!(expired.status.code(), Some(5), "{error}");
    assert!(error.contains("another process still had it after 1 s"), "{error}");

    let mut new = serve("60").spawn().unwrap();
    let mut log = BufReader::new(new.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for the directory") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0);
    }
    hang_up(new.id());
    old.terminate();
    assert_eq!(old.end().0, Some(0));
    let new = Server::started(new, log);
    assert!(new.ask("GET /api/v1/flags", "").1.contains(r#""key":"mine""#));
}

#[test]
fn a_directory_that_stops_storing_is_reported_until_it_stores_again() {
    let config = File::new("failing", &document());
    let directory = Directory::new("failing");
    let mut server = Server::open(&["--data", directory.path(), "--config", config.path()]);
    assert_eq!(server.ask("GET /readyz", ""), (200, "ok\n".to_owned()));
    let stores = |server: &Server| {
        let text = server.ask("GET /metrics", "").1;
        let value = text.lines().find_map(|line| line.strip_prefix("fairsplit_storage_ok "));
        value.map(str::to_owned)
    };
    assert_eq!(stores(&server).as_deref(), Some("1"));

    let (counters, elsewhere) = (directory.file("counters"), directory.file("elsewhere"));
    fs::rename(&counters, &elsewhere).unwrap();
    let line = server.logged("the directory cannot be written");
    assert!(line.contains("ERROR") && line.contains("counters"), "{line}");
    let (status, body) = server.ask("GET /readyz", "");
    assert_eq!(status, 503);
    assert!(body.starts_with(r#"{"error":""#) && body.contains("counters"), "{body}");
    assert_eq!(stores(&server).as_deref(), Some("0"));
    assert_eq!(server.ask("GET /healthz", "").0, 200, "it still evaluates");
    // Several syncs fail.
    thread::sleep(Duration::from_secs(3));

    fs::rename(&elsewhere, &counters).unwrap();
    server.logged("the directory can be written again");
    assert_eq!(server.ask("GET /readyz", "").0, 200);
    assert_eq!(stores(&server).as_deref(), Some("1"));
    server.terminate();
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("the directory cannot be written").count(), 1, "{log}");
}
