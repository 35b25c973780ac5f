//! What the benchmark asks of every peer, and the tasks that it sets them.

use std::error::Error;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::Value;

/// The two values that every flag splits its users between, half and half.
pub(crate) const OLD: &str = "old";
pub(crate) const NEW: &str = "new";

/// What a flag with a rule answers to users who do not meet it, where a library has such a default.
pub(crate) const NONE: &str = "none";

/// The rule: this country, and one of these plans.
pub(crate) const COUNTRY: &str = "DE";
pub(crate) const PLANS: [&str; 2] = ["pro", "team"];

/// How many user keys are gone through. A power of two, so that going round costs a mask.
pub(crate) const USERS: usize = 1024;

/// One way of asking one library. A clone is what another thread gets: the configuration is shared.
pub(crate) trait Peer: Clone + Send + Sync + Sized + 'static {
    /// The package on the registry.
    const PACKAGE: &'static str;
    /// The call that is measured, as its documentation names it.
    const CALL: &'static str;
    /// Whether the call counts that the user has been exposed to the variant.
    const COUNTS: bool = false;
    /// What else the call does, or what is special about its configuration.
    const NOTE: &'static str = "";

    /// The user, in the form in which the library wants it.
    type Context: Send + Sync + 'static;

    /// Flags with a running half-and-half split, of all users or of those who meet the rule, in
    /// the library's own format. Empty for a library that holds no configuration.
    fn configuration(flags: &[Flag], has_rule: bool) -> String;

    /// Makes a peer that can answer at once.
    fn load(configuration: &str, flags: &[Flag]) -> Result<Self, Box<dyn Error>>;

    fn context(&'static self, visitor: &'static Visitor) -> Self::Context;

    /// Hands the value that the user gets to `see`, or does not call it if there is none.
    ///
    /// Lending the value to a closure lets each library answer with what it has, a borrow or a
    /// string of its own, and puts giving it back inside of what is measured.
    fn evaluate(&mut self, flag: &Flag, context: &Self::Context, see: impl FnOnce(&str));
}

/// A flag to ask for: by its name, or by the position of what was resolved for it.
pub(crate) struct Flag {
    pub(crate) name: String,
    pub(crate) position: usize,
}

impl Flag {
    pub(crate) fn at(position: usize) -> Flag {
        Flag { name: format!("flag-{position}"), position }
    }
}

/// A user, as the service knows the user.
pub(crate) struct Visitor {
    pub(crate) key: String,
    /// What the rule asks for; nothing where flags have no rule.
    pub(crate) known: Option<Known>,
}

#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) country: &'static str,
    pub(crate) plan: &'static str,
}

impl Known {
    /// What is known of a user; empty texts where flags have no rule.
    pub(crate) fn of(visitor: &Visitor) -> Known {
        visitor.known.unwrap_or(Known { country: "", plan: "" })
    }
}

impl Visitor {
    /// What is known beside the key, as names and values.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let pairs = |known: &Known| [("country", known.country), ("plan", known.plan)];
        self.known.as_ref().map(pairs).into_iter().flatten()
    }
}

/// The users that are split: all of them meet the rule, by either plan.
pub(crate) fn insiders(has_rule: bool) -> Vec<Visitor> {
    let plans = PLANS.into_iter().cycle();
    let visitor =
        |(key, plan)| Visitor { key, known: has_rule.then_some(Known { country: COUNTRY, plan }) };
    user_keys().into_iter().zip(plans).map(visitor).collect()
}

/// Users who meet one condition of the rule, or none.
pub(crate) fn outsiders() -> Vec<Visitor> {
    let known = [(COUNTRY, "free"), ("FR", "pro"), ("FR", "team"), ("FR", "free")];
    let known = known.map(|(country, plan)| Some(Known { country, plan })).into_iter().cycle();
    user_keys().into_iter().zip(known).map(|(key, known)| Visitor { key, known }).collect()
}

/// An object with an entry for each flag, under its name.
pub(crate) fn by_name(flags: &[Flag], entry: impl Fn(&Flag) -> Value) -> Value {
    flags.iter().map(|flag| (flag.name.clone(), entry(flag))).collect()
}

/// A list with an item for each flag.
pub(crate) fn list(flags: &[Flag], item: impl Fn(&Flag) -> Value) -> Value {
    flags.iter().map(item).collect()
}

/// User keys in the form of random UUIDs, the same in every run.
fn user_keys() -> Vec<String> {
    let mut state = 1_u64;
    let mut next = || {
        // SplitMix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let key = |_| {
        let (high, low) = (next(), next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0xfff,
            low & 0xffff_ffff_ffff
        )
    };
    (0..USERS).map(key).collect()
}

/// The result of a future that has nothing to wait for: one poll, and no runtime in the
/// measurement.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("an evaluation in memory has nothing to wait for"),
    }
}

/// The result of a future that needs a runtime: how some peers start.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}
