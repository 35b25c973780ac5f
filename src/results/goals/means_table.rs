//! What users amount to, in the table of the results.

use std::fmt;

use super::table::amount;
use super::{CappedUsers, GoalResult};
use crate::results::grid::Grid;
use crate::results::measure::Measure;
use crate::results::report::Results;
use crate::results::text::{Grouped, Percent, or_dash, shown};

/// Writes the means of the goals that are compared by them, whether enough users carry these, and
/// what the caps took.
pub(super) fn write(results: &Results, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut grid = Grid::new(&["means", "for each user", "interval", "effective", "needed"]);
    for goal in &results.goals {
        let Measure::Mean { unit, .. } = &goal.measure else { continue };
        grid.line(format!("{}, in {}", shown(&goal.key), shown(unit)));
        for variant in &goal.variants {
            let values = variant.values;
            let figures = vec![
                or_dash(values.and_then(|of| of.mean).map(|mean| goal.measure.plain(mean))),
                or_dash(values.and_then(|of| of.interval).map(|at| goal.measure.interval(at))),
                or_dash(values.map(|of| users(of.effective_users.floor()))),
                or_dash(values.map(|of| users(of.effective_needed.ceil()))),
            ];
            grid.row(&format!("  {}", variant.key), figures);
        }
        if let Some((cap, capped)) = goal.cap.zip(goal.capped) {
            grid.line(cap_line(goal, unit, cap, capped));
        }
    }
    if grid.is_empty() { Ok(()) } else { grid.write(width, f) }
}

fn cap_line(goal: &GoalResult, unit: &str, cap: i64, capped: CappedUsers) -> String {
    let cap = format!("{} {}", amount(cap.into(), goal.decimals), shown(unit));
    let users = match capped.users {
        0 => return format!("No user has more than the cap of {cap}."),
        1 => "1 user".to_owned(),
        users => format!("{} users", Grouped(users)),
    };
    let share = Percent(capped.share.unwrap_or_default());
    format!("{users} counted as {cap} (the cap): {share} % of the sum.")
}

fn users(number: f64) -> String {
    if number >= 1e7 { format!("{number:.1e}") } else { format!("{number:.0}") }
}
