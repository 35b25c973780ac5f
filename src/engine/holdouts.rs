//! Holdouts: users who are in no experiment, so that all of them together can be measured.

use std::sync::Arc;

use super::Engine;
use super::consistency::{Targeted, named, targeted, unit_fault};
use super::ids::given_or_random;
use super::remembering::History;
use super::targeting::targeting_of;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::definition::Definition;
use crate::model::error::ControlError;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::id::{ExperimentId, HoldoutId};
use crate::model::path::Path;
use crate::model::remembered::Group;
use crate::model::targeting::experiment_targeting::BUCKET_BY;
use crate::model::targeting::holdout::{Holdout, NewHoldout};
use crate::model::targeting::shared::Shared;
use crate::read::snapshot::Snapshot;

impl Engine {
    /// Creates a holdout. It binds the experiments that are first started from now on, unless their
    /// targeting says that [holdouts](crate::targeting::NewTargeting::holdouts) do not apply.
    /// Experiments that have been started before stay as they are.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::HoldoutIdTaken`]; [`ControlError::Invalid`] with every fault: a percentage
    /// that is not one, a blank or overlong name, or a unit other than that of an experiment which
    /// it would bind: set `holdouts(false)` there first. A deleted holdout that bound an experiment
    /// comes back only with the percentage and the unit that it had, for as long as the engine knows
    /// that experiment, or a durable engine's directory keeps its counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::NewHoldout;
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// let holdout = engine.create_holdout(NewHoldout::new("2026", 5))?;
    ///
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("golden", "new", 100);
    /// let experiment = engine.create_experiment("hero-banner", new.status(Status::Running))?;
    /// assert_eq!(experiment.targeting().unwrap().held_out_by(), [holdout.id()]);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn create_holdout(&self, new: NewHoldout) -> Result<Holdout, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let id = given_or_random(new.id, HoldoutId::from_bytes)?;
        if view.shared().holdouts.contains_key(&id) {
            return Err(ControlError::HoldoutIdTaken { id });
        }
        let mut faults = Faults::default();
        let holdout = new.check(id, &Path::Root, &mut faults);
        if let Some(holdout) = &holdout {
            refuse_fixed(&view, writer.history(), holdout, &Path::Root, &mut faults);
            refuse_other_unit(&view, holdout, &Path::Root, &mut faults);
        }
        let holdout = sound(holdout, faults)?;
        writer.publish(view.with_holdout(&holdout), Action::CreateHoldout)?;
        events::holdout_created(id);
        Ok(holdout)
    }

    /// Changes a holdout: its name, and until it binds an experiment its percentage and its unit.
    /// An id in `new` is not used. A holdout that is so already stays as it is.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::HoldoutNotFound`]; [`ControlError::Invalid`] with every fault: as
    /// [`create_holdout`](Engine::create_holdout), and a percentage or a unit that would change
    /// after an experiment that it binds was started.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    /// use fairsplit::targeting::NewHoldout;
    ///
    /// let engine = Engine::new();
    /// let id = engine.create_holdout(NewHoldout::new("2026", 5))?.id();
    /// let holdout = engine.change_holdout(id, NewHoldout::new("2026", 2.5))?;
    /// assert_eq!(holdout.percentage().percent(), 2.5);
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn change_holdout(&self, id: HoldoutId, new: NewHoldout) -> Result<Holdout, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let known = view.shared().holdouts.get(&id).ok_or(ControlError::HoldoutNotFound { id })?;
        let mut faults = Faults::default();
        let holdout = new.check(id, &Path::Root, &mut faults);
        if let Some(holdout) = &holdout {
            check_change(&view, writer.history(), known, holdout, &mut faults);
        }
        let holdout = sound(holdout, faults)?;
        if holdout == **known {
            return Ok(holdout);
        }
        writer.publish(view.with_holdout(&holdout), Action::ChangeHoldout)?;
        events::holdout_changed(id);
        Ok(holdout)
    }

    /// Deletes a holdout, and returns it as it was. It binds no further experiment.
    ///
    /// An experiment that it bound keeps its id, and can run only with that holdout: such an
    /// experiment, which has to be archived, cannot be taken out of the archive before the holdout
    /// is [created](Engine::create_holdout) again as it was. Else it would go on with users that it
    /// never had.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::HoldoutNotFound`]; [`ControlError::HoldoutInUse`] while it binds an
    /// experiment that is not archived, nor its flag: archive it first.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::NewHoldout;
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// let holdout = engine.create_holdout(NewHoldout::new("2026", 5))?.id();
    /// engine.create_flag(NewFlag::new("hero-banner", "old"))?;
    /// let new = NewExperiment::new("Hero Banner", "production").variant("golden", "new", 100);
    /// let id = engine.create_experiment("hero-banner", new.status(Status::Running))?.id();
    /// assert!(engine.delete_holdout(holdout).is_err());
    ///
    /// engine.stop(id)?;
    /// engine.archive_experiment(id)?;
    /// engine.delete_holdout(holdout)?;
    /// assert!(engine.unarchive_experiment(id).is_err());
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn delete_holdout(&self, id: HoldoutId) -> Result<Holdout, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let mut shared = (**view.shared()).clone();
        let holdout = shared.holdouts.remove(&id).ok_or(ControlError::HoldoutNotFound { id })?;
        let bound =
            targeted(&view).find(|(_, of)| !of.is_archived && of.held_out_by().contains(&id));
        if let Some((key, of)) = bound {
            return Err(ControlError::HoldoutInUse { id, by: named(of.definition.id, key) });
        }
        writer.publish(view.with_shared(shared), Action::DeleteHoldout)?;
        events::holdout_deleted(id);
        Ok((*holdout).clone())
    }

    /// All holdouts, in the order of their ids.
    #[must_use]
    pub fn holdouts(&self) -> Vec<Holdout> {
        let view = self.current.pin();
        view.shared().holdouts.values().map(|holdout| (**holdout).clone()).collect()
    }

    /// The holdout of this id.
    #[must_use]
    pub fn holdout(&self, id: HoldoutId) -> Option<Holdout> {
        let view = self.current.pin();
        view.shared().holdouts.get(&id).map(|holdout| (**holdout).clone())
    }
}

