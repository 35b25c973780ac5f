//! The program counts users, unless `--count-users 0` says that it does not.

use serde_json::Value;

use crate::common::{
    ANNA, Directory, EXPERIMENT, FLAG, File, Server, document, evaluate, fairsplit, track,
};

/// What the results are of, and the converted of both variants.
fn results(server: &Server) -> (String, u64) {
    let path = format!("GET /api/v1/flags/{FLAG}/experiments/{EXPERIMENT}/results");
    let answer: Value = serde_json::from_str(&server.ask(&path, "").1).unwrap();
    let results = &answer["data"]["results"];
    let variants = results["variants"].as_array().unwrap().iter();
    let converted = variants.map(|variant| variant["converted"].as_u64().unwrap()).sum();
    (results["unit"].as_str().unwrap().to_owned(), converted)
}

#[test]
fn a_server_counts_users_of_every_experiment_that_does_not_say() {
    let config = File::new("users", &document());
    let directory = Directory::new("users");
    for data in [&[][..], &["--data", directory.path()]] {
        let server = Server::open(&[&["--config", config.path()], data].concat());
        assert!(server.ask(&track(), ANNA).1.contains(r#""outcome":"not_exposed""#));
        assert_eq!(results(&server), ("users".to_owned(), 0));
        server.ask(&evaluate(), ANNA);
        for _ in 0..3 {
            assert!(server.ask(&track(), ANNA).1.contains(r#""outcome":"counted""#));
        }
        assert_eq!(results(&server), ("users".to_owned(), 1));
    }
}

#[test]
fn a_server_that_is_told_to_counts_users_only_where_an_experiment_says_so() {
    let config = File::new("no-users", &document());
    let directory = Directory::new("no-users");
    for data in [&[][..], &["--data", directory.path()]] {
        let options = [&["--config", config.path(), "--count-users", "0"], data].concat();
        let server = Server::open(&options);
        assert!(server.ask(&track(), ANNA).1.contains(r#""outcome":"counted""#));
        assert_eq!(results(&server).0, "events");
        let path = format!("PATCH /api/v1/flags/{FLAG}/experiments/{EXPERIMENT}");
        let (status, told) = server.ask(&path, r#"{"count_users": 10}"#);
        assert_eq!(status, 200, "{told}");
        assert_eq!(results(&server).0, "users");
    }
}

#[test]
fn a_number_of_users_that_is_none_is_a_mistake_of_usage() {
    for wrong in ["-1", "1000000001", "many"] {
        let output = fairsplit().args(["serve", "--count-users", wrong]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

/// The commands know no `--count-users`.
#[test]
fn a_command_on_the_directory_leaves_the_users_that_a_server_has_counted() {
    let config = File::new("kept-users", &document());
    let directory = Directory::new("kept-users");
    let options = ["--config", config.path(), "--data", directory.path()];
    let server = Server::open(&options);
    server.ask(&evaluate(), ANNA);
    server.ask(&track(), ANNA);
    server.terminate();
    server.end();
    for arguments in
        [&["export", directory.path()][..], &["apply", directory.path(), config.path()]]
    {
        assert!(fairsplit().args(arguments).output().unwrap().status.success());
    }
    let server = Server::open(&options);
    assert_eq!(results(&server), ("users".to_owned(), 1));
    assert!(server.ask(&track(), ANNA).1.contains(r#""outcome":"counted""#));
}
