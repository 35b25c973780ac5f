//! Texts that an attribute contains, starts with or ends with.

/// Where a part lies in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    Start,
    End,
}

/// Texts of which a text has one at a place.
#[derive(Debug)]
pub(crate) struct TextParts {
    place: Place,
    ignore_case: bool,
    parts: Box<[TextPart]>,
}

#[derive(Debug)]
struct TextPart {
    text: Box<str>,
    /// For a search that ignores case: after a mismatch behind `n + 1` equal bytes, how many of the
    /// part's first bytes are still equal.
    restarts: Box<[usize]>,
}

impl TextParts {
    /// No text is empty, and with `ignore_case` all are ASCII.
    pub(crate) fn new(texts: Vec<Box<str>>, place: Place, ignore_case: bool) -> TextParts {
        let is_searched = ignore_case && place == Place::Anywhere;
        let part = |text: Box<str>| {
            let restarts = if is_searched { restarts(text.as_bytes()) } else { Box::default() };
            TextPart { text, restarts }
        };
        TextParts { place, ignore_case, parts: texts.into_iter().map(part).collect() }
    }

    /// Linear in the text for each part.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.parts.iter().any(|part| self.is_in(part, text))
    }

    #[inline]
    fn is_in(&self, part: &TextPart, text: &str) -> bool {
        let known = part.text.as_bytes();
        let (text_bytes, length) = (text.as_bytes(), known.len());
        let found = match self.place {
            Place::Anywhere if self.ignore_case => return part.is_found_ignoring_case(text_bytes),
            Place::Anywhere => return text.contains(&*part.text),
            Place::Start => text_bytes.get(..length),
            Place::End => {
                text_bytes.len().checked_sub(length).and_then(|start| text_bytes.get(start..))
            }
        };
        let is_same = if self.ignore_case { <[u8]>::eq_ignore_ascii_case } else { <[u8]>::eq };
        found.is_some_and(|found| is_same(found, known))
    }
}

impl TextPart {
    /// As Knuth, Morris and Pratt search: no byte of the text is read twice, so that a text of a
    /// megabyte which repeats the part's start takes no longer than any other.
    fn is_found_ignoring_case(&self, text: &[u8]) -> bool {
        let part = self.text.as_bytes();
        let mut equal = 0;
        for byte in text {
            equal = extended(part, &self.restarts, equal, *byte);
            if equal == part.len() {
                return true;
            }
        }
        false
    }
}

/// How many of the part's first bytes are equal to the last bytes read, if `equal` were before
/// `byte`. That is less than all of them.
fn extended(part: &[u8], restarts: &[usize], mut equal: usize, byte: u8) -> usize {
    loop {
        if part.get(equal).is_some_and(|next| next.eq_ignore_ascii_case(&byte)) {
            return equal.saturating_add(1);
        }
        let Some(before) = equal.checked_sub(1) else { return 0 };
        equal = restarts.get(before).copied().unwrap_or_default();
    }
}

fn restarts(part: &[u8]) -> Box<[usize]> {
    let mut restarts = Vec::with_capacity(part.len());
    let mut equal = 0;
    for (at, byte) in part.iter().enumerate() {
        if at > 0 {
            equal = extended(part, &restarts, equal, *byte);
        }
        restarts.push(equal);
    }
    restarts.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str, place: Place, ignore_case: bool) -> TextParts {
        TextParts::new(vec![text.into()], place, ignore_case)
    }

    proptest! {
        #[test]
        fn a_part_is_found_where_the_standard_library_finds_it(
            part in "[abAB]{1,6}", text in "[abABé]{0,24}",
        ) {
            let folded = |text: &str| text.to_ascii_lowercase();
            let is_in = |place, ignore_case| parts(&part, place, ignore_case).are_in(&text);
            prop_assert_eq!(is_in(Place::Anywhere, false), text.contains(&part));
            prop_assert_eq!(is_in(Place::Start, false), text.starts_with(&part));
            prop_assert_eq!(is_in(Place::End, false), text.ends_with(&part));
            let (text, part) = (folded(&text), folded(&part));
            prop_assert_eq!(is_in(Place::Anywhere, true), text.contains(&part));
            prop_assert_eq!(is_in(Place::Start, true), text.starts_with(&part));
            prop_assert_eq!(is_in(Place::End, true), text.ends_with(&part));
        }
    }

    #[test]
    fn a_megabyte_that_repeats_the_start_of_a_part_is_searched_once() {
        let part = format!("{}b", "a".repeat(1023));
        let text = "A".repeat(1 << 20);
        assert!(!parts(&part, Place::Anywhere, true).are_in(&text));
        assert!(parts(&part, Place::Anywhere, true).are_in(&format!("{text}B")));
    }
}
