//! What is kept of each user of a table: one word.

/// Not of the user, but of the slot: nothing more is recorded here, since the user is moving to
/// another table.
pub(super) const LEFT: u64 = 1 << 63;

/// What the words of a table say of its users. 0 is nothing, and the highest bit is
/// [the slot's](LEFT).
pub(crate) trait Kept: Send + Sync {
    /// What a call records of a user.
    type Event: Copy;

    /// The word after an event.
    fn after(word: u64, event: Self::Event) -> u64;

    /// The word of a user who comes from an earlier table with the word `before`. Any thread may
    /// bring it, more than once, also when events have been recorded since.
    fn with_earlier(word: u64, before: u64) -> u64;

    /// What a word that a former process left says to the next one.
    fn left_by_process(word: u64) -> u64 {
        word
    }
}
