//! What a request is refused with, and how that is told.

use axum::body::Body;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::model::error::{Error, LoadError};
use crate::model::fault::{Fault, FaultKind};
use crate::model::faults::ValidationError;

use super::answer::json;

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Failure {
    /// No JSON, or JSON of the wrong type at the top.
    Malformed(String),
    /// No token, or none that is known.
    Unauthorized,
    /// A known token without the scope.
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// The body did not arrive in time.
    TimedOut,
    /// The state forbids it, and the text names the state.
    Conflict(String),
    TooLarge {
        limit: usize,
    },
    NotJson,
    /// Every rule that the request breaks.
    Invalid(ValidationError),
    Internal,
    /// The change could not be stored, and has not been made.
    NotStored,
    Overloaded,
}

/// How long a client should wait before it tries again what was refused for load, in seconds.
const RETRY_SECONDS: u16 = 1;

#[derive(Serialize)]
struct Told<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
    /// How many faults are not among the details.
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u16>,
}

/// Messages by path, in the order in which the paths were first met.
struct Details<'a>(&'a [Fault]);

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut by_path: Vec<(&str, Vec<String>)> = Vec::new();
        let mut places: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
        for fault in self.0 {
            let at = *places.entry(fault.path()).or_insert(by_path.len());
            let message = fault.kind().to_string();
            match by_path.get_mut(at) {
                Some((_, messages)) => messages.push(message),
                None => by_path.push((fault.path(), vec![message])),
            }
        }
        let mut map = serializer.serialize_map(Some(by_path.len()))?;
        for (path, messages) in by_path {
            map.serialize_entry(path, &messages)?;
        }
        map.end()
    }
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Failure::Malformed(_) => StatusCode::BAD_REQUEST,
            Failure::Unauthorized => StatusCode::UNAUTHORIZED,
            Failure::Forbidden => StatusCode::FORBIDDEN,
            Failure::NotFound => StatusCode::NOT_FOUND,
            Failure::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Failure::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Failure::Conflict(_) => StatusCode::CONFLICT,
            Failure::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Failure::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Failure::Internal | Failure::NotStored => StatusCode::INTERNAL_SERVER_ERROR,
            Failure::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let status = self.status();
        let mut told = Told { error: "", details: None, omitted: None, retry_after: None };
        let too_large;
        told.error = match &self {
            Failure::Malformed(text) | Failure::Conflict(text) => text,
            Failure::Unauthorized => "Invalid or missing API key",
            Failure::Forbidden => "Insufficient scope",
            Failure::NotFound => "Not found",
            Failure::MethodNotAllowed => "Method not allowed",
            Failure::TimedOut => "The request took too long to arrive",
            Failure::TooLarge { limit } => {
                too_large = format!("The body must have at most {limit} bytes");
                &too_large
            }
            Failure::NotJson => "The Content-Type must be application/json",
            Failure::Invalid(invalid) => {
                told.details = Some(Details(invalid.faults()));
                told.omitted = Some(invalid.omitted()).filter(|omitted| *omitted > 0);
                "Validation failed"
            }
            Failure::Internal => "Internal error",
            Failure::NotStored => "The change could not be stored, and has not been made",
            Failure::Overloaded => {
                told.retry_after = Some(RETRY_SECONDS);
                "Too many requests at once"
            }
        };
        let mut response = json(status, &told);
        match &self {
            Failure::Unauthorized | Failure::Forbidden => {
                let challenge = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            Failure::Overloaded => {
                response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS.into());
            }
            _ => {}
        }
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Invalid(invalid) => Failure::Invalid(invalid),
            Error::FlagNotFound { .. } | Error::ExperimentNotFound { .. } => Failure::NotFound,
            Error::FlagKeyTaken { .. }
            | Error::FlagIdTaken { .. }
            | Error::ExperimentIdTaken { .. }
            | Error::Transition { .. }
            | Error::AlreadyRunning { .. }
            | Error::VariantNotFound { .. }
            | Error::NoUserKey => Failure::Conflict(sentence(&error.to_string())),
            Error::File(_) => Failure::NotStored,
            Error::IdRequired => Failure::Internal,
        }
    }
}

impl From<ValidationError> for Failure {
    fn from(invalid: ValidationError) -> Failure {
        match invalid.faults() {
            // A type without a path is that of the whole body.
            [fault]
                if fault.path().is_empty() && matches!(fault.kind(), FaultKind::Type { .. }) =>
            {
                Failure::Malformed(format!("The body {}", fault.kind()))
            }
            _ => Failure::Invalid(invalid),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        match error {
            LoadError::Syntax(syntax) => Failure::Malformed(format!("The body is {syntax}")),
            LoadError::Invalid(invalid) => invalid.into(),
            LoadError::File(_) => Failure::NotStored,
        }
    }
}

/// The text with a capital, as the API's own messages have one.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
