//! The experiment of a test, and an id that assigns every user as the test requires.

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::assign::allocation::Allocation;
use crate::assign::bucket::{Bucket, Seed};
use crate::model::id::{ExperimentId, FlagId};
use crate::model::new_experiment::NewExperiment;
use crate::model::status::Status;

/// The number of ids to try: enough for about 18 users in two variants, and a few seconds in an
/// unoptimised build.
const TRIES: u64 = 1 << 22;

/// An experiment as a test requires it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) flag: String,
    variants: Vec<(String, Value)>,
    /// User keys, each with the position of its variant.
    users: Vec<(String, usize)>,
    /// The position of the variant that every user is in.
    everyone: Option<usize>,
}

impl Plan {
    pub(super) fn new(flag: String, variants: Vec<(String, Value)>) -> Plan {
        Plan { flag, variants, users: Vec::new(), everyone: None }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().map(|(key, _)| key.as_str())
    }

    /// The value of the first variant: the flag's default, unless the test sets one.
    pub(super) fn first_value(&self) -> Value {
        self.variants.first().map_or(Value::Null, |(_, value)| value.clone())
    }

    pub(super) fn position(&self, variant: &str) -> Option<usize> {
        self.keys().position(|key| key == variant)
    }

    pub(super) fn assign(&mut self, user_key: &str, variant: usize) {
        self.users.retain(|(known, _)| known != user_key);
        self.users.push((user_key.to_owned(), variant));
    }

    pub(super) fn assign_everyone(&mut self, variant: usize) {
        self.everyone = Some(variant);
    }

    /// The experiment, running, under an id that is the same in every run.
    ///
    /// Assignment is the real one: the id decides the split, so this searches for the first id that
    /// assigns the users as required.
    pub(super) fn experiment(&self, environment: &str) -> Result<NewExperiment, String> {
        let percentages = self.percentages();
        let id = self.id(&percentages)?;
        let name = format!("test of {}", self.flag);
        let new = NewExperiment::new(name, environment).id(id).status(Status::Running);
        let variants = self.variants.iter().zip(percentages);
        Ok(variants.fold(new, |new, ((key, value), percentage)| {
            new.variant(key, value.clone(), percentage)
        }))
    }

    fn id(&self, percentages: &[u8]) -> Result<ExperimentId, String> {
        if let Some(everyone) = self.everyone
            && let Some((user, other)) = self.users.iter().find(|(_, at)| *at != everyone)
        {
            let [other, everyone] = [*other, everyone].map(|at| self.keys().nth(at).unwrap_or(""));
            return Err(format!(
                "{user:?} cannot be in {other:?} of {:?}: everyone is in {everyone:?}",
                self.flag
            ));
        }
        let allocation = Allocation::of(percentages.iter().copied());
        let fits = |id: &ExperimentId| {
            let seed = Seed::from_id(id.to_bytes());
            let variant = |user: &str| allocation.variant(Bucket::from_hash(seed.hash(user)));
            self.users.iter().all(|(user, expected)| variant(user) == *expected)
        };
        let mut ids = (0..TRIES).map(|number| ExperimentId::from_bytes(id(&self.flag, number)));
        ids.find(fits).ok_or_else(|| {
            format!(
                "no id found that puts these {} users of {:?} where they should be: assign fewer, or \
                 take them from users_in",
                self.users.len(),
                self.flag
            )
        })
    }

    /// An even split in whole percentages, or 100 % for one variant.
    fn percentages(&self) -> Vec<u8> {
        let count = self.variants.len();
        let all = usize::from(Bucket::COUNT);
        let share = all.checked_div(count).unwrap_or(0);
        let rest = all.checked_rem(count).unwrap_or(0);
        let percentage = |at: usize| match self.everyone {
            Some(everyone) if everyone == at => all,
            Some(_) => 0,
            None => share.saturating_add(usize::from(at < rest)),
        };
        (0..count).map(|at| u8::try_from(percentage(at)).unwrap_or(0)).collect()
    }
}

/// The id of a flag in tests: the same in every run.
pub(super) fn flag_id(key: &str) -> FlagId {
    FlagId::from_bytes(id(key, u64::MAX))
}

fn id(flag: &str, number: u64) -> [u8; 16] {
    let flag = u128::from(xxh3_64(flag.as_bytes()));
    ((flag << 64) | u128::from(number)).to_be_bytes()
}
