//! Assignment v1, first half: a user key becomes a hash, and a hash a bucket.
//!
//! Nothing here knows flags or experiments: it maps bytes to integers, so no configuration can
//! change a result.

use std::fmt;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What makes one experiment's split independent of every other's: the XXH3 of the experiment's id.
///
/// # Examples
///
/// ```
/// use fairsplit::assign::Seed;
///
/// let id = *b"\xcd\x61\x3e\x30\xd8\xf1\x4a\xdf\x91\xb7\x58\x4a\x22\x65\xb1\xf5";
/// assert_eq!(Seed::from_id(id).value(), 0x7713_bf97_1484_2189);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(u64);

impl Seed {
    /// The seed of the experiment whose id has these 16 bytes, in the order in which the id's text
    /// form writes them (big-endian): `XXH3_64bits(id)`.
    #[must_use]
    pub fn from_id(id: [u8; 16]) -> Seed {
        Seed(xxh3_64(&id))
    }

    /// The seed as a number; the published vectors write it in hexadecimal.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The hash of a user key: `XXH3_64bits_withSeed(UTF-8 of the key, seed)`.
    ///
    /// Cost: one pass over the key, no allocation. The empty key has a hash like any other;
    /// [`Assignment`](crate::assign::Assignment) decides that it stands for no user.
    #[inline]
    #[must_use]
    pub fn hash(self, user_key: &str) -> u64 {
        xxh3_64_with_seed(user_key.as_bytes(), self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({:016x})", self.0)
    }
}

/// The bucket of a user key in one experiment, 0 to 99: one of [`Bucket::COUNT`] equal parts of the
/// hash's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u8);

impl Bucket {
    /// The number of buckets: one for each percent.
    pub const COUNT: u8 = 100;

    /// `floor(hash * 100 / 2^64)`: the high half of a 64 by 64 bit product, which has neither the
    /// bias nor the division of a remainder.
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::assign::Bucket;
    ///
    /// assert_eq!(Bucket::from_hash(0).index(), 0);
    /// assert_eq!(Bucket::from_hash(1 << 63).index(), 50);
    /// assert_eq!(Bucket::from_hash(u64::MAX).index(), 99);
    /// ```
    #[inline]
    #[must_use]
    pub const fn from_hash(hash: u64) -> Bucket {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the product is below 100 * 2^64, so what is left after the shift is below 100"
        )]
        #[expect(
            clippy::arithmetic_side_effects,
            reason = "a 64-bit by 7-bit product cannot overflow 128 bits"
        )]
        Bucket(((hash as u128 * Bucket::COUNT as u128) >> 64) as u8)
    }

    /// The bucket's number, 0 to 99.
    #[inline]
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }
}
