use std::error::Error;
use std::sync::Arc;

use fairsplit::{Engine, Environment, FlagHandle, Reader};
use serde_json::json;

use crate::peer::{Flag, NEW, OLD, Peer, list};

fn document(flags: &[Flag]) -> String {
    let flag = |flag: &Flag| {
        // The ids decide the split: random ones, but the same in every run.
        let id = (flag.position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id =
            format!("{:08x}-{:04x}-4000-8000-{:012x}", id >> 32, id >> 16 & 0xffff, id & 0xffff);
        json!({
            "id": id,
            "key": flag.name,
            "default_value": OLD,
            "experiments": [{
                "id": id,
                "name": flag.name,
                "environment": "production",
                "status": "running",
                "variants": [
                    {"key": "control", "value": OLD, "percentage": 50},
                    {"key": "treatment", "value": NEW, "percentage": 50}
                ]
            }]
        })
    };
    json!({"flags": list(flags, flag)}).to_string()
}

/// An engine with these flags, as production reads it.
fn production(configuration: &str) -> Result<Environment, fairsplit::Error> {
    Ok(Engine::from_json(configuration)?.environment("production")?)
}

/// By the name of the flag, on the environment that all threads share.
#[derive(Clone)]
pub(super) struct ByName<const COUNTS: bool> {
    production: Environment,
}

impl<const COUNTS: bool> Peer for ByName<COUNTS> {
    const PACKAGE: &'static str = "fairsplit";
    const CALL: &'static str = if COUNTS { "Environment::evaluate" } else { "Environment::peek" };
    const COUNTS: bool = COUNTS;

    type Context = &'static str;

    fn configuration(flags: &[Flag]) -> String {
        document(flags)
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(Self { production: production(configuration)? })
    }

    fn context(&'static self, user: &'static str) -> &'static str {
        user
    }

    fn evaluate(&mut self, flag: &Flag, user: &&'static str, see: impl FnOnce(&str)) {
        let evaluation = if COUNTS {
            self.production.evaluate(&flag.name, user)
        } else {
            self.production.peek(&flag.name, user)
        };
        evaluation.value().and_then(|value| value.as_str()).map(see);
    }
}

/// By a handle that was resolved once.
#[derive(Clone)]
pub(super) struct ByHandle {
    handles: Arc<[FlagHandle]>,
}

impl ByHandle {
    fn new(production: &Environment, flags: &[Flag]) -> ByHandle {
        ByHandle { handles: flags.iter().map(|flag| production.flag(&flag.name)).collect() }
    }
}

impl Peer for ByHandle {
    const PACKAGE: &'static str = "fairsplit";
    const CALL: &'static str = "FlagHandle::evaluate";
    const COUNTS: bool = true;
    const NOTE: &'static str = "The flag is found once, when the handle is made, and not in the \
        call. Loading, and the heap, include a handle for each flag.";

    type Context = &'static str;

    fn configuration(flags: &[Flag]) -> String {
        document(flags)
    }

    fn load(configuration: &str, flags: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(ByHandle::new(&production(configuration)?, flags))
    }

    fn context(&'static self, user: &'static str) -> &'static str {
        user
    }

    fn evaluate(&mut self, flag: &Flag, user: &&'static str, see: impl FnOnce(&str)) {
        let evaluation = self.handles[flag.position].evaluate(user);
        evaluation.value().and_then(|value| value.as_str()).map(see);
    }
}

/// By a handle, on a reader that each thread has for itself.
#[derive(Clone)]
pub(super) struct OnReader {
    flags: ByHandle,
    reader: Reader,
}

impl Peer for OnReader {
    const PACKAGE: &'static str = "fairsplit";
    const CALL: &'static str = "FlagHandle::evaluate_on a Reader";
    const COUNTS: bool = true;
    const NOTE: &'static str = "As above, and each thread has a reader of its own.";

    type Context = &'static str;

    fn configuration(flags: &[Flag]) -> String {
        document(flags)
    }

    fn load(configuration: &str, flags: &[Flag]) -> Result<Self, Box<dyn Error>> {
        let production = production(configuration)?;
        Ok(OnReader { flags: ByHandle::new(&production, flags), reader: production.reader() })
    }

    fn context(&'static self, user: &'static str) -> &'static str {
        user
    }

    fn evaluate(&mut self, flag: &Flag, user: &&'static str, see: impl FnOnce(&str)) {
        let handle = &self.flags.handles[flag.position];
        let evaluation = handle.evaluate_on(self.reader.snapshot(), user);
        evaluation.value().and_then(|value| value.as_str()).map(see);
    }
}
