use std::error::Error;
use std::marker::PhantomData;
use std::sync::Arc;

use fairsplit::targeting::{AttributeValue, Attributes};
use fairsplit::{Engine, Environment, FlagHandle, Reader, User};
use serde_json::{Value, json};

use crate::peer::{COUNTRY, Flag, Known, NEW, NONE, OLD, PLANS, Peer, Visitor, list};

fn document(flags: &[Flag], has_rule: bool) -> String {
    let flag = |flag: &Flag| {
        // The ids decide the split: random ones, but the same in every run.
        let id = (flag.position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id =
            format!("{:08x}-{:04x}-4000-8000-{:012x}", id >> 32, id >> 16 & 0xffff, id & 0xffff);
        let mut document = json!({
            "id": id,
            "key": flag.name,
            "default_value": NONE,
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
        });
        if has_rule {
            document["targeting"] = json!({id: {"audience": {"conditions": rule()}}});
        }
        document
    };
    json!({"flags": list(flags, flag)}).to_string()
}

fn rule() -> Value {
    json!([
        {"attribute": "country", "operator": "equals", "value": COUNTRY},
        {"attribute": "plan", "operator": "in", "value": PLANS}
    ])
}

/// An engine with these flags, as production reads it.
fn production(configuration: &str) -> Result<Environment, fairsplit::Error> {
    Ok(Engine::from_json(configuration)?.environment("production")?)
}

/// What a service gives for a user.
pub(super) trait Form: Clone + Send + Sync + 'static {
    const NOTE: &'static str = "";
    const IS_PAIRS: bool = false;

    fn of(visitor: &'static Visitor) -> Self;
    fn user(&self) -> User<'_>;
}

/// The user key alone.
#[derive(Clone)]
pub(super) struct Key(&'static str);

impl Form for Key {
    fn of(visitor: &'static Visitor) -> Key {
        Key(&visitor.key)
    }

    fn user(&self) -> User<'_> {
        User::new(self.0)
    }
}

/// The service's own request, which answers for its fields itself.
#[derive(Clone)]
pub(super) struct Request {
    user: &'static str,
    known: Known,
}

impl Form for Request {
    const NOTE: &'static str = "Reads the service's own request, so there is no context to make.";

    fn of(visitor: &'static Visitor) -> Request {
        Request { user: &visitor.key, known: Known::of(visitor) }
    }

    fn user(&self) -> User<'_> {
        User::new(self.user).with(self)
    }
}

impl Attributes for Request {
    fn get(&self, name: &str) -> Option<AttributeValue<'_>> {
        match name {
            "country" => Some(self.known.country.into()),
            "plan" => Some(self.known.plan.into()),
            _ => None,
        }
    }
}

/// Names and values, for a service that has no type of its own for them.
#[derive(Clone)]
pub(super) struct Pairs {
    user: &'static str,
    known: [(&'static str, AttributeValue<'static>); 2],
}

impl Form for Pairs {
    const NOTE: &'static str = "Reads an array of names and values.";
    const IS_PAIRS: bool = true;

    fn of(visitor: &'static Visitor) -> Pairs {
        let Known { country, plan } = Known::of(visitor);
        Pairs { user: &visitor.key, known: [("country", country.into()), ("plan", plan.into())] }
    }

    fn user(&self) -> User<'_> {
        User::new(self.user).with(&self.known)
    }
}

/// By the name of the flag, on the environment that all threads share.
#[derive(Clone)]
pub(super) struct ByName<F, const COUNTS: bool> {
    production: Environment,
    form: PhantomData<F>,
}

impl<F: Form, const COUNTS: bool> Peer for ByName<F, COUNTS> {
    const PACKAGE: &'static str = "fairsplit";
    const CALL: &'static str = match (COUNTS, F::IS_PAIRS) {
        (false, false) => "Environment::peek",
        (false, true) => "Environment::peek, pairs",
        (true, false) => "Environment::evaluate",
        (true, true) => "Environment::evaluate, pairs",
    };
    const COUNTS: bool = COUNTS;
    const NOTE: &'static str = if COUNTS { "" } else { F::NOTE };

    type Context = F;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        document(flags, has_rule)
    }

    fn load(configuration: &str, _: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(Self { production: production(configuration)?, form: PhantomData })
    }

    fn context(&'static self, visitor: &'static Visitor) -> F {
        F::of(visitor)
    }

    fn evaluate(&mut self, flag: &Flag, form: &F, see: impl FnOnce(&str)) {
        let evaluation = if COUNTS {
            self.production.evaluate(&flag.name, form.user())
        } else {
            self.production.peek(&flag.name, form.user())
        };
        evaluation.value().and_then(|value| value.as_str()).map(see);
    }
}

/// By a handle that was resolved once.
#[derive(Clone)]
pub(super) struct ByHandle<F> {
    handles: Arc<[FlagHandle]>,
    form: PhantomData<F>,
}

impl<F> ByHandle<F> {
    fn new(production: &Environment, flags: &[Flag]) -> ByHandle<F> {
        let handles = flags.iter().map(|flag| production.flag(&flag.name)).collect();
        ByHandle { handles, form: PhantomData }
    }
}

impl<F: Form> Peer for ByHandle<F> {
    const PACKAGE: &'static str = "fairsplit";
    const CALL: &'static str = "FlagHandle::evaluate";
    const COUNTS: bool = true;
    const NOTE: &'static str = "The flag is found once, when the handle is made, and not in the \
        call. Loading, and the heap, include a handle for each flag.";

    type Context = F;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        document(flags, has_rule)
    }

    fn load(configuration: &str, flags: &[Flag]) -> Result<Self, Box<dyn Error>> {
        Ok(ByHandle::new(&production(configuration)?, flags))
    }

    fn context(&'static self, visitor: &'static Visitor) -> F {
        F::of(visitor)
    }

    fn evaluate(&mut self, flag: &Flag, form: &F, see: impl FnOnce(&str)) {
        let evaluation = self.handles[flag.position].evaluate(form.user());
        evaluation.value().and_then(|value| value.as_str()).map(see);
    }
}

/// By a handle, on a reader that each thread has for itself.
#[derive(Clone)]
pub(super) struct OnReader<F> {
    flags: ByHandle<F>,
    reader: Reader,
}

impl<F: Form> Peer for OnReader<F> {
    const PACKAGE: &'static str = "fairsplit";
    const CALL: &'static str = "FlagHandle::evaluate_on a Reader";
    const COUNTS: bool = true;
    const NOTE: &'static str = "As above, and each thread has a reader of its own.";

    type Context = F;

    fn configuration(flags: &[Flag], has_rule: bool) -> String {
        document(flags, has_rule)
    }

    fn load(configuration: &str, flags: &[Flag]) -> Result<Self, Box<dyn Error>> {
        let production = production(configuration)?;
        Ok(OnReader { flags: ByHandle::new(&production, flags), reader: production.reader() })
    }

    fn context(&'static self, visitor: &'static Visitor) -> F {
        F::of(visitor)
    }

    fn evaluate(&mut self, flag: &Flag, form: &F, see: impl FnOnce(&str)) {
        let handle = &self.flags.handles[flag.position];
        let evaluation = handle.evaluate_on(self.reader.snapshot(), form.user());
        evaluation.value().and_then(|value| value.as_str()).map(see);
    }
}
