//! The body of a request: how it arrives, and how it is read.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;

use crate::format::fields::{Fields, strictly, string};
use crate::format::node::Node;
use crate::model::environment::Environment;
use crate::model::error::LoadError;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::validation::fault_in_name;

use super::answer::JSON;
use super::failure::Failure;
use super::limits::Limits;

/// Refuses what cannot be read whatever the body is, before any of it has arrived.
pub(super) fn check_head(head: &Parts, limits: &Limits) -> Result<(), Failure> {
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case(JSON) {
        return Err(Failure::NotJson);
    }
    let length = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if usize::try_from(length).map_or(true, |length| length > limits.body) => {
            Err(Failure::TooLarge { limit: limits.body })
        }
        _ => Ok(()),
    }
}

/// Waits for all of a body, within the limits.
pub(super) async fn receive(body: Body, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let all = tokio::time::timeout(limits.time, collect(body, limits.body));
    all.await.unwrap_or(Err(Failure::TimedOut))
}

async fn collect(mut body: Body, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| Failure::Malformed("The body ended early".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > limit {
            return Err(Failure::TooLarge { limit });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The text of a body.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| {
        let sound = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = sound.split(|byte| *byte == b'\n').count();
        let column = sound.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
        let column = column.saturating_add(1);
        Failure::Malformed(format!(
            "The body is no JSON at line {line}, column {column}: invalid UTF-8"
        ))
    })
}

/// What `read` makes of the fields of a body. All that is wrong with them is told at once.
pub(super) fn fields<T>(
    text: &str,
    read: impl FnOnce(&mut Fields<'_, '_>, &mut Faults) -> Option<T>,
) -> Result<T, Failure> {
    let node = Node::parse(text).map_err(LoadError::from)?;
    let read = strictly(|faults| {
        let mut fields = Fields::open(node, &Path::Root, faults)?;
        let value = read(&mut fields, faults);
        fields.close(faults);
        value
    });
    Ok(read?)
}

/// A field that names an environment.
pub(super) fn environment(
    node: Node<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Environment> {
    let name = string(node, path, faults)?;
    if let Some(kind) = fault_in_name(&name) {
        faults.add(path, kind);
    }
    Environment::new(&name).ok()
}

/// A field that is `true` or `false`.
pub(super) fn boolean(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<bool> {
    match node {
        Node::Bool(value) => Some(value),
        node => {
            let kind = FaultKind::Type { expected: "true or false", found: node.describe() };
            faults.add(path, kind);
            None
        }
    }
}
