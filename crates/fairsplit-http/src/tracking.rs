//! Recording goals, for callers outside of the process.

use axum::extract::State;
use axum::response::Response;
use fairsplit::fault::FaultKind;
use fairsplit::goals::{RecordedFor, Refusal};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::answer::data;
use crate::body::{Body, Field, FromText, fields};
use crate::evaluate::{Asked, AskedFields};
use crate::extract::Writes;
use crate::failure::{Failure, Faults};
use crate::schema::{Guarded, Named, WithBody};
use crate::schema_of_goals as schema;

/// The most characters of an event's id.
const MAX_ID_LENGTH: usize = 255;

/// The body of an event.
pub(crate) struct Tracking {
    asked: Asked,
    goal: String,
    value: Option<f64>,
    id: Option<String>,
}

#[derive(Deserialize)]
struct TrackingFields {
    #[serde(default)]
    goal: Field<String>,
    #[serde(default)]
    value: Field<Option<f64>>,
    #[serde(default)]
    event_id: Field<Option<String>>,
    #[serde(flatten)]
    asked: AskedFields,
}

impl FromText for Tracking {
    fn from_text(text: &str) -> Result<Tracking, Failure> {
        let TrackingFields { goal, value, event_id, asked } = fields(text)?;
        let mut faults = Faults::default();
        let goal = goal.required("goal", &mut faults);
        let value = value.optional("value", &mut faults).flatten();
        let event_id = event_id.optional("event_id", &mut faults).flatten();
        match event_id.as_ref().map(|id| id.chars().count()) {
            Some(0) => faults.add("event_id".to_owned(), FaultKind::Blank),
            Some(found) if found > MAX_ID_LENGTH => {
                faults.add("event_id".to_owned(), FaultKind::TooLong { found });
            }
            _ => {}
        }
        let asked = asked.check(&mut faults);
        let event =
            asked.zip(goal).map(|(asked, goal)| Tracking { asked, goal, value, id: event_id });
        faults.or(event)
    }
}

/// What an event came to.
#[derive(Serialize)]
struct Tracked<'a> {
    goal: &'a str,
    /// For how many experiments it was counted.
    counted: usize,
    /// Whether an event with this id came before: then it was not counted again.
    repeated: bool,
    experiments: Vec<RecordedFor>,
}

/// Counts that a user reached a goal, for every running experiment in the environment that has it,
/// and says what came of it for each. Where users are counted, an event counts only if its user has
/// been exposed since the start.
///
/// An `event_id` keeps a retry from being counted twice: this process remembers the newest 100,000
/// that it has counted.
#[utoipa::path(
    post,
    path = "/api/v1/track",
    operation_id = "trackGoal",
    request_body = schema::TrackGoal,
    responses((status = 200, description = "Counted, or why not.", body = inline(schema::OneTracked)), Guarded, Named, WithBody),
    security(("token" = ["flags:write"]))
)]
pub(crate) async fn track_goal(
    _: Writes,
    State(app): State<App>,
    Body(event): Body<Tracking>,
) -> Result<Response, Failure> {
    let Tracking { asked, goal, value, id: event_id } = event;
    let snapshot = app.engine.snapshot();
    let view = snapshot.in_environment(&asked.environment);
    let count = || {
        let recorded = view.record_goal(&goal, asked.user(), value);
        let of = recorded.iter().flatten().filter(|one| one.is_counted()).count();
        ((recorded, of), of > 0)
    };
    let counted = match &event_id {
        Some(id) => app.events.count_once(asked.environment.as_str(), &goal, id, count),
        None => Some(count().0),
    };
    let Some((recorded, counted)) = counted else {
        let (counted, experiments) = (0, Vec::new());
        return Ok(data(Tracked { goal: &goal, counted, repeated: true, experiments }));
    };
    let experiments = recorded.map_err(|refusal| match refusal {
        Refusal::GoalNotFound => Failure::NotFound,
        _ => Faults::of("value", refusal).into(),
    })?;
    Ok(data(Tracked { goal: &goal, counted, repeated: false, experiments }))
}
