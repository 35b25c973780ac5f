//! Who asks for a change.

use std::fmt;

use serde::Serialize;

/// Who asked for a change: recorded with it, and shown in the list of
/// [changes](crate::Engine::changes).
///
/// Displays as `service`, `token "ci"` or `document "document"`.
///
/// # Examples
///
/// ```
/// use fairsplit::changes::Actor;
///
/// assert_eq!(Actor::token("ci").to_string(), "token \"ci\"");
/// assert_eq!(Actor::Service.to_string(), "service");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// The service that links the engine: a call that names no other actor.
    #[default]
    Service,
    /// A person or a program, known by the comment of its token.
    Token(String),
    /// A document, known by the name of its source.
    Document(String),
}

impl Actor {
    /// The actor of a token with this comment.
    pub fn token(comment: impl Into<String>) -> Actor {
        Actor::Token(comment.into())
    }

    /// The actor of a source of documents.
    pub fn document(source: impl Into<String>) -> Actor {
        Actor::Document(source.into())
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Quoted, so that no name can look like another actor, or like a line of a log.
        match self {
            Actor::Service => f.write_str("service"),
            Actor::Token(name) => write!(f, "token {name:?}"),
            Actor::Document(name) => write!(f, "document {name:?}"),
        }
    }
}
