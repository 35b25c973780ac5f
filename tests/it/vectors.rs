//! Assignment v1 against those who know it by other means: the published vectors, another XXH3,
//! and oracles that walk where the crate multiplies and looks up.

use fairsplit::ExperimentId;
use fairsplit::assign::{Allocation, AllocationError, Assignment, Bucket, MAX_VARIANTS, Seed};
use proptest::prelude::*;
use serde::Deserialize;
use twox_hash::XxHash3_64;

/// The published vectors. Python's xxhash made them, so that no code of ours judges itself.
const VECTORS: &str = include_str!("../data/assignment-v1.json");

/// The longest key tried, in bytes. XXH3 takes another path at 0, 1, 4, 9, 17, 129 and 241 bytes,
/// and starts a second block of stripes after 1024.
const LONGEST_KEY: usize = 1100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    algorithm: String,
    experiments: Vec<ExperimentCases>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExperimentCases {
    experiment_id: String,
    seed: String,
    percentages: Vec<u8>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    user_key: String,
    hash: String,
    bucket: u8,
    variant: usize,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

/// The smallest hash that falls into `bucket`, by a division, which `Bucket::from_hash` has none
/// of.
fn first_hash(bucket: u8) -> u64 {
    u64::try_from((u128::from(bucket) << 64).div_ceil(100)).unwrap()
}

/// The bucket of a hash by looking for the last one that begins at it or before.
fn naive_bucket(hash: u64) -> u8 {
    (0..100).rev().find(|&bucket| first_hash(bucket) <= hash).unwrap()
}

/// The variant of a bucket in the words of the specification: "the first whose cumulative
/// percentage, in array order, is greater than bucket".
fn naive_variant(percentages: &[u8], bucket: u8) -> usize {
    let mut cumulative = 0;
    percentages
        .iter()
        .position(|percentage| {
            cumulative += percentage;
            cumulative > bucket
        })
        .unwrap()
}

/// Every hash at which a bucket begins, with its two neighbours, and both ends of the range.
fn hashes_at_every_edge() -> impl Iterator<Item = u64> {
    (0..100).map(first_hash).flat_map(|first| [first.saturating_sub(1), first, first + 1]).chain([
        0,
        1,
        u64::MAX - 1,
        u64::MAX,
    ])
}

/// A bucket can only be had from a hash.
fn bucket(index: u8) -> Bucket {
    Bucket::from_hash(first_hash(index))
}

/// The characters over and over, as many as fit, and then `x` up to exactly this many bytes.
fn key_of_length(characters: &[char], bytes: usize) -> String {
    let mut key = String::with_capacity(bytes);
    for character in characters.iter().cycle() {
        if key.len() + character.len_utf8() > bytes {
            break;
        }
        key.push(*character);
    }
    while key.len() < bytes {
        key.push('x');
    }
    key
}

/// Keys of all lengths, and of each path that XXH3 takes by length equally often.
fn any_key() -> impl Strategy<Value = String> {
    let length = prop_oneof![
        Just(0),
        1..=3_usize,
        4..=8_usize,
        9..=16_usize,
        17..=128_usize,
        129..=240_usize,
        241..=1024_usize,
        1025..=LONGEST_KEY,
    ];
    (prop::collection::vec(any::<char>(), 1..=40), length)
        .prop_map(|(characters, bytes)| key_of_length(&characters, bytes))
}

/// 1 to 100 percentages that sum to 100, with any number of zeros among them.
fn any_percentages() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..=100_u8, 0..MAX_VARIANTS).prop_map(|mut ends| {
        ends.push(100);
        ends.sort_unstable();
        let mut begin = 0;
        ends.into_iter().map(|end| end - std::mem::replace(&mut begin, end)).collect()
    })
}

/// Percentages before and after one variant was widened at the expense of any of the others, and
/// which one it was.
fn any_widening() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, usize)> {
    let takes = prop::collection::vec(0..=100_u8, MAX_VARIANTS);
    (any_percentages(), any::<prop::sample::Index>(), takes).prop_map(|(before, wider, takes)| {
        let wider = wider.index(before.len());
        let mut after: Vec<u8> =
            before.iter().zip(takes).map(|(&percentage, take)| percentage.min(take)).collect();
        after[wider] = 0;
        after[wider] = 100 - after.iter().sum::<u8>();
        (before, after, wider)
    })
}

#[track_caller]
fn assert_hashes_like_the_other_xxh3(id: [u8; 16], key: &str) {
    let seed = Seed::from_id(id);
    assert_eq!(seed.value(), XxHash3_64::oneshot(&id), "seed of {id:02x?}");
    let hash = XxHash3_64::oneshot_with_seed(seed.value(), key.as_bytes());
    assert_eq!(seed.hash(key), hash, "{seed:?}, {} bytes: {key:?}", key.len());
}

