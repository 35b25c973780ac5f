//! The decisions beside assignment v1: slots as published, and as another XXH3 has them; fair,
//! independent of the assignment and of each other; and what follows for coverage and layers.
//!
//! Who is covered is `slot < coverage`, in thousandths of a per cent, and so on: the comparisons
//! are written out here, so that these laws are of the slots alone.

use std::collections::HashSet;

use fairsplit::ExperimentId;
use fairsplit::assign::{Assignment, Bucket, Gate, GateSeed, Seed, Slot};
use proptest::prelude::*;
use serde::Deserialize;
use twox_hash::XxHash3_64;

use super::fairness::{
    Id, Surprise, USERS, assert_fair, assert_unfair, dependence, email_addresses, neighbouring_ids,
    number, numbered_users, plain_numbers, random_ids, unevenness, uuid_text,
};

/// The published slots. Python's xxhash made them (`reference/gates_vectors.py`).
const VECTORS: &str = include_str!("../data/gates-v1.json");

/// The id of the documented example.
const EXPERIMENT: Id = *b"\xcd\x61\x3e\x30\xd8\xf1\x4a\xdf\x91\xb7\x58\x4a\x22\x65\xb1\xf5";

const GATES: [Gate; 4] = [Gate::Coverage, Gate::Layer, Gate::Holdout, Gate::Rule];

