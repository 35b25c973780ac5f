//! Documents with targeting, from the command line to the answer.

use std::fs;

use serde_json::{Value, json};

use crate::common::{Directory, EXPERIMENT, FLAG, File, Server, document, fairsplit};

const SEGMENT: &str = "00000000-0000-0000-0000-000000000003";

/// The document of the tests, with a segment that decides a rule. The operator `matches` is there,
/// since the program is built with it.
fn targeted(pattern: &str) -> Value {
    let mut document: Value = serde_json::from_str(&document()).unwrap();
    document["segments"] = json!([{"id": SEGMENT, "name": "Staff",
        "rules": [{"key": "email", "operator": "matches", "value": pattern}]}]);
    document["layers"] = json!([{"id": SEGMENT, "name": "checkout"}]);
    document["holdouts"] = json!([{"id": SEGMENT, "name": "2026", "percentage": 5}]);
    document["flags"][0]["rules"] =
        json!([{"environment": "production", "value": "staff", "segment_id": SEGMENT}]);
    document["flags"][0]["targeting"] = json!({EXPERIMENT: {
        "audience": {"conditions": [{"attribute": "country", "operator": "equals", "value": "DE"}]},
        "layer": {"id": SEGMENT, "ranges": [{"from": 0, "to": 100}]}
    }});
    document
}

fn reason(server: &Server, context: &Value) -> String {
    let asked = json!({"environment": "production", "user_key": "anna", "context": context});
    let head = format!("POST /api/v1/flags/{FLAG}/evaluate");
    let (status, body) = server.ask(&head, &asked.to_string());
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    body["data"]["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_served_document_decides_by_the_context_and_a_faulty_segment_stays_as_it_was() {
    let file = File::new("targeted.json", &targeted("@example[.]com$").to_string());
    let mut server = Server::open(&["--config", file.path()]);
    let staff = json!({"email": "anna@example.com"});
    assert_eq!(reason(&server, &staff), "rule");
    assert_eq!(reason(&server, &json!({"country": "FR"})), "not_in_audience");

    fs::write(file.path(), targeted("(").to_string()).unwrap();
    server.hang_up();
    let line = server.logged("skipped segments[0] \"Staff\": ");
    assert!(line.contains("segments[0].rules[0].value: is not a pattern"), "{line}");
    assert_eq!(reason(&server, &staff), "rule");
}

#[test]
fn an_apply_says_which_segment_it_skipped_and_exits_with_3() {
    let directory = Directory::new("apply-targeted");
    let apply = |document: &Value| {
        let file = File::new("apply-targeted.json", &document.to_string());
        let output = fairsplit().args(["apply", directory.path(), file.path()]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, told, error) = apply(&targeted("@example[.]com$"));
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("added segment \"Staff\"\n"), "{told}");
    let (code, told, error) = apply(&targeted("("));
    assert_eq!(code, Some(3));
    let segment = "skipped segments[0] \"Staff\": segments[0].rules[0].value: is not a pattern";
    assert!(told.contains(segment), "{told}");
    // The flag that names it stays as it was too.
    assert!(told.contains("skipped flags[0] \"hero-banner\": flags[0].rules[0]"), "{told}");
    assert!(error.contains(": skipped 1 flag, 1 segment; the others are applied"), "{error}");
    let (code, told, _) = apply(&targeted("@example[.]org$"));
    assert_eq!(code, Some(0));
    assert!(told.contains("changed segment \"Staff\": rules\n"), "{told}");
    assert!(told.contains("segment \"Staff\" reaches \"hero-banner\", experiment \"n\""), "{told}");
}
