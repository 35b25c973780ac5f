//! How an answer came about, for support questions.

use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use crate::assign::bucket::Bucket;
use crate::model::definition::Definition;
use crate::model::environment_name::EnvironmentName;
use crate::model::id::ExperimentId;
use crate::model::status::Status;
use crate::model::variant::Variant;
use crate::read::answer::Answer;
use crate::read::place::SlotId;
use crate::read::reason::Reason;
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;

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
    pub(crate) fn of(
        snapshot: &Snapshot,
        slot: Option<SlotId>,
        environment: Option<&EnvironmentName>,
        flag: &str,
        user_key: &str,
    ) -> Explanation {
        let (answer, _) = Answer::decide(snapshot, slot, user_key);
        let compiled = snapshot.compiled(slot);
        let state = compiled.state();
        let experiment = compiled.experiment(answer.position);
        Explanation {
            flag: flag.to_owned(),
            environment: environment.map_or_else(String::new, String::from),
            user_key: user_key.to_owned(),
            version: snapshot.version(),
            reason: answer.reason,
            value: answer.value(snapshot).cloned(),
            variant: answer.variant(snapshot).map(|variant| variant.key().to_owned()),
            experiment: answer.experiment(snapshot),
            assignment: experiment
                .and_then(|experiment| assignment(&experiment.definition, user_key)),
            experiments: state
                .zip(environment)
                .map_or_else(Vec::new, |(state, environment)| experiments(state, environment)),
        }
    }
}

fn assignment(definition: &Definition, user_key: &str) -> Option<ExplainedAssignment> {
    let assignment = definition.assignment();
    let seed = assignment.seed();
    let hash = seed.hash(user_key);
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

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flag {:?} in {} answers ", self.flag, self.environment)?;
        match &self.value {
            Some(value) => write!(f, "{value}")?,
            None => f.write_str("nothing")?,
        }
        write!(f, " to {:?}: {}", self.user_key, self.reason)?;
        for ExplainedExperiment { id, name, status, archived } in &self.experiments {
            let archived = if *archived { ", archived" } else { "" };
            write!(f, "\nexperiment {id} ({name}, {status}{archived})")?;
            match &self.variant {
                Some(variant) if self.experiment == Some(*id) => {
                    write!(f, " serves variant {variant:?}")?;
                }
                _ => f.write_str(" serves nothing here")?,
            }
        }
        if let Some(ExplainedAssignment { seed, hash, bucket, variant, buckets }) = &self.assignment
        {
            let last = buckets.end.saturating_sub(1);
            write!(f, "\nseed {seed}, hash {hash}, bucket {bucket}: ")?;
            write!(f, "variant {variant:?} owns buckets {} to {last}", buckets.start)?;
        }
        Ok(())
    }
}
