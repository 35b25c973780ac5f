//! The goals of an experiment: one that decides, others, and guardrails.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use crate::model::fault::{FaultKind, MAX_GOALS_OF_EXPERIMENT};
use crate::model::faults::Faults;
use crate::model::goal::attached::{AttachedGoal, Fixed, check_cap, check_margin};
use crate::model::goal::definition::check_key;
use crate::model::path::Path;
use crate::model::targeting::share::to_value;
use crate::model::timestamp::Timestamp;

/// The names of the fields, in documents and in merges.
pub(crate) const PRIMARY: &str = "primary";
pub(crate) const SECONDARY: &str = "secondary";
pub(crate) const GUARDRAILS: &str = "guardrails";
pub(crate) const ATTACHED: &str = "attached";
pub(crate) const GOAL: &str = "goal";
pub(crate) const CAP: &str = "cap";
pub(crate) const BETTER: &str = "better";
pub(crate) const MARGIN: &str = "margin";
pub(crate) const SINCE: &str = "since";

/// In which direction a goal, or a mean, is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a number is higher or lower")]
pub enum Better {
    /// More of it is better: revenue.
    #[default]
    Higher,
    /// Less of it is better: refunds, errors, waiting.
    Lower,
}

impl Better {
    /// The direction in JSON: `higher` or `lower`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Better::Higher => "higher",
            Better::Lower => "lower",
        }
    }
}

impl fmt::Display for Better {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A goal of an experiment, and how it is meant there.
///
/// A key converts into one: more is better, and there is no cap.
///
/// # Examples
///
/// ```
/// use fairsplit::goals::{GoalUse, NewGoals};
///
/// let goals = NewGoals::new()
///     .primary(GoalUse::new("purchase").cap(500))
///     .secondary("signup")
///     .guardrail(GoalUse::new("refund").lower(), 0.1);
/// # let _ = goals;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a goal of an experiment does nothing until an engine takes it"]
pub struct GoalUse {
    pub(crate) goal: Arc<str>,
    pub(crate) cap: Option<f64>,
    pub(crate) better: Better,
}

impl GoalUse {
    /// The goal of this key: more is better.
    pub fn new(goal: impl Into<String>) -> GoalUse {
        GoalUse { goal: goal.into().into(), cap: None, better: Better::Higher }
    }

    /// Sets the most that one user counts for, in the goal's unit: a sum above it is counted as
    /// this much, and one below its negative as that. It keeps a few users from deciding alone, and
    /// has to be chosen before the experiment starts. It is applied when results are read, and only
    /// where means are compared: see [`docs::goals`](crate::docs::goals#what-for).
    pub fn cap(mut self, cap: impl Into<f64>) -> GoalUse {
        self.cap = Some(cap.into());
        self
    }

    /// Sets that less is better.
    pub fn lower(mut self) -> GoalUse {
        self.better = Better::Lower;
        self
    }

    /// The goal's key.
    #[must_use]
    pub fn goal(&self) -> &str {
        &self.goal
    }

    /// The most that one user counts for, in the goal's unit.
    #[must_use]
    pub fn cap_of_user(&self) -> Option<f64> {
        self.cap
    }

    /// In which direction it is meant.
    #[must_use]
    pub fn better(&self) -> Better {
        self.better
    }

    fn check(&self, path: &Path<'_>, faults: &mut Faults) {
        check_key(&self.goal, &path.field(GOAL), faults);
        check_cap(self.cap, path, faults);
    }

    fn entries<M: SerializeMap>(&self, fields: &mut M) -> Result<(), M::Error> {
        fields.serialize_entry(GOAL, &*self.goal)?;
        if let Some(cap) = self.cap {
            fields.serialize_entry(CAP, &cap)?;
        }
        if self.better != Better::default() {
            fields.serialize_entry(BETTER, &self.better)?;
        }
        Ok(())
    }
}

impl From<&str> for GoalUse {
    fn from(goal: &str) -> GoalUse {
        GoalUse::new(goal)
    }
}

impl Serialize for GoalUse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        self.entries(&mut fields)?;
        fields.end()
    }
}

/// A goal that an experiment is to leave unharmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Guardrail {
    pub(crate) goal_use: GoalUse,
    pub(crate) margin: f64,
}

impl Guardrail {
    /// The goal, and how it is meant.
    pub fn goal_use(&self) -> &GoalUse {
        &self.goal_use
    }

    /// How much worse it may be, as a part of the control's mean: 0.1 for a tenth.
    #[must_use]
    pub fn margin(&self) -> f64 {
        self.margin
    }
}

impl Serialize for Guardrail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        self.goal_use.entries(&mut fields)?;
        fields.serialize_entry(MARGIN, &self.margin)?;
        fields.end()
    }
}

/// The goals of an experiment, as a request gives them; nothing in it is checked until an engine
/// takes it. Without any, the experiment has one goal without a name: its conversions.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "goals do nothing until an engine takes them"]
pub struct NewGoals {
    pub(crate) primary: Option<GoalUse>,
    pub(crate) secondary: Vec<GoalUse>,
    pub(crate) guardrails: Vec<Guardrail>,
}

