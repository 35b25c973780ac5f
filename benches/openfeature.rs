//! What it costs to ask through OpenFeature: the provider by itself, and the crate's client over it.

mod common;

use common::{engine, flag_key, positions, production, setup, uuid_keys};
use fairsplit::openfeature::Provider;
use open_feature::provider::FeatureProvider as _;
use open_feature::{EvaluationContext, OpenFeature};
use pollster::block_on;

fn main() {
    let (mut criterion, report) = setup();
    let keys = uuid_keys();
    let contexts: Vec<_> =
        keys.iter().map(|key| EvaluationContext::default().with_targeting_key(key)).collect();
    let (engine, place, flag) = (engine(2), production(), flag_key(0));
    let provider = Provider::new(engine.clone(), place.clone());
    let mut api = OpenFeature::default();
    block_on(api.set_provider(provider.clone()));
    let client = api.create_client();

    let mut next = positions();
    let mut group = criterion.benchmark_group("openfeature");
    group.bench_function("in process", |bencher| {
        bencher.iter(|| engine.evaluate(&place, &flag, &keys[next()]).str_or("").len());
    });
    group.bench_function("provider", |bencher| {
        bencher.iter(|| block_on(provider.resolve_string_value(&flag, &contexts[next()])));
    });
    group.bench_function("client", |bencher| {
        bencher.iter(|| block_on(client.get_string_value(&flag, Some(&contexts[next()]), None)));
    });
    group.finish();
    report.print("openfeature", &[("provider", &["in process"]), ("client", &["in process"])]);
    criterion.final_summary();
}
