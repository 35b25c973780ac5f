//! Points in time, as RFC 3339 writes them.

use jiff::civil::{DateTime, date};

pub(crate) const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// Milliseconds after the Unix epoch of an RFC 3339 timestamp. Smaller fractions of a second are
/// cut off, towards the past, and a leap second becomes the second before it.
///
/// The shape is checked here, since jiff reads more than RFC 3339 allows; jiff checks the calendar.
pub(crate) fn parse(text: &str) -> Option<i64> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let fits = |byte: u8, shape: u8| match shape {
        b'0' => byte.is_ascii_digit(),
        shape => byte.eq_ignore_ascii_case(&shape),
    };
    let (date, rest) = text.split_at_checked(SHAPE.len())?;
    if !date.bytes().zip(SHAPE).all(|(byte, &shape)| fits(byte, shape)) {
        return None;
    }
    let (milliseconds, offset) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            let digits = fraction.strip_suffix(offset).filter(|digits| !digits.is_empty())?;
            (milliseconds(digits), offset)
        }
    };
    let seconds = date.parse::<DateTime>().ok()?.duration_since(EPOCH).as_secs();
    let seconds = seconds.checked_sub(offset_seconds(offset)?)?;
    seconds.checked_mul(1000)?.checked_add(milliseconds)
}

/// The first three digits of a fraction of a second.
fn milliseconds(digits: &str) -> i64 {
    let digits = digits.bytes().chain(*b"00").take(3);
    digits.fold(0, |sum, digit| {
        i64::saturating_mul(sum, 10).saturating_add(digit.saturating_sub(b'0').into())
    })
}

/// `Z`, or hours and minutes ahead of UTC.
fn offset_seconds(offset: &str) -> Option<i64> {
    if offset.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let number = |text: &str, below: i64| {
        let is_written = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| is_written && *number < below)
    };
    let minutes = number(hours, 24)?.checked_mul(60)?.checked_add(number(minutes, 60)?)?;
    let seconds = minutes.checked_mul(60)?;
    match offset.as_bytes().first()? {
        b'+' => Some(seconds),
        b'-' => seconds.checked_neg(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_kept_and_smaller_fractions_cut_off() {
        for (text, milliseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.9Z", 900),
            ("1970-01-01T00:00:00.05Z", 50),
            ("1970-01-01T00:00:00.001Z", 1),
            ("1970-01-01T00:00:00.0019999999999999999999Z", 1),
            ("1969-12-31T23:59:59.9999Z", -1),
            ("2017-12-06T00:00:00-07:00", 1_512_543_600_000),
            ("2016-12-31T23:59:60.5Z", 1_483_228_799_500),
            ("0000-01-01T00:00:00+00:01", -62_167_219_260_000),
            ("9999-12-31T23:59:59.999-23:59", 253_402_387_139_999),
        ] {
            assert_eq!(parse(text), Some(milliseconds), "{text}");
        }
    }

    #[test]
    fn what_has_no_date_no_time_or_no_offset_is_no_instant() {
        for text in [
            "",
            "2017-12-06",
            "2017-12-06T00:00:00",
            "2017-12-06 00:00:00Z",
            "2017-12-06T00:00:00.Z",
            "2026-02-30T00:00:00Z",
            "1512543600000",
            "é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
