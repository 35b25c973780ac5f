//! One fault of a configuration: where it is, what was found, and what is allowed.

use std::fmt;

use crate::assign::allocation::MAX_VARIANTS;
use crate::model::flag_type::FlagType;
use crate::model::goal::definition::MAX_DECIMALS;
use crate::model::path::Path;
use crate::model::status::Status;
use crate::model::targeting::share::Share;
use crate::target::defect::ConditionDefect;
use crate::target::operator::Operator;

/// The most characters that a name, an environment, a flag key or a variant key can have.
pub const MAX_NAME_LENGTH: usize = 255;

/// The most characters that the description of a flag or an experiment can have.
pub const MAX_DESCRIPTION_LENGTH: usize = 4096;

/// The most tags that a flag or an experiment can have.
pub const MAX_TAGS: usize = 32;

/// The deepest nesting of arrays and objects that the value of a flag or a variant can have. With
/// the document around it, the value stays below the 127 levels that `serde_json` reads.
pub const MAX_VALUE_DEPTH: usize = 100;

/// The most conditions that a rule, a segment or an audience can have.
pub const MAX_CONDITIONS: usize = 32;

/// The most rules that a flag can have in one environment.
pub const MAX_RULES: usize = 100;

/// The most segments that an engine can have.
pub const MAX_SEGMENTS: usize = 1000;

/// The most ranges of a layer that an experiment can have.
pub const MAX_RANGES: usize = 100;

/// The most goals that an engine can have.
pub const MAX_GOALS: usize = 1000;

/// The most goals that an experiment can have, those included that it has had since its first
/// start.
pub const MAX_GOALS_OF_EXPERIMENT: usize = 16;

/// One fault of a configuration: its path, and its kind.
///
/// Displays as `variants[1].percentage: must be an integer from 0 to 100, found 101`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(super) path: String,
    pub(super) kind: FaultKind,
}

impl Fault {
    pub(crate) fn new(path: &Path<'_>, kind: FaultKind) -> Fault {
        Fault { path: path.to_string(), kind }
    }

    pub(crate) fn at(path: String, kind: FaultKind) -> Fault {
        Fault { path, kind }
    }

    /// The place of the fault: fields joined by dots, positions in brackets, as in
    /// `variants[1].percentage`. Empty for the whole input.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there. Displays as the message without the path.
    #[must_use]
    pub fn kind(&self) -> &FaultKind {
        &self.kind
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        self.kind.fmt(f)
    }
}

