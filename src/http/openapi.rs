//! The API described for programs, as `OpenAPI` 3.1: made from the endpoints that the routes are made
//! from.

use axum::body::{Body, Bytes};
use axum::http::Response;
use serde_json::{Map, Value, json};

use super::endpoint::{Answers, Call, Endpoint, Run, Verb, json_bytes};
use super::failure::Failure;

pub(super) static ENDPOINTS: [Endpoint; 1] = [Endpoint {
    verb: Verb::Get,
    path: "/api/v1/openapi.json",
    scope: None,
    run: Run::Bare(describe),
    name: "describe",
    summary: "This description.",
    answers: Answers::Json("Description"),
    can_conflict: false,
}];

fn describe(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    json_bytes(&call.shared.description)
}

/// The description of some endpoints.
pub(super) fn document(endpoints: &[&Endpoint]) -> Bytes {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints {
        let path = paths.entry(endpoint.path).or_insert_with(|| path(endpoint.path));
        if let Value::Object(operations) = path {
            operations.insert(endpoint.verb.as_str().to_ascii_lowercase(), operation(endpoint));
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "fairsplit",
            "summary": "A/B experiments on feature flags.",
            "description": "Counts are of events, never of users. A request that is refused changes nothing.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token with the scope flags:read, flags:write, or both."
            }}
        }
    });
    document.to_string().into()
}

/// The parameters of a path, which all of its operations have.
fn path(template: &str) -> Value {
    let names = template.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let parameters: Vec<Value> = names
        .map(|name| {
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": {"type": "string", "format": "uuid"}
            })
        })
        .collect();
    if parameters.is_empty() { json!({}) } else { json!({"parameters": parameters}) }
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    let (status, answer) = answer(endpoint.answers);
    responses.insert(status.to_owned(), answer);
    for (status, meaning) in failures(endpoint) {
        let schema = reference(if status == "422" { "Invalid" } else { "Error" });
        let content = json!({"application/json": {"schema": schema}});
        responses.insert(status.to_owned(), json!({"description": meaning, "content": content}));
    }
    let mut operation = Map::new();
    operation.insert("operationId".to_owned(), endpoint.name.into());
    operation.insert("summary".to_owned(), endpoint.summary.into());
    operation.insert("responses".to_owned(), responses.into());
    if let Some(scope) = endpoint.scope {
        let description = format!("Required scope: {scope}");
        operation.insert("description".to_owned(), description.into());
        operation.insert("security".to_owned(), json!([{"token": [scope.as_str()]}]));
    }
    if let Run::WithBody { schema, .. } = endpoint.run {
        let content = json!({"application/json": {"schema": reference(schema)}});
        operation.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    operation.into()
}

fn answer(answers: Answers) -> (&'static str, Value) {
    let enveloped = |schema: Value| {
        json!({
            "type": "object",
            "required": ["data"],
            "properties": {"data": schema},
            "additionalProperties": false
        })
    };
    let json_of = |schema: Value, description: &str| {
        let content = json!({"application/json": {"schema": schema}});
        json!({"description": description, "content": content})
    };
    match answers {
        Answers::One(name) => ("200", json_of(enveloped(reference(name)), "As it is now.")),
        Answers::Created(name) => ("201", json_of(enveloped(reference(name)), "Created.")),
        Answers::Many(name) => {
            let list = json!({"type": "array", "items": reference(name)});
            ("200", json_of(enveloped(list), "All of them, in order."))
        }
        Answers::Json(name) => ("200", json_of(reference(name), "JSON.")),
        Answers::Text(kind) => {
            let content = json!({kind: {"schema": {"type": "string"}}});
            ("200", json!({"description": "Text.", "content": content}))
        }
    }
}

/// What an endpoint refuses, by status.
fn failures(endpoint: &Endpoint) -> Vec<(&'static str, &'static str)> {
    let mut failures = Vec::new();
    if endpoint.scope.is_some() {
        failures.push(("401", "No token, or none that is known."));
        failures.push(("403", "The token lacks the scope."));
        failures.push(("503", "Too many requests at once; retry_after says when to try again."));
    }
    if endpoint.path.contains('{') {
        failures.push((
            "404",
            "There is no such flag or experiment, or the experiment is another flag's.",
        ));
    }
    if endpoint.can_conflict {
        failures.push(("409", "The state forbids it; the error names the state."));
        failures.push(("500", "The change could not be stored, and has not been made."));
    }
    if let Run::WithBody { .. } = endpoint.run {
        failures.push(("400", "The body is no JSON, or no object."));
        failures.push(("408", "The body did not arrive in time."));
        failures.push(("413", "The body is too large."));
        failures.push(("415", "The body is not application/json."));
        failures.push(("422", "The body breaks rules; all of them are named, by path."));
    }
    failures
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// An object with just these properties, of which the first are required.
#[expect(clippy::needless_pass_by_value, reason = "called with what is made on the spot")]
fn object(required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false
    })
}

