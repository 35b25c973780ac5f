//! The figures of others, row by row: gbstats 0.8.0 (`SampleMeanStatistic`,
//! `SequentialTwoSidedTTest`, `TwoSidedTTest`), scipy 1.17.1 (`ttest_ind` with
//! `equal_var=False`), statsmodels 0.15.0 and, where these lose digits, mpmath 1.4.1 with 50 digits.
//! Their planned ends have Student's t; here they have Welch's variance, the statistic, and the
//! normal distribution of Python's `statistics`.

use fairsplit::results::means::{
    Moments, Plan, Sample, Values, confidence_sequence, difference, difference_interval, lift,
    lift_interval, z_test,
};
use fairsplit::results::{Analysis, Confidence, Observations, Unit};

/// A value in units, and how many users have it.
type Users<'a> = &'a [(f64, u64)];

/// What others say; in units, where the values of the samples are in `scale` parts of one.
#[derive(Clone, Copy)]
struct Row<'a> {
    name: &'a str,
    scale: f64,
    control: Users<'a>,
    treatment: Users<'a>,
    difference: f64,
    planned: Option<Planned>,
    /// The half-width and the p-value of the confidence sequence.
    watched: Option<(f64, f64)>,
    lift: Option<f64>,
    lift_interval: Option<[f64; 2]>,
    effective: [f64; 2],
}

#[derive(Clone, Copy)]
struct Planned {
    variance: f64,
    statistic: f64,
    p_value: f64,
    interval: [f64; 2],
}

fn sample(users: Users<'_>, scale: f64) -> Sample {
    #[expect(clippy::cast_possible_truncation, reason = "values of few digits")]
    let values = users.iter().map(|(value, users)| ((value * scale).round() as i64, *users));
    Sample::of(values).unwrap()
}

#[track_caller]
fn assert_near(name: &str, ours: f64, theirs: f64) {
    let off = (ours - theirs).abs();
    assert!(off <= 1e-9 * theirs.abs() + 1e-15, "row {name}: {ours:e} is not {theirs:e}");
}

#[test]
fn every_figure_is_that_of_the_other_packages() {
    for row in ROWS {
        let Row { name, scale, .. } = *row;
        let (control, treatment) = (sample(row.control, scale), sample(row.treatment, scale));
        let effective = [control.effective_users(), treatment.effective_users()];
        for (ours, theirs) in effective.into_iter().zip(row.effective) {
            assert_near(name, ours, theirs);
        }
        let (control, treatment) = (control.moments(), treatment.moments());
        let confidence = Confidence::default();

        assert_near(name, difference(treatment, control).unwrap() / scale, row.difference);
        let test = z_test(treatment, control);
        assert_eq!(test.is_some(), row.planned.is_some(), "row {name}");
        let interval = difference_interval(treatment, control, confidence);
        assert_eq!(interval.is_some(), row.planned.is_some(), "row {name}");
        if let (Some(planned), Some(test), Some(interval)) = (row.planned, test, interval) {
            assert_near(name, test.z, planned.statistic);
            assert_near(name, test.p_value, planned.p_value);
            assert_near(name, (row.difference / test.z).powi(2), planned.variance);
            assert_near(name, interval.low / scale, planned.interval[0]);
            assert_near(name, interval.high / scale, planned.interval[1]);
        }
        let watched = confidence_sequence(treatment, control, 0.05, 5000.0);
        assert_eq!(watched.is_some(), row.watched.is_some(), "row {name}");
        if let (Some(ours), Some((half, p_value))) = (watched, row.watched) {
            assert_near(name, (ours.interval.high - ours.interval.low) / 2.0 / scale, half);
            assert_near(
                name,
                f64::midpoint(ours.interval.high, ours.interval.low) / scale,
                row.difference,
            );
            assert_near(name, ours.p_value, p_value);
        }
        let ours = lift(treatment, control);
        assert_eq!(ours.is_some(), row.lift.is_some(), "row {name}");
        if let (Some(ours), Some(theirs)) = (ours, row.lift) {
            assert_near(name, ours, theirs);
        }
        let ours = lift_interval(treatment, control, confidence);
        assert_eq!(ours.is_some(), row.lift_interval.is_some(), "row {name}");
        if let (Some(ours), Some([low, high])) = (ours, row.lift_interval) {
            assert_near(name, ours.low, low);
            assert_near(name, ours.high, high);
        }
    }
}