impl Snapshot {
    /// The next version, with a holdout added or replaced.
    fn with_holdout(&self, holdout: &Holdout) -> Snapshot {
        let mut shared = (**self.shared()).clone();
        shared.holdouts.insert(holdout.id, Arc::new(holdout.clone()));
        self.with_shared(shared)
    }
}

/// Binds an experiment at its first start to the holdouts that there are; `before` is the
/// experiment as it was. What has been started before stays bound as it is.
pub(super) fn bind(definition: &mut Definition, before: Option<&Definition>, shared: &Shared) {
    let was_started = before.is_some_and(|before| before.started_at.is_some());
    if was_started || !definition.is_running() {
        return;
    }
    let mut targeting = targeting_of(definition);
    let binding = shared.holdouts.keys().filter(|_| targeting.holdouts);
    targeting.held_out_by = binding.copied().collect();
    definition.targeting = targeting.some();
}

/// The id of an experiment that a holdout binds.
fn bound_by(view: &Snapshot, id: HoldoutId) -> Option<ExperimentId> {
    let mut bound = targeted(view).filter(|(_, of)| of.held_out_by().contains(&id));
    bound.next().map(|(_, of)| of.definition.id)
}

/// Adds a fault for each part of a holdout that would change while it has to stay.
fn check_change(
    view: &Snapshot,
    history: History<'_>,
    known: &Holdout,
    holdout: &Holdout,
    faults: &mut Faults,
) {
    if Group::from(known) == Group::from(holdout) {
        return;
    }
    refuse_fixed(view, history, holdout, &Path::Root, faults);
    if !faults.has_any() {
        refuse_other_unit(view, holdout, &Path::Root, faults);
    }
}

/// Adds a fault for each part of a holdout that would change although it binds an experiment, which
/// may have left the configuration: it can come back, and its counts go on. So may the holdout.
pub(super) fn refuse_fixed(
    view: &Snapshot,
    history: History<'_>,
    holdout: &Holdout,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let (known, group) = (history.group(view, holdout.id), Group::from(holdout));
    if known.as_ref() == Some(&group) {
        return;
    }
    let bound = bound_by(view, holdout.id).or_else(|| history.bound_by(holdout.id));
    let Some(experiment) = bound else { return };
    let changed: &[&str] = match &known {
        // Whom it held out is not known, so no share is known to be the same.
        None => &["id"],
        Some(known) if known.percentage == group.percentage => &[BUCKET_BY],
        Some(known) if known.bucket_by == group.bucket_by => &["percentage"],
        Some(_) => &["percentage", BUCKET_BY],
    };
    for name in changed {
        let experiment = experiment.to_string();
        faults.add(&path.field(name), FaultKind::HoldoutFixed { experiment });
    }
}

/// Adds a fault if an experiment that a holdout would bind has another unit.
pub(super) fn refuse_other_unit(
    view: &Snapshot,
    holdout: &Holdout,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let is_other =
        |of: &Targeted<'_>| of.is_for(holdout.id) && of.bucket_by() != holdout.bucket_by();
    if let Some((key, of)) = targeted(view).find(|(_, of)| is_other(of)) {
        let kind = unit_fault(of.bucket_by(), named(of.definition.id, key));
        faults.add(&path.field(BUCKET_BY), kind);
    }
}

/// The holdout of a request, if nothing is wrong with it.
fn sound(holdout: Option<Holdout>, faults: Faults) -> Result<Holdout, ControlError> {
    match holdout {
        Some(holdout) if faults.is_empty() => Ok(holdout),
        _ => Err(faults.into_error().into()),
    }
}
