//! Promise 2, fair: every bucket has the same chance for populations of user keys as they are met,
//! and a user's buckets in two experiments are independent.
//!
//! Populations and experiments are fixed, so the answers are too: red is a bug, never bad luck. A
//! check takes any function from experiment and user key to bucket, and each one is also shown a
//! function that it must refuse.
//!
//! Every check gives a [`Surprise`] and refuses at one level, [`LIMIT`].

use std::net::Ipv4Addr;

use fairsplit::ExperimentId;
use fairsplit::assign::{Assignment, Bucket, Seed};

const BUCKETS: usize = Bucket::COUNT as usize;

/// The most [`Surprise`] that is put down to chance: a fair function exceeds it once in 10 000
/// checks, so with the 40 below, and 104 in `gates.rs`, one run in 70 would be unlucky.
///
/// It was not when the populations were chosen (the most was 2.3), so it never will be. What is
/// unfair does not come near: of the functions that are refused below, the least bad reaches 10.
const LIMIT: f64 = 3.719;

/// How unlikely a chi-square is if chance alone made it, as the quantile of the standard normal
/// distribution that is as rare: 0 is the ordinary, 1.64 comes once in 20 times, 3.72 once in 10
/// 000.
///
/// By the approximation of Wilson and Hilferty ("The Distribution of Chi-Square", PNAS 17, 1931):
/// the cube root of chi-square over its degrees of freedom `d` is nearly normal, with mean
/// `1 - 2/9d` and variance `2/9d`.
pub(super) type Surprise = f64;

fn surprise(chi_square: f64, degrees_of_freedom: usize) -> Surprise {
    let variance = 2.0 / (9.0 * number(degrees_of_freedom));
    let root = (chi_square / number(degrees_of_freedom)).cbrt();
    (root - (1.0 - variance)) / variance.sqrt()
}

pub(super) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// What one class adds to chi-square, which is only distributed as such where each expects at least
/// five (Cochran's rule).
#[track_caller]
fn deviation(count: usize, expected: f64) -> f64 {
    assert!(expected >= 5.0, "too few users for a chi-square: {expected} expected in a class");
    (number(count) - expected).powi(2) / expected
}

/// Whether something falls into each of so many classes equally often.
pub(super) fn unevenness(counts: &[usize]) -> Surprise {
    let expected = number(counts.iter().sum()) / number(counts.len());
    let chi_square = counts.iter().map(|&count| deviation(count, expected)).sum();
    surprise(chi_square, counts.len() - 1)
}

/// Whether the columns are distributed alike in every row: Pearson's test of independence.
pub(super) fn dependence<const COLUMNS: usize>(table: &[[usize; COLUMNS]]) -> Surprise {
    let in_row: Vec<usize> = table.iter().map(|row| row.iter().sum()).collect();
    let in_column: [usize; COLUMNS] =
        std::array::from_fn(|column| table.iter().map(|row| row[column]).sum());
    let all = number(in_row.iter().sum());
    let mut chi_square = 0.0;
    for (row, &in_row) in table.iter().zip(&in_row) {
        for (&count, &in_column) in row.iter().zip(&in_column) {
            chi_square += deviation(count, number(in_row) * number(in_column) / all);
        }
    }
    surprise(chi_square, (table.len() - 1) * (COLUMNS - 1))
}

// What is checked: any function from the id of an experiment and a user key to a bucket.

pub(super) type Id = [u8; 16];

fn assignment_v1(id: Id, key: &str) -> usize {
    usize::from(Bucket::from_hash(Seed::from_id(id).hash(key)).index())
}

/// Whether an experiment has users in every bucket equally often.
fn unevenness_of_buckets(bucket: impl Fn(Id, &str) -> usize, id: Id, keys: &[String]) -> Surprise {
    let mut counts = [0; BUCKETS];
    for key in keys {
        counts[bucket(id, key)] += 1;
    }
    unevenness(&counts)
}

/// Whether the bucket in one experiment tells anything of the bucket in another.
fn dependence_of_experiments(
    bucket: impl Fn(Id, &str) -> usize,
    [one, other]: [Id; 2],
    keys: &[String],
) -> Surprise {
    let mut table = vec![[0; BUCKETS]; BUCKETS];
    for key in keys {
        table[bucket(one, key)][bucket(other, key)] += 1;
    }
    dependence(&table)
}