/// The rows as the primary goal and as a secondary one of an experiment: in minor units.
#[test]
fn a_goal_with_values_has_the_figures_of_the_other_packages() {
    for row in ROWS {
        let Row { name, scale, .. } = *row;
        let samples = [row.control, row.treatment].map(|users| sample(users, scale));
        let values = || Values::new("EUR", 2).variant(samples[0]).variant(samples[1]);
        let [theirs, ours] = samples.map(|sample| sample.moments().users());
        let percentage = if ours == theirs { 50 } else { 10 };
        let observed = Observations::new(Unit::Users)
            .variant("control", 100 - percentage, theirs, 0)
            .variant("treatment", percentage, ours, 0)
            .primary_means("purchase", values())
            .secondary_means("again", values());
        let nothing_needed = Analysis::new().minimum(0, 0).minimum_effective(0);
        let found = nothing_needed.results_of(&observed).unwrap();
        let (one, again) = (&found.comparisons[0], &found.goals[1].comparisons[0]);
        for difference in [one.difference, again.difference] {
            assert_near(name, difference.unwrap() / scale, row.difference);
        }
        for ours in [one.always_valid, again.always_valid] {
            assert_eq!(ours.is_some(), row.watched.is_some(), "row {name}");
            if let (Some(ours), Some((half, p_value))) = (ours, row.watched) {
                let interval = ours.interval;
                assert_near(name, (interval.high - interval.low) / 2.0 / scale, half);
                assert_near(name, ours.p_value, p_value);
            }
        }
        for lift in [one.lift, again.lift] {
            assert_eq!(lift.is_some(), row.lift.is_some(), "row {name}");
            assert_near(name, lift.unwrap_or_default(), row.lift.unwrap_or_default());
        }
        let planned = &one.at_planned_end;
        assert_eq!(planned.test.is_some(), row.planned.is_some(), "row {name}");
        if let (Some(test), Some(interval), Some(of)) =
            (planned.test, planned.interval, row.planned)
        {
            assert_near(name, test.z, of.statistic);
            assert_near(name, planned.adjusted_p_value.unwrap(), of.p_value);
            assert_near(name, interval.low / scale, of.interval[0]);
            assert_near(name, interval.high / scale, of.interval[1]);
        }
        let lift = planned.lift_interval;
        assert_eq!(lift.is_some(), row.lift_interval.is_some(), "row {name}");
        if let (Some(ours), Some([low, high])) = (lift, row.lift_interval) {
            assert_near(name, ours.low, low);
            assert_near(name, ours.high, high);
        }
        for (at, effective) in row.effective.into_iter().enumerate() {
            let values = found.goals[0].variants[at].values.unwrap();
            assert_near(name, values.effective_users, effective);
            assert_eq!(values.sum, samples[at].moments().sum(), "row {name}");
            assert_eq!(values.mean, samples[at].moments().mean(), "row {name}");
        }
        assert_eq!((one.exact_p_value, one.chance_to_beat), (None, None), "row {name}");
    }
}

/// Row 2 at a level of 0.1, and row 12's lift, whose interval is far below its own digits.
#[test]
fn other_levels_and_tiny_lifts_are_those_of_the_other_packages() {
    let of = |row: &Row<'_>| {
        let of = |users| sample(users, row.scale).moments();
        (of(row.treatment), of(row.control))
    };
    let (treatment, control) = of(&ROWS[1]);
    let watched = confidence_sequence(treatment, control, 0.1, 5000.0).unwrap();
    assert_near("2", watched.interval.low / 10.0, -0.230_417_242_637_8);
    assert_near("2", watched.interval.high / 10.0, 1.087_017_242_638);

    let (treatment, control) = of(&ROWS[13]);
    let interval = lift_interval(treatment, control, Confidence::default()).unwrap();
    let error = (interval.high - interval.low) / 2.0 / 1.959_963_984_540_054;
    assert_near("12", error * error, 1.381_381_379_171e-21);
}

