//! Layers: groups of experiments that share no user.

use std::sync::Arc;

use super::Engine;
use super::consistency::{Targeted, named, targeted, unit_fault};
use super::ids::given_or_random;
use crate::engine::events;
use crate::model::change::Action;
use crate::model::error::ControlError;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::id::LayerId;
use crate::model::path::Path;
use crate::model::targeting::experiment_targeting::BUCKET_BY;
use crate::model::targeting::layer::{Layer, NewLayer};
use crate::read::snapshot::Snapshot;

impl Engine {
    /// Creates a layer. Experiments get [ranges](crate::targeting::NewTargeting::layer) of it; two
    /// that run in one environment have no range in common.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::LayerIdTaken`]; [`ControlError::Invalid`] if a name is blank or overlong.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::{NewLayer, NewTargeting};
    /// use fairsplit::{Engine, NewExperiment, NewFlag, Status};
    ///
    /// let engine = Engine::new();
    /// let checkout = engine.create_layer(NewLayer::new("checkout"))?.id();
    /// engine.create_flag(NewFlag::new("steps", 3))?;
    /// engine.create_flag(NewFlag::new("button", "green"))?;
    ///
    /// let running = |value: u32, ranges: (u32, u32)| {
    ///     NewExperiment::new("test", "production")
    ///         .variant("treatment", value, 100)
    ///         .targeting(NewTargeting::new().layer(checkout, [ranges]))
    ///         .status(Status::Running)
    /// };
    /// engine.create_experiment("steps", running(1, (0, 50)))?;
    /// assert!(engine.create_experiment("button", running(2, (40, 60))).is_err());
    /// engine.create_experiment("button", running(2, (50, 100)))?;
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn create_layer(&self, new: NewLayer) -> Result<Layer, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let id = given_or_random(new.id, LayerId::from_bytes)?;
        if view.shared().layers.contains_key(&id) {
            return Err(ControlError::LayerIdTaken { id });
        }
        let mut faults = Faults::default();
        let layer = new.check(id, &Path::Root, &mut faults);
        faults.into_result()?;
        writer.publish(view.with_layer(&layer), Action::CreateLayer)?;
        events::layer_created(id);
        Ok(layer)
    }

    /// Changes the name of a layer, and its unit while no experiment has a part of it. An id in
    /// `new` is not used. A layer that is so already stays as it is.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::LayerNotFound`]; [`ControlError::Invalid`] with every fault, one of them for
    /// another unit than that of an experiment which has a part of it.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::Engine;
    /// use fairsplit::targeting::NewLayer;
    ///
    /// let engine = Engine::new();
    /// let id = engine.create_layer(NewLayer::new("checkout"))?.id();
    /// let layer = engine.change_layer(id, NewLayer::new("checkout").bucket_by("company_id"))?;
    /// assert_eq!(layer.bucket_by(), Some("company_id"));
    /// # Ok::<(), fairsplit::Error>(())
    /// ```
    pub fn change_layer(&self, id: LayerId, new: NewLayer) -> Result<Layer, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let known = view.shared().layers.get(&id).ok_or(ControlError::LayerNotFound { id })?;
        let mut faults = Faults::default();
        let layer = new.check(id, &Path::Root, &mut faults);
        if layer.bucket_by != known.bucket_by {
            refuse_other_unit(&view, &layer, &Path::Root, &mut faults);
        }
        faults.into_result()?;
        if layer == **known {
            return Ok(layer);
        }
        writer.publish(view.with_layer(&layer), Action::ChangeLayer)?;
        events::layer_changed(id);
        Ok(layer)
    }

    /// Deletes a layer of which no experiment has a part, and returns it as it was.
    ///
    /// Cost: goes through all flags.
    ///
    /// # Errors
    ///
    /// [`ControlError::LayerNotFound`]; [`ControlError::LayerInUse`] while an experiment has a part
    /// of it, whatever its status.
    pub fn delete_layer(&self, id: LayerId) -> Result<Layer, ControlError> {
        let writer = self.lock_to_change()?;
        let view = self.current.pin();
        let mut shared = (**view.shared()).clone();
        let layer = shared.layers.remove(&id).ok_or(ControlError::LayerNotFound { id })?;
        if let Some((key, of)) = parts(&view, id).next() {
            return Err(ControlError::LayerInUse { id, by: named(of.definition.id, key) });
        }
        writer.publish(view.with_shared(shared), Action::DeleteLayer)?;
        events::layer_deleted(id);
        Ok((*layer).clone())
    }

    /// All layers, in the order of their ids.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        let view = self.current.pin();
        view.shared().layers.values().map(|layer| (**layer).clone()).collect()
    }

    /// The layer of this id.
    #[must_use]
    pub fn layer(&self, id: LayerId) -> Option<Layer> {
        let view = self.current.pin();
        view.shared().layers.get(&id).map(|layer| (**layer).clone())
    }
}

impl Snapshot {
    /// The next version, with a layer added or replaced.
    fn with_layer(&self, layer: &Layer) -> Snapshot {
        let mut shared = (**self.shared()).clone();
        shared.layers.insert(layer.id, Arc::new(layer.clone()));
        self.with_shared(shared)
    }
}

/// The experiments that have a part of a layer, each with the key of its flag.
fn parts(view: &Snapshot, id: LayerId) -> impl Iterator<Item = (&str, Targeted<'_>)> {
    targeted(view).filter(move |(_, of)| {
        let targeting = of.definition.targeting.as_ref();
        targeting.and_then(|targeting| targeting.layer()).is_some_and(|part| part.id() == id)
    })
}

/// Adds a fault if an experiment that has a part of a layer has another unit: one that has been
/// started before one that has not.
pub(super) fn refuse_other_unit(
    view: &Snapshot,
    layer: &Layer,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let others = || parts(view, layer.id).filter(|(_, of)| of.bucket_by() != layer.bucket_by());
    let started = others().find(|(_, of)| of.is_started);
    let kind = match (started, others().next()) {
        (Some((_, of)), _) => FaultKind::TargetingFixed { id: of.definition.id.to_string() },
        (None, Some((key, of))) => unit_fault(of.bucket_by(), named(of.definition.id, key)),
        (None, None) => return,
    };
    faults.add(&path.field(BUCKET_BY), kind);
}
