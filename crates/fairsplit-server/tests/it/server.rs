//! Serving: tokens, limits, and the end.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fairsplit_http::{NewToken, Scope};
use serde_json::Value;

use crate::common::{
    ANNA, Directory, File, PATIENCE, Server, answer, document, evaluate, fairsplit, full,
    terminate, track,
};

#[test]
fn a_server_with_tokens_from_the_environment_logs_none_of_them() {
    let token = NewToken::generate().unwrap();
    let config = File::new("config", &document());
    let mut command = fairsplit();
    command.env("FAIRSPLIT_TOKENS", token.line([Scope::FlagsRead])).args([
        "serve",
        "--config",
        config.path(),
    ]);
    let server = Server::start(&mut command);
    let [_, curl] = &server.welcome;
    let address = server.address;
    assert_eq!(
        *curl,
        format!("try: curl -H \"Authorization: Bearer $TOKEN\" http://{address}/api/v1/flags")
    );
    // The command that it suggests.
    let output = Command::new("sh")
        .args(["-c", &format!("{} --silent", curl.strip_prefix("try: ").unwrap())])
        .env("TOKEN", token.secret())
        .output();
    if let Ok(Output { status, stdout, .. }) = output
        && status.success()
    {
        assert!(String::from_utf8(stdout).unwrap().contains(r#""key":"hero-banner""#));
    }
    assert_eq!(server.ask("GET /healthz", "").0, 200);
    assert_eq!(server.ask("GET /elsewhere", "").1, r#"{"error":"Not found"}"#);
    assert!(server.ask("GET /", "").1.starts_with("<!doctype html>"));
    assert_eq!(server.ask("GET /api/v1/flags?token=a-secret", "").0, 401);
    server.terminate();
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    let request = log.lines().find(|line| line.contains("status=401")).unwrap();
    assert!(request.contains("request{method=GET path=\"/api/v1/flags\"}"), "{log}");
    assert!(log.contains("ended exposures=0 conversions=0"), "{log}");
    assert!(!log.contains(&token.secret()[3..20]) && !log.contains("a-secret"), "{log}");
}

#[test]
fn a_server_without_tokens_starts_warns_and_refuses() {
    let server = Server::start(fairsplit().arg("serve"));
    assert_eq!(server.ask("GET /api/v1/flags", "").0, 401);
    assert_eq!(server.ask("GET /metrics", "").0, 401);
    server.terminate();
    let (code, log) = server.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("no tokens: every request is refused"), "{log}");
}

#[test]
fn unusable_options_end_the_server_with_a_code_and_a_reason() {
    let run = |arguments: &[&str], tokens: Option<&str>| {
        let mut command = fairsplit();
        if let Some(tokens) = tokens {
            command.env("FAIRSPLIT_TOKENS", tokens);
        }
        let output = command.args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let listen = ["serve", "--listen", "127.0.0.1:0"];
    let serve = |more: &[&str]| run(&[&listen[..], more].concat(), None);

    assert_eq!(run(&[], None).0, 2);
    assert_eq!(serve(&["--unknown"]).0, 2);
    assert_eq!(serve(&["--timeout", "0"]).0, 2);
    let (code, told) = run(&["serve", "--insecure-no-auth", "--listen", "0.0.0.0:0"], None);
    assert_eq!(code, 2);
    assert!(told.contains("--insecure-no-auth is for loopback addresses"), "{told}");
    assert_eq!(run(&["token", "new"], None).0, 2);

    let tokens = File::new("bad-tokens", "# mine\nfs_a-secret flags:read\n");
    let (code, told) = serve(&["--tokens", tokens.path()]);
    assert_eq!(code, 3);
    assert!(told.contains("bad-tokens: line 2 must start with sha256:"), "{told}");
    assert!(!told.contains("a-secret"), "{told}");
    let (code, told) = run(&listen, Some("fs_a-secret"));
    assert_eq!(code, 3);
    assert!(told.contains("FAIRSPLIT_TOKENS: line 1 must") && !told.contains("a-secret"), "{told}");
    assert_eq!(serve(&["--tokens", "/nonexistent/tokens"]).0, 3);

    let config = File::new("bad-config", r#"{"flags": [{"key": ""}]}"#);
    let (code, told) = serve(&["--config", config.path()]);
    assert_eq!(code, 3);
    for fault in ["flags[0].id: is required", "flags[0].key: must not be blank"] {
        assert!(told.contains(&format!("\n  {fault}\n")), "{told}");
    }
    assert_eq!(serve(&["--config", "/nonexistent/config"]).0, 3);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, told) = run(&["serve", "--listen", &address], None);
    assert_eq!(code, 4);
    assert!(told.contains(&format!("cannot listen on {address}")), "{told}");
}

#[test]
fn a_new_token_is_printed_with_the_line_that_accepts_it() {
    let output = fairsplit()
        .args(["token", "new", "--scope", "flags:read", "--scope", "flags:write"])
        .args(["--comment", "dashboards\nsha256:"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let [token, line] = lines[..] else { panic!("{text}") };
    assert!(line.ends_with(" flags:read flags:write  # dashboards sha256:"), "{line}");
    let tokens = File::new("tokens", line);
    let server = Server::start(fairsplit().args(["serve", "--tokens", tokens.path()]));
    let mut stream = server.connect();
    let body = r#"{"key": "a", "default_value": 1}"#;
    let headers = format!("authorization: Bearer {token}\r\n");
    write!(stream, "{}", full("POST /api/v1/flags", &headers, body)).unwrap();
    assert_eq!(answer(&mut BufReader::new(stream)).unwrap().0, 201);
}

/// A page of another site cannot have the browser ask, neither by this machine's name nor by one of
/// its own that leads here.
#[test]
fn a_server_without_auth_refuses_requests_from_other_sites() {
    let server = Server::open(&[]);
    let status = |headers: &str| {
        let mut stream = server.connect();
        write!(stream, "GET /api/v1/flags HTTP/1.1\r\n{headers}\r\n").unwrap();
        answer(&mut BufReader::new(stream)).unwrap().0
    };
    let port = server.address.port();
    for here in ["localhost", "127.0.0.1", "[::1]"] {
        assert_eq!(status(&format!("host: {here}\r\n")), 200);
        assert_eq!(
            status(&format!("host: {here}:{port}\r\norigin: http://{here}:{port}\r\n")),
            200
        );
        assert_eq!(status(&format!("host: {here}:{port}\r\norigin: http://example.com\r\n")), 403);
        assert_eq!(status(&format!("host: {here}:{port}\r\norigin: null\r\n")), 403);
    }
    assert_eq!(status("host: example.com\r\n"), 403);
    assert_eq!(
        status("host: 127.0.0.1.example.com:80\r\norigin: http://127.0.0.1.example.com:80\r\n"),
        403
    );
    assert_eq!(status("host: \r\n"), 403);
}

#[test]
fn a_head_that_is_slow_or_large_is_cut_off() {
    let server = Server::open(&["--timeout", "1", "--max-head", "8192"]);
    let mut silent = server.connect();
    let mut slow = server.connect();
    write!(slow, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n").unwrap();
    let mut idle = server.connect();
    write!(idle, "{}", full("GET /healthz", "", "")).unwrap();
    let mut idle_reader = BufReader::new(idle.try_clone().unwrap());
    assert_eq!(answer(&mut idle_reader).unwrap().0, 200);
    let mut large = server.connect();
    let head = full("GET /healthz", &format!("x: {}\r\n", "y".repeat(10_000)), "");
    write!(large, "{head}").unwrap();
    assert_eq!(answer(&mut BufReader::new(large)).unwrap().0, 431);
    // Closed from the other side, whatever was sent.
    for stream in [&mut silent, &mut slow, &mut idle] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    // A body in pieces is waited for, and given up.
    let mut body = server.connect();
    let head = full("POST /api/v1/flags", "", r#"{"key": "a", "default_value": 1}"#);
    write!(body, "{}", &head[..head.len() - 1]).unwrap();
    assert_eq!(answer(&mut BufReader::new(body)).unwrap().0, 408);
}

#[test]
fn a_connection_beyond_the_limit_closes_the_one_idle_for_longest() {
    let server = Server::open(&["--max-connections", "16", "--timeout", "60"]);
    // A request under way is never closed for others.
    let body = r#"{"key": "a", "default_value": 1}"#;
    let request = full("POST /api/v1/flags", "expect: 100-continue\r\n", body);
    let (first, rest) = request.split_at(request.len() - 5);
    let (mut busy, mut busy_reader) = half(&server, first);
    let mut half_open = Vec::new();
    for at in 0..400 {
        let mut stream = server.connect();
        if at % 2 == 0 {
            // It may be closed already, for those that came later.
            let _ = write!(stream, "GET /healthz HTTP/1.1\r\nhos");
        }
        half_open.push(stream);
        if at % 10 == 0 {
            assert_eq!(server.ask("GET /healthz", "").0, 200);
        }
    }
    write!(busy, "{rest}").unwrap();
    assert_eq!(answer(&mut busy_reader).unwrap().0, 201);
    // All but as many as there is place for are closed, from the oldest on.
    for mut stream in half_open.into_iter().take(400 - 16) {
        match stream.read(&mut [0]) {
            Ok(0) => {}
            // With what was sent still unread.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Sends the first part of a request, and waits until the server asks for the rest of its body.
fn half(server: &Server, first: &str) -> (TcpStream, BufReader<TcpStream>) {
    let mut stream = server.connect();
    write!(stream, "{first}").unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    while line.trim().is_empty() {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    assert_eq!(line.trim_end(), "HTTP/1.1 100 Continue");
    reader.read_line(&mut line).unwrap();
    (stream, reader)
}

#[test]
fn a_server_told_to_end_finishes_what_it_accepted() {
    let config = File::new("finish", &document());
    let server = Server::open(&["--config", config.path()]);
    server.ask(&evaluate(), ANNA);
    // Half of a request is there when the signal comes.
    let request = full(&track(), "expect: 100-continue\r\n", ANNA);
    let (first, rest) = request.split_at(request.len() - 5);
    let (mut slow, mut slow_reader) = half(&server, first);
    let mut idle = server.connect();
    write!(idle, "{}", full("GET /healthz", "", "")).unwrap();
    let mut idle = BufReader::new(idle);
    assert_eq!(answer(&mut idle).unwrap().0, 200);
    // Connected, and about to ask.
    let mut fresh = server.connect();
    server.terminate();
    let address = server.address;
    while TcpStream::connect(address).is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
    // It has heard of the signal. What was connected before is still answered, and then closed.
    write!(fresh, "{}", full("GET /healthz", "", "")).unwrap();
    let mut fresh = BufReader::new(fresh);
    assert_eq!(answer(&mut fresh).unwrap().0, 200);
    assert_eq!(answer(&mut fresh), None);
    assert_eq!(answer(&mut idle), None);
    write!(slow, "{rest}").unwrap();
    let (status, body) = answer(&mut slow_reader).unwrap();
    assert_eq!(status, 200);
    assert!(body.contains(r#""counted":true"#), "{body}");
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("ended exposures=1 conversions=1"), "{log}");
}

#[test]
fn a_request_that_never_ends_is_broken_off_after_the_grace() {
    let server = Server::open(&["--grace", "1", "--timeout", "60"]);
    let request = full("POST /api/v1/flags", "expect: 100-continue\r\n", "{}");
    let _stuck = half(&server, &request[..request.len() - 1]);
    server.terminate();
    let (code, log) = server.end();
    assert_eq!(code, Some(0));
    assert!(log.contains("requests that took too long were broken off open=1"), "{log}");
}

/// Threads convert as fast as they can while a signal ends the server. Every conversion that was
/// answered as counted has to be in the counts that the server ends with.
#[test]
fn a_server_told_to_end_under_load_loses_no_acknowledged_conversion() {
    const THREADS: u64 = 8;
    let config = File::new("load", &document());
    let server = Server::open(&["--config", config.path()]);
    server.ask(&evaluate(), ANNA);
    let (address, id) = (server.address, server.child.id());
    let acknowledged = AtomicU64::new(0);
    let (code, log) = thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| while convert(address, &acknowledged) {});
        }
        scope.spawn(|| {
            while acknowledged.load(Ordering::Relaxed) < 2000 {
                thread::sleep(Duration::from_millis(1));
            }
            terminate(id);
        });
        server.end()
    });
    assert_eq!(code, Some(0), "{log}");
    let counted = log.rsplit("conversions=").next().unwrap().trim().parse::<u64>().unwrap();
    let acknowledged = acknowledged.into_inner();
    assert!(counted >= acknowledged, "{counted} counted, {acknowledged} acknowledged");
    // More only by what was answered to a thread that no longer heard it.
    assert!(counted <= acknowledged + THREADS, "{counted} counted, {acknowledged} acknowledged");
}

/// Converts a few times on a connection, so that connects are under way as well as requests. Says
/// whether there is still somebody to connect to.
fn convert(address: SocketAddr, acknowledged: &AtomicU64) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let request = full(&track(), "", ANNA);
    for _ in 0..20 {
        if stream.write_all(request.as_bytes()).is_err() {
            break;
        }
        let Some((status, body)) = answer(&mut reader) else { break };
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["data"]["counted"], true);
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    true
}

#[test]
fn a_killed_server_with_a_directory_loses_no_change() {
    let directory = Directory::new("serve");
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/storefront.json");
    let options = ["--data", directory.path(), "--config", config];
    let mut server = Server::open(&options);
    let (status, body) = server.ask("POST /api/v1/flags", r#"{"key": "mine", "default_value": 1}"#);
    assert_eq!(status, 201, "{body}");
    let flags = server.ask("GET /api/v1/flags", "").1;
    server.child.kill().unwrap();
    server.child.wait().unwrap();

    // What is there is not replaced by the document.
    let server = Server::open(&options);
    assert_eq!(server.ask("GET /api/v1/flags", "").1, flags);
    let second = fairsplit().args(["serve", "--insecure-no-auth"]).args(options).output().unwrap();
    assert_eq!(second.status.code(), Some(5));
    let log = String::from_utf8(second.stderr).unwrap();
    assert!(log.contains("counters is in use by another engine"), "{log}");
    server.terminate();
    assert_eq!(server.end().0, Some(0));
}
