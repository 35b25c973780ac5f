//! Experiments of one document that say they run, and would share users of a layer.

use crate::format::flag_document::FlagDocument;
use crate::model::fault::FaultKind;
use crate::model::id::ExperimentId;
use crate::model::path::Path;
use crate::model::status::Status;
use crate::model::targeting::overlaps::{RunningRange, overlapping};

/// Adds a fault to each of two ranges that overlap: it is unknown which one is meant.
pub(super) fn refuse_overlaps(flags: &mut [FlagDocument]) {
    let mut ranges = Vec::new();
    let mut of_flag = Vec::new();
    for (at, flag) in flags.iter().enumerate() {
        for section in &flag.experiments {
            let experiment = &section.experiment;
            if experiment.status == Some(Status::Running) {
                let targeting = experiment.targeting.as_deref();
                let environment = &experiment.terms.environment;
                ranges.extend(RunningRange::of(experiment.id, environment, targeting));
                of_flag.resize(ranges.len(), at);
            }
        }
    }
    for (one, other) in overlapping(&ranges) {
        for (this, beside) in [(one, other), (other, one)] {
            let place = |nth: usize| Some((*of_flag.get(nth)?, ranges.get(nth)?));
            let (Some((flag, range)), Some((flag_beside, beside))) = (place(this), place(beside))
            else {
                continue;
            };
            let other = range_path(flag_beside, beside.experiment, beside.at);
            if let Some(document) = flags.get_mut(flag) {
                let path = range_path(flag, range.experiment, range.at);
                document.faults.add_at(path, FaultKind::Overlap { other });
            }
        }
    }
}

/// The path of a range of an experiment's layer.
pub(crate) fn range_path(flag: usize, experiment: ExperimentId, range: usize) -> String {
    let flags = Path::Root.field("flags");
    let (flag, experiment) = (flags.item(flag), experiment.to_string());
    let targeting = flag.field("targeting");
    let of_experiment = targeting.field(&experiment);
    let layer = of_experiment.field("layer");
    layer.field("ranges").item(range).to_string()
}
