#![doc = include_str!("../docs/openfeature.md")]

mod value;

use std::collections::HashMap;

use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationReason, EvaluationResult,
    FlagMetadata, FlagMetadataValue, StructValue, async_trait,
};
use serde_json::Value;

use self::value::Misfit;
use crate::engine::Engine;
use crate::model::environment::Environment;
use crate::model::path::quote;
use crate::read::conversion::Conversion;
use crate::read::evaluation::Evaluation;
use crate::read::reason::Reason;
use crate::read::snapshot::Snapshot;

/// An OpenFeature provider: the flags of an engine, as one environment answers them.
///
/// Cheap to clone; clones are of the same engine. It is ready from the start, never waits, and shuts
/// nothing down: the engine is the service's own. [The module](self) says how each answer is
/// translated.
#[derive(Clone, Debug)]
pub struct Provider {
    engine: Engine,
    environment: Environment,
    metadata: ProviderMetadata,
}

impl Provider {
    /// A provider for an engine and an environment. It goes by the name "fairsplit".
    #[must_use]
    pub fn new(engine: Engine, environment: Environment) -> Provider {
        Provider { engine, environment, metadata: ProviderMetadata::new("fairsplit") }
    }

    /// Counts a conversion for the variant that the user is assigned, by
    /// [`Engine::convert`](crate::Engine::convert) with the context's targeting key as the user key.
    ///
    /// A context without one is nobody's: the outcome is
    /// [`NoUserKey`](crate::Outcome::NoUserKey). It is the context that is given here and nothing
    /// else: a client's own and the global one are not merged into it, as they are for an evaluation.
    pub fn convert(&self, flag: &str, context: &EvaluationContext) -> Conversion {
        self.engine.convert(&self.environment, flag, user_key(context))
    }

    /// The one way to an answer, for all types of values.
    fn resolve<T>(
        &self,
        flag: &str,
        context: &EvaluationContext,
        read: impl FnOnce(&Value) -> Result<T, Misfit>,
    ) -> EvaluationResult<ResolutionDetails<T>> {
        let view = self.engine.view();
        let evaluation = view.evaluate(&self.environment, flag, user_key(context));
        let Some(value) = evaluation.value() else {
            let message = format!("there is no flag {:?}", quote(flag));
            return Err(error(EvaluationErrorCode::FlagNotFound, message));
        };
        if context.targeting_key.is_none() {
            let message = format!(
                "flag {:?} is answered for a user, and the evaluation context has no targeting key",
                quote(flag)
            );
            return Err(error(EvaluationErrorCode::TargetingKeyMissing, message));
        }
        let value = read(value).map_err(|misfit| misfit.into_error(flag))?;
        Ok(ResolutionDetails {
            value,
            variant: evaluation.variant().map(str::to_owned),
            reason: Some(reason(evaluation.reason())),
            flag_metadata: metadata(&view, &evaluation, user_key(context)),
        })
    }
}

#[async_trait]
impl FeatureProvider for Provider {
    fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    async fn resolve_bool_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        self.resolve(flag_key, evaluation_context, value::bool)
    }

    async fn resolve_int_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        self.resolve(flag_key, evaluation_context, value::int)
    }

    async fn resolve_float_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        self.resolve(flag_key, evaluation_context, value::float)
    }

    async fn resolve_string_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        self.resolve(flag_key, evaluation_context, value::string)
    }

    async fn resolve_struct_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        self.resolve(flag_key, evaluation_context, value::structure)
    }
}

/// The targeting key. Without one, the empty user key, which is nobody: nothing is counted for it.
fn user_key(context: &EvaluationContext) -> &str {
    context.targeting_key.as_deref().unwrap_or_default()
}

fn reason(reason: Reason) -> EvaluationReason {
    match reason {
        Reason::Split => EvaluationReason::Split,
        // "specific user-targeting"
        Reason::Forced => EvaluationReason::TargetingMatch,
        // "no dynamic evaluation": everybody gets it
        Reason::NotRunning => EvaluationReason::Static,
        // "fell back to a pre-configured value": somebody with a user key may get another
        Reason::NoUserKey => EvaluationReason::Default,
        // told by an error before anybody asks
        Reason::FlagNotFound => EvaluationReason::Error,
    }
}

/// What is told of the experiment whose variant is served: none, if the flag answers its default.
fn metadata(
    snapshot: &Snapshot,
    evaluation: &Evaluation<&Snapshot>,
    user_key: &str,
) -> Option<FlagMetadata> {
    let id = evaluation.experiment()?;
    let experiment = snapshot.find_experiment(id)?.state;
    let mut metadata = FlagMetadata { values: HashMap::with_capacity(4) };
    metadata.add_value("experimentId", id.to_string());
    metadata.add_value("experimentName", &*experiment.definition.terms.name);
    metadata.add_value("version", snapshot.version().to_string());
    if evaluation.reason() == Reason::Split {
        let bucket = experiment.definition.assignment().bucket(user_key);
        metadata.add_value("bucket", FlagMetadataValue::from(bucket.index()));
    }
    Some(metadata)
}

fn error(code: EvaluationErrorCode, message: String) -> EvaluationError {
    EvaluationError { code, message: Some(message) }
}
