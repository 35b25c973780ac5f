//! The service itself: what it sets up at start-up, and what it does for every request.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::hint::black_box;
use std::ops::Range;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fairsplit::error::ControlError;
use fairsplit::{
    Count, Engine, Environment, Evaluation, ExperimentId, FlagHandle, Reader, Reason, Snapshot,
};

use crate::Failure;
use crate::traffic::{Chunk, Progress};

/// How likely a user converts, in hundredths of a per cent: the first variant, and each further
/// one.
const BASE_RATE: u64 = 600;
const UPLIFT: u64 = 150;

/// What all workers share.
pub(crate) struct Shop {
    /// The engine, as the shop's environment reads it.
    pub(crate) environment: Environment,
    pub(crate) flags: Vec<ServedFlag>,
    /// Every variant of every experiment, flag by flag.
    pub(crate) places: Vec<Place>,
}

/// A flag, resolved at start-up, with the places of its experiments' variants.
pub(crate) struct ServedFlag {
    pub(crate) handle: FlagHandle,
    places: Range<usize>,
}

/// A variant of an experiment, with what the shop knows of it.
pub(crate) struct Place {
    pub(crate) experiment: ExperimentId,
    pub(crate) variant: String,
    pub(crate) percentage: u8,
    /// How likely its users convert, in hundredths of a per cent. The engine does not know.
    pub(crate) true_rate: u64,
    /// What the document says was counted before.
    pub(crate) carried: Count,
}

impl Shop {
    /// Makes a handle for every flag; handles follow all later changes.
    pub(crate) fn open(environment: Environment) -> Result<Shop, Failure> {
        let engine = environment.engine();
        let mut flags = Vec::new();
        let mut places = Vec::new();
        for flag in engine.flags() {
            let first = places.len();
            add_places(engine, flag.key(), &mut places)
                .map_err(|error| Failure::Input(error.to_string()))?;
            let handle = environment.flag(flag.key());
            flags.push(ServedFlag { handle, places: first..places.len() });
        }
        Ok(Shop { environment, flags, places })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.environment.engine()
    }

    /// The place of a flag's variant, by what an evaluation or a conversion returned.
    fn place(
        &self,
        flag: &ServedFlag,
        experiment: Option<ExperimentId>,
        variant: Option<&str>,
    ) -> Option<usize> {
        let (experiment, variant) = (experiment?, variant?);
        flag.places.clone().find(|&at| {
            let place = &self.places[at];
            place.experiment == experiment && place.variant == variant
        })
    }
}

fn add_places(engine: &Engine, flag: &str, places: &mut Vec<Place>) -> Result<(), ControlError> {
    for experiment in engine.experiments(flag)? {
        let id = experiment.id();
        // A verdict needs users, each counted once; events have only rates.
        #[cfg(feature = "results")]
        engine.count_users(id, 1_000_000)?; // part of its definition from now on
        let counts = engine.counts(id).ok_or(ControlError::ExperimentNotFound { id })?;
        let rates = (0..).map(|position| (BASE_RATE + UPLIFT * position).min(10_000));
        for ((variant, counts), true_rate) in
            experiment.variants().iter().zip(counts.variants()).zip(rates)
        {
            places.push(Place {
                experiment: id,
                variant: variant.key().to_owned(),
                percentage: variant.percentage(),
                true_rate,
                carried: counts.ever,
            });
        }
    }
    Ok(())
}

/// A thread that serves requests.
pub(crate) struct Worker {
    shop: Arc<Shop>,
    reader: Reader,
    totals: Totals,
}

impl Worker {
    pub(crate) fn new(shop: Arc<Shop>) -> Worker {
        let reader = shop.environment.reader();
        let totals = Totals::new(shop.places.len());
        Worker { shop, reader, totals }
    }

