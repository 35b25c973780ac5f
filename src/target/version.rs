//! Versions, by the precedence of Semantic Versioning 2.0.0, read without allocating.

use std::cmp::Ordering;

/// A version without its build metadata, which has no part in precedence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version<T> {
    numbers: [u64; 3],
    /// Identifiers joined by dots; empty for a release.
    pre_release: T,
}

impl<'a> Version<&'a str> {
    /// `17` and `17.2` are read as `17.0.0` and `17.2.0`; a leading `v`, leading zeros, a fourth
    /// number and numbers beyond 64 bits are refused.
    pub(crate) fn parse(text: &'a str) -> Option<Version<&'a str>> {
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        let (core, pre_release) = match text.split_once('-') {
            Some((core, pre_release)) => (core, Some(pre_release)),
            None => (text, None),
        };
        let mut numbers = [0; 3];
        let mut parts = core.split('.');
        for (at, number) in numbers.iter_mut().enumerate() {
            match parts.next() {
                Some(part) if is_number(part) => *number = part.parse().ok()?,
                None if at > 0 => {}
                _ => return None,
            }
        }
        let is_pre_release =
            |part: &str| is_number(part) || (is_identifier(part) && !is_digits(part));
        let fits = parts.next().is_none()
            && pre_release.is_none_or(|text| text.split('.').all(is_pre_release))
            && build.is_none_or(|text| text.split('.').all(is_identifier));
        fits.then_some(Version { numbers, pre_release: pre_release.unwrap_or_default() })
    }

    pub(crate) fn into_owned(self) -> Version<Box<str>> {
        Version { numbers: self.numbers, pre_release: self.pre_release.into() }
    }
}

impl<T: AsRef<str>> Version<T> {
    /// The order of precedence.
    pub(crate) fn compare<U: AsRef<str>>(&self, other: &Version<U>) -> Ordering {
        let by_numbers = self.numbers.cmp(&other.numbers);
        by_numbers.then_with(|| {
            let (one, other) = (self.pre_release.as_ref(), other.pre_release.as_ref());
            match (one.is_empty(), other.is_empty()) {
                (true, _) | (_, true) => one.is_empty().cmp(&other.is_empty()),
                (false, false) => {
                    let mut others = other.split('.');
                    for identifier in one.split('.') {
                        let Some(other) = others.next() else { return Ordering::Greater };
                        match compare_identifiers(identifier, other) {
                            Ordering::Equal => {}
                            ordering => return ordering,
                        }
                    }
                    others.next().map_or(Ordering::Equal, |_| Ordering::Less)
                }
            }
        })
    }
}

fn compare_identifiers(one: &str, other: &str) -> Ordering {
    match (is_digits(one), is_digits(other)) {
        // Without leading zeros, the longer number is the larger.
        (true, true) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => one.cmp(other),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && is_digits(text) && (text.len() == 1 || !text.starts_with('0'))
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(one: &str, other: &str) -> Ordering {
        let [one, other] = [one, other].map(|text| Version::parse(text).unwrap());
        one.into_owned().compare(&other)
    }

    #[test]
    fn versions_are_ordered_by_precedence() {
        let ascending = [
            "0",
            "1.0.0-0",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0--",
            "1.0.0-a",
            "1.0.0-a.0",
            "1.0.0-a.b",
            "1.0.0-a.b.c",
            "1.0.0-b",
            "1.0.0",
            "1.9.0",
            "1.10.0",
            "2.0.0-rc.2",
            "2.0.0-rc.10",
            "2.0.0-rc.18446744073709551615",
            "2.0.0-rc.18446744073709551616",
            "2.0.0",
            "17",
            "17.2",
            "17.2.1",
            "18446744073709551615.0.0",
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(compare(one, other), at.cmp(&other_at), "{one} {other}");
            }
        }
        for (one, other) in [("1.0.0+a", "1.0.0+b"), ("17", "17.0.0"), ("17.2-a+1", "17.2.0-a")] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_version_is_not_read() {
        for text in [
            "",
            "v2.0.0",
            "02.0.0",
            "2.00",
            "2.0.0.0",
            "99999999999999999999.0.0",
            "2.",
            ".2",
            "2..0",
            " 2",
            "2 ",
            "2.0.0-",
            "2.0.0+",
            "2.0.0-a..b",
            "2.0.0-01",
            "2.0.0-é",
            "2.0.0+a+b",
            "2.x",
            "2.0.0+a_b",
            "-1",
            "+1",
            "2.0.0-a.",
            "latest",
            "١.0.0",
        ] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }

    /// What a version is made of, more often right than at random.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            "(0|[1-9][0-9]?)\\.(0|[1-3])\\.(0|[1-3])(-(0|[1-9]|1[0-2]|[ab-]{1,2})(\\.(0|[1-9]|[ab-]{1,2}))?)?(\\+[0-9a-]{1,3})?",
            "[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}[-+.0-9a]{0,6}",
            "[-+.0-9a]{0,12}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn the_crate_semver_reads_and_orders_them_the_same(one in texts(), other in texts()) {
            let ours = [&one, &other].map(|text| Version::parse(text));
            let theirs = [&one, &other].map(|text| semver::Version::parse(text).ok());
            for ((text, ours), theirs) in [&one, &other].into_iter().zip(&ours).zip(&theirs) {
                // That crate reads no version without all three numbers.
                let core = text.split(['-', '+']).next().unwrap();
                if core.split('.').count() == 3 {
                    prop_assert_eq!(ours.is_some(), theirs.is_some(), "{}", text);
                }
            }
            if let ([Some(one), Some(other)], [Some(their_one), Some(their_other)]) = (ours, theirs) {
                prop_assert_eq!(one.compare(&other), their_one.cmp_precedence(&their_other));
            }
        }

        #[test]
        fn missing_numbers_are_zeros(major: u64, minor: u64, rest in "(-[a-c]{1,2})?") {
            let written = [format!("{major}{rest}"), format!("{major}.0{rest}"), format!("{major}.0.0{rest}")];
            for one in &written {
                for other in &written {
                    prop_assert_eq!(compare(one, other), Ordering::Equal);
                }
            }
            let [short, full] = [format!("{major}.{minor}{rest}"), format!("{major}.{minor}.0{rest}")];
            prop_assert_eq!(compare(&short, &full), Ordering::Equal);
        }
    }
}
