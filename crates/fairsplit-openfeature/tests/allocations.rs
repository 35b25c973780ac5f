//! What a call allocates, as the docs state it.

mod common;

use allocation_counter::measure;
use common::{provider, running, user};
use fairsplit::{NewExperiment, NewFlag, Status};
use open_feature::provider::FeatureProvider as _;
use pollster::block_on;

/// The provider's column of the table in docs/provider.md. The client's is the crate
/// open-feature's, and is measured by hand: any release of it may change it.
#[test]
fn the_provider_allocates_for_a_default_and_for_a_variant_what_the_docs_state() {
    let (engine, _) = running();
    engine.create_flag(NewFlag::new("plain", true)).unwrap();
    engine.create_flag(NewFlag::new("split", false)).unwrap();
    let new = NewExperiment::new("All", "production").variant("all", true, 100);
    engine.create_experiment("split", new.status(Status::Running)).unwrap();
    let (provider, anna) = (provider(&engine), user("anna"));
    let docs = include_str!("../docs/provider.md");
    for (row, flag) in [("the default", "plain"), ("a variant", "split")] {
        let call = || drop(block_on(provider.resolve_bool_value(flag, &anna)));
        // A thread's first call sets it up.
        call();
        let allocations = measure(call).count_total;
        let row = format!("| {row}, a boolean | {allocations} | ");
        assert!(docs.contains(&row), "docs/provider.md does not have: {row}");
    }
}