    /// Serves requests until there are no more, and hands over what was reported to it.
    pub(crate) fn run(mut self, queue: &Mutex<Receiver<Chunk>>, progress: &Progress) -> Totals {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(chunk) = next else {
                break;
            };
            for (number, user) in chunk.users() {
                self.serve(number, user);
            }
            progress.served(&chunk);
        }
        self.totals.ended = Instant::now();
        self.totals
    }

    /// One request: all of its flags are answered by one version of the configuration.
    fn serve(&mut self, number: u64, user: &str) {
        let snapshot = self.reader.snapshot();
        let (shop, totals) = (&*self.shop, &mut self.totals);
        totals.requests += 1;
        totals.anonymous += u64::from(user.is_empty());
        for flag in &shop.flags {
            let answer = flag.handle.evaluate_on(snapshot, user);
            // Here a shop would render its page. `answer.str_or("old")` returns a typed value.
            black_box(answer.value());
            let place = shop.place(flag, answer.experiment(), answer.variant());
            totals.evaluated(place, &answer);

            let true_rate = place.map_or(BASE_RATE, |at| shop.places[at].true_rate);
            if converts((number, user, flag.handle.key(), answer.variant()), true_rate) {
                let conversion = flag.handle.convert_on(snapshot, user);
                let place = shop.place(flag, conversion.experiment(), conversion.variant());
                if conversion.is_counted() {
                    totals.counted(place).conversions += 1;
                } else {
                    totals.not_counted(conversion.outcome().as_str()).conversions += 1;
                }
            }
        }
    }
}

/// Whether a user does what the experiment hopes for. It stands for the world outside, and shares
/// no hash with the engine: else the users of a variant would not be like all others.
fn converts(chance: impl Hash, true_rate: u64) -> bool {
    let mut hasher = DefaultHasher::new();
    chance.hash(&mut hasher);
    hasher.finish() % 10_000 < true_rate
}

/// What the engine reported to one worker, in plain integers that only this worker writes: the
/// other side of the proof.
pub(crate) struct Totals {
    pub(crate) requests: u64,
    /// Requests without a user key.
    pub(crate) anonymous: u64,
    pub(crate) evaluations: u64,
    /// Reported as counted, by place; the last one, for reports without a place, must stay empty.
    pub(crate) counted: Vec<Count>,
    /// Evaluations and conversions that were reported as not counted, by the reason that was given.
    pub(crate) not_counted: BTreeMap<&'static str, Count>,
    pub(crate) ended: Instant,
}

impl Totals {
    pub(crate) fn new(places: usize) -> Totals {
        Totals {
            requests: 0,
            anonymous: 0,
            evaluations: 0,
            counted: vec![Count::default(); places + 1],
            not_counted: BTreeMap::new(),
            ended: Instant::now(),
        }
    }

    fn evaluated(&mut self, place: Option<usize>, answer: &Evaluation<&Snapshot>) {
        self.evaluations += 1;
        if answer.is_counted() {
            self.counted(place).exposures += 1;
            return;
        }
        let why = match answer.reason() {
            // Pinned before the stop, asked after it: the variant is served, and not counted.
            Reason::Split => "stopped_meanwhile",
            reason => reason.as_str(),
        };
        self.not_counted(why).exposures += 1;
    }

    fn counted(&mut self, place: Option<usize>) -> &mut Count {
        let nowhere = self.counted.len() - 1;
        &mut self.counted[place.unwrap_or(nowhere)]
    }

    fn not_counted(&mut self, why: &'static str) -> &mut Count {
        self.not_counted.entry(why).or_default()
    }

    pub(crate) fn add(&mut self, other: &Totals) {
        fn add(sum: &mut Count, count: &Count) {
            sum.exposures += count.exposures;
            sum.conversions += count.conversions;
        }
        self.requests += other.requests;
        self.anonymous += other.anonymous;
        self.evaluations += other.evaluations;
        self.counted.iter_mut().zip(&other.counted).for_each(|(sum, count)| add(sum, count));
        for (why, count) in &other.not_counted {
            add(self.not_counted(why), count);
        }
        self.ended = self.ended.max(other.ended);
    }
}
