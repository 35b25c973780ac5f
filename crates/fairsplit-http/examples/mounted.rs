//! A service with its own routes that evaluates in process, and the Experiments API beside them,
//! for its operators. Both are the same engine.
//!
//! ```console
//! $ cargo run -p fairsplit-http --example mounted
//! $ cargo run -p fairsplit-http --example mounted -- --check    # asks itself, and ends
//! ```

use std::error::Error;
use std::io::{self, Write};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Method, Request};
use axum::routing::get;
use fairsplit::{Engine, FlagHandle, NewFlag};
use fairsplit_http::{Auth, NewToken, Scope};
use serde_json::{Value, json};
use tower::ServiceExt;

/// What the shop's own handlers share: the flags that they evaluate, resolved once.
#[derive(Clone)]
struct Shop {
    banner: FlagHandle,
}

/// The shop's page, with the banner that this user gets.
async fn home(State(shop): State<Shop>, Path(user): Path<String>) -> String {
    format!("Hello {user}, have a {} banner\n", shop.banner.evaluate(&user).str_or("plain"))
}

fn app(engine: &Engine, auth: Auth) -> Result<Router, fairsplit::Error> {
    engine.create_flag(NewFlag::new("hero-banner", "plain"))?;
    let shop = Shop { banner: engine.environment("production")?.flag("hero-banner") };
    Ok(Router::new()
        .route("/home/{user}", get(home))
        .with_state(shop)
        .merge(fairsplit_http::router(engine.clone(), auth)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let token = NewToken::generate()?;
    let auth = Auth::new().token(token.secret(), [Scope::FlagsRead, Scope::FlagsWrite]);
    let app = app(&Engine::new(), auth)?;
    if std::env::args().any(|argument| argument == "--check") {
        return check(&app, token.secret()).await;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8081").await?;
    let address = listener.local_addr()?;
    let mut out = io::stdout().lock();
    writeln!(out, "curl http://{address}/home/anna")?;
    writeln!(
        out,
        "curl -H 'Authorization: Bearer {}' http://{address}/api/v1/flags",
        token.secret()
    )?;
    drop(out);
    axum::serve(listener, app).await?;
    Ok(())
}

/// An operator makes an experiment over HTTP, and the shop's own page follows.
async fn check(app: &Router, token: &str) -> Result<(), Box<dyn Error>> {
    let ask = |method: Method, path: String, body: Value| async move {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_string()))?;
        let response = app.clone().oneshot(request).await?;
        let bytes = to_bytes(response.into_body(), usize::MAX).await?;
        Ok::<String, Box<dyn Error>>(String::from_utf8(bytes.into())?)
    };
    let data = |text: String| Ok::<Value, Box<dyn Error>>(serde_json::from_str(&text)?);
    let home = || ask(Method::GET, "/home/anna".to_owned(), Value::Null);
    assert_eq!(home().await?, "Hello anna, have a plain banner\n");

    let flags = data(ask(Method::GET, "/api/v1/flags".to_owned(), Value::Null).await?)?;
    let flag = flags["data"][0]["id"].as_str().ok_or("a flag has an id")?;
    let experiments = format!("/api/v1/flags/{flag}/experiments");
    let new = json!({
        "name": "A golden banner",
        "environment": "production",
        "status": "running",
        "variants": [{"key": "golden", "value": "golden", "percentage": 100}]
    });
    let created = data(ask(Method::POST, experiments.clone(), new).await?)?;
    let id = created["data"]["id"].as_str().ok_or("an experiment has an id")?;
    assert_eq!(home().await?, "Hello anna, have a golden banner\n");

    let results = ask(Method::GET, format!("{experiments}/{id}/results"), Value::Null).await?;
    assert_eq!(data(results)?["data"]["counts"]["variants"][0]["exposures"], 1);
    ask(Method::POST, format!("{experiments}/{id}/stop"), Value::Null).await?;
    assert_eq!(home().await?, "Hello anna, have a plain banner\n");
    writeln!(io::stdout().lock(), "the page followed what was done over HTTP")?;
    Ok(())
}
