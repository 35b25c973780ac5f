//! The configuration document: flags with their experiments, as JSON. Reading finds every fault of
//! the text itself; the engine finds conflicts with its own state.

use crate::format::duplicates::{refuse_duplicate_parts, refuse_duplicates};
use crate::format::fields::{Fields, array, count, mistyped, string};
use crate::format::flag_document::FlagDocument;
use crate::format::goals::{GOALS, goal};
use crate::format::node::Node;
use crate::format::overlaps::refuse_overlaps;
use crate::format::stored::{Stored, stored};
use crate::format::targeting::holdout::holdout;
use crate::format::targeting::layer::layer;
use crate::format::targeting::segment::segment;
use crate::format::targeting::shared_part::{SharedPart, parts};
use crate::model::error::SyntaxError;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::goal::definition::{Goal, KEY};
use crate::model::id::{GoalId, HoldoutId, LayerId, SegmentId};
use crate::model::path::Path;
use crate::model::targeting::holdout::Holdout;
use crate::model::targeting::layer::Layer;
use crate::model::targeting::segment::Segment;
use crate::model::validation::check_name;

/// The version of the format, which a document may state and an export does.
pub(crate) const FORMAT_VERSION: u64 = 1;

/// What a document, or a flag of it, can need of the release that reads it: 1 is what every release
/// reads, 2 adds rules, segments, layers, holdouts, targeting, and disabled flags. This release
/// knows
/// 2. Whatever decides who is meant, and is added later, raises it: a release that does not know it
/// would serve everybody.
pub(crate) const TARGETING: u64 = 2;

/// The name of the field that says so.
pub(crate) const NEEDS: &str = "needs";

/// A document as far as it could be read.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) flags: Vec<FlagDocument>,
    pub(crate) segments: Vec<SharedPart<SegmentId, Segment>>,
    pub(crate) layers: Vec<SharedPart<LayerId, Layer>>,
    pub(crate) holdouts: Vec<SharedPart<HoldoutId, Holdout>>,
    pub(crate) goals: Vec<SharedPart<GoalId, Goal>>,
    /// The faults outside of any flag. With one, it is unknown which flags the document means to
    /// have.
    pub(crate) frame: Faults,
    /// The name of the source that it comes from.
    pub(crate) source: Option<String>,
    pub(crate) revision: Option<i64>,
    /// What an engine has stored with it.
    pub(crate) stored: Option<Stored>,
}

impl Document {
    /// Reads a document; fails only for text that is not JSON. One that an engine has stored is a
    /// document too, without what belongs to that engine alone.
    pub(crate) fn read(text: &str) -> Result<Document, SyntaxError> {
        Document::read_with(text, |fields, faults| {
            fields.optional("stored", faults, |_, _, _| None)
        })
    }

    /// Reads a document that an engine has stored, with what belongs to that engine alone.
    pub(crate) fn read_stored(text: &str) -> Result<Document, SyntaxError> {
        Document::read_with(text, |fields, faults| fields.optional("stored", faults, stored))
    }

    fn read_with(
        text: &str,
        read_stored: impl FnOnce(&mut Fields<'_, '_>, &mut Faults) -> Option<Stored>,
    ) -> Result<Document, SyntaxError> {
        let node = Node::parse(text)?;
        let mut frame = Faults::default();
        let (mut flags, mut stored) = (Vec::new(), None);
        let (mut segments, mut layers, mut holdouts, mut goals) = (None, None, None, None);
        let (mut source, mut revision) = (None, None);
        let root = Path::Root;
        if let Some(mut fields) = Fields::open(node, &root, &mut frame) {
            fields.optional("version", &mut frame, format_version);
            fields.optional(NEEDS, &mut frame, needs);
            source = fields.optional("source", &mut frame, name);
            revision = fields.optional("revision", &mut frame, integer);
            stored = read_stored(&mut fields, &mut frame);
            segments = fields.optional(SEGMENTS, &mut frame, |node, path, faults| {
                parts(node, SEGMENTS, path, faults, segment)
            });
            layers = fields.optional(LAYERS, &mut frame, |node, path, faults| {
                parts(node, LAYERS, path, faults, layer)
            });
            holdouts = fields.optional(HOLDOUTS, &mut frame, |node, path, faults| {
                parts(node, HOLDOUTS, path, faults, holdout)
            });
            goals = fields.optional(GOALS, &mut frame, |node, path, faults| {
                parts(node, GOALS, path, faults, goal)
            });
            let nodes = fields.required("flags", &mut frame, array);
            fields.close(&mut frame);
            let path = root.field("flags");
            for (at, node) in nodes.into_iter().flatten().enumerate() {
                flags.push(FlagDocument::read(node, &path.item(at)));
            }
        }
        refuse_duplicates(&mut flags);
        refuse_overlaps(&mut flags);
        let mut segments = segments.unwrap_or_default();
        let mut layers = layers.unwrap_or_default();
        let mut holdouts = holdouts.unwrap_or_default();
        let mut goals = goals.unwrap_or_default();
        refuse_duplicate_parts(&mut segments, SEGMENTS, "id");
        refuse_duplicate_parts(&mut layers, LAYERS, "id");
        refuse_duplicate_parts(&mut holdouts, HOLDOUTS, "id");
        refuse_duplicate_parts(&mut goals, GOALS, KEY);
        Ok(Document { flags, segments, layers, holdouts, goals, frame, source, revision, stored })
    }

    /// All faults, those of the frame first.
    pub(crate) fn take_faults(&mut self) -> Faults {
        let mut faults = std::mem::take(&mut self.frame);
        let segments = self.segments.iter_mut().map(|part| &mut part.faults);
        let layers = self.layers.iter_mut().map(|part| &mut part.faults);
        let holdouts = self.holdouts.iter_mut().map(|part| &mut part.faults);
        let goals = self.goals.iter_mut().map(|part| &mut part.faults);
        for of_part in segments.chain(layers).chain(holdouts).chain(goals) {
            faults.append(std::mem::take(of_part));
        }
        for flag in &mut self.flags {
            faults.append(std::mem::take(&mut flag.faults));
        }
        faults
    }
}

/// The names of the fields of what flags share.
pub(crate) const SEGMENTS: &str = "segments";
pub(crate) const LAYERS: &str = "layers";
pub(crate) const HOLDOUTS: &str = "holdouts";

/// A level that this release knows; another one is a fault.
pub(super) fn needs(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<()> {
    let needs = count(node, path, faults)?;
    if needs > TARGETING {
        faults.add(path, FaultKind::Needs { needs, known: TARGETING });
    }
    Some(())
}

fn name(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<String> {
    let name = string(node, path, faults)?;
    check_name(&name, path, faults);
    Some(name)
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
pub(super) fn integer(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<i64> {
    let integer = match &node {
        Node::Number(number) => number.as_i64(),
        _ => None,
    };
    if integer.is_none() {
        mistyped(&node, "an integer of 64 bits", path, faults);
    }
    integer
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
fn format_version(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<()> {
    match &node {
        Node::Number(number) if number.as_u64() == Some(FORMAT_VERSION) => Some(()),
        _ => {
            faults.add(path, FaultKind::FormatVersion { found: node.describe() });
            None
        }
    }
}