/// Whether a gate that lets 10 % in tells anything of the split behind it. Each of the two is a
/// function of its own, whose hash the other may or may not share.
fn dependence_of_gate_and_split(
    gate: impl Fn(&str) -> usize,
    split: impl Fn(&str) -> usize,
    keys: &[String],
) -> Surprise {
    let mut table = [[0; BUCKETS]; 2];
    for key in keys {
        table[usize::from(gate(key) < 10)][split(key)] += 1;
    }
    dependence(&table)
}

/// The p-values of A/A experiments, each of which splits the same users in two halves: whether they
/// are uniform, as they are if every user is one fair toss of a coin in every experiment.
///
/// Both ends count: splits that are too uneven, and splits that are more even than chance makes.
fn unevenness_of_p_values(
    bucket: impl Fn(Id, &str) -> usize,
    ids: impl IntoIterator<Item = Id>,
    keys: &[String],
) -> Surprise {
    /// Where each tenth of the standard normal distribution but the first begins. The p-value of a
    /// z-test is uniform just if its z falls into each of the ten equally often.
    const TENTHS: [f64; 9] =
        [-1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816];

    let users = number(keys.len());
    let mut counts = [0; TENTHS.len() + 1];
    for id in ids {
        let in_control = keys.iter().filter(|key| bucket(id, key) < 50).count();
        let z = (number(in_control) - users / 2.0) / (users / 4.0).sqrt();
        counts[TENTHS.partition_point(|&tenth| tenth <= z)] += 1;
    }
    unevenness(&counts)
}

#[track_caller]
pub(super) fn assert_fair(surprise: Surprise, what: &str) {
    assert!(surprise < LIMIT, "{what}: not chance, {surprise:.1} is above {LIMIT}");
}

#[track_caller]
pub(super) fn assert_unfair(surprise: Surprise, what: &str) {
    assert!(surprise > LIMIT, "{what}: taken for chance, {surprise:.1} is below {LIMIT}");
}

// Populations.

/// Enough that buckets which are off their size by 3 % (root mean square) are refused.
pub(super) const USERS: u32 = 100_000;

/// Enough that the same is so of the 10 000 pairs of buckets in two experiments.
const MANY_USERS: u32 = 1_000_000;

/// Enough for an A/A experiment that is one of many. Odd, so that none of them ends in a draw,
/// which would be on the edge between two tenths of the p-values.
const FEW_USERS: u32 = 2001;

fn keys(users: u32, key: impl FnMut(u32) -> String) -> Vec<String> {
    (1..=users).map(key).collect()
}

/// The ids of a database, as they are and as many applications write them.
pub(super) fn plain_numbers() -> Vec<String> {
    keys(USERS, |user| user.to_string())
}

pub(super) fn numbered_users(users: u32) -> Vec<String> {
    keys(users, |user| format!("user-{user}"))
}

/// `SplitMix64` (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014):
/// has nothing in common with the hash that is judged by what it makes.
fn split_mix_64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The bytes of a version 4 UUID, as the ids of experiments are, and many a user key.
fn random_id(state: &mut u64) -> Id {
    let bits = (u128::from(split_mix_64(state)) << 64) | u128::from(split_mix_64(state));
    let without_version_and_variant = !((0xf << 76) | (0x3 << 62));
    ((bits & without_version_and_variant) | (0x4 << 76) | (0x2 << 62)).to_be_bytes()
}

pub(super) fn random_ids(count: usize) -> Vec<Id> {
    let mut state = 1;
    (0..count).map(|_| random_id(&mut state)).collect()
}

/// Ids that differ in a bit or two, as those given by hand do.
pub(super) fn neighbouring_ids(count: u128) -> Vec<Id> {
    (1..=count).map(u128::to_be_bytes).collect()
}

/// Two that are random and two that are next to each other.
fn some_ids() -> Vec<Id> {
    [random_ids(2), neighbouring_ids(2)].concat()
}

pub(super) fn uuid_text() -> Vec<String> {
    let mut state = 2;
    keys(USERS, |_| ExperimentId::from_bytes(random_id(&mut state)).to_string())
}

