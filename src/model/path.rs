//! Places in a configuration.

use std::fmt;

/// The start of a text, short enough for an error message.
pub(crate) fn quote(text: &str) -> String {
    const LENGTH: usize = 64;
    match text.char_indices().nth(LENGTH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// A place in a configuration, built on the way down and written out only when a fault is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    pub(crate) fn item(&'a self, position: usize) -> Path<'a> {
        Path::Item(self, position)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(&quote(name)),
            Path::Field(parent, name) => write!(f, "{parent}.{}", quote(name)),
            Path::Item(parent, position) => write!(f, "{parent}[{position}]"),
        }
    }
}
