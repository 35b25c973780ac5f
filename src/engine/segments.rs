//! Segments: conditions with a name, which rules and audiences share.

use std::sync::Arc;

use super::Engine;
use super::consistency::named;
use super::ids::given_or_random;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::error::ControlError;
use crate::model::fault::{FaultKind, MAX_SEGMENTS};
use crate::model::faults::Faults;
use crate::model::id::{ExperimentId, SegmentId};
use crate::model::path::Path;
use crate::model::targeting::experiment_targeting::Targeting;
use crate::model::targeting::segment::{NewSegment, Segment};
use crate::read::snapshot::Snapshot;
use crate::read::state::FlagState;

/// A segment after a change, and the running experiments that the change reaches.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SegmentChange {
    /// The segment as it is now.
    pub segment: Segment,
    /// The running experiments whose users can be others from now on: the segment is part of their
    /// audience, or of a rule above them. In the order of their flags.
    pub reaches: Vec<ExperimentId>,
}

impl Engine {
    /// Creates a segment.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::SegmentIdTaken`]; [`ControlError::Invalid`] with every fault: what is wrong
    /// with the segment itself, or more than [`MAX_SEGMENTS`](crate::fault::MAX_SEGMENTS).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    /// use fairsplit::targeting::{Condition, NewSegment, Operator};
    ///
    /// let engine = Engine::new();
    /// let beta = Condition::new("plan", Operator::Equals, "beta");
    /// let segment = engine.create_segment(NewSegment::new("Beta testers").condition(beta))?;
    /// assert_eq!(engine.segment(segment.id()), Some(segment));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn create_segment(&self, new: NewSegment) -> Result<Segment, ControlError> {
        let writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let id = given_or_random(new.id, SegmentId::from_bytes)?;
        let segments = &view.shared().segments;
        if segments.contains_key(&id) {
            return Err(ControlError::SegmentIdTaken { id });
        }
        let mut faults = Faults::default();
        let segment = new.check(id, now, &Path::Root, &mut faults);
        if segments.len() >= MAX_SEGMENTS {
            let found = segments.len().saturating_add(1);
            let kind = FaultKind::TooMany { what: "segments", most: MAX_SEGMENTS, found };
            faults.add(&Path::Root.field("segments"), kind);
        }
        faults.into_result()?;
        writer.publish(view.with_segment(&segment), Action::CreateSegment)?;
        events::segment_created(id);
        Ok(segment)
    }

    /// Changes a segment into another one: all of it but the id, at once for everything that names
    /// it. An id in `new` is not used. A segment that is so already stays as it is, and reaches
    /// nothing.
    ///
    /// A running experiment that the change reaches goes on with other users than it was started
    /// with. The report names these experiments. Another name or description reaches none.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::SegmentNotFound`]; [`ControlError::Invalid`] with every fault.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::{Condition, NewSegment, NewTargeting, Operator};
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// let plan = |plan: &str| Condition::new("plan", Operator::Equals, plan);
    /// let segment = engine.create_segment(NewSegment::new("Beta testers").condition(plan("beta")))?;
    ///
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production")
    ///     .variant("golden", "new", 100)
    ///     .targeting(NewTargeting::new().segment(segment.id()))
    ///     .status(Status::Running);
    /// let id = engine.create_experiment("hero-banner", new)?.id();
    ///
    /// let other = NewSegment::new("Beta testers").condition(plan("preview"));
    /// assert_eq!(engine.change_segment(segment.id(), other)?.reaches, [id]);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn change_segment(
        &self,
        id: SegmentId,
        new: NewSegment,
    ) -> Result<SegmentChange, ControlError> {
        let writer = self.lock_to_change()?;
        let now = self.control.clock.now();
        let view = self.current.pin();
        let known = view.shared().segments.get(&id).ok_or(ControlError::SegmentNotFound { id })?;
        let mut faults = Faults::default();
        let segment = new.check(id, now, &Path::Root, &mut faults);
        faults.into_result()?;
        if (Segment { updated_at: known.updated_at, ..segment.clone() }) == **known {
            return Ok(SegmentChange { segment: (**known).clone(), reaches: Vec::new() });
        }
        let is_other_group = known.tests != segment.tests || known.match_type != segment.match_type;
        let states = view.states().filter(|_| is_other_group);
        let reaches: Vec<_> = states.flat_map(|state| reached(state, id)).collect();
        writer.publish(view.with_segment(&segment), Action::ChangeSegment)?;
        events::segment_changed(id, reaches.len());
        Ok(SegmentChange { segment, reaches })
    }

    /// Deletes a segment that nothing names, and returns it as it was.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::SegmentNotFound`]; [`ControlError::SegmentInUse`] while a rule or an
    /// audience names it, whether it is used or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::{Condition, NewRule, NewSegment, Operator};
    /// use fairsplit::{Engine, NewFlag};
    ///
    /// let engine = Engine::new();
    /// let beta = Condition::new("plan", Operator::Equals, "beta");
    /// let id = engine.create_segment(NewSegment::new("Beta testers").condition(beta))?.id();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let rule = engine.create_rule("hero-banner", NewRule::new("production", "new").segment(id))?;
    /// assert!(engine.delete_segment(id).is_err());
    ///
    /// engine.delete_rule(rule.id())?;
    /// engine.delete_segment(id)?;
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn delete_segment(&self, id: SegmentId) -> Result<Segment, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let mut shared = (**view.shared()).clone();
        let segment = shared.segments.remove(&id).ok_or(ControlError::SegmentNotFound { id })?;
        if let Some(by) = view.states().find_map(|state| named_by(state, id)) {
            return Err(ControlError::SegmentInUse { id, by });
        }
        writer.publish(view.with_shared(shared), Action::DeleteSegment)?;
        events::segment_deleted(id);
        Ok((*segment).clone())
    }

    /// All segments, in the order of their ids.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        let view = self.current.pin();
        view.shared().segments.values().map(|segment| (**segment).clone()).collect()
    }

    /// The segment of this id.
    #[must_use]
    pub fn segment(&self, id: SegmentId) -> Option<Segment> {
        let view = self.current.pin();
        view.shared().segments.get(&id).map(|segment| (**segment).clone())
    }
}

