//! What a scenario knows.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use fairsplit_openfeature::Provider;
use open_feature::{
    Client, EvaluationContext, EvaluationDetails, EvaluationError, OpenFeature, StructValue, Value,
};
use serde_json::Map;

use crate::flags;

/// Where a flag's value comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Setup {
    /// It is the flag's default.
    #[default]
    Default,
    /// It is the variant of a running experiment that has all users.
    Experiment,
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Setup::Default => "the flag's default",
            Setup::Experiment => "an experiment's variant",
        })
    }
}

#[derive(cucumber::World, Debug, Default)]
pub(crate) struct World {
    pub(crate) setup: Setup,
    /// The specification's flags.
    pub(crate) flags: Arc<Map<String, serde_json::Value>>,
    client: Option<ClientOfWorld>,
    /// What a scenario knows of the user beside the key.
    pub(crate) context: EvaluationContext,
    /// The type, key and fallback of the flag that is asked for.
    pub(crate) flag: Option<(String, String, Value)>,
    pub(crate) result: Option<Result<EvaluationDetails<Value>, EvaluationError>>,
}

/// A client, which has no `Debug` of its own.
struct ClientOfWorld(Client);

impl fmt::Debug for ClientOfWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(self.0.metadata()).finish()
    }
}

impl World {
    /// Sets a provider, and gives the client a user: the scenarios name none.
    pub(crate) async fn connect(&mut self) {
        let engine = flags::engine(&self.flags, self.setup);
        let production = engine.environment("production").expect("it is not blank");
        let mut api = OpenFeature::default();
        api.set_provider(Provider::new(production)).await;
        let mut client = api.create_client();
        client.set_evaluation_context(EvaluationContext::default().with_targeting_key("user-1"));
        self.client = Some(ClientOfWorld(client));
    }

    /// Asks for the flag, and keeps the result. A call never waits: its future is ready at the
    /// first poll.
    pub(crate) fn ask(&mut self) {
        let ClientOfWorld(client) = self.client.as_ref().expect("a provider is set first");
        let (kind, key, _) = self.flag.as_ref().expect("a flag is named first");
        let context = Some(&self.context);
        self.result = Some(match kind.to_lowercase().as_str() {
            "boolean" => at_once(client.get_bool_details(key, context, None))
                .map(EvaluationDetails::into_value),
            "integer" => at_once(client.get_int_details(key, context, None))
                .map(EvaluationDetails::into_value),
            "float" => at_once(client.get_float_details(key, context, None))
                .map(EvaluationDetails::into_value),
            "string" => at_once(client.get_string_details(key, context, None))
                .map(EvaluationDetails::into_value),
            "object" => at_once(client.get_struct_details::<StructValue>(key, context, None))
                .map(EvaluationDetails::into_value),
            other => panic!("no such type: {other}"),
        });
    }

    pub(crate) fn details(&self) -> &EvaluationDetails<Value> {
        let result = self.result.as_ref().expect("a flag was evaluated");
        result.as_ref().unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) fn error(&self) -> &EvaluationError {
        let result = self.result.as_ref().expect("a flag was evaluated");
        result.as_ref().expect_err("the evaluation has failed")
    }

    /// The value, or the fallback for an error: the crate's client leaves that to its caller.
    pub(crate) fn value_or_fallback(&self) -> &Value {
        let (_, _, fallback) = self.flag.as_ref().expect("a flag was named");
        let result = self.result.as_ref().expect("a flag was evaluated");
        result.as_ref().map_or(fallback, |details| &details.value)
    }
}

fn at_once<R>(future: impl Future<Output = R>) -> R {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("an evaluation waits"),
    }
}
