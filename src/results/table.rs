//! The results as a table of plain text.

use std::fmt;

use super::comparison::{Comparison, Finding};
use super::goals;
use super::grid::{Grid, Plain, Range, Signed};
use super::observations::Period;
use super::proportion::Proportion;
use super::report::Results;
use super::sample_ratio::SampleRatioStatus;
use super::text::{Grouped, PValue, Percent, or_dash, shortened, shown, wrapped};
use crate::model::goal::of_experiment::Role;

/// The results as a table of plain text, for a terminal or a log. Rates are in percent, differences
/// in percentage points; means and their differences are in the unit of the goal, for each user.
///
/// At most 80 columns wide, unless [`width`](Table::width) sets more. In names, characters that a
/// terminal would act on are escaped, and long names are cut; [`Results`] serialises them whole.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    results: &'a Results,
    width: usize,
}

impl<'a> Table<'a> {
    /// Sets the greatest width in columns; at least 80, below which numbers would be cut.
    #[must_use]
    pub fn width(self, columns: usize) -> Table<'a> {
        Table { width: columns.max(80), ..self }
    }

    fn heading(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let results = self.results;
        if let Some(name) = &results.name {
            writeln!(f, "{}", shortened(name, self.width))?;
        }
        let since = results.since.map_or_else(String::new, |since| format!(", since {since}"));
        let kept = match results.one_in {
            0 | 1 => String::new(),
            one_in => format!(", one in {} of them kept", Grouped(one_in)),
        };
        let (unit, period, confidence) = (results.unit, results.period, results.confidence);
        let line = format!("Of {unit}, {period}{since}{kept}. Intervals of {confidence}.");
        wrapped(&line, self.width, f)?;
        if unit.is_independent() && period == Period::SinceStart {
            let line = "A level holds for one run: a restart begins another, with the same users in the \
                        same variants.";
            wrapped(line, self.width, f)?;
        }
        if results.events.is_some() {
            let line = "Users are counted since later than the start: one from before is counted on \
                        the next event. The events of the whole run stand below.";
            wrapped(line, self.width, f)?;
        }
        for note in &results.notes {
            wrapped(&note.to_string(), self.width, f)?;
        }
        wrapped(&self.sample_ratio(), self.width, f)
    }

    fn sample_ratio(self) -> String {
        let sample_ratio = &self.results.sample_ratio;
        let percentages: Vec<String> =
            self.results.variants.iter().map(|one| one.percentage.to_string()).collect();
        let chi_square = sample_ratio.chi_square.map(|test| ("chi-square", test.p_value));
        let sequential = sample_ratio.sequential_p_value.map(|p_value| ("sequential", p_value));
        let tests: Vec<String> = [chi_square, sequential]
            .into_iter()
            .flatten()
            .map(|(test, p_value)| format!(", {test} p {}", PValue(p_value)))
            .collect();
        let status = match sample_ratio.status {
            SampleRatioStatus::Unknown if !self.results.unit.is_independent() => {
                "not tested, since events are not users".to_owned()
            }
            status => status.to_string(),
        };
        format!("Split {}: {status}{}.", percentages.join(" : "), tests.concat())
    }

    fn variants(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new(&["variant", "%", "exposed", "converted", "rate, %", "interval"]);
        for variant in &self.results.variants {
            grid.row(
                &variant.key,
                vec![
                    variant.percentage.to_string(),
                    Grouped(variant.exposed).to_string(),
                    Grouped(variant.converted).to_string(),
                    or_dash(variant.rate.map(Percent)),
                    or_dash(variant.interval.map(Plain)),
                ],
            );
        }
        grid.write(self.width, f)
    }

    fn totals(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new(&["in all, about", "exposed", "+-", "converted", "+-"]);
        for variant in &self.results.variants {
            let Some(total) = variant.total else { continue };
            let figures =
                [total.exposed, total.exposed_error, total.converted, total.converted_error];
            grid.row(&variant.key, figures.iter().map(|figure| whole(*figure)).collect());
        }
        if grid.is_empty() { Ok(()) } else { grid.write(self.width, f) }
    }

    /// The events of a run whose users are not known from its start on.
    fn events(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(events) = &self.results.events else { return Ok(()) };
        let since = events.since.map_or_else(String::new, |since| format!(" since {since}"));
        let mut grid = Grid::new(&[&format!("events{since}"), "exposures", "conversions", "%"]);
        for variant in &events.variants {
            let rate = Proportion::new(variant.conversions, variant.exposures).ok();
            grid.row(
                &variant.key,
                vec![
                    Grouped(variant.exposures).to_string(),
                    Grouped(variant.conversions).to_string(),
                    or_dash(rate.map(|rate| Percent(rate.rate()))),
                ],
            );
        }
        grid.write(self.width, f)
    }

    fn unexposed(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new(&["converted unexposed, in no rate", "users"]);
        for variant in &self.results.variants {
            if variant.converted_unexposed > 0 {
                grid.row(&variant.key, vec![Grouped(variant.converted_unexposed).to_string()]);
            }
        }
        if grid.is_empty() { Ok(()) } else { grid.write(self.width, f) }
    }

    /// What is compared with what.
    fn against(self) -> String {
        let results = self.results;
        let primary = results.goals.iter().find(|goal| !goal.measure.is_share());
        match primary.filter(|goal| goal.role == Role::Primary) {
            None => {
                let control = shortened(&results.control, self.width.saturating_sub(20));
                format!("Against {control}")
            }
            Some(goal) => {
                // Both names have 32 columns at most.
                let (control, goal) = (shown(&results.control), shown(&goal.key));
                shortened(&format!("Against {control}, by the mean of {goal}"), self.width)
            }
        }
    }

    fn watched(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measure = self.results.measure();
        let unit = measure.unit();
        let mut heads = vec!["valid at every look", &unit, "interval", "p"];
        heads.extend(measure.is_share().then_some("exact p"));
        heads.push("finding");
        let mut grid = Grid::new(&heads);
        for one in &self.results.comparisons {
            let mut figures = vec![
                or_dash(one.difference.map(|difference| measure.signed(difference))),
                or_dash(one.always_valid.map(|found| measure.range(found.interval))),
                or_dash(one.always_valid.map(|found| PValue(found.p_value))),
            ];
            figures.extend(measure.is_share().then(|| or_dash(one.exact_p_value.map(PValue))));
            figures.push(word(one.finding).to_owned());
            grid.row(&one.variant, figures);
        }
        grid.write(self.width, f)
    }

    /// The comparisons of events: no test of them holds.
    fn of_events(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grid = Grid::new(&["of events", "points", "lift, %"]);
        for one in &self.results.comparisons {
            let figures = [one.difference.map(Signed), one.lift.map(Signed)];
            grid.row(&one.variant, figures.map(or_dash).to_vec());
        }
        grid.write(self.width, f)
    }

    fn planned(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let adjusted = if self.results.comparisons.len() > 1 { "p, Holm" } else { "p" };
        let measure = self.results.measure();
        let mut heads = vec!["at a planned end", "interval", adjusted, "lift, %", "interval"];
        heads.extend(measure.is_share().then_some("chance"));
        let mut grid = Grid::new(&heads);
        let chance = |one: &Comparison| one.chance_to_beat.map(|chance| format!("{chance:.4}"));
        for one in &self.results.comparisons {
            let planned = &one.at_planned_end;
            let mut figures = vec![
                or_dash(planned.interval.map(|interval| measure.range(interval))),
                or_dash(planned.adjusted_p_value.map(PValue)),
                or_dash(one.lift.map(Signed)),
                or_dash(planned.lift_interval.map(Range)),
            ];
            figures.extend(measure.is_share().then(|| or_dash(chance(one))));
            grid.row(&one.variant, figures);
        }
        grid.write(self.width, f)
    }

    fn conversions(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(test) = &self.results.conversions_only else { return Ok(()) };
        let once = test.p_value.map_or_else(String::new, |p_value| {
            format!(" p {} at a planned end,", PValue(p_value))
        });
        let always = PValue(test.sequential_p_value);
        let line = format!(
            "\nConversions alone, held against the percentages:{once} p {always} at every look."
        );
        wrapped(&line, self.width, f)
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heading(f)?;
        self.variants(f)?;
        self.totals(f)?;
        self.unexposed(f)?;
        self.events(f)?;
        // A broken split shows no comparison: it would be misleading.
        let is_mismatched = self.results.sample_ratio.status == SampleRatioStatus::Mismatch;
        if !is_mismatched && !self.results.comparisons.is_empty() {
            write!(f, "\n{}", self.against())?;
            if self.results.unit.is_independent() {
                self.watched(f)?;
                self.planned(f)?;
            } else {
                self.of_events(f)?;
            }
        }
        if !is_mismatched {
            self.conversions(f)?;
        }
        goals::table::write(self.results, self.width, f)?;
        f.write_str("\n")?;
        wrapped(&self.results.verdict.to_string(), self.width, f)
    }
}

impl Results {
    /// The table that [`Display`](fmt::Display) writes; [`Table::width`] changes its width.
    #[must_use]
    pub fn table(&self) -> Table<'_> {
        Table { results: self, width: 80 }
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}

pub(super) fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Withheld => "withheld",
        Finding::NotEnoughData => "too few",
        Finding::NoDifferenceYet => "none yet",
        Finding::Better => "better",
        Finding::Worse => "worse",
    }
}

/// An estimate, without digits that it does not have.
fn whole(figure: f64) -> String {
    if figure >= 1e10 { format!("{figure:.3e}") } else { format!("{figure:.0}") }
}
