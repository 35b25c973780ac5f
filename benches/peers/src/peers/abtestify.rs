use std::error::Error;

use abtestify::{Params, get_bucket};

use crate::peer::{Flag, NEW, OLD, Peer, Visitor};

#[derive(Clone)]
pub(super) struct Abtestify;

impl Peer for Abtestify {
    const PACKAGE: &'static str = "abtestify";
    const CALL: &'static str = "get_bucket";
    const NOTE: &'static str = "A function without configuration: the caller names the experiment and \
        its split in each call.";

    type Context = &'static str;

    fn configuration(_: &[Flag], _: bool) -> String {
        String::new()
    }

    fn load(_: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(Abtestify)
    }

    fn context(&'static self, visitor: &'static Visitor) -> &'static str {
        &visitor.key
    }

    fn evaluate(&mut self, flag: &Flag, user: &&'static str, see: impl FnOnce(&str)) {
        let experiment =
            Params::new(&flag.name, user).control_variant_name(OLD).treatment_variant_name(NEW);
        if let Ok(assignment) = get_bucket(&experiment) {
            see(&assignment.resolved_variant);
        }
    }
}
