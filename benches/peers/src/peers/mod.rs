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

/// Every way of asking, fairsplit's first; the first of all is what the others are compared with.
pub(crate) fn enter(field: &mut Field) {
    field.enter::<fairsplit::ByName<false>>();
    field.enter::<fairsplit::ByName<true>>();
    field.enter::<fairsplit::ByHandle>();
    field.enter::<fairsplit::OnReader>();
    field.enter::<abtestify::Abtestify>();
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
