//! A user key that is kept without the heap, unless it is long.

/// The bytes of a key in place: more than those of a UUID or of most e-mail addresses.
const IN_PLACE: usize = 54;

/// A user key, or the unit that an experiment is split by in its place.
#[derive(Clone)]
pub(super) enum UnitKey {
    InPlace { length: u8, bytes: [u8; IN_PLACE] },
    Long(Box<str>),
}

impl UnitKey {
    pub(super) fn new(key: &str) -> UnitKey {
        let mut bytes = [0; IN_PLACE];
        match (bytes.get_mut(..key.len()), u8::try_from(key.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(key.as_bytes());
                UnitKey::InPlace { length, bytes }
            }
            _ => UnitKey::Long(key.into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            UnitKey::InPlace { length, bytes } => {
                let written = bytes.get(..usize::from(*length)).unwrap_or_default();
                std::str::from_utf8(written).unwrap_or_default()
            }
            UnitKey::Long(key) => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_PLACE, UnitKey};

    #[test]
    fn a_key_of_any_length_stays_what_it_was() {
        for length in [0, 1, 36, IN_PLACE - 1, IN_PLACE, IN_PLACE + 1, 255, 256, 1000] {
            let key = "k".repeat(length);
            let kept = UnitKey::new(&key);
            assert_eq!(kept.as_str(), key);
            assert_eq!(matches!(kept, UnitKey::InPlace { .. }), length <= IN_PLACE, "{length}");
        }
        assert_eq!(UnitKey::new("日本語").as_str(), "日本語");
        assert_eq!(size_of::<UnitKey>(), 56);
    }
}