/// What can be wrong at one place of a configuration, with what was found there.
///
/// Texts are quoted up to their first 64 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// A required field is absent.
    #[error("is required")]
    Required,
    /// A field that the format does not have; most often a misspelt one.
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
    /// A text with more characters than it may have.
    #[error("must have at most {most} characters, found {found}")]
    TextTooLong {
        /// How many it may have.
        most: usize,
        /// How many it has.
        found: usize,
    },
    /// More than [`MAX_TAGS`] tags.
    #[error("must hold at most {MAX_TAGS} tags, found {found}")]
    TooManyTags {
        /// How many there are.
        found: usize,
    },
    /// A change without a field.
    #[error("must have at least one field")]
    NoField,
    /// A value that must be unique is also in another place.
    #[error("must be unique, but {found:?} is also at {other}")]
    Duplicate {
        /// The repeated value.
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
    /// A number beyond the finite 64-bit floats. A document with one is not read at all; the values
    /// of calls have them if a crate of the build switches `arbitrary_precision` of `serde_json`
    /// on.
    #[error("must be a number that a 64-bit float holds, found {found}")]
    Float {
        /// The number as it is written.
        found: String,
    },
    /// A text that is not a UUID.
    #[error("must be a UUID, found {found:?}")]
    Id {
        /// What was found.
        found: String,
    },
    /// A text that is not an RFC 3339 timestamp, or one outside the years 0 to 9999.
    #[error("must be an RFC 3339 timestamp, found {found:?}")]
    Timestamp {
        /// What was found.
        found: String,
    },
    /// A text that is not one of the four statuses.
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
    /// A count at the last start that is larger than the count ever.
    #[error("must be at most {ever}, the count ever, found {found}")]
    AtStart {
        /// The count at the last start.
        found: u64,
        /// The count ever.
        ever: u64,
    },
    /// A count at the start of an earlier run that is larger than at the next start.
    #[error("must be at most {next}, the count at the next start, found {found}")]
    AtEarlierStart {
        /// The count at this start.
        found: u64,
        /// The count at the next start.
        next: u64,
    },
    /// An earlier run whose number is 0, or not below that of the next run.
    #[error("{}", match next {
        Some(next) => format!("must be the number of a run before run {next}, found {found}"),
        None => format!("must be the number of a run before the last, whose number is absent, found {found}"),
    })]
    EarlierRun {
        /// The number of this run.
        found: u32,
        /// The number of the next run; `None` if the last run has no number.
        next: Option<u32>,
    },
    /// A key that no variant of the experiment has.
    #[error("must be the key of a variant of this experiment, found {found:?}")]
    NoSuchVariant {
        /// The key found.
        found: String,
    },
    /// An id that no experiment of the flag has.
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
    /// A status that the experiment cannot get from the one that it has.
    #[error("must be a status that the experiment can get: it is {status}, found {wanted}")]
    StatusChange {
        /// The status that it has.
        status: Status,
        /// The status found.
        wanted: Status,
    },
    /// Something archived that is running, or has a running experiment.
    #[error("must not be true: {running} is running")]
    ArchivedRunning {
        /// What is running.
        running: String,
    },
    /// A flag that another source of documents names.
    #[error("belongs to the source {owner:?}")]
    OwnedByOther {
        /// The name of that source.
        owner: String,
    },
    /// What is wrong with a condition.
    #[error(transparent)]
    Condition(#[from] ConditionDefect),
    /// A text that is not the name of an operator.
    #[error("must be one of {}, found {found:?}", Operator::ALL.map(Operator::as_str).join(", "))]
    Operator {
        /// What was found.
        found: String,
    },
    /// A text that is not one of the two ways in which conditions are joined.
    #[error("must be all or any, found {found:?}")]
    MatchType {
        /// What was found.
        found: String,
    },
    /// A text that is not one of the types that a flag can have.
    #[error("must be boolean, string, number or json, found {found:?}")]
    FlagType {
        /// What was found.
        found: String,
    },
    /// A value that is not of its flag's type.
    #[error("must be of the type {expected}, as flag_type says")]
    ValueType {
        /// The flag's type.
        expected: FlagType,
    },
    /// A number that is not a share of users.
    #[error("must be 0 to 100 with at most three decimals, found {found}")]
    Share {
        /// What was found.
        found: String,
    },
    /// More of something than there may be.
    #[error("must hold at most {most} {what}, found {found}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// None of something of which there has to be one.
    #[error("must hold at least one {what}")]
    NoItems {
        /// What there has to be.
        what: &'static str,
    },
    /// A range that has no user.
    #[error("from must be below to")]
    EmptyRange,
    /// A range of which another one has a part.
    #[error("overlaps {other}")]
    Overlap {
        /// The path of the other range, or what it belongs to.
        other: String,
    },
    /// An id that nothing of this kind has.
    #[error("must be the id of a {what}, found {found}")]
    NoSuch {
        /// What the id is to be of.
        what: &'static str,
        /// The id found.
        found: String,
    },
    /// A segment, layer or holdout that has faults itself.
    #[error("depends on a {what} with faults: {found}")]
    Faulty {
        /// What has faults.
        what: &'static str,
        /// Its id; of a holdout, which flags do not name, its path.
        found: String,
    },
    /// An experiment whose unit is not that of its layer, or of a holdout that binds it.
    #[error("must be {expected}, the unit of {of}")]
    Unit {
        /// The unit that it has to be.
        expected: String,
        /// What has that unit.
        of: String,
    },
    /// A rule with a percentage, whose id decides whom it picks.
    #[error("is required for a rule with a percentage")]
    IdForPercentage,
    /// Targeting that differs from what the experiment was started with.
    #[error("must stay as it is: experiment {id} has been started")]
    TargetingFixed {
        /// The experiment's id.
        id: String,
    },
    /// A coverage below the one that the experiment has already had.
    #[error("must not shrink: it was {was}")]
    CoverageShrinks {
        /// The coverage that it had.
        was: Share,
    },
    /// A holdout that already binds an experiment.
    #[error("must stay as it is: it binds experiment {experiment}, which has been started")]
    HoldoutFixed {
        /// The id of an experiment that it binds.
        experiment: String,
    },
    /// A key that no goal has.
    #[error("must be the key of a goal, found {found:?}")]
    NoSuchGoal {
        /// The key found.
        found: String,
    },
    /// A text that is not one of the two kinds of goals.
    #[error("must be event or value, found {found:?}")]
    GoalKind {
        /// What was found.
        found: String,
    },
    /// A text that is not one of the two directions of a goal.
    #[error("must be higher or lower, found {found:?}")]
    Better {
        /// What was found.
        found: String,
    },
    /// A key with a line break or another control character.
    #[error("must not have control characters")]
    ControlCharacter,
    /// More decimals than the values of a goal can have.
    #[error("must be an integer from 0 to {MAX_DECIMALS}, found {found}")]
    Decimals {
        /// What was found.
        found: u64,
    },
    /// A cap that is not above 0.
    #[error("must be a number above 0, found {found}")]
    Cap {
        /// What was found.
        found: String,
    },
    /// A cap of a goal whose events have no values.
    #[error("must not be given: the events of goal {goal:?} have no values")]
    CapWithoutValues {
        /// The goal's key.
        goal: String,
    },
    /// The margin of a guardrail that is no part of a mean.
    #[error("must be a number from 0 to 1, found {found}")]
    Margin {
        /// What was found.
        found: String,
    },
    /// A goal that an experiment has in two places.
    #[error("must be another goal: {goal:?} is also at {other}")]
    RepeatedGoal {
        /// The goal's key.
        goal: String,
        /// The path of the other place.
        other: String,
    },
    /// Counts of a goal that their experiment neither has nor has had.
    #[error("must be of a goal that the experiment has or has had, found {found:?}")]
    CountsWithoutGoal {
        /// The key found.
        found: String,
    },
    /// What a started experiment is decided by.
    #[error("must stay as it is: experiment {id} has been started")]
    GoalsFixed {
        /// The experiment's id.
        id: String,
    },
    /// A goal that a started experiment counts, or has counted.
    #[error("must stay as it is: experiment {experiment}, which has been started, counts it")]
    GoalFixed {
        /// The experiment's id.
        experiment: String,
    },
    /// A document, or a flag of it, that needs a newer release.
    #[error("needs level {needs}, and this release knows {known}")]
    Needs {
        /// What it needs.
        needs: u64,
        /// What this release knows.
        known: u64,
    },
    /// A field of targeting that this release does not know: what it says might be who is not
    /// meant.
    #[error("is not a known field of targeting")]
    UnknownTargeting,
    /// A field that says who is meant, in an object that has no such field: ignored, the flag would
    /// mean everybody.
    #[error("is a field of targeting, and has no place here")]
    MisplacedTargeting,
    /// An experiment that the engine already knows with other variants.
    #[error(
        "must be the variants that experiment {id} already has; a new split is a new experiment"
    )]
    VariantsChanged {
        /// The experiment's id.
        id: String,
    },
    /// An experiment that the engine already knows in another environment.
    #[error("must be {expected:?}, the environment that experiment {id} already has")]
    EnvironmentChanged {
        /// The experiment's id.
        id: String,
        /// The environment that it has.
        expected: String,
    },
    /// An experiment for which a durable engine's directory has counters of other variants, or of
    /// another environment.
    #[error(
        "must be the variants and the environment for which experiment {id} has counted; \
         a new split is a new experiment"
    )]
    CountsForOthers {
        /// The experiment's id.
        id: String,
    },
}
