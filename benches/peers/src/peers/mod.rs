//! One file for each library.

mod abtestify;
mod configcat;
mod eppo;
mod fairsplit;
mod feature_flag;
mod featurevisor;
mod flagsmith;
mod growthbook;
mod launchdarkly;
mod optimizely;
mod posthog;
mod statsig;
mod unleash;

use crate::measure::Field;

/// For flags that split all users. fairsplit's ways of asking are first; the first of all is what
/// the others are compared with.
pub(crate) fn enter_split(field: &mut Field) {
    field.enter::<fairsplit::ByName<fairsplit::Key, false>>();
    field.enter::<fairsplit::ByName<fairsplit::Key, true>>();
    field.enter::<fairsplit::ByHandle<fairsplit::Key>>();
    field.enter::<fairsplit::OnReader<fairsplit::Key>>();
    field.enter::<abtestify::Abtestify>();
    enter_libraries_with_rules(field);
}

/// For flags that split the users who meet a rule.
pub(crate) fn enter_rule(field: &mut Field) {
    field.enter::<fairsplit::ByName<fairsplit::Request, false>>();
    field.enter::<fairsplit::ByName<fairsplit::Pairs, false>>();
    field.enter::<fairsplit::ByName<fairsplit::Request, true>>();
    field.enter::<fairsplit::ByHandle<fairsplit::Request>>();
    field.enter::<fairsplit::OnReader<fairsplit::Request>>();
    enter_libraries_with_rules(field);
    field.leave_out(
        "abtestify",
        "has no rules: `Params` has an experiment, a user and their split, and no attributes",
    );
}

fn enter_libraries_with_rules(field: &mut Field) {
    field.enter::<configcat::ConfigCat>();
    field.enter::<eppo::Eppo>();
    field.enter::<feature_flag::FeatureFlag>();
    field.enter::<featurevisor::Featurevisor>();
    field.enter::<flagsmith::Flagsmith>();
    field.enter::<growthbook::Client>();
    field.enter::<growthbook::Check>();
    field.enter::<launchdarkly::LaunchDarkly>();
    field.enter::<optimizely::Optimizely>();
    field.enter::<posthog::PostHog>();
    field.enter::<statsig::Statsig>();
    field.enter::<unleash::Unleash<false>>();
    field.enter::<unleash::Unleash<true>>();
    field.leave_out(
        "confidence_resolver and open-feature-flagd",
        "need the protobuf compiler to be built",
    );
}
