//! Who is in an experiment, read.

use super::conditions::{ATTRIBUTE, conditions, written};
use super::unit;
use crate::format::fields::{Fields, array, boolean, items, parsed, share, strictly};
use crate::format::node::Node;
use crate::model::error::LoadError;
use crate::model::faults::Faults;
use crate::model::path::Path;
use crate::model::targeting::audience::Audience;
use crate::model::targeting::coverage_step::{AT, CoverageStep};
use crate::model::targeting::experiment_targeting::{
    AUDIENCE, BUCKET_BY, COVERAGE, COVERAGES, HELD_OUT_BY, HOLDOUTS, LAYER, LayerPart, LayerRange,
    NewTargeting, Targeting,
};
use crate::model::targeting::share::Share;

impl NewTargeting {
    /// Reads who is in an experiment: an object of `audience` (with `conditions`, `segments` and
    /// `not_segments`), `coverage`, `bucket_by`, `layer` (with `id` and `ranges`, each `from` and
    /// `to`) and `holdouts`. What is absent is as in an experiment without targeting. A
    /// `held_out_by` is not used: so targeting can be sent back as it was answered. An error names
    /// every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::{Condition, NewTargeting, Operator};
    ///
    /// let read = NewTargeting::from_json(r#"{"coverage": 10, "audience": {"conditions": [
    ///     {"attribute": "country", "operator": "equals", "value": "DE"}
    /// ]}}"#)?;
    /// let germans = Condition::new("country", Operator::Equals, "DE");
    /// assert_eq!(read, NewTargeting::new().condition(germans).coverage(10));
    /// # Ok::<(), fairsplit::error::LoadError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewTargeting, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| {
            let Read { targeting, coverage, holdouts } = fields(node, &Path::Root, faults, false)?;
            Some(NewTargeting {
                conditions: written(&targeting.audience.tests),
                segments: targeting.audience.segments,
                not_segments: targeting.audience.not_segments,
                coverage: coverage.map(Share::percent),
                bucket_by: targeting.bucket_by.as_deref().map(Into::into),
                layer: targeting.layer.map(|layer| {
                    let ranges = layer.ranges.iter();
                    let ranges = ranges.map(|range| (range.from.percent(), range.to.percent()));
                    (layer.id, ranges.collect())
                }),
                holdouts,
            })
        })?)
    }
}

/// The targeting, and what was given of its fields that have another value if they are absent.
struct Read {
    targeting: Targeting,
    coverage: Option<Share>,
    holdouts: Option<bool>,
}

/// The targeting of an experiment of a document. What could not be read has a fault.
pub(crate) fn targeting(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Targeting> {
    fields(node, path, faults, true).map(|read| read.targeting)
}

/// What the engine fills in is used in a document, since an export has it: the holdouts that bind
/// the experiment, and the coverages that it has had. In a request the engine keeps its own, and
/// they are read so that an answer can be sent back.
fn fields(node: Node<'_>, path: &Path<'_>, faults: &mut Faults, is_document: bool) -> Option<Read> {
    let mut fields = Fields::open(node, path, faults)?;
    let audience = fields.optional(AUDIENCE, faults, audience).unwrap_or_default();
    let coverage = fields.optional(COVERAGE, faults, share);
    let bucket_by = fields.optional(BUCKET_BY, faults, unit).map(Into::into);
    let layer = fields.optional(LAYER, faults, layer_part);
    let holdouts = fields.optional(HOLDOUTS, faults, boolean);
    let held_out_by = fields
        .optional(HELD_OUT_BY, faults, |node, path, faults| items(node, path, faults, parsed))
        .filter(|_| is_document);
    let coverages = fields
        .optional(COVERAGES, faults, |node, path, faults| items(node, path, faults, coverage_step))
        .filter(|_| is_document);
    fields.close_targeting(faults);
    let targeting = Targeting {
        audience,
        coverage: coverage.unwrap_or(Share::ALL),
        bucket_by,
        layer,
        holdouts: holdouts.unwrap_or(true),
        held_out_by: held_out_by.unwrap_or_default().into(),
        coverages: coverages.unwrap_or_default().into(),
    };
    Some(Read { targeting, coverage, holdouts })
}

fn audience(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Audience> {
    let mut fields = Fields::open(node, path, faults)?;
    let tests = fields.optional("conditions", faults, |node, path, faults| {
        conditions(node, ATTRIBUTE, path, faults)
    });
    let mut segments = |name| {
        fields.optional(name, faults, |node, path, faults| items(node, path, faults, parsed))
    };
    let (segments, not_segments) = (segments("segments"), segments("not_segments"));
    fields.close_targeting(faults);
    Some(Audience {
        tests: tests.unwrap_or_default(),
        segments: segments.unwrap_or_default(),
        not_segments: not_segments.unwrap_or_default(),
    })
}

fn coverage_step(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<CoverageStep> {
    let mut fields = Fields::open(node, path, faults)?;
    let at = fields.required(AT, faults, parsed);
    let coverage = fields.required(COVERAGE, faults, share);
    fields.close_targeting(faults);
    Some(CoverageStep { at: at?, coverage: coverage? })
}

fn layer_part(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<LayerPart> {
    let mut fields = Fields::open(node, path, faults)?;
    let id = fields.required("id", faults, parsed);
    let ranges = fields.required("ranges", faults, |node, path, faults| {
        let nodes = array(node, path, faults)?.into_iter().enumerate();
        let ranges: Vec<_> = nodes.map(|(at, node)| range(node, &path.item(at), faults)).collect();
        let ranges: Option<Vec<LayerRange>> = ranges.into_iter().collect();
        LayerRange::check_all(ranges.as_deref()?, path, faults);
        ranges
    });
    fields.close_targeting(faults);
    Some(LayerPart { id: id?, ranges: ranges? })
}

fn range(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<LayerRange> {
    let mut fields = Fields::open(node, path, faults)?;
    let from = fields.required("from", faults, share);
    let to = fields.required("to", faults, share);
    fields.close_targeting(faults);
    Some(LayerRange { from: from?, to: to? })
}
