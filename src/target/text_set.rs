//! Lists of texts and numbers, in which an attribute is looked up.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::Hash;

use foldhash::fast::RandomState;

use crate::target::number::Number;
use crate::target::same_text::is_same;

/// Up to this many, comparing with each in turn takes about as long as hashing.
const LINEAR: usize = 16;

/// Texts, and the numbers that some of them are.
#[derive(Debug)]
pub(crate) struct TextSet {
    texts: Texts,
    numbers: Set<Number>,
}

#[derive(Debug)]
enum Texts {
    /// Apart from the others, since most conditions compare with one text.
    One(Box<str>),
    Exact(Set<Box<str>>),
    /// Sorted, and in lower case.
    Folded(Box<[Box<str>]>),
}

#[derive(Debug)]
enum Set<T> {
    Few(Box<[T]>),
    Many(HashSet<T, RandomState>),
}

impl TextSet {
    /// With `ignore_case`, the texts are ASCII.
    pub(crate) fn new(mut texts: Vec<Box<str>>, ignore_case: bool) -> TextSet {
        if ignore_case {
            for text in &mut texts {
                text.make_ascii_lowercase();
            }
        }
        texts.sort_unstable();
        texts.dedup();
        let numbers = texts.iter().filter_map(|text| Number::from_canonical_text(text)).collect();
        TextSet { texts: Texts::new(texts, ignore_case), numbers: Set::new(numbers) }
    }

    #[inline]
    pub(crate) fn has_text(&self, text: &str) -> bool {
        match &self.texts {
            Texts::One(known) => is_same(known, text),
            texts => texts.have(text),
        }
    }

    #[inline]
    pub(crate) fn has_number(&self, number: Number) -> bool {
        match &self.numbers {
            Set::Few(numbers) => numbers.contains(&number),
            Set::Many(numbers) => numbers.contains(&number),
        }
    }
}

impl Texts {
    /// Of texts that are sorted, and in lower case with `ignore_case`.
    fn new(texts: Vec<Box<str>>, ignore_case: bool) -> Texts {
        if ignore_case {
            return Texts::Folded(texts.into());
        }
        match <[_; 1]>::try_from(texts) {
            Ok([one]) => Texts::One(one),
            Err(texts) => Texts::Exact(Set::new(texts)),
        }
    }

    /// A separate function, so that comparing with one is short enough to be inlined.
    #[inline(never)]
    fn have(&self, text: &str) -> bool {
        match self {
            Texts::One(known) => is_same(known, text),
            Texts::Exact(Set::Few(texts)) => texts.iter().any(|known| is_same(known, text)),
            Texts::Exact(Set::Many(texts)) => texts.contains(text),
            Texts::Folded(texts) => {
                texts.binary_search_by(|known| compare_folded(known, text)).is_ok()
            }
        }
    }
}

impl<T: Eq + Hash> Set<T> {
    fn new(items: Vec<T>) -> Set<T> {
        if items.len() <= LINEAR {
            Set::Few(items.into())
        } else {
            Set::Many(items.into_iter().collect())
        }
    }
}

/// The order of a text in lower case, and any text read as if it were.
fn compare_folded(lower: &str, text: &str) -> Ordering {
    lower.bytes().cmp(text.bytes().map(|byte| byte.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(count: usize, ignore_case: bool) -> TextSet {
        TextSet::new((0..count).map(|at| format!("User-{at}").into()).collect(), ignore_case)
    }

    #[test]
    fn short_long_and_folded_lists_find_the_same() {
        for count in [1, LINEAR, LINEAR + 1, 1000] {
            let (exact, folded) = (set(count, false), set(count, true));
            for at in 0..count {
                let text = format!("User-{at}");
                assert!(exact.has_text(&text) && folded.has_text(&text), "{text} of {count}");
                let text = text.to_uppercase();
                assert!(!exact.has_text(&text) && folded.has_text(&text), "{text} of {count}");
            }
            for text in ["", "User-", "User-1000", "user", "z", "Uſer-0"] {
                assert!(!exact.has_text(text) && !folded.has_text(text), "{text} of {count}");
            }
        }
    }

    #[test]
    fn numbers_are_found_by_their_texts_alone() {
        for padding in [0, LINEAR] {
            let mut texts: Vec<Box<str>> = ["5", "05", "1.50", "1e+21", "x"].map(Box::from).into();
            texts.extend((0..padding).map(|at| format!("{}", at + 100).into()));
            let set = TextSet::new(texts, false);
            for (number, is_found) in [(5.0, true), (1.5, false), (1e21, true), (0.0, false)] {
                let number = Number::from_f64(number).unwrap();
                assert_eq!(set.has_number(number), is_found, "{number:?}");
            }
        }
    }
}
