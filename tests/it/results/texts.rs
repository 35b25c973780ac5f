//! The table and the plot, as they are read.

use fairsplit::results::{Analysis, Observations, Results, Unit};
use unicode_width::UnicodeWidthStr;

fn hero_banner() -> Results {
    let observed = Observations::new(Unit::Users)
        .name("Hero Banner A/B Test")
        .variant("control", 50, 10_000, 1_420)
        .variant("treatment", 50, 10_000, 1_610);
    Analysis::new().results_of(&observed).unwrap()
}

#[test]
fn the_table_is_as_the_documentation_has_it() {
    let table = "\
Hero Banner A/B Test
Of users, ever, over all runs. Intervals of 95 %.
Split 50 : 50: holds, chi-square p 1.0000, sequential p 1.0000.

variant     %  exposed  converted  rate, %        interval
control    50   10,000      1,420    14.20  13.53 to 14.90
treatment  50   10,000      1,610    16.10  15.39 to 16.83

Against control
valid at every look  points        interval       p  exact p  finding
treatment             +1.90  +0.31 to +3.49  0.0063   0.0256   better

at a planned end        interval       p  lift, %         interval  chance
treatment         +0.91 to +2.89  0.0002   +13.38  +5.93 to +20.83  0.9999

Conversions alone, held against the percentages: p 0.0006 at a planned end, p
0.0393 at every look.

treatment is better than control, by 1.90 points (always-valid p 0.0063).
";
    assert_eq!(hero_banner().to_string(), table);
}

#[test]
fn the_plot_is_as_the_documentation_has_it() {
    let plot = "\
Difference to control in points, 95 % intervals that hold at every look:
treatment   │     ├─────────────────────────────●─────────────────────────────┤
           ─┼──────────────────┴──────────────────┴──────────────────┴──────────
            0                 +1                 +2                 +3
";
    assert_eq!(hero_banner().plot().to_string(), plot);
}

#[test]
fn the_json_has_every_figure_by_its_name() {
    let results = serde_json::to_value(hero_banner()).unwrap();
    assert_eq!(results["unit"], "users");
    assert_eq!(results["verdict"]["verdict"], "better");
    assert_eq!(results["verdict"]["variant"], "treatment");
    assert_eq!(results["comparisons"][0]["finding"], "better");
    assert_eq!(results["sample_ratio"]["status"], "holds");
    assert_eq!(results["confidence"], 0.95);
    assert_eq!(results["variants"][0]["rate"], 0.142);
    assert_eq!(results["variants"][0]["total"], serde_json::Value::Null);
}

/// Names are whatever somebody typed.
#[test]
fn no_variant_name_breaks_the_table() {
    let hostile = [
        "a\nb\tc\r\u{7}\u{1b}[2J\u{1b}]0;title\u{7}",
        "\u{202e}right to left\u{2066}\u{200b}\u{feff}",
        "日本語の名前はとても幅が広い日本語の名前はとても幅が広い",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦",
        "\u{0}\u{80}\u{9b}31m",
        "",
        " ",
    ];
    let long: String = "long ".repeat(10_000);
    for name in hostile.into_iter().chain([long.as_str()]) {
        for most in [1_000, u64::MAX] {
            let observed = Observations::new(Unit::Users)
                .name(name)
                .variant(name, 40, most, most / 3)
                .variant("other", 30, most / 4 * 3, most / 5)
                .variant(format!("{name} again"), 30, most / 4 * 3, most / 1000)
                .one_in(1 << 20);
            for control in [name, "other"] {
                let analysis = Analysis::new().control(control);
                let results = analysis.results_of(&observed).unwrap();
                let (table, plot) = (results.to_string(), results.plot().to_string());
                for line in table.lines().chain(plot.lines()) {
                    assert!(line.width() <= 80, "{} columns: {line}", line.width());
                    assert!(!line.chars().any(char::is_control), "{line:?}");
                    let acts = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
                    assert!(!line.chars().any(acts), "{line:?}");
                }
                assert!(table.lines().count() < 40, "{table}");
            }
        }
    }
}

#[test]
fn columns_stay_aligned_beside_wide_names() {
    let observed = Observations::new(Unit::Users)
        .variant("日本語の名前はとても幅が広い", 50, 10_000, 1_420)
        .variant("treatment", 50, 9_999_999_999, 7);
    let results = Analysis::new().results_of(&observed).unwrap();
    let text = results.to_string();
    let rows: Vec<&str> = text.lines().filter(|line| line.contains(" to ")).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].width(), rows[1].width());
}

#[test]
fn tables_and_plots_keep_to_the_given_width() {
    let results = hero_banner();
    for width in [0, 40, 100, 400, usize::MAX] {
        let plot = results.plot().width(width).to_string();
        let widest = plot.lines().map(UnicodeWidthStr::width).max().unwrap();
        assert!((36..=width.clamp(40, 400)).contains(&widest), "{widest} of {width}:\n{plot}");
        let table = results.table().width(width).to_string();
        assert!(table.lines().all(|line| line.width() <= width.max(80)), "{table}");
    }
}

#[test]
fn a_plot_without_intervals_says_why() {
    let observed = Observations::new(Unit::Users).variant("a", 50, 0, 0).variant("b", 50, 0, 0);
    let plot = Analysis::new().results_of(&observed).unwrap().plot().to_string();
    assert!(plot.starts_with("No intervals to draw. Not enough data"), "{plot}");
}
