//! Means as text: the table, the plot, and their widths.

use fairsplit::goals::GoalUse;
use fairsplit::results::means::{Cap, Capped, Sample, Values};
use fairsplit::results::{Observations, Unit};
use unicode_width::UnicodeWidthStr;

use super::{BETTER, SHOP, euros, even, results};

#[test]
fn the_table_and_the_plot_are_in_the_unit_of_the_goal() {
    let waiting = || {
        let users = |less: i64| (0..100).map(move |user| (2_000 + user * 7 % 900 - less, 100));
        let values = Values::new("ms", 0).variant(Sample::of(users(0)).unwrap());
        values.variant(Sample::of(users(40)).unwrap())
    };
    let observed = even()
        .name("Hero Banner")
        .primary_means("purchase", euros(&[SHOP, BETTER]))
        .secondary("signup", [500, 700])
        .secondary_means(GoalUse::new("waiting").lower(), waiting())
        .guardrail_means(GoalUse::new("refund").lower(), 0.1, euros(&[SHOP, SHOP]));
    let found = results(&observed);
    let table = found.to_string();
    let expected = "\
Against control, by the mean of purchase
valid at every look    EUR        interval        p  finding
treatment            +1.64  +0.84 to +2.45  <0.0001   better

at a planned end        interval        p  lift, %          interval
treatment         +1.14 to +2.15  <0.0001   +70.22  +42.14 to +98.29

Conversions alone, held against the percentages: p 1.0000 at a planned end, p
1.0000 at every look.

goals        reached  share, %      interval
purchase, primary, in EUR
  control        500      5.00  4.59 to 5.44
  treatment      500      5.00  4.59 to 5.44
signup, secondary
  control        500      5.00  4.59 to 5.44
  treatment      700      7.00  6.52 to 7.52

means        for each user            interval  effective  needed
purchase, in EUR
  control             2.34        2.04 to 2.65        204      50
  treatment           3.98        3.58 to 4.39        317      50
waiting, in ms
  control          2346.50  2342.54 to 2350.46       1875      50
  treatment        2306.50  2302.54 to 2310.46       1875      50
refund, in EUR
  control             2.34        2.04 to 2.65        204      50
  treatment           2.34        2.04 to 2.65        204      50

guardrails          in  difference        interval     margin left  status
refund: treatment  EUR       +0.00  -0.69 to +0.69  -0.49 to +0.96    open

secondary, exploratory      in  difference          interval        p  finding
signup: treatment       points       +2.00    +0.87 to +3.13  <0.0001   better
waiting: treatment          ms      -40.00  -49.62 to -30.38  <0.0001   better

treatment is better than control, by 1.64 EUR for each user, 2.34 -> 3.98
(always-valid p <0.0001); guardrails open: refund.
";
    assert!(table.ends_with(expected), "{table}");
    assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    let plot = found.plot().to_string();
    let expected = "\
Difference to control in EUR, 95 % intervals that hold at every look:
treatment   │                      ├────────────────────●─────────────────────┤
           ─┼─────────────┴────────────┴────────────┴─────────────┴─────────────
            0           +0.5         +1.0         +1.5          +2.0
";
    assert_eq!(plot, expected);
}

#[test]
fn no_name_unit_or_amount_makes_the_table_wider_than_a_terminal() {
    let largest = 1_i64 << 53;
    let long = "long ".repeat(50);
    for name in ["a\u{1b}[2J", "\u{202e}left", "日本語の名前はとても幅が広い日本語の名前は", &*long]
    {
        for (most, decimals) in
            [(largest, 0), (largest, 9), (99_999_999, 0), (-largest, 2), (12_345_678, 4), (1, 9)]
        {
            let values = || {
                let sample = |of| Sample::of([(0, 1_000), (of, 1_000)]).unwrap();
                let mut capped = Capped::by(Cap::new(most.abs()).unwrap());
                capped.add(largest, u64::MAX);
                let first = Values::new(name, decimals).capped_variant(sample(most), capped);
                first.capped_variant(sample(most / 3), capped)
            };
            let observed = Observations::new(Unit::Users)
                .variant(name, 50, 2_000, 1_000)
                .variant("other", 50, 2_000, 1_000)
                .primary_means(name, values())
                .secondary_means(GoalUse::new(name).lower(), values())
                .secondary(name, [1_000, 500])
                .guardrail_means(GoalUse::new(name).lower(), 0.123_456, values());
            let found = results(&observed);
            for text in [found.to_string(), found.plot().to_string()] {
                for line in text.lines() {
                    assert!(line.width() <= 80, "{} columns: {line}", line.width());
                    assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
                }
            }
            serde_json::to_value(&found).unwrap();
        }
    }
}