#[derive(Deserialize)]
struct Vectors {
    algorithm: String,
    gates: Vec<GateCases>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateCases {
    kind: String,
    id: String,
    seed: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    unit: String,
    hash: String,
    slot: u32,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

/// The gate of a word, spelled out, so that no other word passes.
fn gate(kind: &str) -> Gate {
    match kind {
        "coverage" => Gate::Coverage,
        "layer" => Gate::Layer,
        "holdout" => Gate::Holdout,
        "rule" => Gate::Rule,
        other => panic!("{other:?} is not a kind of gate"),
    }
}

/// The smallest hash that falls into a slot, by a division, which `Slot::from_hash` has none of.
fn first_hash(slot: u32) -> u64 {
    u64::try_from((u128::from(slot) << 64).div_ceil(100_000)).unwrap()
}

/// The slot of a hash by a division in the other direction.
fn naive_slot(hash: u64) -> u32 {
    u32::try_from(u128::from(hash) * 100_000 / (u128::from(u64::MAX) + 1)).unwrap()
}

/// The slots of many units, in the order of the units.
fn slots(seed: GateSeed, units: &[String]) -> Vec<u32> {
    units.iter().map(|unit| seed.slot(unit).index()).collect()
}

fn below(slots: &[u32], share: u32) -> usize {
    slots.iter().filter(|&&slot| slot < share).count()
}

fn populations() -> [Vec<String>; 4] {
    [plain_numbers(), numbered_users(USERS), uuid_text(), email_addresses()]
}

// As published.

#[test]
fn every_published_slot_is_answered_to_the_bit() {
    let vectors = vectors();
    assert_eq!(vectors.algorithm, "fairsplit-gates-v1");
    for GateCases { kind, id, seed: published, cases } in &vectors.gates {
        let id = id.parse::<ExperimentId>().unwrap().to_bytes();
        let seed = GateSeed::new(gate(kind), id);
        assert_eq!(format!("{:016x}", seed.value()), *published, "{kind}");
        assert_eq!(gate(kind).as_str(), kind);
        for Case { unit, hash, slot } in cases {
            assert_eq!(seed.slot(unit).index(), *slot, "{kind}, {unit:?}");
            let hash = u64::from_str_radix(hash, 16).unwrap();
            assert_eq!(Slot::from_hash(hash), seed.slot(unit), "{kind}, {unit:?}");
            let other = XxHash3_64::oneshot_with_seed(seed.value(), unit.as_bytes());
            assert_eq!(hash, other, "{kind}, {unit:?}");
        }
    }
}

/// An emptied or shortened file would let the test above pass on what is left.
#[test]
fn all_published_slots_are_there() {
    let vectors = vectors();
    assert_eq!(vectors.gates.len(), 20);
    assert_eq!(vectors.gates.iter().map(|it| it.cases.len()).sum::<usize>(), 1000);
    let kinds: HashSet<&str> = vectors.gates.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds.len(), GATES.len());
}

/// The worked case of `docs/targeting.md`.
#[test]
fn the_documented_user_is_covered_at_99_point_5_per_cent_and_not_at_99_point_4() {
    let slot = GateSeed::new(Gate::Coverage, EXPERIMENT).slot("user-511554").index();
    assert!((99_400..99_500).contains(&slot), "{slot}");
    // Coverage has no say in the variant.
    let assignment = Assignment::new(EXPERIMENT, &[25, 75]).unwrap();
    assert_eq!(assignment.variant("user-511554"), Some(1));
}

/// The counts that `docs/targeting.md` gives.
#[test]
fn the_documented_counts_of_200_000_users_are_covered() {
    let users = numbered_users(200_000);
    let slots = slots(GateSeed::new(Gate::Coverage, EXPERIMENT), &users);
    let counts = [100, 1000, 10_000, 50_000].map(|coverage| below(&slots, coverage));
    assert_eq!(counts, [196, 2005, 19_991, 99_590]);
    let assignment = Assignment::new(EXPERIMENT, &[50, 50]).unwrap();
    let covered = users.iter().zip(&slots).filter(|&(_, &slot)| slot < 10_000);
    let in_the_first = covered.filter(|(user, _)| assignment.variant(user) == Some(0)).count();
    assert_eq!(in_the_first, 9988);
}

proptest! {
    #[test]
    fn any_gate_has_the_seed_and_slots_of_the_other_xxh3(
        gate in prop::sample::select(&GATES[..]),
        id: [u8; 16],
        unit in "\\PC{0,300}",
    ) {
        let word: &[u8] = match gate {
            Gate::Coverage => b"coverage",
            Gate::Layer => b"layer",
            Gate::Holdout => b"holdout",
            _ => b"rule",
        };
        let seed = XxHash3_64::oneshot(&[word, &[0], &id[..]].concat());
        prop_assert_eq!(GateSeed::new(gate, id).value(), seed);
        let hash = XxHash3_64::oneshot_with_seed(seed, unit.as_bytes());
        prop_assert_eq!(GateSeed::new(gate, id).slot(&unit).index(), naive_slot(hash));
    }

    #[test]
    fn no_two_gates_and_no_experiment_share_a_seed(id: [u8; 16], other: [u8; 16]) {
        let ids: HashSet<Id> = [id, other].into();
        let of_gates = ids.iter().flat_map(|id| GATES.map(|gate| GateSeed::new(gate, *id).value()));
        let of_splits = ids.iter().map(|id| Seed::from_id(*id).value());
        let seeds: HashSet<u64> = of_gates.chain(of_splits).collect();
        prop_assert_eq!(seeds.len(), 5 * ids.len());
    }
}

// Edges.

#[test]
fn every_slot_begins_and_ends_where_a_division_puts_it() {
    for slot in 0..Slot::COUNT {
        let first = first_hash(slot);
        assert_eq!(Slot::from_hash(first).index(), slot, "{first:#x}");
        if let Some(before) = first.checked_sub(1) {
            assert_eq!(Slot::from_hash(before).index(), slot - 1, "{before:#x}");
        }
    }
    assert_eq!(Slot::from_hash(u64::MAX).index(), Slot::COUNT - 1);
}

/// A share of 0 % is empty and one of 100 % is all; next to them, one slot of 100,000 is in or out.
#[test]
fn the_first_and_the_last_hash_are_inside_of_shares_as_specified() {
    let inside = |hash| [0, 1, 99_999, 100_000].map(|share| Slot::from_hash(hash).index() < share);
    assert_eq!(inside(0), [false, true, true, true]);
    assert_eq!(inside(u64::MAX), [false, false, false, true]);
}

// Fair. The populations and ids are fixed, so red is a bug and never bad luck; each check refuses
// at the level of 1 in 10,000 that `fairness.rs` explains.

#[test]
fn slots_are_uniform_for_numbers_uuids_and_email_addresses() {
    for units in populations() {
        for gate in GATES {
            let slots = slots(GateSeed::new(gate, EXPERIMENT), &units);
            // The per cent, and the thousandth within it: 99 degrees of freedom each.
            let (mut per_cent, mut thousandth) = (vec![0; 100], vec![0; 100]);
            for slot in slots {
                per_cent[slot as usize / 1000] += 1;
                thousandth[slot as usize % 1000 / 10] += 1;
            }
            let what = format!("{gate:?}, units like {:.20}", units[0]);
            assert_fair(unevenness(&per_cent), &what);
            assert_fair(unevenness(&thousandth), &format!("thousandths, {what}"));
        }
    }
}

/// A ramp of 100,000 users over every thousandth of coverage: at each the covered users are those
/// before it and the newcomers, and their number is that of a fair draw.
///
/// The largest distance from `users * coverage` is Kolmogorov and Smirnov's statistic: above 2.23
/// times the square root of the users once in 10,000 fair ramps (2 exp(-2 * 2.23^2)).
#[test]
fn a_ramp_over_every_thousandth_only_adds_users_and_covers_its_share() {
    for units in populations() {
        let of_unit = slots(GateSeed::new(Gate::Coverage, EXPERIMENT), &units);
        let mut at_slot = vec![Vec::new(); 100_000];
        for (unit, &slot) in of_unit.iter().enumerate() {
            at_slot[slot as usize].push(unit);
        }
        let mut covered = vec![false; units.len()];
        let mut count = 0;
        let mut farthest: f64 = 0.0;
        for coverage in 1..=100_000_u32 {
            for &unit in &at_slot[coverage as usize - 1] {
                assert!(!std::mem::replace(&mut covered[unit], true));
                count += 1;
            }
            let expected = number(units.len()) * f64::from(coverage) / 100_000.0;
            farthest = farthest.max((number(count) - expected).abs());
            // What the ramp has gathered is what a service that starts here finds.
            if coverage % 2500 == 0 || [1, 10, 100, 99_999].contains(&coverage) {
                let seed = GateSeed::new(Gate::Coverage, EXPERIMENT);
                for (unit, &is_covered) in units.iter().zip(&covered) {
                    assert_eq!(seed.slot(unit).index() < coverage, is_covered, "{unit}");
                }
            }
        }
        assert_eq!(count, units.len(), "100 % covers every user");
        let distance = farthest / number(units.len()).sqrt();
        assert!(distance < 2.23, "units like {:.20}: {distance:.2}", units[0]);
    }
}

#[test]
fn at_every_step_of_a_ramp_the_covered_users_split_as_configured() {
    let units = numbered_users(USERS);
    let slots = slots(GateSeed::new(Gate::Coverage, EXPERIMENT), &units);
    let assignment = Assignment::new(EXPERIMENT, &[50, 50]).unwrap();
    for coverage in [1000, 10_000, 50_000, 100_000] {
        let covered = units.iter().zip(&slots).filter(|&(_, &slot)| slot < coverage);
        let mut in_variant = [0; 2];
        for (unit, _) in covered {
            in_variant[assignment.variant(unit).unwrap()] += 1;
        }
        assert_fair(unevenness(&in_variant), &format!("coverage {coverage}: {in_variant:?}"));
    }
}

// Independent.

/// A decision about a unit: the tenth of its range, 0 to 9.
struct Decision {
    name: String,
    tenth: Box<dyn Fn(&str) -> usize>,
}

fn assignment(id: Id) -> Decision {
    let seed = Seed::from_id(id);
    let tenth = move |unit: &str| usize::from(Bucket::from_hash(seed.hash(unit)).index() / 10);
    Decision { name: format!("assignment {id:02x?}"), tenth: Box::new(tenth) }
}

fn slot(gate: Gate, id: Id) -> Decision {
    let seed = GateSeed::new(gate, id);
    let tenth = move |unit: &str| seed.slot(unit).index() as usize / 10_000;
    Decision { name: format!("{gate:?} {id:02x?}"), tenth: Box::new(tenth) }
}

/// Whether one decision says anything of another: 81 degrees of freedom.
fn dependence_of(one: &Decision, other: &Decision, units: &[String]) -> Surprise {
    let mut table = [[0; 10]; 10];
    for unit in units {
        table[(one.tenth)(unit)][(other.tenth)(unit)] += 1;
    }
    dependence(&table)
}

#[track_caller]
fn assert_pairwise_independent(decisions: &[Decision], units: &[String]) {
    for (at, one) in decisions.iter().enumerate() {
        for other in &decisions[..at] {
            let surprise = dependence_of(one, other, units);
            let what = format!("{} and {}, like {:.20}", one.name, other.name, units[0]);
            assert_fair(surprise, &what);
        }
    }
}

/// As in an experiment of a layer, with a coverage and a holdout, under a rule.
#[test]
fn assignment_coverage_layer_holdout_and_rule_are_pairwise_independent() {
    let ids = random_ids(4);
    for units in populations() {
        let decisions = [
            assignment(ids[0]),
            slot(Gate::Coverage, ids[0]),
            slot(Gate::Layer, ids[1]),
            slot(Gate::Holdout, ids[2]),
            slot(Gate::Rule, ids[3]),
        ];
        assert_pairwise_independent(&decisions, &units);
    }
}

/// Ids given by hand may be equal across kinds: the kind alone keeps the decisions apart.
#[test]
fn decisions_of_one_id_are_pairwise_independent() {
    let decisions: Vec<Decision> = GATES
        .map(|gate| slot(gate, EXPERIMENT))
        .into_iter()
        .chain([assignment(EXPERIMENT)])
        .collect();
    for units in [plain_numbers(), uuid_text()] {
        assert_pairwise_independent(&decisions, &units);
    }
}

/// Two coverages, two layers and so on, of ids that differ in a bit or two.
#[test]
fn gates_of_one_kind_and_neighbouring_ids_are_independent() {
    let ids = neighbouring_ids(2);
    for gate in GATES {
        let decisions = [slot(gate, ids[0]), slot(gate, ids[1])];
        assert_pairwise_independent(&decisions, &numbered_users(USERS));
    }
}

/// The mistake that the seeds are there against: a tenth is covered by the assignment's own hash,
/// and all of it is in the first variant.
#[test]
fn a_coverage_by_the_hash_of_the_assignment_puts_all_of_a_covered_tenth_into_one_variant() {
    let seed = Seed::from_id(EXPERIMENT);
    let by_assignment = Decision {
        name: "the hash of the assignment".to_owned(),
        tenth: Box::new(move |unit| Slot::from_hash(seed.hash(unit)).index() as usize / 10_000),
    };
    let users = numbered_users(USERS);
    let surprise = dependence_of(&by_assignment, &assignment(EXPERIMENT), &users);
    assert_unfair(surprise, "coverage by the hash of the assignment");
    let halves = Assignment::new(EXPERIMENT, &[50, 50]).unwrap();
    let mut covered = users.iter().filter(|user| (by_assignment.tenth)(user) == 0);
    assert!(covered.all(|user| halves.variant(user) == Some(0)));
}

/// A holdout that took the seed of another kind would hold out those who are covered first.
#[test]
fn independence_refuses_two_decisions_of_one_seed() {
    let users = numbered_users(USERS);
    let coverage = || slot(Gate::Coverage, EXPERIMENT);
    assert_unfair(dependence_of(&coverage(), &coverage(), &users), "one seed");
}

// Layers.

#[test]
fn two_experiments_of_a_layer_share_no_user_and_miss_none() {
    let seed = GateSeed::new(Gate::Layer, EXPERIMENT);
    // One experiment may have several ranges.
    let experiments: [&[(u32, u32)]; 3] =
        [&[(0, 30_000), (60_000, 70_001)], &[(30_000, 60_000)], &[(70_001, 100_000)]];
    for units in populations() {
        let mut counts = [0; 3];
        for unit in &units {
            let slot = seed.slot(unit).index();
            let is_in =
                |ranges: &[(u32, u32)]| ranges.iter().any(|&(from, to)| from <= slot && slot < to);
            let mut inside = (0..3).filter(|&at| is_in(experiments[at]));
            counts[inside.next().unwrap()] += 1;
            assert_eq!(inside.next(), None, "{unit} is in two experiments of one layer");
        }
        assert_eq!(counts.iter().sum::<usize>(), units.len());
    }
}

/// Half-open ranges: a slot at the border is in the range that begins there.
#[test]
fn a_slot_at_the_border_of_two_ranges_is_in_the_second() {
    let border = Slot::from_hash(1 << 63).index();
    assert_eq!(border, 50_000);
    let before = Slot::from_hash((1 << 63) - 1).index();
    assert_eq!(before, 49_999);
    let of_layers = vectors();
    let of_layers = of_layers.gates.iter().filter(|it| it.kind == "layer");
    let published: Vec<u32> = of_layers.flat_map(|it| &it.cases).map(|it| it.slot).collect();
    assert!(published.contains(&border) && published.contains(&before));
}
