//! Any body and any path is answered as described, and never with a 5xx.

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::app::{ALL, Answer, App};
use crate::common::{experiment_id, flag_id};
use crate::described::operations;

/// JSON that is often nearly right: the words of the API, at all sorts of places.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "name",
        "environment",
        "variants",
        "status",
        "key",
        "value",
        "percentage",
        "id",
        "default_value",
        "user_key",
        "flags",
        "count",
        "context",
        "rules",
        "conditions",
        "attribute",
        "operator",
        "segments",
        "audience",
        "coverage",
        "layer",
        "ranges",
        "from",
        "to",
        "bucket_by",
        "equals",
        "draft",
        "running",
        "production",
        "hero-banner",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_i64..102).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |float| float.is_finite()).prop_map(Value::from),
        word.clone().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!([{"key": "a", "value": 1, "percentage": 100}])),
        Just(json!([{"attribute": "plan", "operator": "in", "value": ["pro"]}])),
        Just(json!({"id": flag_id(1).to_string(), "ranges": [{"from": 0, "to": 50}]})),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let name = prop_oneof![9 => word.clone().prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((name, inner), 0..6)
                .prop_map(|fields| fields.into_iter().collect::<Value>()),
        ]
    })
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let text = any_json().prop_map(|value| value.to_string().into_bytes()).boxed();
    prop_oneof![
        6 => text.clone(),
        2 => (text, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, at, byte)| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ]
}

/// As many requests go to one router: it takes longer to make than to ask.
const AT_A_TIME: usize = 20;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_body_is_answered_below_500(
        requests in prop::collection::vec((any_body(), any::<prop::sample::Index>()), AT_A_TIME),
    ) {
        let app = App::with_targeting();
        let operations = operations();
        for (body, which) in requests {
            let (method, path) = &operations[which.index(operations.len())];
            let request = Request::builder()
                .method(method.as_str())
                .uri(path)
                .header(AUTHORIZATION, format!("Bearer {ALL}"))
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(body))
                .unwrap();
            let Answer { status, text, .. } = app.call(request);
            prop_assert!(status < 500, "{} {}: {} {}", method, path, status, text);
        }
    }

    #[test]
    fn any_path_is_answered_below_500(
        paths in prop::collection::vec(prop::collection::vec("[^/?# ]{0,40}", 0..6), AT_A_TIME),
    ) {
        let app = App::with_targeting();
        let ids = |part: &String| match part.len() % 7 {
            0 => flag_id(1).to_string(),
            1 => experiment_id(1).to_string(),
            2 => "experiments".to_owned(),
            _ => part.clone(),
        };
        for parts in paths {
            let parts: Vec<String> = parts.iter().map(ids).collect();
            let request = Request::get(format!("/api/v1/flags/{}", parts.join("/")))
                .header(AUTHORIZATION, format!("Bearer {ALL}"))
                .body(Body::empty());
            // Not every text is a path.
            if let Ok(request) = request {
                prop_assert!(app.call(request).status < 500);
            }
        }
    }
}