#[test]
fn every_published_case_is_answered_to_the_bit() {
    let vectors = vectors();
    assert_eq!(vectors.algorithm, "fairsplit-assignment-v1");
    for experiment in &vectors.experiments {
        let id = experiment.experiment_id.parse::<ExperimentId>().unwrap().to_bytes();
        let seed = Seed::from_id(id);
        assert_eq!(format!("{:016x}", seed.value()), experiment.seed);
        let allocation = Allocation::new(&experiment.percentages).unwrap();
        let assignment = Assignment::new(id, &experiment.percentages).unwrap();
        assert_eq!((assignment.seed(), assignment.allocation()), (seed, &allocation));
        for case in &experiment.cases {
            let case_name = format!("{}, {:?}", experiment.experiment_id, case.user_key);
            let hash = seed.hash(&case.user_key);
            assert_eq!(format!("{hash:016x}"), case.hash, "{case_name}");
            let bucket = Bucket::from_hash(hash);
            assert_eq!(bucket.index(), case.bucket, "{case_name}");
            assert_eq!(allocation.variant(bucket), case.variant, "{case_name}");
            assert_eq!(assignment.bucket(&case.user_key), bucket, "{case_name}");
            assert_eq!(assignment.variant(&case.user_key), Some(case.variant), "{case_name}");
        }
    }
}

/// An emptied or shortened file would let the test above pass on what is left.
#[test]
fn all_published_cases_are_there() {
    let vectors = vectors();
    assert_eq!(vectors.experiments.len(), 40);
    assert_eq!(vectors.experiments.iter().map(|it| it.cases.len()).sum::<usize>(), 2000);
}

#[test]
fn keys_of_every_length_hash_like_the_other_xxh3() {
    let id = *b"\xcd\x61\x3e\x30\xd8\xf1\x4a\xdf\x91\xb7\x58\x4a\x22\x65\xb1\xf5";
    // One to four bytes each, and no period that divides the 8, 16 or 64 bytes of a stripe.
    let characters: Vec<char> = "aß字🙂-Zé0λ_".chars().collect();
    for bytes in 0..=LONGEST_KEY {
        let key = key_of_length(&characters, bytes);
        assert_eq!(key.len(), bytes);
        assert_hashes_like_the_other_xxh3(id, &key);
    }
}

#[test]
fn an_empty_user_key_is_assigned_no_variant() {
    let assignment = Assignment::new([7; 16], &[100]).unwrap();
    assert_eq!(assignment.variant(""), None);
    assert_eq!(assignment.variant(" "), Some(0));
}

#[test]
fn every_bucket_begins_and_ends_where_a_division_puts_it() {
    for hash in hashes_at_every_edge() {
        assert_eq!(Bucket::from_hash(hash).index(), naive_bucket(hash), "{hash:#x}");
    }
}

#[test]
fn percentages_that_do_not_sum_to_100_are_refused() {
    let cases: [(&[u8], u32); 9] = [
        (&[], 0),
        (&[0], 0),
        (&[99], 99),
        (&[101], 101),
        (&[50, 49], 99),
        (&[50, 51], 101),
        // Sums that are 100 again where a byte overflows.
        (&[255, 101], 356),
        (&[178, 178], 356),
        (&[255; MAX_VARIANTS], 25_500),
    ];
    for (percentages, found) in cases {
        assert_eq!(
            Allocation::new(percentages),
            Err(AllocationError::Sum { found }),
            "{percentages:?}"
        );
        assert_eq!(
            Assignment::new([0; 16], percentages),
            Err(AllocationError::Sum { found }),
            "{percentages:?}"
        );
    }
}

#[test]
fn an_allocation_of_101_variants_is_refused() {
    let one_each = Allocation::new(&[1; 100]).unwrap();
    for index in 0..100 {
        assert_eq!(one_each.variant(bucket(index)), usize::from(index));
    }
    // All of it in the last of 100: a table of `u8` still names it.
    let mut last = [0; 101];
    last[99] = 100;
    assert_eq!(Allocation::new(&last[..100]).unwrap().variant(bucket(0)), 99);
    // One more is refused, also where it would never be assigned and the sum is right.
    assert_eq!(Allocation::new(&last), Err(AllocationError::TooManyVariants { found: 101 }));
}

/// Threads start at different users, so that a state which they shared would be met in another
/// order.
#[test]
fn an_assignment_does_not_depend_on_the_thread_or_on_the_order_of_questions() {
    let assignment = Assignment::new([7; 16], &[25, 25, 50]).unwrap();
    let keys: Vec<String> = (0..1000).map(|user| format!("user-{user}")).collect();
    let alone: Vec<_> = keys.iter().map(|key| assignment.variant(key)).collect();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (assignment, keys, alone) = (&assignment, &keys, &alone);
            scope.spawn(move || {
                // A second one, made here, answers the same as the one that is shared.
                let own = Assignment::new([7; 16], &[25, 25, 50]).unwrap();
                for at in (0..keys.len()).map(|at| (at + 250 * thread) % keys.len()) {
                    assert_eq!(assignment.variant(&keys[at]), alone[at]);
                    assert_eq!(own.variant(&keys[at]), alone[at]);
                }
            });
        }
    });
}

