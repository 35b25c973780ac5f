//! What can be wrong with a configuration: where, what was found, and what is allowed.

use std::fmt;

use crate::assign::allocation::MAX_VARIANTS;

/// The most characters that a name, an environment, a flag key or a variant key can have.
pub const MAX_NAME_LENGTH: usize = 255;

/// The most arrays and objects within each other that the value of a flag or a variant can have:
/// with the document around it, it stays below the 127 levels that `serde_json` reads.
pub const MAX_VALUE_DEPTH: usize = 100;

/// The most faults that are kept of what was given; of more, the number is told. A text of a few
/// megabytes can have a fault in every byte.
const MAX_FAULTS: usize = 1000;

/// One thing that is wrong with a configuration: a path and the rule that is broken there.
///
/// Displays as `variants[1].percentage: must be an integer from 0 to 100, found 101`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    path: String,
    rule: Rule,
}

impl Fault {
    pub(crate) fn new(path: &Path<'_>, rule: Rule) -> Fault {
        Fault { path: path.to_string(), rule }
    }

    /// Where: fields joined by dots, positions in brackets, as in `variants[1].percentage`. Empty
    /// for the whole of what was given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The rule that is broken; it displays as the message without the path.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.rule
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.rule.fmt(f)
    }
}

/// A rule that a configuration can break, with what was found.
///
/// What was found is quoted up to its first 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// A required field is absent.
    #[error("is required")]
    Required,
    /// A field that nothing here reads; most often a misspelt one.
    #[error("is not a known field")]
    UnknownField,
    /// A JSON object gives one field twice.
    #[error("is given more than once")]
    RepeatedField,
    /// A value of the wrong JSON type.
    #[error("must be {expected}, found {found}")]
    Type {
        /// What is allowed.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A name that is empty or all white space.
    #[error("must not be blank")]
    Blank,
    /// A name of more than [`MAX_NAME_LENGTH`] characters.
    #[error("must have at most {MAX_NAME_LENGTH} characters, found {found}")]
    TooLong {
        /// How many characters it has.
        found: usize,
    },
    /// Something that must be unique is also elsewhere.
    #[error("must be unique, but {found:?} is also at {other}")]
    Duplicate {
        /// The value that is there twice.
        found: String,
        /// The path of another place that has it.
        other: String,
    },
    /// No variants at all.
    #[error("must hold at least one variant")]
    NoVariants,
    /// More than [`MAX_VARIANTS`] variants.
    #[error("must hold at most {MAX_VARIANTS} variants, found {found}")]
    TooManyVariants {
        /// How many there are.
        found: usize,
    },
    /// A percentage outside 0 to 100.
    #[error("must be an integer from 0 to 100, found {found}")]
    Percentage {
        /// The percentage found.
        found: i64,
    },
    /// Percentages that do not sum to 100.
    #[error("percentages must sum to 100, found {found}")]
    Sum {
        /// What they sum to.
        found: i128,
    },
    /// A value nested deeper than [`MAX_VALUE_DEPTH`].
    #[error("must not be nested deeper than {MAX_VALUE_DEPTH} levels")]
    TooDeep,
    /// An integer that neither an `i64` nor a `u64` holds, and that would lose digits.
    #[error("must be an integer that 64 bits hold, found {found}")]
    Integer {
        /// The integer as it is written.
        found: String,
    },
    /// No UUID.
    #[error("must be a UUID, found {found:?}")]
    Id {
        /// What was found.
        found: String,
    },
    /// No RFC 3339 timestamp, or one outside the years 0 to 9999.
    #[error("must be an RFC 3339 timestamp, found {found:?}")]
    Timestamp {
        /// What was found.
        found: String,
    },
    /// None of the four statuses.
    #[error("must be draft, running, stopped or completed, found {found:?}")]
    Status {
        /// What was found.
        found: String,
    },
    /// A format version that this release does not read.
    #[error("must be 1, the format version that this release reads, found {found}")]
    FormatVersion {
        /// The version found.
        found: String,
    },
    /// A count at the last start that is more than the count ever.
    #[error("must be at most {ever}, the count ever, found {found}")]
    AtStart {
        /// The count at the last start.
        found: u64,
        /// The count ever.
        ever: u64,
    },
    /// The key of no variant of the experiment.
    #[error("must be the key of a variant of this experiment, found {found:?}")]
    NoSuchVariant {
        /// The key found.
        found: String,
    },
    /// The id of no experiment of the flag.
    #[error("must be the id of an experiment of this flag, found {found:?}")]
    NoSuchExperiment {
        /// The id found.
        found: String,
    },
    /// Two running experiments of one flag in one environment.
    #[error("is a second running experiment of its flag in {environment:?}, beside {other}")]
    SecondRunning {
        /// The environment that both run in.
        environment: String,
        /// The path of the other one.
        other: String,
    },
    /// An experiment that the engine has already met with other variants.
    #[error(
        "must be the variants that experiment {id} already has; a new split is a new experiment"
    )]
    VariantsChanged {
        /// The experiment's id.
        id: String,
    },
    /// An experiment that the engine has already met in another environment.
    #[error("must be {expected:?}, the environment that experiment {id} already has")]
    EnvironmentChanged {
        /// The experiment's id.
        id: String,
        /// The environment that it has.
        expected: String,
    },
    /// An experiment that a durable engine has counters of, from before it was opened, for other
    /// variants or another environment.
    #[error(
        "must be the variants and the environment for which experiment {id} has counted; \
         a new split is a new experiment"
    )]
    CountsForOthers {
        /// The experiment's id.
        id: String,
    },
}

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