/// An object that always has all of its properties.
fn whole(properties: Value) -> Value {
    let required: Vec<String> =
        properties.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    let required: Vec<&str> = required.iter().map(String::as_str).collect();
    object(&required, properties)
}

fn schemas() -> Value {
    let id = json!({"type": "string", "format": "uuid"});
    let time = json!({"type": "string", "format": "date-time"});
    let count = json!({"type": "integer", "minimum": 0});
    let maybe = |schema: &Value| json!({"anyOf": [schema, {"type": "null"}]});
    let name = json!({
        "type": "string", "minLength": 1, "maxLength": crate::model::fault::MAX_NAME_LENGTH, "pattern": "\\S"
    });
    let any = json!({
        "description": "Any JSON, at most 100 levels deep, with integers that 64 bits hold."
    });
    let status = json!({"enum": ["draft", "running", "stopped", "completed"]});
    let user_key = json!({
        "type": "string", "description": "Whom it is about. The empty one is nobody, and gets defaults."
    });
    let counting = json!({
        "type": ["boolean", "null"], "default": true, "description": "Whether to count exposures."
    });
    let variant_key = json!({"type": ["string", "null"]});
    let variant = object(
        &["key", "value", "percentage"],
        json!({
            "key": name, "value": any, "percentage": {"type": "integer", "minimum": 0, "maximum": 100}
        }),
    );
    json!({
        "Flag": whole(json!({
            "id": id, "key": name, "name": name, "default_value": any,
            "created_at": time, "updated_at": time
        })),
        "NewFlag": object(&["key", "default_value"], json!({
            "id": maybe(&id), "key": name, "name": maybe(&name), "default_value": any
        })),
        "FlagChange": object(&["default_value"], json!({"default_value": any})),
        "Variant": variant,
        "Experiment": whole(json!({
            "id": id, "name": name, "environment": name, "status": status,
            "variants": {"type": "array", "minItems": 1, "items": reference("Variant")},
            "conversions": {"type": "object", "additionalProperties": count},
            "started_at": maybe(&time), "stopped_at": maybe(&time),
            "created_at": time, "updated_at": time
        })),
        "NewExperiment": object(&["name", "environment", "variants"], json!({
            "id": maybe(&id), "name": name, "environment": name, "status": maybe(&status),
            "variants": {
                "type": "array",
                "minItems": 1,
                "maxItems": crate::assign::allocation::MAX_VARIANTS,
                "items": reference("Variant"),
                "description": "Keys are unique, and the percentages sum to 100."
            }
        })),
        "Count": whole(json!({"exposures": count, "conversions": count})),
        "Results": whole(json!({
            "experiment": id, "status": status, "unit": {"const": "events"},
            "since": maybe(&time),
            "variants": {"type": "array", "items": whole(json!({
                "key": name, "percentage": {"type": "integer", "minimum": 0, "maximum": 100},
                "exposures": count, "conversions": count, "ever": reference("Count")
            }))}
        })),
        "EvaluateAll": object(&["environment", "user_key"], json!({
            "environment": name, "user_key": user_key, "count": counting,
            "flags": {
                "type": ["array", "null"], "items": {"type": "string"}, "uniqueItems": true,
                "description": "Keys of flags. All flags, if it is absent."
            }
        })),
        "Evaluate": object(&["environment", "user_key"], json!({
            "environment": name, "user_key": user_key, "count": counting
        })),
        "Evaluation": whole(json!({
            "flag": {"type": "string"}, "value": any,
            "reason": {"enum": ["split", "forced", "not_running", "no_user_key", "flag_not_found"]},
            "variant": variant_key, "experiment": maybe(&id), "counted": {"type": "boolean"}
        })),
        "Track": object(&["environment", "user_key"], json!({
            "environment": name, "user_key": user_key
        })),
        "Conversion": whole(json!({
            "flag": {"type": "string"}, "counted": {"type": "boolean"},
            "outcome": {"enum": ["counted", "forced", "not_running", "no_user_key"]},
            "variant": variant_key, "experiment": maybe(&id)
        })),
        "Error": object(&["error"], json!({
            "error": {"type": "string"},
            "retry_after": {"type": "integer", "description": "Seconds."}
        })),
        "Invalid": object(&["error", "details"], json!({
            "error": {"const": "Validation failed"},
            "details": {
                "type": "object",
                "description": "Messages by path, as in variants[1].percentage.",
                "additionalProperties": {"type": "array", "items": {"type": "string"}}
            },
            "omitted": {"type": "integer", "description": "How many more there are."}
        })),
        "Description": {"type": "object", "required": ["openapi", "paths"]}
    })
}
