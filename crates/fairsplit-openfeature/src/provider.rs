//! The provider: evaluations of fairsplit as resolutions of OpenFeature.

use std::collections::HashMap;

use fairsplit::goals::{RecordedFor, Refusal};
use fairsplit::{Conversion, Environment, Evaluation, Reason, Snapshot, User};
use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationReason, EvaluationResult,
    FlagMetadata, FlagMetadataValue, StructValue, async_trait,
};
use serde_json::Value;

use crate::context::Known;
use crate::message::shortened;
use crate::value::{self, Misfit};

/// An OpenFeature provider for the flags of an engine in one environment.
///
/// Cheap to clone; clones share the engine. It is ready at once, never waits, and shuts nothing
/// down: the engine belongs to the service. [The crate's page](crate) says how each answer is
/// translated.
#[derive(Clone, Debug)]
pub struct Provider {
    environment: Environment,
    metadata: ProviderMetadata,
}

impl Provider {
    /// A provider for an environment, as [`Engine::environment`](fairsplit::Engine::environment)
    /// binds it. Its name is "fairsplit".
    #[must_use]
    pub fn new(environment: Environment) -> Provider {
        Provider { environment, metadata: ProviderMetadata::new("fairsplit") }
    }

    /// Counts a conversion for the variant that the user is assigned, by [`Environment::convert`]
    /// with the context's targeting key as the user key, and its other fields as attributes.
    ///
    /// Where users are counted, a conversion counts only after an evaluation for the same user
    /// since the start: the outcome is [`NotExposed`](fairsplit::Outcome::NotExposed) otherwise.
    ///
    /// Without a targeting key nothing is counted, and the outcome is
    /// [`NoUserKey`](fairsplit::Outcome::NoUserKey). Unlike for an evaluation, the client's own
    /// context and the global one are not merged into `context`.
    #[expect(clippy::must_use_candidate, reason = "it records; the outcome is there to be read")]
    pub fn convert(&self, flag: &str, context: &EvaluationContext) -> Conversion {
        self.environment.convert(flag, user(&Known(context)))
    }

    /// Counts that the user reached a goal, for every running experiment in the environment that
    /// has it, by [`View::record_goal`](fairsplit::View::record_goal); the user is that of
    /// [`convert`](Provider::convert). `value` is in the goal's unit, and is for goals whose events
    /// have values, and only those.
    ///
    /// The specification has tracking of its own (`client.track`, with a numeric `value` in its
    /// details), and so far `open-feature` for Rust has not: hence a method of this type. By the
    /// specification a provider ignores what it does not know; here that is
    /// [`GoalNotFound`](Refusal::GoalNotFound), which a caller is free to ignore.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was counted.
    pub fn track(
        &self,
        goal: &str,
        context: &EvaluationContext,
        value: Option<f64>,
    ) -> Result<Vec<RecordedFor>, Refusal> {
        self.environment.view().record_goal(goal, user(&Known(context)), value)
    }

    /// Evaluates, for every type of value; `read` converts the value.
    fn resolve<T>(
        &self,
        flag: &str,
        context: &EvaluationContext,
        read: impl FnOnce(&Evaluation<&Snapshot>, &Value) -> Result<T, Misfit>,
    ) -> EvaluationResult<ResolutionDetails<T>> {
        let view = self.environment.view();
        let known = Known(context);
        let user = user(&known);
        let evaluation = view.evaluate(flag, user);
        let Some(value) = evaluation.value() else {
            let message = format!("there is no flag {:?}", shortened(flag));
            return Err(error(EvaluationErrorCode::FlagNotFound, message));
        };
        // A rule that answers without a percentage asks for no key.
        if context.targeting_key.is_none() && evaluation.reason() != Reason::Rule {
            let message = format!(
                "flag {:?} is answered for a user, and the evaluation context has no targeting key",
                shortened(flag)
            );
            return Err(error(EvaluationErrorCode::TargetingKeyMissing, message));
        }
        let value = read(&evaluation, value).map_err(|misfit| misfit.into_error(flag))?;
        Ok(ResolutionDetails {
            value,
            variant: evaluation.variant().map(str::to_owned),
            reason: Some(reason(&evaluation)),
            flag_metadata: metadata(&view, &evaluation, user),
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
        self.resolve(flag_key, evaluation_context, |_, value| value::bool(value))
    }

    async fn resolve_int_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        self.resolve(flag_key, evaluation_context, |_, value| value::int(value))
    }

    async fn resolve_float_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        self.resolve(flag_key, evaluation_context, |evaluation, value| {
            value::float(evaluation.as_f64().ok(), value)
        })
    }

