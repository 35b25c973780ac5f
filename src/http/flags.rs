//! Flags: list, create, get, change the default.

use axum::body::Body;
use axum::http::Response;

use crate::format::fields::any;
use crate::model::new_flag::NewFlag;

use super::auth::Scope;
use super::body::fields;
use super::endpoint::{Answers, Call, Endpoint, Run, Verb, created, data, flag_ref};
use super::failure::Failure;

pub(super) static ENDPOINTS: [Endpoint; 4] = [
    Endpoint {
        verb: Verb::Get,
        path: "/api/v1/flags",
        scope: Some(Scope::FlagsRead),
        run: Run::Bare(list),
        name: "listFlags",
        summary: "All flags, in the order of their creation.",
        answers: Answers::Many("Flag"),
        can_conflict: false,
    },
    Endpoint {
        verb: Verb::Post,
        path: "/api/v1/flags",
        scope: Some(Scope::FlagsWrite),
        run: Run::WithBody { schema: "NewFlag", run: create },
        name: "createFlag",
        summary: "Creates a flag.",
        answers: Answers::Created("Flag"),
        can_conflict: true,
    },
    Endpoint {
        verb: Verb::Get,
        path: "/api/v1/flags/{flag_id}",
        scope: Some(Scope::FlagsRead),
        run: Run::Bare(get),
        name: "getFlag",
        summary: "One flag.",
        answers: Answers::One("Flag"),
        can_conflict: false,
    },
    Endpoint {
        verb: Verb::Patch,
        path: "/api/v1/flags/{flag_id}",
        scope: Some(Scope::FlagsWrite),
        run: Run::WithBody { schema: "FlagChange", run: set_default },
        name: "changeFlag",
        summary: "Changes what a flag answers when no experiment decides.",
        answers: Answers::One("Flag"),
        can_conflict: false,
    },
];

fn list(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    data(call.engine().flags())
}

fn create(call: &Call<'_>, body: &str) -> Result<Response<Body>, Failure> {
    created(call.engine().create_flag(NewFlag::from_json(body)?)?)
}

fn get(call: &Call<'_>) -> Result<Response<Body>, Failure> {
    data(call.flag()?)
}

fn set_default(call: &Call<'_>, body: &str) -> Result<Response<Body>, Failure> {
    let value = fields(body, |fields, faults| fields.required("default_value", faults, any))?;
    data(call.engine().set_default(flag_ref(call.flag()?), value)?)
}
