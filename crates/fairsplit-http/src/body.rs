//! Bodies of requests: reading a type from a text, with every fault named.

use axum::body::{Bytes, HttpBody};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use fairsplit::fault::FaultKind;
use fairsplit::goals::{NewGoal, NewGoals};
use fairsplit::targeting::{NewHoldout, NewLayer, NewRule, NewSegment, NewTargeting};
use fairsplit::{ExperimentChange, FlagChange, NewExperiment, NewFlag};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::Value;

use crate::App;
use crate::failure::{Failure, Faults};

/// The body of a request, as a type. It is the last argument of a handler, and so read last.
pub(crate) struct Body<T>(pub(crate) T);

/// A type that can be read from the text of a body.
pub(crate) trait FromText: Sized {
    fn from_text(text: &str) -> Result<Self, Failure>;
}

impl<T: FromText> FromRequest<App> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Body<T>, Failure> {
        if !is_json(request.headers()) {
            return Err(Failure::NotJson);
        }
        let limit = app.limits.body;
        // A body that declares its length can be refused before it arrives.
        let least = request.body().size_hint().lower();
        if usize::try_from(least).map_or(true, |least| least > limit) {
            return Err(Failure::TooLarge { limit });
        }
        let bytes =
            Bytes::from_request(request, app).await.map_err(|rejection| match rejection {
                BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
                    Failure::TooLarge { limit }
                }
                _ => Failure::Malformed("The body ended early".to_owned()),
            })?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| Failure::Malformed(format!("The body is not UTF-8: {error}")))?;
        T::from_text(text).map(Body)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// Types that the engine reads.
macro_rules! from_json {
    ($($read:ident),*) => {$(
        impl FromText for $read {
            fn from_text(text: &str) -> Result<$read, Failure> {
                Ok($read::from_json(text)?)
            }
        }
    )*};
}

from_json!(
    NewFlag,
    FlagChange,
    NewExperiment,
    ExperimentChange,
    NewRule,
    NewSegment,
    NewLayer,
    NewHoldout,
    NewTargeting,
    NewGoal,
    NewGoals
);

/// The fields of an object.
pub(crate) fn fields<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    // The engine's reader refuses text that is not a JSON object, so that every body has the same
    // message for it. Its other faults are about fields that this body does not have.
    if let Err(error) = FlagChange::from_json(text)
        && let refusal @ Failure::Malformed(_) = error.into()
    {
        return Err(refusal);
    }
    let read = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text));
    read.map_err(|error| {
        let mut faults = Faults::default();
        faults.add(path("", error.path()), error.inner());
        faults.into()
    })
}

/// A field of an object, read even if another one is faulty; serde alone would stop at the first
/// fault.
#[derive(Default)]
pub(crate) enum Field<T> {
    #[default]
    Absent,
    Read(T),
    Faulty(serde_path_to_error::Error<serde_json::Error>),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field<T>, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(serde_path_to_error::deserialize(value).map_or_else(Field::Faulty, Field::Read))
    }
}

impl<T> Field<T> {
    pub(crate) fn required(self, name: &str, faults: &mut Faults) -> Option<T> {
        if let Field::Absent = self {
            faults.add(name.to_owned(), FaultKind::Required);
        }
        self.optional(name, faults)
    }

    pub(crate) fn optional(self, name: &str, faults: &mut Faults) -> Option<T> {
        match self {
            Field::Absent => None,
            Field::Read(value) => Some(value),
            Field::Faulty(error) => {
                faults.add(path(name, error.path()), error.inner());
                None
            }
        }
    }
}

/// A path below a field, as in `flags[1]`.
fn path(name: &str, below: &serde_path_to_error::Path) -> String {
    match below.iter().next() {
        None => name.to_owned(),
        Some(_) => format!("{name}{below}"),
    }
}
