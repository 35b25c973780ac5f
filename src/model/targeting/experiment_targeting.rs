//! Who is in an experiment: audience, coverage, unit, layer, holdouts.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::assign::slot::Slot;
use crate::model::fault::{FaultKind, MAX_RANGES};
use crate::model::faults::Faults;
use crate::model::id::{HoldoutId, LayerId, SegmentId};
use crate::model::path::Path;
use crate::model::targeting::audience::{Audience, check_conditions};
use crate::model::targeting::coverage_step::CoverageStep;
use crate::model::targeting::share::{Share, to_value};
use crate::model::timestamp::Timestamp;
use crate::model::validation::check_name;
use crate::target::condition::Condition;

/// Who is in an experiment, as a request gives it; nothing in it is checked until an engine takes
/// it. Without any of its parts, everybody is, as in an experiment without targeting.
///
/// # Examples
///
/// ```
/// use fairsplit::targeting::{Condition, NewTargeting, Operator};
///
/// let germans = NewTargeting::new()
///     .condition(Condition::new("country", Operator::Equals, "DE"))
///     .coverage(10);
/// # let _ = germans;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "targeting does nothing until an engine takes it"]
pub struct NewTargeting {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) segments: Vec<SegmentId>,
    pub(crate) not_segments: Vec<SegmentId>,
    pub(crate) coverage: Option<f64>,
    pub(crate) bucket_by: Option<String>,
    pub(crate) layer: Option<(LayerId, Vec<(f64, f64)>)>,
    pub(crate) holdouts: Option<bool>,
}

impl NewTargeting {
    /// Everybody.
    pub fn new() -> NewTargeting {
        NewTargeting::default()
    }

    /// Adds a condition that has to hold.
    pub fn condition(mut self, condition: Condition) -> NewTargeting {
        self.conditions.push(condition);
        self
    }

    /// Adds a segment that a user has to be in.
    pub fn segment(mut self, segment: SegmentId) -> NewTargeting {
        self.segments.push(segment);
        self
    }

    /// Adds a segment that a user must not be in.
    pub fn not_segment(mut self, segment: SegmentId) -> NewTargeting {
        self.not_segments.push(segment);
        self
    }

    /// Sets which part of the audience is in the experiment, in per cent: 0 to 100, with at most
    /// three decimals. All of it, if it is not set.
    pub fn coverage(mut self, percent: impl Into<f64>) -> NewTargeting {
        self.coverage = Some(percent.into());
        self
    }

    /// Sets the attribute that is split by, in place of the user key: all users of one company,
    /// say.
    pub fn bucket_by(mut self, attribute: impl Into<String>) -> NewTargeting {
        self.bucket_by = Some(attribute.into());
        self
    }

    /// Sets the layer, and the ranges of it that the experiment has, in per cent: `[(0, 30)]` is
    /// the first 30 per cent of the layer's users.
    pub fn layer<T: Into<f64>>(
        mut self,
        layer: LayerId,
        ranges: impl IntoIterator<Item = (T, T)>,
    ) -> NewTargeting {
        let ranges = ranges.into_iter().map(|(from, to)| (from.into(), to.into()));
        self.layer = Some((layer, ranges.collect()));
        self
    }

    /// Sets whether users that are held out stay out of this experiment: they do unless this is
    /// `false`.
    pub fn holdouts(mut self, apply: bool) -> NewTargeting {
        self.holdouts = Some(apply);
        self
    }

