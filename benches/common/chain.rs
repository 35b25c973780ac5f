//! The least that an evaluation can be made of, written by hand: what each way of asking is
//! measured against.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde_json::{Value, json};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::{experiment_id, flag_key};

/// The least that an evaluation has to read: seed, table and values.
pub(crate) struct Bare {
    pub(crate) seed: u64,
    table: [u8; 100],
    values: [Value; 2],
}

impl Bare {
    pub(crate) fn new(number: usize) -> Bare {
        let mut table = [0; 100];
        table[50..].fill(1);
        let seed = xxh3_64(&experiment_id(number).to_bytes());
        Bare { seed, table, values: [json!("old"), json!("new")] }
    }

    #[inline]
    pub(crate) fn variant(&self, user_key: &str) -> usize {
        let hash = xxh3_64_with_seed(user_key.as_bytes(), self.seed);
        let bucket = u8::try_from((u128::from(hash) * 100) >> 64).unwrap_or(0);
        usize::from(self.table[usize::from(bucket)])
    }

    /// The value that a user gets, borrowed.
    #[inline]
    pub(crate) fn value(&self, user_key: &str) -> &Value {
        &self.values[self.variant(user_key)]
    }
}

/// What the chains read: flags by position and by name.
pub(crate) struct Chain {
    pub(crate) flags: Vec<Bare>,
    pub(crate) names: HashMap<Arc<str>, usize, RandomState>,
}

impl Chain {
    pub(crate) fn new(flags: usize) -> Chain {
        let names = (0..flags).map(|flag| (flag_key(flag).into(), flag)).collect();
        Chain { flags: (0..flags).map(Bare::new).collect(), names }
    }
}
