//! A goal that an experiment has, or has had since its first start, and what of it stays.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::Serializer;

use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::goal::definition::check_key;
use crate::model::goal::of_experiment::{Better, CAP, GOAL, GoalUse, MARGIN};
use crate::model::path::Path;
use crate::model::timestamp::Timestamp;

/// From when on an experiment has had a goal, and what of it stays since the experiment was started.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttachedGoal {
    #[serde(serialize_with = "text")]
    pub(crate) goal: Arc<str>,
    pub(crate) since: Timestamp,
    /// `None` if it is not known: of a goal that was left out before that was kept.
    #[serde(flatten)]
    pub(crate) fixed: Option<Fixed>,
}

/// What is said of a goal before anything is seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Fixed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cap: Option<f64>,
    /// Always written: where it is, the others are known too.
    pub(crate) better: Better,
    /// `None` if it has never been a guardrail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) margin: Option<f64>,
}

impl Fixed {
    pub(super) fn of(goal: &GoalUse, margin: Option<f64>) -> Fixed {
        Fixed { cap: goal.cap, better: goal.better, margin }
    }

    /// Whether a goal can be meant in this way, where it was meant so before: a margin can be added.
    pub(super) fn allows(self, after: Fixed) -> bool {
        let has_both = self.margin.is_some() && after.margin.is_some();
        (self.cap, self.better) == (after.cap, after.better)
            && (!has_both || self.margin == after.margin)
    }

    fn check(self, path: &Path<'_>, faults: &mut Faults) {
        check_cap(self.cap, path, faults);
        self.margin.into_iter().for_each(|margin| check_margin(margin, path, faults));
    }
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl AttachedGoal {
    /// The goal's key.
    #[must_use]
    pub fn goal(&self) -> &str {
        &self.goal
    }

    /// From when on it has been counted, while the experiment was running.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// The cap that it has, or had, and has again if it comes back; `None` if it had none, or if
    /// that is not known.
    #[must_use]
    pub fn cap_of_user(&self) -> Option<f64> {
        self.fixed?.cap
    }

    /// In which direction it is meant, or was; `None` if that is not known.
    #[must_use]
    pub fn better(&self) -> Option<Better> {
        Some(self.fixed?.better)
    }

    /// The margin that it has as a guardrail, or had; `None` if it was none, or if that is not
    /// known.
    #[must_use]
    pub fn margin(&self) -> Option<f64> {
        self.fixed?.margin
    }

    /// Adds what is wrong with it by itself.
    pub(crate) fn check(&self, path: &Path<'_>, faults: &mut Faults) {
        check_key(&self.goal, &path.field(GOAL), faults);
        self.fixed.into_iter().for_each(|fixed| fixed.check(path, faults));
    }
}

pub(super) fn check_cap(cap: Option<f64>, path: &Path<'_>, faults: &mut Faults) {
    if let Some(cap) = cap.filter(|cap| !(cap.is_finite() && *cap > 0.0)) {
        faults.add(&path.field(CAP), FaultKind::Cap { found: cap.to_string() });
    }
}

pub(super) fn check_margin(margin: f64, path: &Path<'_>, faults: &mut Faults) {
    if !(0.0..=1.0).contains(&margin) {
        faults.add(&path.field(MARGIN), FaultKind::Margin { found: margin.to_string() });
    }
}
