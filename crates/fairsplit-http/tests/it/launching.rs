//! A careful launch, step by step as `docs/launching.md` has it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::app::{ALL, App};

/// The ids of the documentation.
const FLAG: &str = "d4e5f6a7-8b9c-4d0e-9f1a-2b3c4d5e6f7a";
const EXPERIMENT: &str = "cd613e30-d8f1-4adf-91b7-584a2265b1f5";
const STAFF: &str = "5a1e7c1d-2b4f-4a77-9a55-3f0c6d1b2e01";
const LAYER: &str = "0b1f5b50-3f0a-4d53-9a2b-7c4de2b8a001";
const HOLDOUT: &str = "7c0e4cf2-98f5-4a9e-8d5c-19b1a4a7a002";

const USERS: u32 = 10_000;

struct Launch(App);

impl Launch {
    #[track_caller]
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        self.0.send(method, &format!("/api/v1{path}"), ALL, &body.to_string()).data()
    }

    /// What the flag answers to a user in Germany, without counting.
    fn ask(&self, user: &str, email: &str) -> Value {
        let asked = json!({"environment": "production", "user_key": user, "count": false,
            "context": {"country": "DE", "email": email}});
        self.send("POST", &format!("/flags/{FLAG}/evaluate"), &asked)
    }

    /// The variant of each user who is in, and how many have each of the reasons.
    fn everybody(&self) -> (BTreeMap<String, String>, BTreeMap<String, u32>) {
        let (mut variants, mut reasons) = (BTreeMap::new(), BTreeMap::new());
        for user in (0..USERS).map(|user| format!("user-{user}")) {
            let answer = self.ask(&user, "someone@web.de");
            *reasons.entry(answer["reason"].as_str().unwrap().to_owned()).or_default() += 1;
            if answer["reason"] == "split" {
                variants.insert(user, answer["variant"].as_str().unwrap().to_owned());
            }
        }
        (variants, reasons)
    }
}

