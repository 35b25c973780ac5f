//! Whether two short texts are the same.

/// As `==`, which calls a function to compare texts of one length: that is most of what a condition
/// on a short text costs. Up to 16 bytes, two loads that may overlap have all of a text. The last
/// bytes are compared first, since most texts that are listed together begin alike.
#[inline]
pub(crate) fn is_same(known: &str, text: &str) -> bool {
    let (known, text) = (known.as_bytes(), text.as_bytes());
    if known.len() != text.len() {
        return false;
    }
    match known.len() {
        0..4 => {
            let middle = known.len() / 2;
            known.last() == text.last()
                && known.first() == text.first()
                && known.get(middle) == text.get(middle)
        }
        4..8 => has_same_ends::<4>(known, text),
        8..=16 => has_same_ends::<8>(known, text),
        _ => has_same_ends::<8>(known, text) && known == text,
    }
}

#[inline]
fn has_same_ends<const N: usize>(known: &[u8], text: &[u8]) -> bool {
    known.last_chunk::<N>() == text.last_chunk::<N>()
        && known.first_chunk::<N>() == text.first_chunk::<N>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_are_the_same_unless_a_byte_differs() {
        for length in 0..40 {
            let text = "abcdefghij".repeat(4)[..length].to_owned();
            assert!(is_same(&text, &text.clone()), "{text}");
            let (short, long) = ("a".repeat(length), "a".repeat(length + 1));
            assert!(!is_same(&short, &long) && !is_same(&long, &short), "{short}");
            for at in 0..length {
                let mut other = text.clone();
                other.replace_range(at..=at, "x");
                assert!(!is_same(&text, &other), "{text} {other}");
            }
        }
    }
}
