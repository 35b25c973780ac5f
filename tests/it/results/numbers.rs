//! A fixed sequence of random numbers (`SplitMix64`), and what is drawn with it.

pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Of 0 to 1, without 1.
    pub(crate) fn share(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
        let top = (self.next() >> 11) as f64;
        top / 9_007_199_254_740_992.0
    }

    /// How many of so many happen: by going from one to the next that does.
    pub(crate) fn binomial(&mut self, trials: u64, chance: f64) -> u64 {
        if chance > 0.5 {
            return trials - self.binomial(trials, 1.0 - chance);
        }
        let (mut at, mut happened) = (0_u64, 0);
        loop {
            let skip = ((1.0 - self.share()).ln() / (-chance).ln_1p()).floor();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at least 0, and what is beyond the trials ends the loop"
            )]
            let next = at.saturating_add(skip as u64).saturating_add(1);
            if next > trials {
                return happened;
            }
            (at, happened) = (next, happened + 1);
        }
    }
}