#[test]
fn a_launch_goes_from_one_per_cent_to_all_without_the_staff_and_those_held_out() {
    let launch = Launch(App::new());
    let (flag, experiment) =
        (format!("/flags/{FLAG}"), format!("/flags/{FLAG}/experiments/{EXPERIMENT}"));
    let variants = json!([{"key": "control", "value": "old", "percentage": 50},
        {"key": "treatment", "value": "new", "percentage": 50}]);
    let banner = json!({"id": FLAG, "key": "hero-banner", "default_value": "old"});
    launch.send("POST", "/flags", &banner);
    let test = json!({"id": EXPERIMENT, "name": "Hero Banner A/B Test",
        "environment": "production", "variants": variants});
    launch.send("POST", &format!("{flag}/experiments"), &test);

    // 1 to 4: the staff, the holdout, the layer, the targeting.
    let staff = json!({"id": STAFF, "name": "Staff",
        "rules": [{"key": "email", "operator": "ends_with", "value": "@example.com"}]});
    launch.send("POST", "/segments", &staff);
    let rule = json!({"environment": "production", "value": "new", "segment_id": STAFF});
    let rule = launch.send("POST", &format!("{flag}/rules"), &rule);
    let held_out = json!({"id": HOLDOUT, "name": "2026", "percentage": 5});
    launch.send("POST", "/holdouts", &held_out);
    launch.send("POST", "/layers", &json!({"id": LAYER, "name": "checkout"}));
    let targeting = format!("{experiment}/targeting");
    let audience = json!({"not_segments": [STAFF],
        "conditions": [{"attribute": "country", "operator": "in", "value": ["DE", "FR"]}]});
    let part = |from: u32, to: u32| json!({"id": LAYER, "ranges": [{"from": from, "to": to}]});
    let set = json!({"audience": audience, "layer": part(0, 50), "coverage": 1});
    launch.send("PUT", &targeting, &set);
    launch.send("POST", &format!("{experiment}/start"), &json!({}));

    // Another experiment of the layer has to leave that range.
    let other = launch.send("POST", "/flags", &json!({"key": "button", "default_value": "green"}));
    let other = format!("/flags/{}/experiments", other["id"].as_str().unwrap());
    let mut test = test;
    test["id"] = Value::Null;
    let other_id = launch.send("POST", &other, &test)["id"].clone();
    let other = format!("{other}/{}", other_id.as_str().unwrap());
    launch.send("PUT", &format!("{other}/targeting"), &json!({"layer": part(40, 100)}));
    let taken = launch.0.post(&format!("/api/v1{other}/start"), "");
    assert!(taken.status == 409 && taken.text.contains(EXPERIMENT), "{}", taken.text);

    let asked = launch.ask("boss", "boss@example.com");
    assert_eq!([&asked["reason"], &asked["value"]], ["rule", "new"]);
    let (mut covered, mut reasons) = launch.everybody();
    let share = |reasons: &BTreeMap<String, u32>, of: &str| {
        f64::from(reasons.get(of).copied().unwrap_or_default()) / f64::from(USERS)
    };
    // A twentieth is held out, and half of the rest has the other range of the layer.
    let is_near = |found: f64, expected: f64| (found - expected).abs() < 0.01;
    assert!(is_near(share(&reasons, "held_out"), 0.05), "{reasons:?}");
    assert!(is_near(share(&reasons, "other_layer_range"), 0.475), "{reasons:?}");
    assert!(is_near(share(&reasons, "split"), 0.00475), "{reasons:?}");

    // Those who are in stay in, with the same variant.
    for percent in [10, 50, 100] {
        launch.send("PATCH", &targeting, &json!({"coverage": percent}));
        let (wider, wider_reasons) = launch.everybody();
        assert!(covered.iter().all(|(user, variant)| wider.get(user) == Some(variant)));
        let expected = 0.475 * f64::from(percent) / 100.0;
        assert!(is_near(share(&wider_reasons, "split"), expected), "{wider_reasons:?}");
        assert_eq!(wider_reasons["held_out"], reasons["held_out"]);
        (covered, reasons) = (wider, wider_reasons);
    }
    assert!(!reasons.contains_key("not_covered"), "{reasons:?}");

    // Damage: everybody has the default again, at once, but for the staff.
    launch.send("POST", &format!("{experiment}/stop"), &json!({}));
    assert_eq!(launch.ask("user-1", "someone@web.de")["reason"], "not_running");
    launch.send("POST", &format!("{experiment}/start"), &json!({}));
    assert_eq!(launch.everybody().0, covered);

    // 8: the winner is the default, also of who was held out.
    launch.send("POST", &format!("{experiment}/ship"), &json!({"variant": "treatment"}));
    let id = rule["id"].as_str().unwrap();
    launch.send("DELETE", &format!("{flag}/rules/{id}"), &json!({}));
    for (user, email) in [("user-1", "someone@web.de"), ("boss", "boss@example.com")] {
        let answer = launch.ask(user, email);
        assert_eq!([&answer["reason"], &answer["value"]], ["not_running", "new"]);
    }
}

#[test]
fn a_user_who_should_be_in_and_is_not_is_explained() {
    let launch = Launch(App::new());
    launch.send(
        "POST",
        "/flags",
        &json!({"id": FLAG, "key": "hero-banner", "default_value": "old"}),
    );
    let condition = json!({"attribute": "email", "operator": "ends_with", "value": "@example.com"});
    let rule = json!({"value": "new", "conditions": [condition]});
    launch.send("POST", &format!("/flags/{FLAG}/rules"), &rule);
    // The service calls it otherwise.
    let asked = json!({"environment": "production", "user_key": "boss",
        "context": {"e-mail": "boss@example.com"}});
    let why = launch.send("POST", &format!("/flags/{FLAG}/explain"), &asked);
    let condition = &why["rules"][0]["conditions"][0];
    assert_eq!(
        [&condition["attribute"], &condition["answer"]],
        ["email", "undecided (no attribute)"]
    );
}