    /// The targeting, if nothing is wrong with it; faults are added.
    pub(crate) fn check(self, path: &Path<'_>, faults: &mut Faults) -> Targeting {
        let of_audience = path.field("audience");
        let conditions = of_audience.field("conditions");
        let audience = Audience {
            tests: check_conditions(self.conditions, "attribute", &conditions, faults),
            segments: self.segments,
            not_segments: self.not_segments,
        };
        let coverage = self
            .coverage
            .and_then(|percent| Share::check(percent, &path.field("coverage"), faults))
            .unwrap_or(Share::ALL);
        if let Some(attribute) = &self.bucket_by {
            check_name(attribute, &path.field("bucket_by"), faults);
        }
        let layer = self.layer.map(|(id, ranges)| {
            let path = path.field("layer");
            let path = path.field("ranges");
            let ranges = ranges.iter().enumerate();
            let ranges: Vec<_> = ranges
                .filter_map(|(at, (from, to))| {
                    let path = path.item(at);
                    let from = Share::check(*from, &path.field("from"), faults);
                    let to = Share::check(*to, &path.field("to"), faults);
                    Some(LayerRange { from: from?, to: to? })
                })
                .collect();
            LayerRange::check_all(&ranges, &path, faults);
            LayerPart { id, ranges }
        });
        Targeting {
            audience,
            coverage,
            bucket_by: self.bucket_by.map(Into::into),
            layer,
            holdouts: self.holdouts.unwrap_or(true),
            held_out_by: Arc::default(),
            coverages: Arc::default(),
        }
    }
}

/// Who is in an experiment: the audience, which part of it, by which unit, in which ranges of a
/// layer, and whether held-out users stay out.
///
/// Once the experiment has been started, all of it stays, but that the coverage can grow: a new
/// population is a new experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Targeting {
    pub(crate) audience: Audience,
    pub(crate) coverage: Share,
    pub(crate) bucket_by: Option<Arc<str>>,
    pub(crate) layer: Option<LayerPart>,
    pub(crate) holdouts: bool,
    /// The holdouts that bind it: those that there were when it was first started.
    pub(crate) held_out_by: Arc<[HoldoutId]>,
    /// The coverages that it has had since its first start; none if it always covered everybody.
    pub(crate) coverages: Arc<[CoverageStep]>,
}

impl Default for Targeting {
    fn default() -> Targeting {
        Targeting {
            audience: Audience::default(),
            coverage: Share::ALL,
            bucket_by: None,
            layer: None,
            holdouts: true,
            held_out_by: Arc::default(),
            coverages: Arc::default(),
        }
    }
}

/// The names of its fields, in documents and in merges.
pub(crate) const AUDIENCE: &str = "audience";
pub(crate) const COVERAGE: &str = "coverage";
pub(crate) const BUCKET_BY: &str = "bucket_by";
pub(crate) const LAYER: &str = "layer";
pub(crate) const HOLDOUTS: &str = "holdouts";
pub(crate) const HELD_OUT_BY: &str = "held_out_by";
pub(crate) const COVERAGES: &str = "coverages";

impl Targeting {
    /// Whom it is for.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Which part of the audience is in it.
    #[must_use]
    pub fn coverage(&self) -> Share {
        self.coverage
    }

    /// The attribute that is split by; `None` for the user key.
    #[must_use]
    pub fn bucket_by(&self) -> Option<&str> {
        self.bucket_by.as_deref()
    }

    /// The part of a layer that it has.
    #[must_use]
    pub fn layer(&self) -> Option<&LayerPart> {
        self.layer.as_ref()
    }

    /// Whether users that are held out stay out of it.
    #[must_use]
    pub fn holdouts(&self) -> bool {
        self.holdouts
    }

    /// The holdouts that bind it: those that there were when it was first started.
    #[must_use]
    pub fn held_out_by(&self) -> &[HoldoutId] {
        &self.held_out_by
    }

    /// The coverages that it has had since the experiment was first started, in the order of time.
    /// None before the first start, and none if it has always covered everybody.
    #[must_use]
    pub fn coverages(&self) -> &[CoverageStep] {
        &self.coverages
    }

    /// With what the engine fills in as it is known, unless it says so itself.
    pub(crate) fn bound_as(mut self, known: Option<&Targeting>) -> Targeting {
        let Some(known) = known else { return self };
        if self.held_out_by.is_empty() {
            self.held_out_by = Arc::clone(&known.held_out_by);
        }
        if self.coverages.is_empty() {
            self.coverages = Arc::clone(&known.coverages);
        }
        self
    }

    /// Whether the same holdouts bind the two.
    pub(crate) fn is_bound_as(&self, other: &Targeting) -> bool {
        let all: BTreeSet<_> = self.held_out_by.iter().collect();
        all == other.held_out_by.iter().collect()
    }