    async fn resolve_string_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        self.resolve(flag_key, evaluation_context, |_, value| value::string(value))
    }

    async fn resolve_struct_value(
        &self,
        flag_key: &str,
        evaluation_context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        self.resolve(flag_key, evaluation_context, |_, value| value::structure(value))
    }
}

/// The targeting key, or without one the empty user key, for which nothing is counted; and the
/// other fields as attributes.
fn user<'a>(known: &'a Known<'_>) -> User<'a> {
    User::new(known.0.targeting_key.as_deref().unwrap_or_default()).with(known)
}

fn reason(evaluation: &Evaluation<&Snapshot>) -> EvaluationReason {
    match evaluation.reason() {
        Reason::Split => EvaluationReason::Split,
        // "a dynamic evaluation of the flag's rules, such as specific user-targeting"
        Reason::Forced | Reason::Rule => EvaluationReason::TargetingMatch,
        // "no dynamic evaluation": every user gets it
        Reason::NotRunning if !evaluation.has_rules() => EvaluationReason::Static,
        // "a dynamic evaluation yielded no result", or "fell back to a pre-configured value"
        Reason::NotRunning
        | Reason::NoUserKey
        | Reason::NoUnit
        | Reason::HeldOut
        | Reason::OtherLayerRange
        | Reason::NotInAudience
        | Reason::NotCovered => EvaluationReason::Default,
        // "the flag being disabled in the management system"
        Reason::Archived | Reason::Disabled => EvaluationReason::Disabled,
        // `resolve` has returned an error
        Reason::FlagNotFound => EvaluationReason::Error,
        // a reason that a later release of fairsplit adds
        _ => EvaluationReason::Unknown,
    }
}

/// The experiment whose variant is served; or why the running one does not have the user. `None`
/// for a default that no experiment has a part in, and for the value of a rule.
fn metadata(
    snapshot: &Snapshot,
    evaluation: &Evaluation<&Snapshot>,
    user: User<'_>,
) -> Option<FlagMetadata> {
    let reason = evaluation.reason();
    let Some(id) = evaluation.experiment() else { return detail(reason) };
    let mut metadata = FlagMetadata { values: HashMap::with_capacity(4) };
    metadata.add_value("experimentId", id.to_string());
    metadata.add_value("experimentName", evaluation.experiment_name()?);
    metadata.add_value("version", snapshot.version().to_string());
    if reason == Reason::Split
        && let Some(bucket) = evaluation.bucket(user)
    {
        metadata.add_value("bucket", FlagMetadataValue::from(bucket.index()));
    }
    Some(metadata)
}

/// The reason's name, where several of fairsplit's are the one `DEFAULT` of OpenFeature.
fn detail(reason: Reason) -> Option<FlagMetadata> {
    match reason {
        Reason::NoUnit
        | Reason::HeldOut
        | Reason::OtherLayerRange
        | Reason::NotInAudience
        | Reason::NotCovered => {
            let mut metadata = FlagMetadata { values: HashMap::with_capacity(1) };
            metadata.add_value("detail", reason.as_str());
            Some(metadata)
        }
        _ => None,
    }
}

fn error(code: EvaluationErrorCode, message: String) -> EvaluationError {
    EvaluationError { code, message: Some(message) }
}
