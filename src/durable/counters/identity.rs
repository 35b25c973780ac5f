//! What a block's counts are of: the environment and the variants, as a hash.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::terms::Terms;
use crate::model::value::Canonical;

/// A hash that differs between experiments of one id that count different things.
pub(super) fn identity_of(terms: &Terms) -> u64 {
    /// A variant as it serialises, with its value in the canonical writing.
    #[derive(Serialize)]
    struct Counted<'v> {
        key: &'v str,
        value: Canonical<'v>,
        percentage: u8,
    }
    let counted = terms.variants.iter().map(|variant| Counted {
        key: variant.key(),
        value: Canonical(variant.value()),
        percentage: variant.percentage(),
    });
    let variants: Vec<_> = counted.collect();
    hash_of(&(terms.environment.as_str(), variants))
}

/// The same hash as early engines made it: of fields in the order of the build's `serde_json`, and
/// of -0.0 as it is.
pub(super) fn early_identity_of(terms: &Terms) -> u64 {
    hash_of(&(terms.environment.as_str(), &*terms.variants))
}

fn hash_of(what: &impl Serialize) -> u64 {
    xxh3_64(&serde_json::to_vec(what).unwrap_or_default())
}
