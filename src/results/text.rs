//! Names and numbers, written to a number of columns.

use std::fmt;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A name of at most `most` columns, safe to print: characters that a terminal would act on, or not
/// show, are escaped.
pub(super) fn shortened(name: &str, most: usize) -> String {
    let mut text = String::new();
    let mut width = 0_usize;
    for character in name.chars() {
        let (before, width_before) = (text.len(), width);
        if matches!(character, '"' | '\'' | '\\') {
            text.push(character);
        } else {
            text.extend(character.escape_debug());
        }
        let added = text.get(before..).unwrap_or_default();
        width = width.saturating_add(columns(added));
        if width > most {
            // Leave a column for the ellipsis.
            text.truncate(before);
            width = width_before;
            while width >= most
                && let Some(last) = text.pop()
            {
                width = width.saturating_sub(last.width().unwrap_or(0));
            }
            text.push('…');
            break;
        }
    }
    text
}

/// A name in a sentence.
pub(super) fn shown(name: &str) -> String {
    shortened(name, 32)
}

/// The number of terminal columns of a text.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Writes a text in lines of at most `width` columns, broken between words.
pub(super) fn wrapped(text: &str, width: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut at = 0_usize;
    for word in text.split(' ') {
        let wide = columns(word);
        if at > 0 && at.saturating_add(wide).saturating_add(1) > width {
            f.write_str("\n")?;
            at = 0;
        } else if at > 0 {
            f.write_str(" ")?;
            at = at.saturating_add(1);
        }
        f.write_str(word)?;
        at = at.saturating_add(wide);
    }
    f.write_str("\n")
}

/// A count in groups of three digits; from ten billion on, in scientific notation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grouped(pub(super) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 10_000_000_000 {
            return write!(f, "{:.3e}", self.0);
        }
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A share of 1 in percent, without the `%`, to at least three significant digits. The format
/// `{:+}` adds the sign, and then two decimals suffice from 0.1 % on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percent(pub(super) f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        // Zero has no minus sign.
        let percent = if percent == 0.0 { 0.0 } else { percent };
        let size = percent.abs();
        let text = if size >= 1e4 || (size > 0.0 && size < 0.01) {
            format!("{percent:.1e}")
        } else if size >= 1.0 || size <= 0.0 || (f.sign_plus() && size >= 0.1) {
            format!("{percent:.2}")
        } else if size >= 0.1 {
            format!("{percent:.3}")
        } else {
            format!("{percent:.4}")
        };
        let sign = if f.sign_plus() && percent >= 0.0 { "+" } else { "" };
        write!(f, "{sign}{text}")
    }
}

/// An amount of a unit, with its decimals: at least two, at most four, and three significant digits.
/// The format `{:+}` adds the sign, and then two decimals suffice from 0.1 on. At most nine columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub(super) value: f64,
    pub(super) decimals: u8,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Zero has no minus sign.
        let value = if self.value == 0.0 { 0.0 } else { self.value };
        let size = value.abs();
        let of_unit = usize::from(self.decimals.clamp(2, 4));
        let text = if size >= 1e8 || (size > 0.0 && size < 1e-4) {
            format!("{value:.1e}")
        } else if size >= 1e5 {
            format!("{value:.0}")
        } else if size >= 1e3 {
            format!("{value:.2}")
        } else if size >= 1.0 || size <= 0.0 || (f.sign_plus() && size >= 0.1) {
            format!("{value:.of_unit$}")
        } else if size >= 0.1 {
            format!("{value:.digits$}", digits = of_unit.max(3))
        } else {
            format!("{value:.4}")
        };
        let sign = if f.sign_plus() && value >= 0.0 { "+" } else { "" };
        write!(f, "{sign}{text}")
    }
}

/// A p-value to four decimals; a smaller one is `<0.0001`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PValue(pub(super) f64);

impl fmt::Display for PValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0.0001 { f.write_str("<0.0001") } else { write!(f, "{:.4}", self.0) }
    }
}

/// A figure as text, or a dash if it is absent.
pub(super) fn or_dash(text: Option<impl fmt::Display>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}
