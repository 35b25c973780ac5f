//! Parts of error messages: the name of a flag, and a place within its value.

use std::fmt;

/// The start of a text, short enough for a message.
pub(crate) fn shortened(text: &str) -> String {
    const LENGTH: usize = 64;
    match text.char_indices().nth(LENGTH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// A place within a value, built on the way down and formatted only for an error.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Place::Root => Ok(()),
            Place::Field(Place::Root, name) => f.write_str(&shortened(name)),
            Place::Field(parent, name) => write!(f, "{parent}.{}", shortened(name)),
            Place::Item(parent, position) => write!(f, "{parent}[{position}]"),
        }
    }
}
