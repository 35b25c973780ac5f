//! The experiment of a test, and an id that assigns every user as the test requires.

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::assign::allocation::Allocation;
use crate::assign::bucket::{Bucket, Seed};
use crate::assign::slot::{Gate, GateSeed};
use crate::model::goal::of_experiment::NewGoals;
use crate::model::id::{ExperimentId, FlagId, RuleId};
use crate::model::new_experiment::NewExperiment;
use crate::model::status::Status;
use crate::model::targeting::experiment_targeting::NewTargeting;
use crate::model::targeting::share::Share;
use crate::target::user::User;
use crate::target::user_key::Unit;

/// The number of ids to try: enough for about 18 users in two variants, and a few seconds in an
/// unoptimised build.
const TRIES: u64 = 1 << 22;

/// An experiment as a test requires it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) flag: String,
    variants: Vec<(String, Value)>,
    targeting: NewTargeting,
    pub(super) goals: NewGoals,
    /// User keys, or the units that the experiment is split by, each with the position of its
    /// variant.
    users: Vec<(String, usize)>,
    /// The position of the variant that every user is in.
    everyone: Option<usize>,
}

impl Plan {
    pub(super) fn new(flag: String, variants: Vec<(String, Value)>) -> Plan {
        let (targeting, goals) = (NewTargeting::new(), NewGoals::new());
        Plan { flag, variants, targeting, goals, users: Vec::new(), everyone: None }
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

    /// Sets who is in it; an error if users are assigned already, since it decides by what they
    /// are.
    pub(super) fn target(&mut self, targeting: NewTargeting) -> Result<(), String> {
        if self.users.is_empty() {
            self.targeting = targeting;
            return Ok(());
        }
        Err(format!("the targeting of {:?} comes before the users that are assigned", self.flag))
    }

    pub(super) fn assign(&mut self, user: User<'_>, variant: usize) -> Result<(), String> {
        let unit = match &self.targeting.bucket_by {
            None => Some(Unit::Text(user.key())).filter(|_| !user.key().is_empty()),
            Some(attribute) => user.get(attribute).and_then(Unit::of),
        };
        let Some(unit) = unit else {
            let variant = self.keys().nth(variant).unwrap_or_default();
            let (flag, key) = (&self.flag, user.key());
            return Err(match &self.targeting.bucket_by {
                None => {
                    format!("user key must not be empty: it cannot be in {variant:?} of {flag:?}")
                }
                Some(attribute) => format!(
                    "user {key:?} must have {attribute:?}, which the experiment on {flag:?} is split \
                     by: without it no user can be in {variant:?}"
                ),
            });
        };
        self.users.retain(|(known, _)| known != unit.as_str());
        self.users.push((unit.as_str().to_owned(), variant));
        Ok(())
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
        let new = new.targeting(self.targeting.clone()).goals(self.goals.clone());
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
        // The engine refuses what is not a share.
        let covered = self.targeting.coverage.and_then(Share::from_percent);
        let covered = covered.unwrap_or(Share::ALL);
        let fits = |id: &ExperimentId| {
            let seed = Seed::from_id(id.to_bytes());
            let variant = |user: &str| allocation.variant(Bucket::from_hash(seed.hash(user)));
            let coverage = GateSeed::new(Gate::Coverage, id.to_bytes());
            let covers = |user: &str| covered == Share::ALL || covered.has(coverage.slot(user));
            self.users.iter().all(|(user, expected)| variant(user) == *expected && covers(user))
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

/// The id of a rule in tests, by its number among the rules of the test.
pub(super) fn rule_id(flag: &str, number: usize) -> RuleId {
    let number = u64::try_from(number).unwrap_or_default();
    RuleId::from_bytes(id(flag, u64::MAX.saturating_sub(1).saturating_sub(number)))
}

fn id(flag: &str, number: u64) -> [u8; 16] {
    let flag = u128::from(xxh3_64(flag.as_bytes()));
    ((flag << 64) | u128::from(number)).to_be_bytes()
}
