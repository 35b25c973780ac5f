//! What a request asks of a snapshot, by names.

use crate::model::environment::Environment;
use crate::model::id::ExperimentId;
use crate::read::conversion::Conversion;
use crate::read::evaluation::Evaluation;
use crate::read::explanation::Explanation;
use crate::read::snapshot::Snapshot;

impl Snapshot {
    /// The answer for a flag in an environment and a user; counts an exposure if it is the running
    /// experiment's variant.
    ///
    /// Two hash look-ups at most, one XXH3, one table look-up, one uncontended atomic add; no lock,
    /// no allocation.
    #[inline]
    #[must_use = "this is the value that the user gets"]
    pub fn evaluate(
        &self,
        environment: &Environment,
        flag: &str,
        user_key: &str,
    ) -> Evaluation<&Snapshot> {
        Evaluation::counting(self, self.slot_of(environment, flag), user_key)
    }

    /// The same answer as [`evaluate`](Snapshot::evaluate), and nothing is counted.
    #[inline]
    #[must_use]
    pub fn peek(
        &self,
        environment: &Environment,
        flag: &str,
        user_key: &str,
    ) -> Evaluation<&Snapshot> {
        Evaluation::peeking(self, self.slot_of(environment, flag), user_key)
    }

    /// How the answer for a flag in an environment and a user comes about; nothing is counted.
    /// For support questions, not for every request: it allocates what it returns.
    #[must_use]
    pub fn explain(&self, environment: &Environment, flag: &str, user_key: &str) -> Explanation {
        let slot = self.slot_of(environment, flag);
        Explanation::of(self, slot, environment, flag, user_key)
    }

    /// Counts a conversion for the variant that the user is assigned, if an experiment on the flag
    /// is running in this environment. Costs what [`evaluate`](Snapshot::evaluate) costs.
    #[inline]
    pub fn convert(
        &self,
        environment: &Environment,
        flag: &str,
        user_key: &str,
    ) -> Conversion<&Snapshot> {
        Conversion::assigned(self, self.slot_of(environment, flag), user_key)
    }

    /// As [`Engine::convert_variant`](crate::Engine::convert_variant).
    #[inline]
    pub fn convert_variant(
        &self,
        experiment: ExperimentId,
        variant: &str,
    ) -> Conversion<&Snapshot> {
        Conversion::named(self, experiment, variant)
    }
}