pub(super) fn email_addresses() -> Vec<String> {
    const FIRST: [&str; 10] =
        ["anna", "ben", "chloe", "dmitri", "eva", "farid", "grace", "hiro", "ines", "jörg"];
    const LAST: [&str; 10] =
        ["garcia", "ito", "jansen", "kim", "martin", "novak", "okafor", "smith", "tanaka", "weiss"];
    const HOST: [&str; 5] =
        ["gmail.com", "outlook.com", "yahoo.co.uk", "web.de", "mail.example.org"];
    let mut addresses = Vec::new();
    for first in FIRST {
        for last in LAST {
            for host in HOST {
                addresses.extend((1..=200).map(|n| format!("{first}.{last}{n}@{host}")));
            }
        }
    }
    addresses
}

fn ip_addresses() -> Vec<String> {
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 0));
    keys(USERS, |user| Ipv4Addr::from(first + user).to_string())
}

#[track_caller]
fn assert_buckets_are_uniform(keys: &[String]) {
    for id in some_ids() {
        let surprise = unevenness_of_buckets(assignment_v1, id, keys);
        assert_fair(surprise, &format!("experiment {id:02x?}, users like {:.20}", keys[0]));
    }
}

// The laws. Each refuses at `LIMIT`, which is a level of 1 in 10 000. Uniformity: 99 degrees of
// freedom. Independence: 99 * 99 for two experiments, 99 for gate and split. p-values: 9.

#[test]
fn the_function_that_is_checked_is_the_one_that_assigns() {
    for id in some_ids() {
        let assignment = Assignment::new(id, &[1; BUCKETS]).unwrap();
        for key in email_addresses().iter().step_by(1000) {
            assert_eq!(assignment.variant(key), Some(assignment_v1(id, key)));
        }
    }
}

#[test]
fn buckets_are_uniform_for_sequential_keys() {
    assert_buckets_are_uniform(&plain_numbers());
    assert_buckets_are_uniform(&numbered_users(USERS));
    assert_buckets_are_uniform(&keys(USERS, |user| format!("{user:016}")));
}

#[test]
fn buckets_are_uniform_for_uuids() {
    assert_buckets_are_uniform(&uuid_text());
}

#[test]
fn buckets_are_uniform_for_email_addresses() {
    assert_buckets_are_uniform(&email_addresses());
}

#[test]
fn buckets_are_uniform_for_ip_addresses() {
    assert_buckets_are_uniform(&ip_addresses());
}

/// XXH3 takes a path of its own above 240 bytes; such keys are tokens, a few of whose bytes differ.
#[test]
fn buckets_are_uniform_for_long_keys() {
    let padding = "eyJhbGciOiJSUzI1NiJ9.".repeat(6);
    assert_buckets_are_uniform(&keys(USERS, |user| format!("{padding}{user}.{padding}")));
}

#[test]
fn buckets_of_two_experiments_are_independent() {
    let random = random_ids(2);
    let neighbours = neighbouring_ids(2);
    for keys in [numbered_users(MANY_USERS), plain_numbers(), uuid_text()] {
        for [one, other] in
            [[random[0], random[1]], [neighbours[0], neighbours[1]], [random[0], neighbours[0]]]
        {
            let surprise = dependence_of_experiments(assignment_v1, [one, other], &keys);
            let users = format!("users like {:.20}", keys[0]);
            assert_fair(surprise, &format!("experiments {one:02x?} and {other:02x?}, {users}"));
        }
    }
}

#[test]
fn a_gate_with_a_seed_of_its_own_is_independent_of_the_split_behind_it() {
    let ids = random_ids(2);
    let surprise = dependence_of_gate_and_split(
        |key| assignment_v1(ids[0], key),
        |key| assignment_v1(ids[1], key),
        &numbered_users(USERS),
    );
    assert_fair(surprise, "gate and split");
}

#[test]
fn p_values_of_a_a_experiments_are_uniform() {
    let users = &numbered_users(FEW_USERS);
    let random = unevenness_of_p_values(assignment_v1, random_ids(400), users);
    assert_fair(random, "400 random ids");
    let neighbouring = unevenness_of_p_values(assignment_v1, neighbouring_ids(400), users);
    assert_fair(neighbouring, "400 neighbouring ids");
}