/// The formula of every textbook; 3,531.03 rounded up.
#[test]
fn a_plan_is_the_textbook_formula() {
    let plan = Plan::new(15.0, 1.0).unwrap();
    assert_eq!(plan.per_variant(), 3532);
    assert_eq!(Plan::new(1500.0, -100.0).unwrap().per_variant(), 3532);
    let stricter = plan.confidence(Confidence::new(0.99).unwrap()).power(0.9).unwrap();
    // 2 (2.575829304 + 1.281551566)^2 225
    assert_eq!(stricter.per_variant(), 6696);
}

/// Row by row against their own sums of the same users, as a warehouse has them.
#[test]
fn sums_from_elsewhere_are_the_moments_of_the_users() {
    for row in ROWS {
        for users in [row.control, row.treatment] {
            let ours = sample(users, row.scale).moments();
            let theirs = Moments::of_sums(ours.users(), ours.sum(), ours.squares()).unwrap();
            assert_eq!(ours, theirs, "row {}", row.name);
        }
    }
}

const ROWS: &[Row<'static>] = &[
    Row {
        name: "1",
        scale: 1.0,
        control: &[(0.0, 90), (10.0, 6), (25.0, 4)],
        treatment: &[(0.0, 85), (10.0, 9), (25.0, 5), (40.0, 1)],
        difference: 0.95,
        planned: Some(Planned {
            variance: 0.789_772_727_272_7,
            statistic: 1.068_987_283_811,
            p_value: 0.285_075_399_380_589_46,
            interval: [-0.791_803_493_372_738, 2.691_803_493_372_738],
        }),
        watched: Some((4.532_291_491_934, 1.0)),
        lift: Some(0.593_75),
        lift_interval: Some([-0.766_021_335_768_7, 1.953_521_335_769]),
        effective: [7.291_139_240_506_329, 9.443_803_708_729_082],
    },
    Row {
        name: "2",
        scale: 10.0,
        control: &[(0.0, 9_500), (19.9, 300), (49.9, 150), (199.0, 50)],
        treatment: &[(0.0, 9_420), (19.9, 340), (49.9, 180), (199.0, 60)],
        difference: 0.428_3,
        planned: Some(Planned {
            variance: 0.053_003_477_978_8,
            statistic: 1.860_355_276_414,
            p_value: 0.062_835_277_780_119_16,
            interval: [-0.022_932_399_112_829_57, 0.879_532_399_112_829_7],
        }),
        watched: Some((0.719_939_360_358_8, 1.0)),
        lift: Some(0.182_995_086_52),
        lift_interval: Some([-0.026_629_370_511_36, 0.392_619_543_551_3]),
        effective: [204.495_863_675_026_95, 236.023_059_360_132_72],
    },
    Row {
        name: "3",
        scale: 10.0,
        control: &[(0.0, 8_550), (19.9, 300), (49.9, 120), (199.0, 30)],
        treatment: &[(0.0, 950), (19.9, 33), (49.9, 13), (199.0, 4)],
        difference: 0.109_4,
        planned: Some(Planned {
            variance: 0.219_010_106_455_6,
            statistic: 0.233_768_098_288_2,
            p_value: 0.815_165_017_285_563_3,
            interval: [-0.807_834_051_518_492_3, 1.026_634_051_518_492_2],
        }),
        watched: Some((1.432_725_894_579, 1.0)),
        lift: Some(0.054_919_678_714_86),
        lift_interval: Some([-0.407_833_113_145_9, 0.517_672_470_575_6]),
        effective: [184.770_624_294_553_95, 19.983_963_562_272_233],
    },
    Row {
        name: "4",
        scale: 10.0,
        control: &[(0.0, 8_550), (19.9, 300), (49.9, 120), (199.0, 30)],
        treatment: &[(0.0, 960), (19.9, 40)],
        difference: -1.196,
        planned: Some(Planned {
            variance: 0.034_605_908_217_36,
            statistic: -6.429_186_940_379,
            p_value: 1.282_882_778_518_168_3e-10,
            interval: [-1.560_605_501_014_068_3, -0.831_394_498_985_931_7],
        }),
        watched: Some((0.569_516_299_295_8, 1.478_776_236_363e-8)),
        lift: Some(-0.600_401_606_425_702_8),
        lift_interval: Some([-0.733_566_077_526_606_3, -0.467_237_135_324_799_4]),
        effective: [184.770_624_294_553_95, 38.4],
    },
    Row {
        name: "5",
        scale: 1.0,
        control: &[(0.0, 950), (20.0, 50)],
        treatment: &[(0.0, 950), (20.0, 49), (25_000.0, 1)],
        difference: 24.98,
        planned: Some(Planned {
            variance: 624.988_628_228_2,
            statistic: 0.999_209_090_263_5,
            p_value: 0.317_693_413_228_758_1,
            interval: [-24.018_653_846_211_418, 73.978_653_846_211_42],
        }),
        watched: Some((78.093_766_830_58, 1.0)),
        lift: Some(24.98),
        lift_interval: Some([-24.518_567_152_56, 74.478_567_152_56]),
        effective: [47.5, 0.998_970_176_728_013_7],
    },
    Row {
        name: "6",
        scale: 1.0,
        control: &[(0.0, 950), (20.0, 50)],
        treatment: &[(0.0, 950), (20.0, 49), (500.0, 1)],
        difference: 0.48,
        planned: Some(Planned {
            variance: 0.286_696_296_296_3,
            statistic: 0.896_458_513_756_9,
            p_value: 0.370_007_927_989_125_3,
            interval: [-0.569_443_669_887_881_1, 1.529_443_669_887_881],
        }),
        watched: Some((1.672_597_159_817, 1.0)),
        lift: Some(0.48),
        lift_interval: Some([-0.610_093_375_285_5, 1.570_093_375_285]),
        effective: [47.5, 7.392_539_385_272_631],
    },
    Row {
        name: "7",
        scale: 1.0,
        control: &[(0.0, 1_000)],
        treatment: &[(0.0, 990), (5.0, 10)],
        difference: 0.05,
        planned: Some(Planned {
            variance: 0.000_247_747_747_747_7,
            statistic: 3.176_619_129_028,
            p_value: 0.001_490_025_789_278_197_1,
            interval: [0.019_150_157_684_476_105, 0.080_849_842_315_523_9],
        }),
        watched: Some((0.049_168_297_564_05, 0.044_055_110_442_62)),
        lift: None,
        lift_interval: None,
        effective: [0.0, 9.9],
    },
    Row {
        name: "8a",
        scale: 1.0,
        control: &[(0.0, 50)],
        treatment: &[(0.0, 50)],
        difference: 0.0,
        planned: None,
        watched: None,
        lift: None,
        lift_interval: None,
        effective: [0.0, 0.0],
    },
    Row {
        name: "8b",
        scale: 1.0,
        control: &[(3.0, 50)],
        treatment: &[(4.0, 50)],
        difference: 1.0,
        planned: None,
        watched: None,
        lift: Some(0.333_333_333_333_333_3),
        lift_interval: None,
        effective: [0.0, 0.0],
    },
    Row {
        name: "8c",
        scale: 1.0,
        control: &[(2.0, 100)],
        treatment: &[(1.0, 50), (4.0, 50)],
        difference: 0.5,
        planned: Some(Planned {
            variance: 0.022_727_272_727_27,
            statistic: 3.316_624_790_355,
            p_value: 0.000_911_118_877_153_714_6,
            interval: [0.204_524_311_848_668_6, 0.795_475_688_151_331_4],
        }),
        watched: Some((0.768_847_893_908_3, 0.305_010_571_475_9)),
        lift: Some(0.25),
        lift_interval: Some([0.102_262_155_924_3, 0.397_737_844_075_7]),
        effective: [0.0, 25.0],
    },
    Row {
        name: "9",
        scale: 1.0,
        control: &[(0.0, 5), (10.0, 5)],
        treatment: &[(7.0, 1)],
        difference: 2.0,
        planned: None,
        watched: None,
        lift: Some(0.4),
        lift_interval: None,
        effective: [2.5, 0.0],
    },
    Row {
        name: "10",
        scale: 1.0,
        control: &[(0.0, 900), (-30.0, 60), (10.0, 40)],
        treatment: &[(0.0, 900), (-30.0, 40), (10.0, 60)],
        difference: 0.8,
        planned: Some(Planned {
            variance: 0.097_777_777_777_78,
            statistic: 2.558_408_596_267,
            p_value: 0.010_515_245_935_858_918,
            interval: [0.187_130_269_215_133_76, 1.412_869_730_784_866_3],
        }),
        watched: Some((0.976_788_178_786_5, 0.169_611_166_146_2)),
        lift: None,
        lift_interval: None,
        effective: [52.545_610_278_372_59, 33.212_680_115_273_78],
    },
    Row {
        name: "11",
        scale: 1.0,
        control: &[(0.0, 900), (30.0, 80), (-30.0, 20)],
        treatment: &[(0.0, 900), (30.0, 70), (-30.0, 30)],
        difference: -0.6,
        planned: Some(Planned {
            variance: 0.175_495_495_495_5,
            statistic: -1.432_248_128_733,
            p_value: 0.152_072_822_254_371_46,
            interval: [-1.421_071_689_417_713, 0.221_071_689_417_712_94],
        }),
        watched: Some((1.308_619_238_109, 0.936_623_277_986_1)),
        lift: Some(-0.333_333_333_333_3),
        lift_interval: Some([-0.721_751_723_456_8, 0.055_085_056_790_13]),
        effective: [58.662_240_663_900_41, 45.892_682_926_829_266],
    },
    Row {
        name: "12",
        scale: 1.0,
        control: &[(1_000_000_000.0, 400), (1_000_000_001.0, 300), (1_000_000_002.0, 300)],
        treatment: &[(1_000_000_000.0, 300), (1_000_000_001.0, 300), (1_000_000_002.0, 400)],
        difference: 0.2,
        planned: Some(Planned {
            variance: 0.001_381_381_381_381,
            statistic: 5.381_126_437_757,
            p_value: 7.402_117_873_787_255e-8,
            interval: [0.127_154_137_439_040_92, 0.272_845_862_560_959_1],
        }),
        watched: Some((0.116_101_308_074, 3.378_565_799_075e-5)),
        lift: Some(1.999_999_998_2e-10),
        lift_interval: Some([1.271_541_373_173_175_7e-10, 2.728_458_623_226_824_3e-10]),
        effective: [187.826_086_956_521_75, 187.826_086_956_521_75],
    },
    Row {
        name: "13",
        scale: 1.0,
        control: &[(0.0, 950_000), (20.0, 40_000), (75.0, 10_000)],
        treatment: &[(0.0, 948_000), (20.0, 41_500), (75.0, 10_500)],
        difference: 0.067_5,
        planned: Some(Planned {
            variance: 0.000_142_893_836_643_8,
            statistic: 5.646_730_025_992,
            p_value: 1.635_283_201_371_983_3e-8,
            interval: [0.044_070_941_350_572_97, 0.090_929_058_649_427_05],
        }),
        watched: Some((0.044_821_409_903_19, 6.748_736_914_908e-6)),
        lift: Some(0.043_548_387_096_77),
        lift_interval: Some([0.028_107_598_262_28, 0.058_989_175_931_27]),
        effective: [31_042.718_064_354_485, 32_189.013_162_646_82],
    },
];
