//! How an answer came about, for support questions.
//!
//! * `steps`: the rules, and the gates of the running experiment, each with what it says of the
//!   user; `text`: all of it as a few lines.

pub(crate) mod steps;
mod text;

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use crate::assign::bucket::Bucket;
use crate::model::definition::Definition;
use crate::model::environment_name::EnvironmentName;
use crate::model::id::ExperimentId;
use crate::model::status::Status;
use crate::model::variant::Variant;
use crate::read::answer::{Answer, unit};
use crate::read::explanation::steps::{ExplainedGate, ExplainedRule, gates, rules};
use crate::read::place::SlotId;
use crate::read::reason::Reason;
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;
use crate::target::user::User;

/// How an answer came about. It is decided on the same path as an evaluation, and counts nothing.
///
/// Displays as a few lines of text, and serialises. It contains the user key.
///
/// # Examples
///
/// ```
/// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
///
/// let engine = Engine::new();
/// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
/// let experiment = NewExperiment::new("Hero Banner", "production")
///     .id("cd613e30-d8f1-4adf-91b7-584a2265b1f5".parse()?)
///     .variant("control", "old", 25)
///     .variant("treatment", "new", 75)
///     .status(Status::Running);
/// engine.create_experiment("hero-banner", experiment)?;
///
/// let why = engine.environment("production")?.explain("hero-banner", "user-511554");
/// assert_eq!(why.to_string(), "\
/// flag \"hero-banner\" in production answers \"new\" to \"user-511554\": split
/// experiment cd613e30-d8f1-4adf-91b7-584a2265b1f5 (Hero Banner, running) serves variant \"treatment\"
/// seed 7713bf9714842189, hash f9be164c000e97ff, bucket 97: variant \"treatment\" owns buckets 25 to 99");
/// # Ok::<(), fairsplit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The flag key.
    pub flag: String,
    /// The name of the environment.
    pub environment: String,
    /// The user key.
    pub user_key: String,
    /// The version of the configuration that answered.
    pub version: u64,
    /// Why the flag answers this.
    pub reason: Reason,
    /// The value that the flag answers; `None` if there is no such flag.
    pub value: Option<Value>,
    /// The key of the variant that is served.
    pub variant: Option<String>,
    /// The experiment whose variant is served.
    pub experiment: Option<ExperimentId>,
    /// The rules of the flag in this environment that are enabled, in the order in which they are
    /// asked. The first that answers decides.
    pub rules: Vec<ExplainedRule>,
    /// What is asked before the running experiment splits, in this order; each that refuses the
    /// user is enough. Also where something before it has decided.
    pub gates: Vec<ExplainedGate>,
    /// The user's assignment in the experiment that decided. For a forced user, it shows what would
    /// be served without forcing.
    pub assignment: Option<ExplainedAssignment>,
    /// Every experiment on the flag in this environment, in the order of creation.
    pub experiments: Vec<ExplainedExperiment>,
}

/// One step of an [`Explanation`]: from a user key to a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExplainedAssignment {
    /// The experiment's seed, 16 hexadecimal digits.
    pub seed: String,
    /// The user key's hash under that seed, 16 hexadecimal digits.
    pub hash: String,
    /// The bucket, 0 to 99.
    pub bucket: u8,
    /// The key of the variant that owns the bucket.
    pub variant: String,
    /// All buckets that this variant owns.
    pub buckets: Range<u8>,
}

/// One step of an [`Explanation`]: an experiment that could have decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExplainedExperiment {
    /// Its id.
    pub id: ExperimentId,
    /// Its display name.
    pub name: String,
    /// Its status: only a running one splits traffic.
    pub status: Status,
    /// Whether it is archived; absent in JSON if it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
}

impl Explanation {
    /// How the answer of a compiled flag comes about.
    pub(crate) fn of<'u>(
        snapshot: &Snapshot,
        slot: Option<SlotId>,
        environment: Option<&EnvironmentName>,
        flag: &str,
        user: impl Into<User<'u>>,
    ) -> Explanation {
        let user = user.into();
        let answer = Answer::decide(snapshot, slot, user.key(), user.attributes()).answer;
        let compiled = snapshot.compiled(slot);
        let state = compiled.state();
        let experiment = compiled.experiment(answer.position);
        let (rules, gates) = match compiled.guarded() {
            Some(guarded) => (rules(guarded, user), gates(guarded, user)),
            None => (Vec::new(), Vec::new()),
        };
        Explanation {
            flag: flag.to_owned(),
            environment: environment.map_or_else(String::new, String::from),
            user_key: user.key().to_owned(),
            version: snapshot.version(),
            reason: answer.reason,
            value: answer.value(snapshot).cloned(),
            variant: answer.variant(snapshot).map(|variant| variant.key().to_owned()),
            experiment: answer.experiment(snapshot),
            rules,
            gates,
            assignment: experiment.and_then(|state| assignment(&state.definition, user)),
            experiments: state
                .zip(environment)
                .map_or_else(Vec::new, |(state, environment)| experiments(state, environment)),
        }
    }
}

fn assignment(definition: &Definition, user: User<'_>) -> Option<ExplainedAssignment> {
    let assignment = definition.assignment();
    let seed = assignment.seed();
    let hash = seed.hash(unit(definition, user)?.as_str());
    let bucket = Bucket::from_hash(hash);
    let variant = assignment.allocation().variant(bucket);
    Some(ExplainedAssignment {
        seed: format!("{:016x}", seed.value()),
        hash: format!("{hash:016x}"),
        bucket: bucket.index(),
        variant: definition.terms.variants.get(variant).map(Variant::key)?.to_owned(),
        buckets: assignment.allocation().buckets(variant),
    })
}

fn experiments(state: &FlagState, environment: &EnvironmentName) -> Vec<ExplainedExperiment> {
    let definitions = state.experiments.iter().map(|experiment| &experiment.definition);
    let here = definitions.filter(|definition| definition.terms.environment == *environment);
    let explained = here.map(|definition| ExplainedExperiment {
        id: definition.id,
        name: (&*definition.terms.name).into(),
        status: definition.status,
        archived: definition.is_archived,
    });
    explained.collect()
}
