//! When the next flush is due.

use std::time::Duration;

use uuid::Uuid;

/// Longer is not waited for a database that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An interval is not stretched beyond this, unless it was set so.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// The interval between flushes, with jitter, so that processes that start together do not flush
/// together.
#[derive(Debug)]
pub(crate) struct Pace {
    set: Duration,
    interval: Duration,
    failures: u32,
    random: u64,
}

impl Pace {
    pub(crate) fn new(interval: Duration) -> Pace {
        // Of a random id, since that is the source of randomness that is there.
        let random = Uuid::new_v4().as_u64_pair().1 | 1;
        Pace { set: interval, interval, failures: 0, random }
    }

    /// The interval as it is now.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// The time until the first flush: somewhere in the interval.
    pub(crate) fn first(&mut self) -> Duration {
        self.interval.mul_f64(self.fraction())
    }

    /// The time until the next flush, after one that took this long. While that is more than a tenth
    /// of the interval, the interval doubles.
    pub(crate) fn after(&mut self, took: Duration) -> Duration {
        self.failures = 0;
        if took.saturating_mul(10) > self.interval {
            let doubled = self.interval.saturating_mul(2);
            self.interval = doubled.min(LONGEST_INTERVAL).max(self.set);
        } else if took.saturating_mul(40) < self.interval {
            self.interval = self.interval.mul_f64(0.5).max(self.set);
        }
        self.interval.mul_f64(0.9 + 0.2 * self.fraction())
    }

    /// The time until the next try after one that failed: random, and longer after each failure.
    pub(crate) fn after_failure(&mut self) -> Duration {
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let most = Duration::from_secs(1).saturating_mul(doubled).min(LONGEST_PAUSE);
        most.mul_f64(self.fraction())
    }

    /// From 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "24 bits")]
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 40) as f64 / (1_u64 << 24) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_grow_with_each_failure_up_to_half_a_minute() {
        let mut pace = Pace::new(10 * SECOND);
        for failure in 0..100_u32 {
            let most = SECOND.saturating_mul(1 << failure.min(20)).min(LONGEST_PAUSE);
            assert!(pace.after_failure() <= most);
        }
        pace.after(Duration::ZERO);
        assert!(pace.after_failure() <= SECOND);
    }

    #[test]
    fn the_interval_is_stretched_while_flushes_are_slow_and_comes_back() {
        let mut pace = Pace::new(10 * SECOND);
        assert!(pace.first() <= 10 * SECOND);
        for (took, interval) in
            [(2, 20), (3, 40), (5, 60), (60, 60), (0, 30), (0, 15), (0, 10), (0, 10)]
        {
            let next = pace.after(took * SECOND);
            assert_eq!(pace.interval(), interval * SECOND);
            assert!(next >= pace.interval().mul_f64(0.9) && next <= pace.interval().mul_f64(1.1));
        }
        let mut pace = Pace::new(100 * SECOND);
        pace.after(50 * SECOND);
        assert_eq!(pace.interval(), 100 * SECOND);
    }
}