impl NewGoals {
    /// No goals.
    pub fn new() -> NewGoals {
        NewGoals::default()
    }

    /// Sets the goal that decides: its events are the experiment's conversions. Without it,
    /// conversions are a goal without a name, and decide.
    pub fn primary(mut self, goal: impl Into<GoalUse>) -> NewGoals {
        self.primary = Some(goal.into());
        self
    }

    /// Adds a goal that is shown, and decides nothing.
    pub fn secondary(mut self, goal: impl Into<GoalUse>) -> NewGoals {
        self.secondary.push(goal.into());
        self
    }

    /// Adds a goal that the experiment is to leave unharmed. `margin` is how much worse it may be,
    /// as a part of the control's mean, 0 to 1.
    pub fn guardrail(mut self, goal: impl Into<GoalUse>, margin: f64) -> NewGoals {
        self.guardrails.push(Guardrail { goal_use: goal.into(), margin });
        self
    }

    /// The goals, attached to nothing; what is wrong with them is added.
    pub(crate) fn check(self, path: &Path<'_>, faults: &mut Faults) -> Goals {
        let NewGoals { primary, secondary, guardrails } = self;
        let goals = Goals { primary, secondary, guardrails, attached: Arc::default() };
        goals.check(path, faults);
        goals
    }
}

/// The goals of an experiment.
///
/// Once the experiment has been started, the primary goal stays, and so do the cap, the direction
/// and the margin of each, also of one that was left out and comes back. Others can be added while
/// it runs, and left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Goals {
    pub(crate) primary: Option<GoalUse>,
    pub(crate) secondary: Vec<GoalUse>,
    pub(crate) guardrails: Vec<Guardrail>,
    /// Every goal that it has, or has had since its first start: those after the first start come
    /// behind the others. The place of a goal here is where its users and its counts are kept.
    pub(crate) attached: Arc<[AttachedGoal]>,
}

/// What a goal is to an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// It decides.
    Primary,
    /// It is shown, and decides nothing.
    Secondary,
    /// It is to be left unharmed.
    Guardrail,
}

impl Goals {
    /// The goal that decides; `None` if conversions do, without a name.
    #[must_use]
    pub fn primary(&self) -> Option<&GoalUse> {
        self.primary.as_ref()
    }

    /// Goals that are shown, and decide nothing.
    pub fn secondary(&self) -> &[GoalUse] {
        &self.secondary
    }

    /// Goals that the experiment is to leave unharmed.
    #[must_use]
    pub fn guardrails(&self) -> &[Guardrail] {
        &self.guardrails
    }

    /// Every goal that it has, or has had since its first start, in the order in which it got them.
    #[must_use]
    pub fn attached(&self) -> &[AttachedGoal] {
        &self.attached
    }

    /// Every goal that it has, with its role.
    pub fn uses(&self) -> impl Iterator<Item = (Role, &GoalUse)> {
        let primary = self.primary.iter().map(|goal| (Role::Primary, goal));
        let secondary = self.secondary.iter().map(|goal| (Role::Secondary, goal));
        let guardrails = self.guardrails.iter().map(|rail| (Role::Guardrail, &rail.goal_use));
        primary.chain(secondary).chain(guardrails)
    }

    /// Adds what is wrong with them by themselves.
    pub(crate) fn check(&self, path: &Path<'_>, faults: &mut Faults) {
        let mut seen: Vec<(&GoalUse, String)> = Vec::new();
        self.each(path, |goal, path| {
            goal.check(path, faults);
            let other = seen.iter().find(|(known, _)| known.goal == goal.goal);
            if let Some((_, other)) = other.cloned() {
                let goal = (*goal.goal).to_owned();
                faults.add(&path.field(GOAL), FaultKind::RepeatedGoal { goal, other });
            }
            seen.push((goal, path.to_string()));
        });
        let guardrails = path.field(GUARDRAILS);
        for (at, Guardrail { margin, .. }) in self.guardrails.iter().enumerate() {
            check_margin(*margin, &guardrails.item(at), faults);
        }
        check_number(seen.len(), path, faults);
    }

    /// Adds a fault if it has had more goals since its first start than it has places for.
    pub(crate) fn check_attached(&self, path: &Path<'_>, faults: &mut Faults) {
        check_number(self.attached.len(), path, faults);
    }