impl Snapshot {
    /// The next version, with a segment added or replaced.
    fn with_segment(&self, segment: &Segment) -> Snapshot {
        let mut shared = (**self.shared()).clone();
        shared.segments.insert(segment.id, Arc::new(segment.clone()));
        self.with_shared(shared)
    }
}

/// The running experiments of a flag whose users depend on a segment.
fn reached(state: &FlagState, id: SegmentId) -> impl Iterator<Item = ExperimentId> {
    let running = state.experiments.iter().map(|state| &state.definition);
    let running = running.filter(|definition| definition.is_running());
    let reached = running.filter(move |definition| {
        definition.targeting.as_deref().is_some_and(|targeting| names(targeting, id))
            || state.rules.iter().any(|rule| {
                rule.segment == Some(id)
                    && rule.is_enabled
                    && rule.environment == definition.terms.environment
            })
    });
    reached.map(|definition| definition.id)
}

/// Whether an audience names a segment.
fn names(targeting: &Targeting, id: SegmentId) -> bool {
    targeting.audience.all_segments().any(|segment| segment == id)
}

/// What names a segment, of a flag.
fn named_by(state: &FlagState, id: SegmentId) -> Option<String> {
    let key = state.flag.key();
    if let Some(rule) = state.rules.iter().find(|rule| rule.segment == Some(id)) {
        return Some(format!("rule {} of flag {key:?}", rule.id));
    }
    let mut experiments = state.experiments.iter().map(|state| &state.definition);
    let by = experiments.find(|definition| {
        definition.targeting.as_deref().is_some_and(|targeting| names(targeting, id))
    })?;
    Some(named(by.id, key))
}
