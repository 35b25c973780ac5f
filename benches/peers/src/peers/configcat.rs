use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use configcat::{Client, ConfigCache, PollingMode, User};
use serde_json::json;

use crate::peer::{COUNTRY, Flag, NEW, NONE, OLD, PLANS, Peer, Visitor, by_name, ready};

#[derive(Clone)]
pub(super) struct ConfigCat(Arc<Client>);

/// Gives the configuration once, as if a fetch had brought it, and from then on is as empty as the
/// cache of a client whose user brings none. The client looks into it in each call.
struct Once {
    entry: Mutex<Option<String>>,
    // So that the calls that are measured take no lock.
    given: AtomicBool,
}

impl ConfigCache for Once {
    fn read(&self, _: &str) -> Option<String> {
        if self.given.load(Ordering::Relaxed) {
            return None;
        }
        self.given.store(true, Ordering::Relaxed);
        self.entry.lock().ok()?.take()
    }

    fn write(&self, _: &str, _: &str) {}
}

impl Peer for ConfigCat {
    const PACKAGE: &'static str = "configcat";
    const CALL: &'static str = "Client::get_value";
    const NOTE: &'static str = "Takes the user by value: a prebuilt one is cloned in each call.";

    type Context = User;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        let split = json!([{"p": 50, "v": {"s": OLD}}, {"p": 50, "v": {"s": NEW}}]);
        // The comparator 0 is "is one of", without hashing what it compares.
        let one_of = |name: &str, values: &[&str]| json!({"u": {"a": name, "c": 0, "l": values}});
        let conditions = json!([one_of("Country", &[COUNTRY]), one_of("plan", &PLANS)]);
        let setting = |_: &Flag| {
            if has_rule {
                json!({"t": 1, "v": {"s": NONE}, "r": [{"c": conditions, "p": split}]})
            } else {
                json!({"t": 1, "v": {"s": NONE}, "p": split})
            }
        };
        json!({"f": by_name(flags, setting)}).to_string()
    }

    fn load(configuration: &str, flags: &[Flag]) -> Result<Self, Box<dyn Error>> {
        // The cache's format: when it was fetched, its tag, and the configuration.
        let entry = format!("1767225600000\n\"tag\"\n{configuration}");
        let cache = Once { entry: Mutex::new(Some(entry)), given: AtomicBool::new(false) };
        let client = Client::builder("0123456789abcdefghijkl/0123456789abcdefghijkl")
            .offline(true)
            .polling_mode(PollingMode::Manual)
            .cache(Box::new(cache))
            .build()?;
        // The client parses its configuration when it is first asked.
        if ready(client.get_all_keys()).len() == flags.len() {
            Ok(ConfigCat(Arc::new(client)))
        } else {
            Err("the configuration was not taken".into())
        }
    }

    fn context(&'static self, visitor: &'static Visitor) -> User {
        let user = User::new(&visitor.key);
        match &visitor.known {
            Some(known) => user.country(known.country).custom("plan", known.plan),
            None => user,
        }
    }

    fn evaluate(&mut self, flag: &Flag, user: &User, see: impl FnOnce(&str)) {
        see(&ready(self.0.get_value(&flag.name, String::new(), Some(user.clone()))));
    }
}
