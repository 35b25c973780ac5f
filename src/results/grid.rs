//! Names and figures in aligned columns.

use std::fmt;

use super::confidence::Interval;
use super::text::{Percent, columns, shortened, wrapped};

pub(super) struct Signed(pub(super) f64);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+}", Percent(self.0))
    }
}

pub(super) struct Plain(pub(super) Interval);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", Percent(self.0.low), Percent(self.0.high))
    }
}

pub(super) struct Range(pub(super) Interval);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+} to {:+}", Percent(self.0.low), Percent(self.0.high))
    }
}

/// Rows of a name and at least one figure each: names to the left, as wide as the figures leave space for.
pub(super) struct Grid {
    rows: Vec<(String, Vec<String>)>,
}

impl Grid {
    pub(super) fn new(heads: &[&str]) -> Grid {
        let (first, rest) = heads.split_first().unwrap_or((&"", &[]));
        let rest = rest.iter().map(|head| (*head).to_owned()).collect();
        Grid { rows: vec![((*first).to_owned(), rest)] }
    }

    pub(super) fn row(&mut self, name: &str, figures: Vec<String>) {
        // Longer than any table is wide, and short enough to be measured.
        self.rows.push((shortened(name, 200), figures));
    }

    /// A line across all columns.
    pub(super) fn line(&mut self, text: String) {
        self.rows.push((text, Vec::new()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }

    pub(super) fn write(&self, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.rows.iter().map(|(_, figures)| figures.len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..count)
            .map(|at| {
                let cells = self.rows.iter().filter_map(|(_, figures)| figures.get(at));
                cells.map(|cell| columns(cell)).max().unwrap_or(0)
            })
            .collect();
        let taken: usize = widths.iter().map(|wide| wide.saturating_add(2)).sum();
        let names = self.rows.iter().filter(|(_, figures)| !figures.is_empty());
        let longest = names.map(|(name, _)| columns(name)).max().unwrap_or(0);
        let names = longest.min(width.saturating_sub(taken));
        f.write_str("\n")?;
        for (name, figures) in &self.rows {
            if figures.is_empty() {
                wrapped(name, width, f)?;
                continue;
            }
            let name = shortened(name, names);
            let pad = names.saturating_sub(columns(&name));
            write!(f, "{name}{:pad$}", "")?;
            for (figure, wide) in figures.iter().zip(&widths) {
                // By columns: a unit may have letters of two.
                let pad = wide.saturating_sub(columns(figure));
                write!(f, "  {:pad$}{figure}", "")?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}
