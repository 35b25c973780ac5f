//! What the flags of a document name of what flags share: it has to be there, and without faults.

use std::collections::BTreeSet;

use super::consistency::check_goal;
use crate::format::document::Document;
use crate::format::flag_document::FlagDocument;
use crate::format::goals::GOALS;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::goal::of_experiment::{ATTACHED, GOAL, Goals};
use crate::model::id::{GoalId, LayerId, SegmentId};
use crate::model::path::{Path, quote};
use crate::model::targeting::experiment_targeting::{AUDIENCE, LAYER, Targeting};
use crate::model::targeting::shared::Shared;

/// Segments, layers, holdouts and goals of a document that have faults.
#[derive(Debug, Default)]
pub(super) struct FaultyParts {
    pub(super) segments: BTreeSet<SegmentId>,
    pub(super) layers: BTreeSet<LayerId>,
    pub(super) goals: BTreeSet<GoalId>,
    /// One of them, by its path. No flag names a holdout, so each may be meant.
    pub(super) holdout: Option<String>,
}

impl FaultyParts {
    /// Those that could not be read.
    pub(super) fn of(document: &Document) -> FaultyParts {
        let segments = document.segments.iter().filter(|part| !part.is_sound());
        let layers = document.layers.iter().filter(|part| !part.is_sound());
        let goals = document.goals.iter().filter(|part| !part.is_sound());
        FaultyParts {
            segments: segments.filter_map(|part| part.id).collect(),
            layers: layers.filter_map(|part| part.id).collect(),
            goals: goals.filter_map(|part| part.id).collect(),
            holdout: None,
        }
    }

    /// Adds a fault for each segment, layer and goal that a flag of the document names and that has
    /// faults, or is not in `shared`. `at` is the position of the flag.
    pub(super) fn check(&self, flag: &mut FlagDocument, at: usize, shared: &Shared) {
        let names = Names { faulty: self, shared };
        let flags = Path::Root.field("flags");
        let path = flags.item(at);
        let mut faults = Faults::default();
        let rules = path.field("rules");
        for (at, rule) in flag.rules.rules.iter().enumerate() {
            if let Some(segment) = rule.segment {
                names.segment(segment, &rules.item(at).field("segment_id"), &mut faults);
            }
        }
        let of_flag = path;
        let path = path.field("targeting");
        for section in &flag.experiments {
            if let Some(targeting) = &section.experiment.targeting {
                let id = section.experiment.id.to_string();
                names.targeting(targeting, &path.field(&id), &mut faults);
            }
        }
        let of_goals = of_flag.field(GOALS);
        for section in &flag.experiments {
            if let Some(goals) = &section.experiment.goals {
                let id = section.experiment.id.to_string();
                names.goals(goals, &of_goals.field(&id), &mut faults);
            }
        }
        flag.faults.append(faults);
    }
}

struct Names<'a> {
    faulty: &'a FaultyParts,
    shared: &'a Shared,
}

impl Names<'_> {
    fn targeting(&self, targeting: &Targeting, path: &Path<'_>, faults: &mut Faults) {
        let of_audience = path.field(AUDIENCE);
        let audience = &targeting.audience;
        let lists = [("segments", &audience.segments), ("not_segments", &audience.not_segments)];
        for (name, segments) in lists {
            let path = of_audience.field(name);
            for (at, segment) in segments.iter().enumerate() {
                self.segment(*segment, &path.item(at), faults);
            }
        }
        if let Some(part) = &targeting.layer {
            let path = path.field(LAYER);
            let is_faulty = self.faulty.layers.contains(&part.id);
            let is_there = self.shared.layers.contains_key(&part.id);
            check("layer", part.id.to_string(), is_faulty, is_there, &path.field("id"), faults);
        }
    }

    fn goals(&self, goals: &Goals, path: &Path<'_>, faults: &mut Faults) {
        goals.each(path, |goal, path| {
            let key = goal.goal();
            if self.faulty.goals.contains(&GoalId::of(key)) {
                let (what, found) = ("goal", quote(key));
                faults.add(&path.field(GOAL), FaultKind::Faulty { what, found });
            } else {
                check_goal(goal, self.shared, path, faults);
            }
        });
        let path = path.field(ATTACHED);
        for (at, attached) in goals.attached.iter().enumerate() {
            let key = attached.goal();
            let is_faulty = self.faulty.goals.contains(&GoalId::of(key));
            if !is_faulty && self.shared.goal(key).is_none() {
                let kind = FaultKind::NoSuchGoal { found: quote(key) };
                faults.add(&path.item(at).field(GOAL), kind);
            }
        }
    }

    fn segment(&self, id: SegmentId, path: &Path<'_>, faults: &mut Faults) {
        let is_faulty = self.faulty.segments.contains(&id);
        let is_there = self.shared.segments.contains_key(&id);
        check("segment", id.to_string(), is_faulty, is_there, path, faults);
    }
}

/// A faulty one is a fault also where the engine has it as it was: the flag was written for what it
/// was to become.
fn check(
    what: &'static str,
    found: String,
    is_faulty: bool,
    is_there: bool,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    if is_faulty {
        faults.add(path, FaultKind::Faulty { what, found });
    } else if !is_there {
        faults.add(path, FaultKind::NoSuch { what, found });
    }
}
