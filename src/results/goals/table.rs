//! The goals in the table of the results.

use std::fmt;

use super::{GoalComparison, GoalResult, GoalVariantResult, means_table};
use crate::model::goal::of_experiment::{Better, Role};
use crate::results::grid::{Grid, Plain};
use crate::results::means::GuardrailStatus;
use crate::results::measure::Measure;
use crate::results::report::Results;
use crate::results::sample_ratio::SampleRatioStatus;
use crate::results::table::word;
use crate::results::text::{Grouped, PValue, Percent, or_dash, shown};

/// Writes what was counted for each goal, what users amount to, and the comparisons of guardrails and of secondary goals.
pub(in crate::results) fn write(
    results: &Results,
    width: usize,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if results.goals.is_empty() {
        return Ok(());
    }
    counts(results, width, f)?;
    means_table::write(results, width, f)?;
    if results.sample_ratio.status == SampleRatioStatus::Mismatch {
        return Ok(());
    }
    guardrails(results, width, f)?;
    secondary(results, width, f)
}

fn counts(results: &Results, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let has_users = results.unit.is_independent();
    let has_counts = results.goals.iter().any(|goal| goal.variants.iter().any(is_counted));
    let has_sums = has_counts && results.goals.iter().any(|goal| goal.unit.is_some());
    let mut heads = vec!["goals"];
    heads.extend(if has_users { &["reached", "share, %", "interval"][..] } else { &[] });
    heads.extend(if has_counts { &["events"][..] } else { &[] });
    heads.extend(if has_sums { &["sum"][..] } else { &[] });
    let mut grid = Grid::new(&heads);
    let is_known = |one: &GoalVariantResult| one.reached.is_some() || is_counted(one);
    // Of means from elsewhere there is nothing else to say.
    for goal in results.goals.iter().filter(|goal| goal.variants.iter().any(is_known)) {
        grid.line(title(goal, results));
        for variant in &goal.variants {
            let mut figures = Vec::new();
            if has_users {
                figures.push(or_dash(variant.reached.map(Grouped)));
                figures.push(or_dash(variant.share.map(Percent)));
                figures.push(or_dash(variant.interval.map(Plain)));
            }
            if has_counts {
                figures.push(or_dash(variant.counted.map(|counted| Grouped(counted.events))));
            }
            if has_sums {
                let sum = variant.counted.filter(|_| goal.unit.is_some());
                figures.push(or_dash(sum.map(|counted| amount(counted.sum(), goal.decimals))));
            }
            grid.row(&format!("  {}", variant.key), figures);
        }
    }
    if grid.is_empty() { Ok(()) } else { grid.write(width, f) }
}

fn is_counted(variant: &GoalVariantResult) -> bool {
    variant.counted.is_some()
}

/// What the goal is to the experiment, in one line.
fn title(goal: &GoalResult, results: &Results) -> String {
    let role = match goal.role {
        Role::Primary => "primary",
        Role::Secondary => "secondary",
        Role::Guardrail => "guardrail",
    };
    let mut parts = vec![shown(&goal.key), role.to_owned()];
    parts.extend(goal.unit.as_ref().map(|unit| format!("in {}", shown(unit))));
    parts.extend((goal.better == Better::Lower).then(|| "lower is better".to_owned()));
    parts.extend(goal.margin.map(|margin| format!("margin {} %", Percent(margin))));
    // Of one that was there from the start on, the heading says since when.
    let came_later = goal.since.filter(|since| results.since.is_some_and(|start| *since > start));
    parts.extend(came_later.map(|since| format!("since {since}")));
    parts.join(", ")
}

/// A sum of minor units as a decimal number; a very large one in scientific notation.
pub(super) fn amount(sum: i128, decimals: u8) -> String {
    let one = 10_u128.checked_pow(decimals.into()).unwrap_or(1);
    let size = sum.unsigned_abs();
    let whole = size.checked_div(one).unwrap_or(size);
    let whole = Grouped(u64::try_from(whole).unwrap_or(u64::MAX)).to_string();
    let sign = if sum < 0 { "-" } else { "" };
    if decimals == 0 || whole.contains('e') {
        return format!("{sign}{whole}");
    }
    let part = size.checked_rem(one).unwrap_or(0);
    format!("{sign}{whole}.{part:0decimals$}", decimals = usize::from(decimals))
}

/// The comparisons of the goals of a role, with their goals.
fn compared(results: &Results, role: Role) -> Vec<(&GoalResult, &GoalComparison)> {
    let goals = results.goals.iter().filter(|goal| goal.role == role);
    goals.flat_map(|goal| goal.comparisons.iter().map(move |one| (goal, one))).collect()
}

/// Rows of comparisons: where some are of means, each row says what it is in.
fn comparisons(
    title: &str,
    rows: &[(&GoalResult, &GoalComparison)],
    heads: &[&str],
    figures: impl Fn(&Measure, &GoalComparison) -> Vec<String>,
) -> Grid {
    let has_means = rows.iter().any(|(goal, _)| !goal.measure.is_share());
    let mut all = vec![title];
    all.extend(if has_means { &["in", "difference"][..] } else { &["points"][..] });
    all.extend(heads);
    let mut grid = Grid::new(&all);
    for (goal, one) in rows {
        let measure = &goal.measure;
        let mut row = Vec::new();
        row.extend(has_means.then(|| measure.unit()));
        row.push(or_dash(one.difference.map(|difference| measure.signed(difference))));
        row.extend(figures(measure, one));
        grid.row(&format!("{}: {}", shown(&goal.key), one.variant), row);
    }
    grid
}

fn guardrails(results: &Results, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let rows = compared(results, Role::Guardrail);
    let heads = ["interval", "margin left", "status"];
    let grid = comparisons("guardrails", &rows, &heads, |measure, one| {
        vec![
            or_dash(one.always_valid.map(|found| measure.range(found.interval))),
            or_dash(one.margin_left.map(|found| measure.range(found.interval))),
            or_dash(one.status.map(status)),
        ]
    });
    if grid.is_empty() { Ok(()) } else { grid.write(width, f) }
}

fn status(status: GuardrailStatus) -> &'static str {
    match status {
        GuardrailStatus::Kept => "kept",
        GuardrailStatus::Harmed => "harmed",
        GuardrailStatus::Open => "open",
    }
}

fn secondary(results: &Results, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let rows = compared(results, Role::Secondary);
    let heads = ["interval", "p", "finding"];
    let grid = comparisons("secondary, exploratory", &rows, &heads, |measure, one| {
        vec![
            or_dash(one.always_valid.map(|found| measure.range(found.interval))),
            or_dash(one.always_valid.map(|found| PValue(found.p_value))),
            word(one.finding).to_owned(),
        ]
    });
    if grid.is_empty() { Ok(()) } else { grid.write(width, f) }
}
