//! Which scenarios are run, and why the others are not.

use crate::world::Setup;

/// One of the specification's files.
pub(crate) struct Feature {
    pub(crate) file: &'static str,
    pub(crate) exceptions: &'static [Exception],
    /// How many scenarios are run where the flags answer their defaults, each row of an outline by
    /// itself.
    pub(crate) run_on_defaults: usize,
    /// And how many where an experiment decides.
    pub(crate) run_on_experiments: usize,
}

/// A scenario that is not run.
pub(crate) struct Exception {
    pub(crate) scenario: &'static str,
    /// In which of the two setups; both if `None`.
    setup: Option<Setup>,
    #[expect(dead_code, reason = "for people")]
    because: &'static str,
}

const METADATA: &str = "a flag has no metadata of its own, only an experiment has";
const STATUS: &str =
    "the crate's client asks no provider for its status, and this one is always ready";
const HOOKS: &str = "hooks are the client's";

pub(crate) const FEATURES: &[Feature] = &[
    Feature {
        file: "evaluation.feature",
        exceptions: &[],
        run_on_defaults: 13,
        run_on_experiments: 13,
    },
    Feature {
        file: "evaluation_v2.feature",
        exceptions: &[
            never("Provider not ready error", STATUS),
            never("Provider in fatal state error", STATUS),
            never("Provider status accessibility", STATUS),
            never("Flag metadata in evaluation details", METADATA),
            never("CACHED reason", "nothing is cached: an answer is a look into memory"),
            never(
                "DISABLED reason",
                "a disabled flag answers its own default, and the suite expects the caller's",
            ),
            never("Evaluation options with hooks", HOOKS),
            never("Evaluation context immutability", "the borrow checker's"),
        ],
        run_on_defaults: 57,
        run_on_experiments: 57,
    },
    Feature {
        file: "metadata.feature",
        exceptions: &[
            never("Returns metadata", METADATA),
            Exception {
                scenario: "Returns no metadata",
                setup: Some(Setup::Experiment),
                because: "an experiment's variant has metadata",
            },
        ],
        run_on_defaults: 4,
        run_on_experiments: 0,
    },
];

const fn never(scenario: &'static str, because: &'static str) -> Exception {
    Exception { scenario, setup: None, because }
}

pub(crate) fn applies(feature: &Feature, scenario: &str, setup: Setup) -> bool {
    !feature.exceptions.iter().any(|exception| {
        exception.scenario == scenario && exception.setup.is_none_or(|of| of == setup)
    })
}
