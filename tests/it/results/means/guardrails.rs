//! Guardrails: contrasts computed with 50 digits, and what they amount to.

use fairsplit::results::means::{
    Better, Guarded, Guardrail, GuardrailStatus, Lacking, MeansError, Sample, confidence_sequence,
};
use fairsplit::results::{AlwaysValid, Analysis};

const CONTROL: [(i64, u64); 4] = [(0, 9500), (199, 300), (499, 150), (1990, 50)];
const TREATMENT: [(i64, u64); 4] = [(0, 9420), (199, 340), (499, 180), (1990, 60)];

fn guarded(
    treatment: &[(i64, u64)],
    control: &[(i64, u64)],
    better: Better,
    margin: f64,
) -> Guarded {
    let of = |values: &[(i64, u64)]| Sample::of(values.iter().copied()).unwrap();
    let guardrail = Guardrail::new(better, margin).unwrap();
    Analysis::new().guard_mean(&of(treatment), &of(control), guardrail)
}

#[track_caller]
fn assert_near(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs(), "{ours:e} is not {theirs:e}");
}

/// In tenths of a unit.
#[test]
fn contrasts_are_those_of_mpmath() {
    for (margin, contrast, low, high, p_value, status) in [
        (
            0.02,
            0.475_11,
            -0.238_297_230_031_7,
            1.188_517_230_032,
            0.699_100_247_713_4,
            GuardrailStatus::Open,
        ),
        (
            0.1,
            0.662_35,
            -0.025_683_520_287_75,
            1.350_383_520_288,
            0.070_760_666_907_11,
            GuardrailStatus::Open,
        ),
        (
            0.2,
            0.896_4,
            0.238_223_536_007_1,
            1.554_576_463_993,
            0.000_869_132_720_378_9,
            GuardrailStatus::Kept,
        ),
    ] {
        let found = guarded(&TREATMENT, &CONTROL, Better::Higher, margin);
        let AlwaysValid { interval, p_value: ours, .. } = found.always_valid.unwrap();
        assert_near(found.contrast.unwrap() / 10.0, contrast);
        assert_near(interval.low / 10.0, low);
        assert_near(interval.high / 10.0, high);
        assert_near(ours, p_value);
        assert_eq!(found.status, status, "{margin}");
    }
}

/// A margin on what should be low is one on the same values below 0, but for the side from which it
/// is taken: 1 + r in place of 1 - r.
#[test]
fn lower_is_better_mirrors_higher_is_better() {
    let negative = |values: [(i64, u64); 4]| values.map(|(value, users)| (-value, users));
    let lower = guarded(&TREATMENT, &CONTROL, Better::Lower, 0.0);
    let higher = guarded(&negative(TREATMENT), &negative(CONTROL), Better::Higher, 0.0);
    assert_eq!(lower.contrast, higher.contrast);
    assert_eq!(lower.always_valid, higher.always_valid);

    let lower = guarded(&TREATMENT, &CONTROL, Better::Lower, 0.1);
    let (ours, theirs) = (2.7688, 2.3405);
    assert_near(lower.contrast.unwrap() / 10.0, 1.1 * theirs - ours);
    let interval = lower.always_valid.unwrap().interval;
    assert_near((interval.low + interval.high) / 20.0, 1.1 * theirs - ours);
    // The variance, from that of 10 % where higher is better: 1.21 in place of 0.81 of the control's.
    let half = |found: &Guarded| {
        let interval = found.always_valid.unwrap().interval;
        ((interval.high - interval.low) / 20.0).powi(2)
    };
    let [plain, tenth] =
        [0.0, 0.1].map(|margin| half(&guarded(&TREATMENT, &CONTROL, Better::Higher, margin)));
    let of_control = (plain - tenth) / 0.19;
    assert_near(half(&lower), plain + 0.21 * of_control);
}

#[test]
fn a_loss_is_harm_and_within_a_margin_it_is_kept() {
    let (more, less) = ([(900, 500), (1100, 500)], [(850, 500), (1050, 500)]);
    let status = |treatment: &[(i64, u64)], control: &[(i64, u64)], better, margin| {
        guarded(treatment, control, better, margin).status
    };
    // 5 % less, and known to be a loss.
    assert_eq!(status(&less, &more, Better::Higher, 0.02), GuardrailStatus::Harmed);
    assert_eq!(status(&less, &more, Better::Higher, 0.1), GuardrailStatus::Kept);
    assert_eq!(status(&more, &less, Better::Higher, 0.0), GuardrailStatus::Kept);
    assert_eq!(status(&more, &more, Better::Higher, 0.0), GuardrailStatus::Open);
    // 5.3 % more, of what should be low.
    assert_eq!(status(&more, &less, Better::Lower, 0.02), GuardrailStatus::Harmed);
    assert_eq!(status(&more, &less, Better::Lower, 0.1), GuardrailStatus::Kept);
    assert_eq!(status(&less, &more, Better::Lower, 0.0), GuardrailStatus::Kept);
}

/// Harm is found at a part of the level, and "kept" at all of it.
#[test]
fn several_guardrails_share_the_level_of_harm_alone() {
    // A loss with an always-valid p-value of 0.02.
    let control = Sample::of([(900, 500), (1100, 500)]).unwrap();
    let treatment = Sample::of([(883, 500), (1083, 500)]).unwrap();
    let guard = |comparisons| {
        let guardrail = Guardrail::new(Better::Higher, 0.0).unwrap().comparisons(comparisons);
        Analysis::new().guard_mean(&treatment, &control, guardrail)
    };
    let (one, ten) = (guard(1), guard(10));
    let p_value = one.difference.unwrap().p_value;
    assert!(p_value > 0.005 && p_value < 0.05, "{p_value}");
    let tenth = confidence_sequence(treatment.moments(), control.moments(), 0.005, 5000.0).unwrap();
    assert_near(ten.difference.unwrap().p_value, 10.0 * tenth.p_value);
    assert_near(ten.difference.unwrap().interval.low, tenth.interval.low);
    assert_eq!((one.status, ten.status), (GuardrailStatus::Harmed, GuardrailStatus::Open));
    assert_eq!(one.always_valid, ten.always_valid);
    assert_eq!(guard(0), one);
}

#[test]
fn without_the_minimum_or_a_mean_above_0_a_guardrail_is_open() {
    let few = guarded(&[(0, 960), (199, 40)], &CONTROL, Better::Higher, 0.1);
    assert_eq!(few.status, GuardrailStatus::Open);
    assert!(matches!(few.lacking, Some(Lacking::EffectiveUsers { .. })));
    assert!(few.always_valid.is_none() && few.difference.is_none() && few.contrast.is_some());

    let (loss, larger) = ([(-900, 500), (-1100, 500)], [(-950, 500), (-1150, 500)]);
    let found = guarded(&larger, &loss, Better::Higher, 0.1);
    assert_eq!((found.contrast, found.always_valid), (None, None));
    assert_eq!(found.status, GuardrailStatus::Harmed);
    assert_eq!(guarded(&loss, &larger, Better::Higher, 0.1).status, GuardrailStatus::Open);
    assert_eq!(guarded(&loss, &larger, Better::Higher, 0.0).status, GuardrailStatus::Kept);

    for margin in [-0.1, 1.1, f64::NAN] {
        let refused = Guardrail::new(Better::Higher, margin);
        assert!(matches!(refused, Err(MeansError::Margin { .. })), "{margin}");
    }
}
