use super::*;
use crate::count::cells::Line;

fn open(variants: u32, stripes: u32) -> ExperimentCounters {
    let counters = ExperimentCounters::new(variants, Baseline::default(), stripes);
    counters.set_open(true);
    counters
}

#[test]
fn every_variant_and_event_has_a_cell_of_its_own() {
    for stripes in [1, 2, 8] {
        for variants in [1, 2, 4, 5, 100] {
            let counters = open(variants, stripes);
            for variant in 0..variants {
                for thread in 0..=variant {
                    assert!(counters.add_as(thread, variant, Event::Exposure));
                }
                for thread in 0..variant * 2 {
                    assert!(counters.add_as(thread, variant, Event::Conversion));
                }
            }
            for (variant, count) in (0u64..).zip(counters.counts()) {
                assert_eq!(count, Count { exposures: variant + 1, conversions: variant * 2 });
            }
        }
    }
}

#[test]
fn stripes_lie_on_lines_of_their_own() {
    let counters = open(2, 4);
    let address = |stripe| {
        std::ptr::from_ref(counters.cell(stripe, 0, Event::Exposure, Access::Exclusive).unwrap())
            .addr()
    };
    for stripe in 0..4 {
        assert_eq!(address(stripe) % align_of::<Line>(), 0);
        assert_eq!(address(stripe), address(0) + stripe as usize * size_of::<Line>());
    }
}

#[test]
fn closed_counters_count_nothing() {
    let counters = ExperimentCounters::new(2, Baseline::default(), 2);
    assert!(!counters.add(0, Event::Exposure));
    counters.set_open(true);
    assert!(counters.add(0, Event::Exposure));
    counters.set_open(false);
    assert!(!counters.add(0, Event::Conversion));
    assert_eq!(counters.counts()[0], Count { exposures: 1, conversions: 0 });
}

#[test]
fn a_count_near_the_end_of_its_range_stays_there() {
    let base = Count { exposures: u64::MAX, conversions: u64::MAX - 1 };
    let counters = ExperimentCounters::new(1, Baseline::new(&[base]), 2);
    counters.set_open(true);
    for _ in 0..3 {
        counters.add(0, Event::Exposure);
        counters.add(0, Event::Conversion);
    }
    assert_eq!(counters.counts()[0], Count { exposures: u64::MAX, conversions: u64::MAX });
}
