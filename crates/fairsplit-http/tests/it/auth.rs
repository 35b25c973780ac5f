//! Every operation with no, a wrong, a reading and a writing token; and the text of tokens.

use axum::body::Body;
use axum::http::Request;
use axum::http::header::AUTHORIZATION;
use fairsplit::Engine;
use fairsplit_http::{Auth, NewToken, RouterBuilder, Scope, TokenFault};

use crate::app::{App, READ, WRITE, call, request};
use crate::described::{description, operations};

const UNKNOWN: &str = r#"{"error":"Invalid or missing API key"}"#;

fn scope_of(method: &str, path: &str) -> Option<Scope> {
    let path = crate::described::template(path).unwrap();
    let operation = &description()["paths"][path][method.to_ascii_lowercase()];
    assert!(operation.is_object(), "{method} {path}");
    let scope = operation["security"][0]["token"][0].as_str();
    scope.map(|scope| scope.parse().unwrap())
}

#[test]
fn a_request_without_the_scope_of_its_operation_answers_401_or_403() {
    let mut scopes = Vec::new();
    for (method, path) in operations() {
        let app = App::with_targeting();
        let scope = scope_of(&method, &path);
        // As the seed and its style have it: looking and evaluating reads, the rest writes.
        let expected = match path.as_str() {
            "/healthz" | "/readyz" | "/api/v1/openapi.json" => None,
            path if method == "GET"
                || path.ends_with("/evaluate")
                || path.ends_with("/explain") =>
            {
                Some(Scope::FlagsRead)
            }
            _ => Some(Scope::FlagsWrite),
        };
        assert_eq!(scope, expected, "{method} {path}");
        scopes.push(scope);

        let none =
            app.call(Request::builder().method(&*method).uri(&path).body(Body::empty()).unwrap());
        let wrong = app.send(&method, &path, "a token that nobody has", "{}");
        let read = app.send(&method, &path, READ, "{}");
        let write = app.send(&method, &path, WRITE, "{}");
        let Some(scope) = scope else {
            assert!([none, wrong, read, write].iter().all(|answer| answer.status == 200));
            continue;
        };
        for refused in [none, wrong] {
            refused.is(401, UNKNOWN);
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
        let (granted, forbidden) =
            if scope == Scope::FlagsRead { (read, write) } else { (write, read) };
        forbidden.is(403, r#"{"error":"Insufficient scope"}"#);
        assert!(!matches!(granted.status, 401 | 403), "{method} {path}: {}", granted.text);
    }
    assert_eq!(scopes.len(), 59);
}

#[test]
fn a_router_without_tokens_answers_401_to_every_token() {
    let router = fairsplit_http::router(Engine::new(), Auth::new());
    for (method, path) in operations() {
        if scope_of(&method, &path).is_some() {
            for token in ["", "x", READ] {
                call(&router, request(&method, &path, token, "{}")).is(401, UNKNOWN);
            }
        }
    }
}

#[test]
fn an_open_router_answers_without_a_token() {
    let open = fairsplit_http::router(Engine::new(), Auth::insecure_allow_everyone());
    let request = Request::get("/api/v1/flags").body(Body::empty()).unwrap();
    call(&open, request).is(200, r#"{"data":[]}"#);
}

#[test]
fn a_token_that_is_replaced_while_serving_is_refused_at_the_next_request() {
    let auth = Auth::new().token("old", [Scope::FlagsRead]);
    let longer = auth.clone().token("other", [Scope::FlagsRead]);
    let router = fairsplit_http::router(Engine::new(), auth.clone());
    let status = |token| call(&router, request("GET", "/api/v1/flags", token, "")).status;
    assert_eq!((status("old"), status("new"), status("other")), (200, 401, 401));
    auth.replace(&Auth::new().token("new", [Scope::FlagsRead]));
    assert_eq!((status("old"), status("new"), auth.tokens()), (401, 200, 1));
    assert_eq!(longer.tokens(), 2, "a token was added, which made it another one");
    auth.replace(&Auth::insecure_allow_everyone());
    assert_eq!((status("old"), auth.is_open()), (200, true));
    auth.replace(&Auth::new());
    assert_eq!(status("new"), 401);
}

#[test]
fn a_token_is_read_from_one_bearer_header_only() {
    let app = App::new();
    let status = |values: &[&str]| {
        let mut request = Request::get("/api/v1/flags");
        for value in values {
            request = request.header(AUTHORIZATION, *value);
        }
        app.call(request.body(Body::empty()).unwrap()).status
    };
    let good = format!("Bearer {READ}");
    assert_eq!(status(&[&good]), 200);
    assert_eq!(status(&[&good.replace("Bearer", "bearer")]), 200);
    assert_eq!(status(&[]), 401);
    assert_eq!(status(&[READ]), 401);
    assert_eq!(status(&["Bearer"]), 401);
    assert_eq!(status(&["Bearer "]), 401);
    assert_eq!(status(&[&good.replace("Bearer", "Basic")]), 401);
    assert_eq!(status(&[&good, &good]), 401, "which of them is meant?");
    assert_eq!(status(&[&format!("{good}x")]), 401);
    assert_eq!(status(&[&good[..good.len() - 1]]), 401);
}

#[test]
fn the_public_types_are_shared_by_threads_and_debugged() {
    fn shared<T: Send + Sync + std::fmt::Debug + 'static>() {}
    shared::<(Auth, NewToken, Scope, TokenFault)>();
    shared::<(RouterBuilder, fairsplit_http::Limits, fairsplit_http::TokensError)>();
}

#[test]
fn a_faulty_text_of_tokens_names_its_lines_and_none_of_its_content() {
    let (one, two) = (NewToken::generate().unwrap(), NewToken::generate().unwrap());
    assert_eq!(one.secret().len(), 3 + 64);
    assert_ne!(one.secret(), two.secret());
    let text = format!(
        "# tokens\n\n{}   # dashboards\n  {}\r\n",
        one.line([Scope::FlagsRead]),
        two.line([Scope::FlagsWrite, Scope::FlagsRead]).replace(' ', "\t"),
    );
    let auth = Auth::from_lines(&text).unwrap();
    assert_eq!(auth.tokens(), 2);
    let router = RouterBuilder::new(Engine::new(), auth).build();
    let create = |token: &NewToken| {
        let body = r#"{"key": "a", "default_value": 1}"#;
        call(&router, request("POST", "/api/v1/flags", token.secret(), body)).status
    };
    assert_eq!((create(&one), create(&two)), (403, 201));

    let secret = "fs_0123456789abcdef";
    let line = one.line([Scope::FlagsRead]);
    let text = format!(
        "{secret} flags:read\n{line}\n{line}\nsha256:12 flags:read\n{}\n{} {secret}\n{}é flags:read\nsha256:",
        &line[..71],
        two.line([]),
        &line[..69],
    );
    let refused = Auth::from_lines(&text).unwrap_err();
    assert_eq!(
        refused.faults(),
        [
            (1, TokenFault::Hash),
            (3, TokenFault::Repeated),
            (4, TokenFault::Hash),
            (5, TokenFault::NoScope),
            (6, TokenFault::Scope),
            (7, TokenFault::Hash),
            (8, TokenFault::Hash),
        ]
    );
    let told = format!("{refused} {refused:?}");
    assert!(!told.contains("0123") && !told.contains(&line[7..20]));
    assert!(told.starts_with("line 1 must start with sha256: and 64 hexadecimal digits"));
    // Nor does anything else that could be printed hold a token.
    let printed = format!("{one:?} {:?}", Auth::new().token("secret", [Scope::FlagsRead]));
    assert_eq!(printed, "NewToken(..) Auth { tokens: 1, is_open: false, .. }");
}
