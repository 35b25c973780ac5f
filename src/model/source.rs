//! Sources of documents, and what each said last.

use std::collections::BTreeMap;

use crate::model::change::Unit;
use crate::model::id::FlagId;
use crate::model::merge::Said;

/// The name of a source that has no other.
pub(crate) const DOCUMENT: &str = "document";

/// Every source that has been applied, by its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sources(pub(crate) BTreeMap<String, Source>);

/// What a source said last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Source {
    pub(crate) revision: Option<i64>,
    pub(crate) units: BTreeMap<Unit, Said>,
}

impl Source {
    /// How many flags it names.
    pub(crate) fn flags(&self) -> impl Iterator<Item = FlagId> {
        self.units.keys().filter_map(|unit| match unit {
            Unit::Flag { flag } => Some(*flag),
            _ => None,
        })
    }
}

impl Sources {
    /// The source of this name, which may have said nothing yet.
    pub(crate) fn of(&self, name: &str) -> Option<&Source> {
        self.0.get(name)
    }

    /// The name of another source that names this flag, segment, layer or holdout.
    pub(crate) fn owner_beside(&self, name: &str, unit: Unit) -> Option<&str> {
        let mut others = self.0.iter().filter(|(other, _)| *other != name);
        let owner = others.find(|(_, source)| source.units.contains_key(&unit));
        owner.map(|(name, _)| name.as_str())
    }
}
