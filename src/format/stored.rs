//! What an engine stores beside its definitions, and is in no export: their version, what each
//! source of documents said last, and what is remembered of what has left them.
//!
//! Hashes are written in hexadecimal digits: a double-precision reader would round them as numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::format::fields::{Fields, count, entries, mistyped, string};
use crate::format::node::Node;
use crate::format::remembered::{RememberedSection, remembered};
use crate::model::change::Unit;
use crate::model::faults::Faults;
use crate::model::merge::Said;
use crate::model::path::Path;
use crate::model::remembered::Remembered;
use crate::model::source::{Source, Sources};

/// What an engine stores beside its definitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) version: u64,
    pub(crate) sources: Arc<Sources>,
    pub(crate) remembered: Arc<Remembered>,
}

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Stored", 3)?;
        fields.serialize_field("version", &self.version)?;
        fields.serialize_field("sources", &SourcesSection(&self.sources))?;
        // A release that does not know the field refuses the definitions: it would forget them.
        if !self.remembered.is_empty() {
            fields.serialize_field(REMEMBERED, &RememberedSection(&self.remembered))?;
        }
        fields.end()
    }
}

/// The name of the field of what is remembered.
const REMEMBERED: &str = "remembered";

struct SourcesSection<'a>(&'a Sources);

impl Serialize for SourcesSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.0.iter().map(|(name, source)| (name, SourceSection(source))))
    }
}

struct SourceSection<'a>(&'a Source);

impl Serialize for SourceSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Source", 2)?;
        fields.serialize_field("revision", &self.0.revision)?;
        fields.serialize_field("said", &SaidSection(&self.0.units))?;
        fields.end()
    }
}

struct SaidSection<'a>(&'a BTreeMap<Unit, Said>);

impl Serialize for SaidSection<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(self.0.len()))?;
        for (unit, said) in self.0 {
            // One text for a unit: there are many.
            let said = said.iter().map(|(name, value)| format!("{name:016x}={value:016x}"));
            fields.serialize_entry(&name_of(*unit), &said.collect::<Vec<_>>().join(" "))?;
        }
        fields.end()
    }
}

pub(super) fn stored(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Stored> {
    let mut fields = Fields::open(node, path, faults)?;
    let version = fields.required("version", faults, count);
    let sources = fields.optional("sources", faults, |node, path, faults| {
        let sources = entries(node, path, faults).into_iter().filter_map(|(name, node)| {
            let source = source(node, &path.field(&name), faults)?;
            Some((name.into_owned(), source))
        });
        Some(Sources(sources.collect()))
    });
    let remembered = fields.optional(REMEMBERED, faults, remembered).unwrap_or_default();
    fields.close(faults);
    let sources = Arc::new(sources.unwrap_or_default());
    Some(Stored { version: version?, sources, remembered: Arc::new(remembered) })
}

fn source(node: Node<'_>, path: &Path<'_>, faults: &mut Faults) -> Option<Source> {
    let mut fields = Fields::open(node, path, faults)?;
    let revision = fields.optional("revision", faults, super::document::integer);
    let units = fields.required("said", faults, |node, path, faults| {
        let mut units = BTreeMap::new();
        for (name, node) in entries(node, path, faults) {
            let path = path.field(&name);
            let Some(text) = string(node, &path, faults) else { continue };
            match (unit(&name), said(&text)) {
                (Some(unit), Some(said)) => drop(units.insert(unit, said)),
                _ => mistyped(&Node::String(text.into()), "hashes of a unit", &path, faults),
            }
        }
        Some(units)
    });
    fields.close(faults);
    Some(Source { revision, units: units? })
}

/// The name of a unit: ids, after a word where it is neither a flag nor an experiment.
fn name_of(unit: Unit) -> String {
    match unit {
        Unit::Flag { flag } => flag.to_string(),
        Unit::Experiment { flag, experiment } => format!("{flag}/{experiment}"),
        Unit::Rule { flag, rule } => format!("rule/{flag}/{rule}"),
        Unit::Segment { segment } => format!("segment/{segment}"),
        Unit::Layer { layer } => format!("layer/{layer}"),
        Unit::Holdout { holdout } => format!("holdout/{holdout}"),
        Unit::Goal { goal } => format!("goal/{goal}"),
    }
}

fn unit(name: &str) -> Option<Unit> {
    let parts: Vec<&str> = name.split('/').collect();
    Some(match parts.as_slice() {
        [flag] => Unit::Flag { flag: flag.parse().ok()? },
        ["segment", segment] => Unit::Segment { segment: segment.parse().ok()? },
        ["layer", layer] => Unit::Layer { layer: layer.parse().ok()? },
        ["holdout", holdout] => Unit::Holdout { holdout: holdout.parse().ok()? },
        ["goal", goal] => Unit::Goal { goal: goal.parse().ok()? },
        ["rule", flag, rule] => Unit::Rule { flag: flag.parse().ok()?, rule: rule.parse().ok()? },
        [flag, experiment] => {
            Unit::Experiment { flag: flag.parse().ok()?, experiment: experiment.parse().ok()? }
        }
        _ => return None,
    })
}

fn said(text: &str) -> Option<Said> {
    let hash = |text: &str| u64::from_str_radix(text, 16).ok();
    let pairs = text.split_whitespace().map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((hash(name)?, hash(value)?))
    });
    pairs.collect()
}
