//! SIGHUP.

use std::fs;
use std::io::{BufReader, Write};

use fairsplit_http::{NewToken, Scope};

use crate::common::{ANNA, File, Server, answer, document, evaluate, fairsplit, full, track};

/// The status of a request with this token.
fn status(server: &Server, token: &NewToken) -> u16 {
    let mut stream = server.connect();
    let headers = format!("authorization: Bearer {}\r\n", token.secret());
    write!(stream, "{}", full("GET /api/v1/flags", &headers, "")).unwrap();
    answer(&mut BufReader::new(stream)).unwrap().0
}

#[test]
fn a_token_whose_line_is_gone_is_refused_after_a_hangup() {
    let (lost, kept) = (NewToken::generate().unwrap(), NewToken::generate().unwrap());
    let lines = [&lost, &kept].map(|token| format!("{}\n", token.line([Scope::FlagsRead])));
    let tokens = File::new("hangup-tokens", &lines.concat());
    let mut server = Server::start(fairsplit().args(["serve", "--tokens", tokens.path()]));
    server.logged("tokens read tokens=2");
    assert_eq!((status(&server, &lost), status(&server, &kept)), (200, 200));

    fs::write(tokens.path(), &lines[1]).unwrap();
    server.hang_up();
    server.logged("tokens read tokens=1");
    assert_eq!((status(&server, &lost), status(&server, &kept)), (401, 200));

    // Nothing that is wrong with the file locks anyone out, or lets anyone in.
    let stay = "SIGHUP: the tokens stay as they were: ";
    fs::write(tokens.path(), format!("{}fs_a-secret flags:read\n", lines[0])).unwrap();
    server.hang_up();
    let line = server.logged(stay);
    assert!(line.contains("hangup-tokens: line 2 must start with sha256:"), "{line}");
    assert_eq!((status(&server, &lost), status(&server, &kept)), (401, 200));
    fs::remove_file(tokens.path()).unwrap();
    server.hang_up();
    server.logged(stay);
    fs::create_dir(tokens.path()).unwrap();
    server.hang_up();
    let line = server.logged(stay);
    assert!(line.contains("is not a file that can be read again"), "{line}");
    fs::remove_dir(tokens.path()).unwrap();
    assert_eq!((status(&server, &lost), status(&server, &kept)), (401, 200));

    server.terminate();
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("a-secret"), "{log}");
}

#[test]
fn a_configuration_is_applied_again_after_a_hangup_and_counts_go_on() {
    let config = File::new("hangup-config", &document());
    let mut server = Server::open(&["--config", config.path()]);
    assert!(server.ask(&evaluate(), ANNA).1.contains(r#""counted":true"#));
    assert!(server.ask(&track(), ANNA).1.contains(r#""counted":true"#));
    fs::write(config.path(), document().replace(r#""old""#, r#""newer""#)).unwrap();
    server.hang_up();
    server.logged("SIGHUP: configuration applied flags=1");
    let flags = server.ask("GET /api/v1/flags", "").1;
    assert!(flags.contains(r#""default_value":"newer""#), "{flags}");

    fs::write(config.path(), r#"{"flags": 1}"#).unwrap();
    server.hang_up();
    let line = server.logged("SIGHUP: the configuration stays as it was: ");
    assert!(line.contains("hangup-config: flags: must be an array"), "{line}");
    fs::write(config.path(), "{").unwrap();
    server.hang_up();
    let line = server.logged("SIGHUP: the configuration stays as it was: ");
    assert!(line.contains("invalid JSON at line 1"), "{line}");
    assert_eq!(server.ask("GET /api/v1/flags", "").1, flags);
    server.terminate();
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("ended exposures=1 conversions=1"), "{log}");
}

#[test]
fn a_hangup_without_files_is_only_logged() {
    let mut server = Server::open(&[]);
    server.hang_up();
    server.logged("SIGHUP: there is no file of --tokens or --config to read again");
    assert_eq!(server.ask("GET /healthz", "").0, 200);
}