// The checks themselves: what they refuse, and that their measure is right.

#[test]
fn uniformity_refuses_a_bucket_that_looks_at_the_length_alone() {
    let by_length = |_: Id, key: &str| key.len() % 100;
    for keys in [plain_numbers(), uuid_text(), email_addresses(), ip_addresses()] {
        let surprise = unevenness_of_buckets(by_length, [1; 16], &keys);
        assert_unfair(surprise, &format!("by length, users like {:.20}", keys[0]));
    }
}

/// The bias of `hash % 100` on a hash of 10 bits: 24 buckets have 11 of its 1024 values, 76 have
/// 10.
#[test]
fn uniformity_refuses_a_remainder_of_a_narrow_hash() {
    let narrow =
        |id: Id, key: &str| usize::try_from(Seed::from_id(id).hash(key) >> 54).unwrap() % 100;
    let surprise = unevenness_of_buckets(narrow, [1; 16], &numbered_users(USERS));
    assert_unfair(surprise, "remainder of 10 bits");
}

#[test]
fn independence_refuses_one_salt_for_all_experiments() {
    let one_salt = |_: Id, key: &str| assignment_v1(*b"one salt for all", key);
    let users = numbered_users(USERS);
    // It is uniform in each of them, so that only this check can tell.
    assert_fair(unevenness_of_buckets(one_salt, [1; 16], &users), "one salt");
    assert_unfair(dependence_of_experiments(one_salt, [[1; 16], [2; 16]], &users), "one salt");
}

/// A salt that only moves the buckets round keeps everybody together with the same people.
#[test]
fn independence_refuses_a_salt_that_is_added_to_the_bucket() {
    let moved = |id: Id, key: &str| (assignment_v1([0; 16], key) + usize::from(id[0])) % 100;
    let users = numbered_users(USERS);
    assert_fair(unevenness_of_buckets(moved, [1; 16], &users), "moved round");
    assert_unfair(dependence_of_experiments(moved, [[1; 16], [2; 16]], &users), "moved round");
}

/// The mistake that "one decision, one hash" is about: a 10 % gate takes buckets 0..10, and all of
/// them are in the first half of the split behind it.
#[test]
fn independence_refuses_a_gate_that_uses_the_hash_of_the_split() {
    let bucket = |key: &str| assignment_v1([1; 16], key);
    let users = numbered_users(USERS);
    assert_unfair(dependence_of_gate_and_split(bucket, bucket, &users), "gate on the split's hash");
    let mut gated = users.iter().filter(|key| bucket(key) < 10);
    assert!(gated.all(|key| bucket(key) < 50), "all of the gated users are in one variant");
}

#[test]
fn p_values_refuse_one_salt_for_all_experiments() {
    let one_salt = |_: Id, key: &str| assignment_v1(*b"one salt for all", key);
    let users = &numbered_users(FEW_USERS);
    assert_unfair(unevenness_of_p_values(one_salt, random_ids(400), users), "one salt");
}

/// Taking turns is perfectly uniform, and is no randomisation: it is too even.
#[test]
fn p_values_refuse_users_who_take_turns() {
    let in_turn = |id: Id, key: &str| (key.parse::<usize>().unwrap() + usize::from(id[0])) % 100;
    let users = plain_numbers();
    assert_fair(unevenness_of_buckets(in_turn, [1; 16], &users), "in turn");
    assert_unfair(unevenness_of_p_values(in_turn, random_ids(400), &users), "in turn");
}

/// The values of chi-square that are exceeded with probability 0.05, 0.01 and 0.001, from printed
/// tables (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4).
#[test]
fn surprise_agrees_with_the_tables_of_chi_square() {
    for (degrees_of_freedom, critical) in
        [(9, [16.919, 21.666, 27.877]), (99, [123.225, 134.642, 148.230])]
    {
        for (chi_square, quantile) in critical.into_iter().zip([1.645, 2.326, 3.090]) {
            let surprise = surprise(chi_square, degrees_of_freedom);
            assert!((surprise - quantile).abs() < 0.03, "{surprise} for {quantile}");
        }
    }
}