proptest! {
    #[test]
    fn any_key_hashes_like_the_other_xxh3(id: [u8; 16], key in any_key()) {
        assert_hashes_like_the_other_xxh3(id, &key);
    }

    #[test]
    fn an_assignment_is_what_the_specification_spells_out(
        id: [u8; 16],
        percentages in any_percentages(),
        key in any_key().prop_filter("the empty key is nobody", |key| !key.is_empty()),
    ) {
        let hash = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&id), key.as_bytes());
        let bucket = naive_bucket(hash);
        let assignment = Assignment::new(id, &percentages).unwrap();
        prop_assert_eq!(assignment.bucket(&key).index(), bucket);
        prop_assert_eq!(assignment.variant(&key), Some(naive_variant(&percentages, bucket)));
    }

    #[test]
    fn a_hash_finds_the_variant_that_a_walk_finds(
        percentages in any_percentages(),
        anywhere: u64,
    ) {
        let allocation = Allocation::new(&percentages).unwrap();
        for hash in hashes_at_every_edge().chain([anywhere]) {
            let walked = naive_variant(&percentages, naive_bucket(hash));
            prop_assert_eq!(allocation.variant(Bucket::from_hash(hash)), walked, "{:#x}", hash);
        }
    }

    #[test]
    fn a_variant_owns_one_bucket_for_each_per_cent(percentages in any_percentages()) {
        let allocation = Allocation::new(&percentages).unwrap();
        let mut begin = 0;
        for (variant, &percentage) in percentages.iter().enumerate() {
            let owned = allocation.buckets(variant);
            prop_assert_eq!(owned.len(), usize::from(percentage));
            for index in 0..100 {
                let owns = allocation.variant(bucket(index)) == variant;
                prop_assert_eq!(owned.contains(&index), owns, "variant {}, bucket {}", variant, index);
            }
            if percentage > 0 {
                prop_assert_eq!(owned.start, begin, "a gap before variant {}", variant);
                begin = owned.end;
            }
        }
        for nobody in [percentages.len(), 100, 256, usize::MAX] {
            prop_assert!(allocation.buckets(nobody).is_empty());
        }
    }

    #[test]
    fn a_variant_of_0_per_cent_is_never_assigned(percentages in any_percentages()) {
        let allocation = Allocation::new(&percentages).unwrap();
        for hash in hashes_at_every_edge() {
            prop_assert_ne!(percentages[allocation.variant(Bucket::from_hash(hash))], 0);
        }
    }

    #[test]
    fn percentages_are_accepted_if_and_only_if_they_sum_to_100(
        percentages in prop::collection::vec(0..=60_u8, 0..=4),
    ) {
        let sum = percentages.iter().map(|&percentage| u32::from(percentage)).sum();
        let refused = Allocation::new(&percentages).err();
        prop_assert_eq!(refused, (sum != 100).then_some(AllocationError::Sum { found: sum }));
    }

    #[test]
    fn widening_moves_only_the_users_whose_bucket_changes_hands(
        id: [u8; 16],
        (narrow, wide, wider) in any_widening(),
        keys in prop::collection::vec("[a-z0-9@.-]{1,40}", 100),
    ) {
        let before = Assignment::new(id, &narrow).unwrap();
        let after = Assignment::new(id, &wide).unwrap();
        for key in &keys {
            // The percentages have no say in the bucket ...
            let bucket = before.bucket(key);
            prop_assert_eq!(after.bucket(key), bucket);
            // ... so a user moves with the bucket, or not at all,
            let owner = |percentages| naive_variant(percentages, bucket.index());
            let (from, to) = (before.variant(key).unwrap(), after.variant(key).unwrap());
            prop_assert_eq!(from != to, owner(&narrow) != owner(&wide));
            // and nobody leaves the variant that was widened.
            prop_assert!(from != wider || to == wider, "{:?} left the wider variant", key);
        }
    }

    #[test]
    fn widening_into_a_neighbour_moves_exactly_the_buckets_that_were_given(
        percentages in any_percentages().prop_filter("has neighbours", |them| them.len() > 1),
        left: prop::sample::Index,
        given: u8,
        to_the_right: bool,
    ) {
        let left = left.index(percentages.len() - 1);
        let (giver, taker) = if to_the_right { (left, left + 1) } else { (left + 1, left) };
        let given = given % (percentages[giver] + 1);
        let mut widened = percentages.clone();
        widened[giver] -= given;
        widened[taker] += given;
        let before = Allocation::new(&percentages).unwrap();
        let after = Allocation::new(&widened).unwrap();
        let mut moved = 0;
        for bucket in (0..100).map(bucket) {
            let (from, to) = (before.variant(bucket), after.variant(bucket));
            if from != to {
                prop_assert_eq!((from, to), (giver, taker));
                moved += 1;
            }
        }
        prop_assert_eq!(moved, given);
    }
}