    /// Calls `with` for every goal that it has, with its path.
    pub(crate) fn each<'g>(
        &'g self,
        path: &Path<'_>,
        mut with: impl FnMut(&'g GoalUse, &Path<'_>),
    ) {
        if let Some(goal) = &self.primary {
            with(goal, &path.field(PRIMARY));
        }
        let of_secondary = path.field(SECONDARY);
        for (at, goal) in self.secondary.iter().enumerate() {
            with(goal, &of_secondary.item(at));
        }
        let of_guardrails = path.field(GUARDRAILS);
        for (at, rail) in self.guardrails.iter().enumerate() {
            with(&rail.goal_use, &of_guardrails.item(at));
        }
    }

    /// Adds a fault for each part that would change in an experiment that has been started: goals
    /// other than the primary one can come and go, and everything that is said of one stays.
    pub(crate) fn check_change(
        &self,
        after: &Goals,
        id: impl fmt::Display,
        path: &Path<'_>,
        faults: &mut Faults,
    ) {
        let fixed = || FaultKind::GoalsFixed { id: id.to_string() };
        if self.primary != after.primary {
            faults.add(&path.field(PRIMARY), fixed());
        }
        // Whatever its role was, and also if it was left out meanwhile.
        let differs = |goal: &GoalUse, margin| {
            let before = self.fixed_of(&goal.goal);
            before.is_some_and(|before| !before.allows(Fixed::of(goal, margin)))
        };
        let of_secondary = path.field(SECONDARY);
        for (at, goal) in after.secondary.iter().enumerate() {
            if differs(goal, None) {
                faults.add(&of_secondary.item(at), fixed());
            }
        }
        let of_guardrails = path.field(GUARDRAILS);
        for (at, Guardrail { goal_use, margin }) in after.guardrails.iter().enumerate() {
            if differs(goal_use, Some(*margin)) {
                faults.add(&of_guardrails.item(at), fixed());
            }
        }
    }

    /// What is said of a goal that it has, or has had; `None` if it is not known.
    fn fixed_of(&self, goal: &str) -> Option<Fixed> {
        let attached = self.attached.iter().find(|attached| &*attached.goal == goal);
        let kept = attached.and_then(|attached| attached.fixed);
        kept.or_else(|| self.said().find(|(known, _)| &***known == goal).map(|(_, said)| said))
    }

    /// What is said of every goal that it has.
    fn said(&self) -> impl Iterator<Item = (&Arc<str>, Fixed)> {
        let others = self.primary.iter().chain(&self.secondary);
        let others = others.map(|goal| (&goal.goal, Fixed::of(goal, None)));
        others.chain(self.guardrails.iter().map(|Guardrail { goal_use, margin }| {
            (&goal_use.goal, Fixed::of(goal_use, Some(*margin)))
        }))
    }

    /// As it was given, without what the engine fills in.
    pub(crate) fn unattached(self) -> Goals {
        Goals { attached: Arc::default(), ..self }
    }

    /// With every goal attached that it has. `known` is the experiment's goals as they were, and
    /// `is_started` whether it has ever been started: before that, only what it has is attached.
    pub(crate) fn attached_to(
        mut self,
        known: Option<&Goals>,
        is_started: bool,
        now: Timestamp,
    ) -> Goals {
        let before = known.filter(|known| !known.attached.is_empty());
        let source = before.unwrap_or(&self);
        let mut attached: Vec<AttachedGoal> = Vec::new();
        for one in &*source.attached {
            if attached.iter().all(|other| other.goal != one.goal) {
                let fixed = if is_started { source.fixed_of(&one.goal) } else { None };
                attached.push(AttachedGoal { fixed, ..one.clone() });
            }
        }
        if !is_started {
            attached.retain(|attached| self.has(&attached.goal));
        }
        for (goal, said) in self.said() {
            match attached.iter_mut().find(|attached| attached.goal == *goal) {
                Some(attached) => {
                    if before.is_some_and(|known| !known.has(goal)) {
                        // It comes back.
                        attached.since = now;
                    }
                    let kept = attached.fixed.unwrap_or(said);
                    attached.fixed = Some(Fixed { margin: kept.margin.or(said.margin), ..kept });
                }
                None => attached.push(AttachedGoal {
                    goal: Arc::clone(goal),
                    since: now,
                    fixed: Some(said),
                }),
            }
        }
        self.attached = attached.into();
        self
    }

    /// Whether it has this goal now.
    pub(crate) fn has(&self, goal: &str) -> bool {
        self.uses().any(|(_, of)| &*of.goal == goal)
    }

    /// Whether this goal is attached: it has it, or has had it since its first start.
    pub(crate) fn has_had(&self, goal: &str) -> bool {
        self.attached.iter().any(|attached| &*attached.goal == goal)
    }

    /// They, or `None` if there are and were none.
    pub(crate) fn some(self) -> Option<Arc<Goals>> {
        (self != Goals::default()).then(|| Arc::new(self))
    }

    /// The fields that say something, with their names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let primary = self.primary.as_ref().map(|goal| (PRIMARY, to_value(goal)));
        let lists = [
            (!self.secondary.is_empty()).then(|| (SECONDARY, to_value(&self.secondary))),
            (!self.guardrails.is_empty()).then(|| (GUARDRAILS, to_value(&self.guardrails))),
            (!self.attached.is_empty()).then(|| (ATTACHED, to_value(&*self.attached))),
        ];
        primary.into_iter().chain(lists.into_iter().flatten())
    }
}

fn check_number(found: usize, path: &Path<'_>, faults: &mut Faults) {
    if found > MAX_GOALS_OF_EXPERIMENT {
        let (what, most) = ("goals", MAX_GOALS_OF_EXPERIMENT);
        faults.add(path, FaultKind::TooMany { what, most, found });
    }
}

impl Serialize for Goals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields())
    }
}
