//! The three-way merge: a source changes what it changed in its own text, and nothing else.
//!
//! `kubectl apply` made it familiar. It knows fields by their names alone, so whatever has a name
//! can be merged. What a source said before is kept as hashes: a merge asks only whether it says
//! the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::value::Canonical;

/// The fields of a unit, by their names.
pub(crate) type UnitFields = BTreeMap<String, Value>;

/// What a source said of a unit: for each field a hash of its name, and one of its value.
pub(crate) type Said = BTreeMap<u64, u64>;

/// What a source says of a unit.
pub(crate) fn said(fields: &UnitFields) -> Said {
    fields.iter().map(|(name, value)| (xxh3_64(name.as_bytes()), hash_of(value))).collect()
}

/// Equal for equal values.
fn hash_of(value: &Value) -> u64 {
    xxh3_64(&serde_json::to_vec(&Canonical(value)).unwrap_or_default())
}

/// What a merge does to the fields of one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Merge {
    /// Fields that the source changed: their new values, or `None` for those that it no longer
    /// gives. A field that is already so is not among them.
    pub(crate) set: BTreeMap<String, Option<Value>>,
    /// Fields that somebody else changed, and the source did not.
    pub(crate) kept: BTreeSet<String>,
}

/// Merges a unit: `before` is what the source said last, `None` if it has never named the unit;
/// `now` is what it says; `current` is what is there.
pub(crate) fn merge(before: Option<&Said>, now: &UnitFields, current: &UnitFields) -> Merge {
    let mut merge = Merge::default();
    let before = before.unwrap_or(const { &Said::new() });
    for name in now.keys().chain(current.keys()).collect::<BTreeSet<_>>() {
        let said = before.get(&xxh3_64(name.as_bytes()));
        let (now, current) = (now.get(name), current.get(name));
        let is_as_said = said == now.map(hash_of).as_ref();
        match now {
            // The source has never named it.
            None if said.is_none() => {}
            Some(_) if now.map(hash_of) == current.map(hash_of) => {}
            _ if is_as_said => drop(merge.kept.insert(name.clone())),
            _ => drop(merge.set.insert(name.clone(), now.cloned())),
        }
    }
    merge
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(of: &[(&str, u8)]) -> UnitFields {
        of.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    }

    #[test]
    fn what_the_source_changed_is_set_and_what_others_changed_is_kept() {
        let before = fields(&[("same", 1), ("theirs", 1), ("ours", 1), ("both", 1), ("gone", 1)]);
        let now = fields(&[("same", 1), ("theirs", 1), ("ours", 2), ("both", 2), ("new", 2)]);
        let current = fields(&[("same", 1), ("theirs", 3), ("ours", 1), ("both", 3), ("gone", 1)]);
        let merge = merge(Some(&said(&before)), &now, &current);
        let set = |name: &str| merge.set.get(name).cloned();
        assert_eq!(set("ours"), Some(Some(2.into())));
        assert_eq!(set("both"), Some(Some(2.into())));
        assert_eq!(set("new"), Some(Some(2.into())));
        assert_eq!(set("gone"), Some(None));
        assert_eq!(merge.set.len(), 4);
        assert_eq!(merge.kept.into_iter().collect::<Vec<_>>(), ["theirs"]);
    }

    #[test]
    fn a_first_time_takes_every_field_and_removes_none() {
        let merge = merge(None, &fields(&[("a", 1), ("b", 2)]), &fields(&[("a", 1), ("c", 3)]));
        assert_eq!(merge.set, [("b".to_owned(), Some(2.into()))].into());
        assert!(merge.kept.is_empty());
    }

    fn some_fields() -> impl Strategy<Value = UnitFields> {
        let name = prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned);
        prop::collection::btree_map(name, (0_u8..3).prop_map(Value::from), 0..4)
    }

    proptest! {
        #[test]
        fn a_merge_changes_what_the_source_changed_and_nothing_else(
            before in prop::option::of(some_fields()),
            now in some_fields(),
            current in some_fields(),
        ) {
            let merge = merge(before.as_ref().map(said).as_ref(), &now, &current);
            let mut after = current.clone();
            for (name, value) in merge.set {
                match value {
                    Some(value) => drop(after.insert(name, value)),
                    None => drop(after.remove(&name)),
                }
            }
            let before = before.unwrap_or_default();
            for name in ["a", "b", "c", "d"] {
                let is_changed = before.get(name) != now.get(name);
                let expected = if is_changed { &now } else { &current };
                prop_assert_eq!(after.get(name), expected.get(name), "{}", name);
                let is_named = now.contains_key(name);
                let is_kept = !is_changed && is_named && now.get(name) != current.get(name);
                prop_assert_eq!(merge.kept.contains(name), is_kept);
            }
        }
    }
}
