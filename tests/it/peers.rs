//! Cases that other systems publish of their own assignment, put through this crate's allocation
//! with their hashes: the arithmetic from a hash to a variant is the same, the hashes are not.
//!
//! The cases are facts from flagd's testbed (github.com/open-feature/flagd-testbed, the feature
//! "Evaluator fractional operator", tag @fractional-v2, commit 0df2cd0a, with the flags of
//! `evaluator/flags/testkit-flags.json`), and from `GrowthBook`'s SDKs
//! (github.com/growthbook/growthbook, MIT, `packages/sdk-js/test/cases.json`, version 0.8.0 of its
//! specification, commit 8f1db445).

use fairsplit::assign::{Allocation, AllocationError, Bucket};

fn allocation(percentages: &[u8]) -> Allocation {
    Allocation::new(percentages).unwrap()
}

/// flagd: `(murmur3 * total weight) >> 32`. The same as ours on the hash's bits moved to the top.
fn flagd(key: &str, percentages: &[u8]) -> usize {
    let hash = murmur3::murmur3_32(&mut key.as_bytes(), 0).unwrap();
    let bucket = Bucket::from_hash(u64::from(hash) << 32);
    assert_eq!(u64::from(bucket.index()), (u64::from(hash) * 100) >> 32);
    allocation(percentages).variant(bucket)
}

#[test]
fn flagds_cases_of_four_suits_get_the_published_suit() {
    let suits = ["clubs", "diamonds", "hearts", "spades"];
    for (prefix, cases) in [
        (
            "fractional-flag",
            &[
                ("jack", "hearts"),
                ("queen", "spades"),
                ("ten", "clubs"),
                ("nine", "diamonds"),
                ("3", "clubs"),
            ][..],
        ),
        (
            "shared-seed",
            &[("seven", "hearts"), ("eight", "diamonds"), ("nine", "clubs"), ("two", "spades")],
        ),
    ] {
        for (name, suit) in cases {
            assert_eq!(suits[flagd(&format!("{prefix}{name}"), &[25; 4])], *suit, "{name}");
        }
    }
}

#[test]
fn flagds_cases_of_two_sides_and_their_edge_get_the_published_side() {
    let shorthand = |key: &str| flagd(&format!("fractional-flag-shorthand{key}"), &[50, 50]);
    assert_eq!(shorthand("jon@company.com"), 0);
    assert_eq!(shorthand("jane@company.com"), 1);
    for (key, side) in [("ejOoVL", 0), ("bY9fO-", 0), ("SI7p-", 0), ("6LvT0", 1), ("ceQdGm", 1)] {
        assert_eq!(flagd(key, &[50, 50]), side, "{key}");
    }
    // Told in a comment there: bucket 36 and bucket 76 of 100.
    for (key, bucket) in [("jon@company.com", 36), ("user1", 76)] {
        let hash = murmur3::murmur3_32(&mut key.as_bytes(), 0).unwrap();
        assert_eq!(Bucket::from_hash(u64::from(hash) << 32).index(), bucket);
    }
}

/// `GrowthBook`'s numbers from 0 to 1 have four decimal places: the smallest hash that is not
/// below.
fn growthbook(tenthousandths: u32) -> Bucket {
    let hash = (u128::from(tenthousandths) << 64).div_ceil(10_000);
    Bucket::from_hash(u64::try_from(hash).unwrap())
}

#[test]
fn growthbooks_choose_variation_cases_get_the_published_variation() {
    for (number, variation) in [(2000, 0), (4000, 0), (6000, 1), (8000, 1), (0, 0), (5000, 1)] {
        assert_eq!(allocation(&[50, 50]).variant(growthbook(number)), variation);
    }
    // A coverage of a half: here it takes variants for nobody, after each of the others.
    for (number, variation) in [
        (2000, Some(0)),
        (4000, None),
        (6000, Some(1)),
        (8000, None),
        (2500, None),
        (5000, Some(1)),
    ] {
        let variant = allocation(&[25; 4]).variant(growthbook(number));
        assert_eq!(variant.is_multiple_of(2).then_some(variant / 2), variation);
    }
    // A range of nothing owns nothing.
    assert_eq!(allocation(&[50, 0, 50]).variant(growthbook(5000)), 2);
}

#[test]
fn growthbooks_weights_get_the_published_bucket_ranges() {
    for (percentages, ends) in [
        (&[50, 50][..], &[50, 100][..]),
        (&[25; 4], &[25, 50, 75, 100]),
        (&[40, 60], &[40, 100]),
        (&[20, 30, 50], &[20, 50, 100]),
    ] {
        let allocation = allocation(percentages);
        let found: Vec<u8> = (0..ends.len()).map(|at| allocation.buckets(at).end).collect();
        assert_eq!(found, ends);
        assert_eq!(allocation.buckets(0).start, 0);
    }
    // Where weights do not sum to 1 GrowthBook takes equal ones instead; here that is refused.
    for (weights, found) in [(&[40, 10][..], 50), (&[70, 60], 130)] {
        assert_eq!(Allocation::new(weights), Err(AllocationError::Sum { found }));
    }
}
