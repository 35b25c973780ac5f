//! Rules: values for some users of a flag, without an experiment.

use super::Engine;
use super::consistency::check_rule;
use super::flags::find;
use super::ids::given_or_random;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::error::ControlError;
use crate::model::fault::{FaultKind, MAX_RULES};
use crate::model::faults::Faults;
use crate::model::flag::FlagRef;
use crate::model::id::RuleId;
use crate::model::path::Path;
use crate::model::targeting::rule::{NewRule, Rule, Rules};
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;

impl Engine {
    /// Creates a rule of a flag. Without a position it comes after the other rules of its
    /// environment.
    ///
    /// A rule above a running experiment takes its users out of that experiment.
    ///
    /// Cost: goes through all flags, since ids are unique in an engine.
    ///
    /// # Errors
    ///
    /// [`ControlError::FlagNotFound`]; [`ControlError::RuleIdTaken`]; [`ControlError::Invalid`]
    /// with every fault: what is wrong with the rule itself, a position that another rule has in
    /// that environment, a segment that there is not, a value that is not of the flag's type, or
    /// more than [`MAX_RULES`](crate::fault::MAX_RULES) in one environment.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::{Condition, NewRule, Operator};
    /// use fairsplit::{Engine, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let staff = Condition::new("email", Operator::EndsWith, "@example.com");
    /// engine.create_rule("hero-banner", NewRule::new("production", "new").condition(staff))?;
    /// let some = engine.create_rule("hero-banner", NewRule::new("production", "new").percentage(5))?;
    /// assert_eq!(some.position(), 1);
    /// assert_eq!(engine.rules("hero-banner")?.len(), 2);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn create_rule<'a>(
        &self,
        flag: impl Into<FlagRef<'a>>,
        new: NewRule,
    ) -> Result<Rule, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let state = find(&view, flag.into())?;
        let id = given_or_random(new.id, RuleId::from_bytes)?;
        if find_rule(&view, id).is_some() {
            return Err(ControlError::RuleIdTaken { id });
        }
        let rule = checked(new, id, state, None, &view)?;
        let rules = state.rules.iter().chain([&rule]).cloned().collect();
        let next = FlagState { rules: Rules::new(rules), ..state.copy() };
        writer.publish(view.with(next), Action::CreateRule)?;
        events::rule_created(state.flag.key(), &rule);
        Ok(rule)
    }

    /// Changes a rule into another one: all of it but the id, so that a percentage picks the users
    /// that it picked. Without a position it keeps its own, and comes last in another environment.
    /// An id in `new` is not used. A rule that is so already stays as it is.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::RuleNotFound`]; [`ControlError::Invalid`] as
    /// [`create_rule`](Engine::create_rule).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::NewRule;
    /// use fairsplit::{Engine, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = || NewRule::new("production", "new");
    /// let id = engine.create_rule("hero-banner", new().percentage(5))?.id();
    /// // The 5 per cent are among the 20.
    /// engine.change_rule(id, new().percentage(20))?;
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn change_rule(&self, id: RuleId, new: NewRule) -> Result<Rule, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let (state, known) = find_rule(&view, id).ok_or(ControlError::RuleNotFound { id })?;
        let rule = checked(new, id, state, Some(known), &view)?;
        if rule == *known {
            return Ok(rule);
        }
        let others = state.rules.iter().filter(|other| other.id != id);
        let rules = others.chain([&rule]).cloned().collect();
        let next = FlagState { rules: Rules::new(rules), ..state.copy() };
        writer.publish(view.with(next), Action::ChangeRule)?;
        events::rule_changed(state.flag.key(), &rule);
        Ok(rule)
    }

    /// Deletes a rule, and returns it as it was. The others keep their positions.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::RuleNotFound`].
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::NewRule;
    /// use fairsplit::{Engine, NewFlag};
    ///
    /// let engine = Engine::new();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let id = engine.create_rule("hero-banner", NewRule::new("production", "new"))?.id();
    /// engine.delete_rule(id)?;
    /// assert!(engine.rule(id).is_none());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn delete_rule(&self, id: RuleId) -> Result<Rule, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let (state, rule) = find_rule(&view, id).ok_or(ControlError::RuleNotFound { id })?;
        let rules = state.rules.iter().filter(|other| other.id != id).cloned().collect();
        let next = FlagState { rules: Rules::new(rules), ..state.copy() };
        writer.publish(view.with(next), Action::DeleteRule)?;
        events::rule_deleted(state.flag.key(), rule);
        Ok(rule.clone())
    }

    /// The rules of a flag, by environment and position.
    ///
    /// # Errors
    ///
    /// [`ControlError::FlagNotFound`].
    pub fn rules<'a>(&self, flag: impl Into<FlagRef<'a>>) -> Result<Vec<Rule>, ControlError> {
        let view = self.current.pin();
        Ok(find(&view, flag.into())?.rules.to_vec())
    }

    /// The rule of this id. Cost: goes through all flags.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> Option<Rule> {
        let view = self.current.pin();
        find_rule(&view, id).map(|(_, rule)| rule.clone())
    }
}

/// A rule, and its flag.
fn find_rule(view: &Snapshot, id: RuleId) -> Option<(&FlagState, &Rule)> {
    view.states().find_map(|state| {
        let rule = state.rules.iter().find(|rule| rule.id == id)?;
        Some((&**state, rule))
    })
}

/// The rule of a request, if nothing is wrong with it; `known` is the rule that it replaces.
fn checked(
    new: NewRule,
    id: RuleId,
    state: &FlagState,
    known: Option<&Rule>,
    view: &Snapshot,
) -> Result<Rule, ControlError> {
    let mut faults = Faults::default();
    let environment = new.environment.clone();
    let environment = environment.unwrap_or_else(|| {
        known.map_or_else(|| "production".to_owned(), |known| String::from(&known.environment))
    });
    let known = known.filter(|known| known.environment.as_str() == environment);
    let position = new.position.or(known.map(|known| known.position));
    let position = position.unwrap_or_else(|| after_last(&environment, state));
    let rule = new.check(id, (&environment, position), &Path::Root, &mut faults);
    if let Some(rule) = &rule {
        check_rule(rule, state.flag.flag_type(), view.shared(), &Path::Root, &mut faults);
        check_place(rule, state, &mut faults);
    }
    match rule {
        Some(rule) if faults.is_empty() => Ok(rule),
        _ => Err(faults.into_error().into()),
    }
}

/// The position after the last rule of an environment.
fn after_last(environment: &str, state: &FlagState) -> u32 {
    let there = state.rules.iter().filter(|rule| rule.environment.as_str() == environment);
    there.map(|rule| rule.position.saturating_add(1)).max().unwrap_or_default()
}

/// Adds a fault if another rule has the place of this one, or if there are too many.
fn check_place(rule: &Rule, state: &FlagState, faults: &mut Faults) {
    let is_beside = |other: &&Rule| other.id != rule.id && other.environment == rule.environment;
    let beside = || state.rules.iter().filter(is_beside);
    if let Some(other) = beside().find(|other| other.position == rule.position) {
        let (found, other) = (rule.position.to_string(), format!("rule {}", other.id));
        faults.add(&Path::Root.field("position"), FaultKind::Duplicate { found, other });
    }
    let found = beside().count().saturating_add(1);
    if found > MAX_RULES {
        let kind = FaultKind::TooMany { what: "rules", most: MAX_RULES, found };
        faults.add(&Path::Root.field("rules"), kind);
    }
}