/// What a reading has found wrong so far.
///
/// Unknown fields are kept apart: they refuse what is read strictly, but are only reported where a
/// newer server may send more than this release knows.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    faults: Vec<Fault>,
    unknown_fields: Vec<Fault>,
    omitted: usize,
}

impl Findings {
    pub(crate) fn fault(&mut self, path: &Path<'_>, rule: Rule) {
        self.push(|| Fault::new(path, rule), |this| &mut this.faults);
    }

    pub(crate) fn fault_at(&mut self, path: String, rule: Rule) {
        self.push(|| Fault { path, rule }, |this| &mut this.faults);
    }

    pub(crate) fn unknown_field(&mut self, path: &Path<'_>) {
        let fault = || Fault::new(path, Rule::UnknownField);
        self.push(fault, |this| &mut this.unknown_fields);
    }

    fn push(&mut self, fault: impl FnOnce() -> Fault, list: fn(&mut Self) -> &mut Vec<Fault>) {
        let list = list(self);
        if list.len() < MAX_FAULTS {
            list.push(fault());
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }

    pub(crate) fn append(&mut self, other: Findings) {
        for fault in other.faults {
            self.push(|| fault, |this| &mut this.faults);
        }
        for fault in other.unknown_fields {
            self.push(|| fault, |this| &mut this.unknown_fields);
        }
        self.omitted = self.omitted.saturating_add(other.omitted);
    }

    pub(crate) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    pub(crate) fn take_unknown_fields(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.unknown_fields)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty() && self.unknown_fields.is_empty()
    }

    /// `Ok` if nothing is wrong, unknown fields included.
    pub(crate) fn into_result(self) -> Result<(), ValidationError> {
        if self.is_empty() { Ok(()) } else { Err(self.into_error()) }
    }

    /// All that is wrong, unknown fields included.
    pub(crate) fn into_error(mut self) -> ValidationError {
        self.faults.append(&mut self.unknown_fields);
        ValidationError { faults: self.faults, omitted: self.omitted }
    }
}

/// Every fault of what was given: at least one. Displays on one line; the alternate form, `{:#}`, has
/// a line for each. Beyond the first thousand, the number is told.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, Error, NewExperiment, NewFlag};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let lopsided = NewExperiment::new("", "production")
///     .variant("control", "old", 50)
///     .variant("treatment", "new", 101);
/// let Err(Error::Invalid(invalid)) = engine.create_experiment("hero-banner", lopsided) else {
///     panic!("a blank name and 151 per cent");
/// };
/// let faults: Vec<String> = invalid.faults().iter().map(ToString::to_string).collect();
/// assert_eq!(faults, [
///     "name: must not be blank",
///     "variants[1].percentage: must be an integer from 0 to 100, found 101",
///     "variants: percentages must sum to 100, found 151",
/// ]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    faults: Vec<Fault>,
    omitted: usize,
}

impl ValidationError {
    /// The faults, in the order in which they were found.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// How many more there are.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl From<Fault> for ValidationError {
    fn from(fault: Fault) -> ValidationError {
        ValidationError { faults: vec![fault], omitted: 0 }
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if f.alternate() { "\n" } else { "; " };
        for (position, fault) in self.faults.iter().enumerate() {
            if position > 0 {
                f.write_str(separator)?;
            }
            fault.fmt(f)?;
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "{separator}and {more} more"),
        }
    }
}

impl std::error::Error for ValidationError {}

/// Text that is no JSON: where reading stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no JSON at line {line}, column {column}: {message}")]
pub struct SyntaxError {
    line: usize,
    column: usize,
    message: String,
}

impl SyntaxError {
    pub(crate) fn new(error: &serde_json::Error) -> SyntaxError {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        SyntaxError { line, column, message }
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from 1, in bytes; 0 if the line is empty.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}
