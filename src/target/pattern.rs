//! Regular expressions, as tables: a search is linear, takes no lock and allocates nothing, which
//! the crate `regex` cannot say of its own.

use crate::target::defect::ConditionDefect;

/// A regular expression, compiled.
#[cfg(feature = "regex")]
#[derive(Debug)]
pub(crate) struct Pattern(regex_automata::dfa::dense::DFA<Vec<u32>>);

#[cfg(feature = "regex")]
impl Pattern {
    /// `ignore_case` is what `(?i)` is in a pattern.
    pub(crate) fn new(text: &str, ignore_case: bool) -> Result<Pattern, ConditionDefect> {
        use regex_automata::dfa::{StartKind, dense};
        use regex_automata::nfa::thompson;
        use regex_automata::util::syntax;

        /// Of the table itself, as the message says.
        const TABLE_BYTES: usize = 64 << 10;
        /// Of what is needed while the table is made.
        const BUILDING_BYTES: usize = 256 << 10;
        const NFA_BYTES: usize = 64 << 10;

        let reason = |reason: String| ConditionDefect::Pattern { reason };
        let syntax = syntax::Config::new().case_insensitive(ignore_case);
        let parsed = syntax::parse_with(text, &syntax).map_err(|error| {
            // The lines before the last show the pattern again.
            let message = error.to_string();
            let last = message.lines().next_back().unwrap_or_default();
            reason(last.strip_prefix("error: ").unwrap_or(last).to_owned())
        })?;
        if parsed.properties().look_set().contains_word_unicode() {
            return Err(reason(r"\b must be of ASCII; try (?-u:\b)".to_owned()));
        }
        let nfa = thompson::Config::new()
            .which_captures(thompson::WhichCaptures::None)
            .nfa_size_limit(Some(NFA_BYTES));
        let nfa = thompson::Compiler::new()
            .configure(nfa)
            .build_from_hir(&parsed)
            .map_err(|_| ConditionDefect::PatternTooLarge)?;
        let table = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(TABLE_BYTES))
            .determinize_size_limit(Some(BUILDING_BYTES));
        // What else could be wrong was found before.
        let table = dense::Builder::new().configure(table).build_from_nfa(&nfa);
        table.map(Pattern).map_err(|_| ConditionDefect::PatternTooLarge)
    }

    /// Whether the pattern is found anywhere in the text. Linear in the text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        use regex_automata::Input;
        use regex_automata::dfa::Automaton as _;

        let input = Input::new(text).earliest(true);
        // A search can only fail on bytes that a table is made to stop at; these have none.
        self.0.try_search_fwd(&input).is_ok_and(|found| found.is_some())
    }
}

/// Without the feature `regex` there is no pattern.
#[cfg(not(feature = "regex"))]
#[derive(Debug)]
pub(crate) enum Pattern {}

#[cfg(not(feature = "regex"))]
impl Pattern {
    pub(crate) fn new(_: &str, _: bool) -> Result<Pattern, ConditionDefect> {
        Err(ConditionDefect::NeedsFeature { feature: "regex" })
    }

    pub(crate) fn is_in(&self, _: &str) -> bool {
        match *self {}
    }
}

#[cfg(all(test, feature = "regex"))]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text, false).unwrap_or_else(|defect| panic!("{text}: {defect}"))
    }

    fn defect(text: &str) -> ConditionDefect {
        Pattern::new(text, false).expect_err(text)
    }

    #[test]
    fn a_pattern_is_found_anywhere_unless_it_is_anchored() {
        assert!(pattern("pro").is_in("improve"));
        assert!(!pattern("^pro").is_in("improve"));
        assert!(pattern("^pro$").is_in("pro") && !pattern("^pro$").is_in("pro\n"));
        assert!(!pattern("pro").is_in("PRO") && pattern("(?i)pro").is_in("PRO"));
        assert!(Pattern::new("pro", true).unwrap().is_in("imPROve"));
        assert!(pattern("^.$").is_in("é") && pattern(r"^\d$").is_in("١"));
        assert!(pattern("^$").is_in("") && !pattern("^$").is_in("a"));
    }

    #[test]
    fn patterns_of_many_kinds_fit_into_their_table() {
        for text in [
            r"^[a-z0-9._%+-]+@([a-z0-9-]+\.)*example\.(com|org|net)$",
            r"^user\d{3}$",
            r"(x+x+)+y",
            r"(?-u)\w+@\w+",
            r"(?-u:\b)pro(?-u:\b)",
        ] {
            let size = pattern(text).0.memory_usage();
            assert!(size <= 64 << 10, "{text}: {size}");
        }
    }

    #[test]
    fn a_pattern_whose_table_would_be_large_is_refused() {
        for text in [
            r"(a|b)*a(a|b){9}",
            r"(a|b)*a(a|b){30}",
            r"((a{0,100}){0,100}){0,100}",
            r"\p{L}+",
            r"\w+@\w+",
            r"(((((a{0,9}){0,9}){0,9}){0,9}){0,9}){0,9}",
        ] {
            assert_eq!(defect(text), ConditionDefect::PatternTooLarge, "{text}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason_on_one_line() {
        for text in
            ["(regex", r"^(?=a)b$", r"(?<!a)b", r"^(a)\1$", r"\bpro\b", "[z-a]", "a\n(", "*"]
        {
            let ConditionDefect::Pattern { reason } = defect(text) else { panic!("{text}") };
            assert!(!reason.is_empty() && !reason.contains('\n'), "{text}: {reason}");
        }
        let nested = "(".repeat(128) + &")".repeat(128);
        let _ = Pattern::new(&nested, false);
    }

    #[test]
    fn a_search_is_linear_in_the_text() {
        assert!(!pattern("(x+x+)+y").is_in(&"x".repeat(1 << 20)));
    }
}
