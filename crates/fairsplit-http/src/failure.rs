//! Refusals: the reason, and the response that states it.

use std::collections::HashMap;
use std::fmt::Display;

use axum::Extension;
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use fairsplit::error::{ControlError, LoadError, ValidationError};
use fairsplit::fault::FaultKind;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::answer::json;
use crate::requests::Unrouted;

/// Why a request is refused.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not JSON, or JSON of the wrong type at the top.
    Malformed(String),
    /// No token, or an unknown one.
    Unauthorized,
    /// A known token without the scope.
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// The body did not arrive in time.
    TimedOut,
    /// The state forbids the operation; the text names the state.
    Conflict(String),
    TooLarge {
        limit: usize,
    },
    NotJson,
    /// The request breaks rules; every fault is named.
    Invalid(Faults),
    Internal,
    /// The change could not be stored, and was not made.
    NotStored,
    /// The changes that are kept could not be read.
    NotRead,
    /// The directory does not store; the text names the file.
    NotReady(String),
    Overloaded,
}

/// How long a client that was refused for load should wait before it retries, in seconds.
const RETRY_SECONDS: u16 = 1;

/// The most messages in a response, as in the engine's own errors: a short body can have a fault in
/// every byte.
const MAX_FAULTS: usize = 1000;

/// All faults of a body: messages by path, the paths in the order of their first fault.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    by_path: Vec<(String, Vec<String>)>,
    places: HashMap<String, usize>,
    named: usize,
    /// The number of further faults.
    omitted: usize,
}

impl Faults {
    /// A single fault.
    pub(crate) fn of(path: &str, message: impl Display) -> Faults {
        let mut faults = Faults::default();
        faults.add(path.to_owned(), message);
        faults
    }

    pub(crate) fn add(&mut self, path: String, message: impl Display) {
        if self.named == MAX_FAULTS {
            self.omitted = self.omitted.saturating_add(1);
            return;
        }
        self.named = self.named.saturating_add(1);
        let at = *self.places.entry(path.clone()).or_insert(self.by_path.len());
        let message = message.to_string();
        match self.by_path.get_mut(at) {
            Some((_, messages)) => messages.push(message),
            None => self.by_path.push((path, vec![message])),
        }
    }

    /// Returns what was read, unless there is a fault.
    pub(crate) fn or<T>(self, read: Option<T>) -> Result<T, Failure> {
        match read {
            Some(read) if self.by_path.is_empty() => Ok(read),
            _ => Err(self.into()),
        }
    }
}

impl Serialize for Faults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.by_path.len()))?;
        for (path, messages) in &self.by_path {
            map.serialize_entry(path, messages)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Refusal<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Faults>,
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u16>,
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
            Failure::Internal | Failure::NotStored | Failure::NotRead => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Failure::NotReady(_) | Failure::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut refusal = Refusal { error: "", details: None, omitted: None, retry_after: None };
        let too_large;
        refusal.error = match &self {
            Failure::Malformed(text) | Failure::Conflict(text) | Failure::NotReady(text) => text,
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
            Failure::Invalid(faults) => {
                refusal.details = Some(faults);
                refusal.omitted = Some(faults.omitted).filter(|omitted| *omitted > 0);
                "Validation failed"
            }
            Failure::Internal => "Internal error",
            Failure::NotStored => "The change could not be stored, and has not been made",
            Failure::NotRead => "The list of changes could not be read",
            Failure::Overloaded => {
                refusal.retry_after = Some(RETRY_SECONDS);
                "Too many requests at once"
            }
        };
        let response = json(self.status(), &refusal);
        match &self {
            Failure::Unauthorized | Failure::Forbidden => {
                let challenge = HeaderValue::from_static("Bearer");
                ([(WWW_AUTHENTICATE, challenge)], response).into_response()
            }
            Failure::Overloaded => {
                ([(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS))], response).into_response()
            }
            Failure::MethodNotAllowed => (Extension(Unrouted), response).into_response(),
            _ => response,
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Failure {
        match error {
            ControlError::Invalid(invalid) => invalid.into(),
            ControlError::FlagNotFound { .. }
            | ControlError::ExperimentNotFound { .. }
            | ControlError::RuleNotFound { .. }
            | ControlError::SegmentNotFound { .. }
            | ControlError::LayerNotFound { .. }
            | ControlError::HoldoutNotFound { .. }
            | ControlError::GoalNotFound { .. } => Failure::NotFound,
            ControlError::FlagKeyTaken { .. }
            | ControlError::FlagIdTaken { .. }
            | ControlError::ExperimentIdTaken { .. }
            | ControlError::RuleIdTaken { .. }
            | ControlError::SegmentIdTaken { .. }
            | ControlError::LayerIdTaken { .. }
            | ControlError::HoldoutIdTaken { .. }
            | ControlError::GoalKeyTaken { .. }
            | ControlError::GoalInUse { .. }
            | ControlError::Transition { .. }
            | ControlError::AlreadyRunning { .. }
            | ControlError::LayerTaken { .. }
            | ControlError::SegmentInUse { .. }
            | ControlError::LayerInUse { .. }
            | ControlError::HoldoutInUse { .. }
            | ControlError::DeletesRunning { .. }
            | ControlError::FlagHasRunning { .. }
            | ControlError::ArchivesRunning { .. }
            | ControlError::ArchivesFlagWithRunning { .. }
            | ControlError::StartsArchived { .. }
            | ControlError::StartsOnArchived { .. }
            | ControlError::CreatesOnArchived { .. } => {
                Failure::Conflict(sentence(&error.to_string()))
            }
            ControlError::VariantNotFound { variant, .. } => {
                let mut faults = Faults::default();
                faults.add("variant".to_owned(), FaultKind::NoSuchVariant { found: variant });
                faults.into()
            }
            ControlError::NotCommitted(_) => Failure::NotStored,
            // No operation of the API causes any other error.
            _ => Failure::Internal,
        }
    }
}

impl From<ValidationError> for Failure {
    fn from(invalid: ValidationError) -> Failure {
        match invalid.faults() {
            // A wrong type without a path is the type of the whole body.
            [fault]
                if fault.path().is_empty() && matches!(fault.kind(), FaultKind::Type { .. }) =>
            {
                Failure::Malformed(format!("The body {}", fault.kind()))
            }
            all => {
                let mut faults = Faults { omitted: invalid.omitted(), ..Faults::default() };
                for fault in all {
                    faults.add(fault.path().to_owned(), fault.kind());
                }
                faults.into()
            }
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Failure {
        Failure::Invalid(faults)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        match error {
            LoadError::Syntax(syntax) => Failure::Malformed(format!("The body is {syntax}")),
            LoadError::Invalid(invalid) => invalid.into(),
            LoadError::NotCommitted(_) => Failure::NotStored,
            _ => Failure::Internal,
        }
    }
}

/// The text with a capital, as in the API's own messages.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