    /// As it was given, without what the engine fills in.
    pub(crate) fn unbound(self) -> Targeting {
        Targeting { held_out_by: Arc::default(), coverages: Arc::default(), ..self }
    }

    /// With its coverage noted, if it is not yet: since `now`, or since `first_start` if it is the
    /// first.
    pub(crate) fn noted(&self, first_start: Timestamp, now: Timestamp) -> Option<Targeting> {
        let last = self.coverages.last().map(|step| step.coverage);
        if last.unwrap_or(Share::ALL) == self.coverage {
            return None;
        }
        let at = if last.is_none() { first_start } else { now };
        let step = CoverageStep { at, coverage: self.coverage };
        let coverages = self.coverages.iter().copied().chain([step]).collect();
        Some(Targeting { coverages, ..self.clone() })
    }

    /// It, or `None` if it is as without.
    pub(crate) fn some(self) -> Option<Arc<Targeting>> {
        (self != Targeting::default()).then(|| Arc::new(self))
    }

    /// The fields that say something, with their names.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let audience =
            (!self.audience.is_everybody()).then(|| (AUDIENCE, to_value(&self.audience)));
        let coverage = (self.coverage != Share::ALL).then(|| (COVERAGE, to_value(self.coverage)));
        let bucket_by = self.bucket_by.as_deref().map(|name| (BUCKET_BY, name.into()));
        let layer = self.layer.as_ref().map(|layer| (LAYER, to_value(layer)));
        let holdouts = (!self.holdouts).then_some((HOLDOUTS, false.into()));
        let held =
            (!self.held_out_by.is_empty()).then(|| (HELD_OUT_BY, to_value(&*self.held_out_by)));
        let coverages =
            (!self.coverages.is_empty()).then(|| (COVERAGES, to_value(&*self.coverages)));
        let fields = [audience, coverage, bucket_by, layer, holdouts, held, coverages];
        fields.into_iter().flatten()
    }

    /// Whether the other differs in nothing but in what the engine fills in, and in that its
    /// coverage may be another.
    pub(crate) fn has_same_population(&self, other: &Targeting) -> bool {
        self.audience == other.audience
            && self.bucket_by == other.bucket_by
            && self.layer == other.layer
            && self.holdouts == other.holdouts
    }
}

impl Serialize for Targeting {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields())
    }
}

/// The part of a layer that an experiment has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerPart {
    pub(crate) id: LayerId,
    pub(crate) ranges: Vec<LayerRange>,
}

impl LayerPart {
    /// The layer.
    #[must_use]
    pub fn id(&self) -> LayerId {
        self.id
    }

    /// Its ranges.
    #[must_use]
    pub fn ranges(&self) -> &[LayerRange] {
        &self.ranges
    }
}

/// A range of a layer's users: from this share of them on, up to and without that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LayerRange {
    pub(crate) from: Share,
    pub(crate) to: Share,
}

impl LayerRange {
    /// Where it begins.
    #[must_use]
    pub fn from(self) -> Share {
        self.from
    }

    /// Where it ends.
    #[must_use]
    pub fn to(self) -> Share {
        self.to
    }

    /// Whether a slot is in it.
    #[inline]
    pub(crate) fn has(self, slot: Slot) -> bool {
        !self.from.has(slot) && self.to.has(slot)
    }

    /// Whether some slot is in both.
    pub(crate) fn overlaps(self, other: LayerRange) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Adds what is wrong with the ranges of one experiment.
    pub(crate) fn check_all(ranges: &[LayerRange], path: &Path<'_>, faults: &mut Faults) {
        if ranges.is_empty() {
            faults.add(path, FaultKind::NoItems { what: "range" });
        }
        if ranges.len() > MAX_RANGES {
            let found = ranges.len();
            faults.add(path, FaultKind::TooMany { what: "ranges", most: MAX_RANGES, found });
            return;
        }
        for (at, range) in ranges.iter().enumerate() {
            if range.from >= range.to {
                faults.add(&path.item(at), FaultKind::EmptyRange);
            }
            let before = ranges.iter().take(at).position(|other| other.overlaps(*range));
            if let Some(other) = before {
                let other = path.item(other).to_string();
                faults.add(&path.item(at), FaultKind::Overlap { other });
            }
        }
    }
}
