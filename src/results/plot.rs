//! The intervals as a drawing in text.

use std::fmt;

use super::confidence::Interval;
use super::report::Results;
use super::sample_ratio::SampleRatioStatus;
use super::special::float;
use super::text::{columns, shortened, wrapped};

/// The always-valid intervals of the differences, drawn with Unicode lines below each other: a dot
/// at the difference, a line over its interval, and a vertical line at 0.
///
/// 80 columns wide, unless [`width`](Plot::width) sets another.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    results: &'a Results,
    width: usize,
}

impl<'a> Plot<'a> {
    /// Sets the width in columns, clamped to 40 to 400.
    #[must_use]
    pub fn width(self, columns: usize) -> Plot<'a> {
        Plot { width: columns.clamp(40, 400), ..self }
    }

    fn intervals(self) -> impl Iterator<Item = (&'a str, Option<(f64, Interval)>)> {
        self.results.comparisons.iter().map(|one| {
            let found = one.difference.zip(one.always_valid.map(|found| found.interval));
            (one.variant.as_str(), found)
        })
    }
}

impl fmt::Display for Plot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let results = self.results;
        let drawn: Vec<(f64, Interval)> = self.intervals().filter_map(|(_, found)| found).collect();
        if results.sample_ratio.status == SampleRatioStatus::Mismatch || drawn.is_empty() {
            let why = format!("No intervals to draw. {}", results.verdict);
            return wrapped(&why, self.width, f);
        }
        let measure = results.measure();
        let control = shortened(&results.control, 24);
        let head = format!(
            "Difference to {control} in {}, {} intervals that hold at every look:",
            measure.unit(),
            results.confidence
        );
        wrapped(&head, self.width, f)?;

        let longest = self.intervals().map(|(name, _)| columns(&shortened(name, 16))).max();
        let names = longest.unwrap_or(0);
        let scale = Scale::over(&drawn, self.width.saturating_sub(names).saturating_sub(2));
        for (name, found) in self.intervals() {
            let name = shortened(name, 16);
            let pad = names.saturating_sub(columns(&name));
            write!(f, "{name}{:pad$}  ", "")?;
            let line = found.map_or_else(
                || "not enough data".to_owned(),
                |(difference, interval)| scale.line(difference, interval),
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        let (axis, labels) = scale.axis(measure.scale());
        writeln!(f, "{:names$}  {axis}", "")?;
        writeln!(f, "{:names$}  {}", "", labels.trim_end())
    }
}

impl Results {
    /// The always-valid intervals of the differences, drawn with Unicode lines.
    #[must_use]
    pub fn plot(&self) -> Plot<'_> {
        Plot { results: self, width: 80 }
    }
}

/// From differences to columns.
struct Scale {
    low: f64,
    high: f64,
    width: usize,
}

impl Scale {
    /// A scale over all intervals, and 0.
    fn over(drawn: &[(f64, Interval)], width: usize) -> Scale {
        let low = drawn.iter().map(|(_, interval)| interval.low).fold(0.0, f64::min);
        let high = drawn.iter().map(|(_, interval)| interval.high).fold(0.0, f64::max);
        // With astronomic counts, all intervals may be one point.
        let margin = ((high - low) * 0.02).max(1e-12);
        Scale { low: low - margin, high: high + margin, width }
    }

    fn column(&self, value: f64) -> usize {
        let last = self.width.saturating_sub(1);
        let at =
            (value - self.low) / (self.high - self.low) * float(u64::try_from(last).unwrap_or(0));
        rounded(at).min(last)
    }

    fn line(&self, difference: f64, interval: Interval) -> String {
        let (from, to) = (self.column(interval.low), self.column(interval.high));
        let (dot, zero) = (self.column(difference), self.column(0.0));
        let cell = |at: usize| match at {
            _ if at == dot => '●',
            _ if at == from && from < to => '├',
            _ if at == to && from < to => '┤',
            _ if at == zero && (from..=to).contains(&at) => '┼',
            _ if (from..=to).contains(&at) => '─',
            _ if at == zero => '│',
            _ => ' ',
        };
        (0..self.width).map(cell).collect()
    }

    /// The axis, and the numbers below it: at steps of 1, 2 or 5 times a power of ten, 0 included.
    /// `times` is another power of ten, by which they are written.
    fn axis(&self, times: f64) -> (String, String) {
        let step = self.step();
        let mut axis = vec!['─'; self.width];
        let mut labels = String::new();
        let first = (self.low / step).ceil();
        for number in 0..MOST_TICKS {
            let tick = (first + f64::from(number)) * step;
            if tick > self.high {
                break;
            }
            let column = self.column(tick);
            // By rounding, a multiple of a step may miss 0.
            let is_zero = tick.abs() < step / 2.0;
            if let Some(cell) = axis.get_mut(column) {
                *cell = if is_zero { '┼' } else { '┴' };
            }
            let label = if is_zero { "0".to_owned() } else { label(tick * times, step * times) };
            let wide = columns(&label);
            let start = column.saturating_sub(wide / 2).min(self.width.saturating_sub(wide));
            let gap = start.saturating_sub(columns(&labels));
            if labels.is_empty() || gap >= 1 {
                labels.extend(std::iter::repeat_n(' ', gap));
                labels.push_str(&label);
            }
        }
        (axis.into_iter().collect(), labels)
    }

    /// The smallest step that leaves about ten columns to each tick.
    fn step(&self) -> f64 {
        let room = float(u64::try_from(self.width / 10).unwrap_or(1).max(1));
        let least = (self.high - self.low) / room;
        let power = 10_f64.powf(least.log10().floor());
        let factor = least / power;
        power * [1.0, 2.0, 5.0].into_iter().find(|step| *step >= factor).unwrap_or(10.0)
    }
}

/// More ticks than fit any width.
const MOST_TICKS: u32 = 64;

/// A tick with as many digits as the step needs.
fn label(tick: f64, step: f64) -> String {
    if !(1e-4..1e6).contains(&step) {
        return format!("{tick:+.1e}");
    }
    let digits = rounded(-(step * 1.000_001).log10().floor());
    format!("{tick:+.digits$}")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates, and what is below 0 becomes it"
)]
fn rounded(number: f64) -> usize {
    number.round() as usize
}
