//! An experiment through OpenFeature: the service calls OpenFeature's client, and names fairsplit
//! only where it sets the provider. Any runtime works; nothing here waits.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use fairsplit::{Engine, NewExperiment, NewFlag, Status};
use fairsplit_openfeature::Provider;
use open_feature::{EvaluationContext, OpenFeature};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new();
    engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    let experiment = NewExperiment::new("Hero Banner A/B Test", "production")
        .variant("control", "old", 50)
        .variant("treatment", "new", 50)
        .status(Status::Running);
    let id = engine.create_experiment("hero-banner", experiment)?.id();

    let provider = Provider::new(engine.environment("production")?);
    pollster::block_on(async {
        OpenFeature::singleton_mut().await.set_provider(provider.clone()).await;
        let client = OpenFeature::singleton().await.create_client();
        for user in ["anna", "ben", "carla"] {
            let context = EvaluationContext::default().with_targeting_key(user);
            let banner = client.get_string_value("hero-banner", Some(&context), None).await;
            println!("{user} sees {}", banner.unwrap_or_else(|_| "old".to_owned()));
        }
    });
    // OpenFeature's client has no tracking yet: a conversion goes to the provider.
    let anna = EvaluationContext::default().with_targeting_key("anna");
    assert!(provider.convert("hero-banner", &anna).is_counted());
    println!("{}", serde_json::to_string_pretty(&engine.counts(id))?);
    Ok(())
}
