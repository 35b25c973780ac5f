use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use configcat::{Client, ConfigCache, PollingMode, User};
use serde_json::json;

use crate::peer::{Flag, NEW, OLD, Peer, by_name, ready};

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

    fn configuration(flags: &[Flag]) -> String {
        let setting = |_: &Flag| {
            json!({
                "t": 1,
                "v": {"s": OLD},
                "p": [{"p": 50, "v": {"s": OLD}}, {"p": 50, "v": {"s": NEW}}]
            })
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

    fn context(&'static self, user: &'static str) -> User {
        User::new(user)
    }

    fn evaluate(&mut self, flag: &Flag, user: &User, see: impl FnOnce(&str)) {
        see(&ready(self.0.get_value(&flag.name, String::new(), Some(user.clone()))));
    }
}
