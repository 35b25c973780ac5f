//! What the operators of the shop do while it serves: each is one call, and no request waits for
//! it.

use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use fairsplit::{Engine, Experiment, Status};
use serde_json::Value;

use crate::report::grouped;
use crate::shop::Shop;
use crate::traffic::Progress;
use crate::{Event, Failure};

/// What is done, and after how many twelfths of the traffic.
const PLAN: [(u64, Step); 8] = [
    (1, Step::Apply),
    (2, Step::ApplyFaulty),
    (3, Step::ApplyBrokenOff),
    (4, Step::Stop),
    (5, Step::ReloadExport),
    (6, Step::Apply),
    (8, Step::StartAgain),
    (9, Step::StartDraft),
];

#[derive(Clone, Copy)]
enum Step {
    /// The document of the start-up again. What was started and stopped by hand stays so.
    Apply,
    /// The document with a fault in its first flag, which stays as it was.
    ApplyFaulty,
    /// The first half of the document, as a broken transfer leaves it.
    ApplyBrokenOff,
    /// The configuration as it stands, with what was started and stopped by hand, takes the place
    /// of everything.
    ReloadExport,
    Stop,
    StartAgain,
    StartDraft,
}

/// The operator, who changes the configuration while requests are served.
pub(crate) struct Operator {
    engine: Engine,
    document: String,
    /// The first experiment that runs where the shop is, and the first draft.
    running: Option<Experiment>,
    draft: Option<Experiment>,
}

impl Operator {
    pub(crate) fn new(shop: &Shop, document: String) -> Result<Operator, Failure> {
        let mut experiments = Vec::new();
        for flag in shop.engine().flags() {
            let of_flag = shop.engine().experiments(flag.id());
            experiments.extend(of_flag.map_err(|error| Failure::Input(error.to_string()))?);
        }
        experiments.retain(|experiment| experiment.environment() == shop.environment.name());
        let first = |status| {
            let mut matching =
                experiments.iter().filter(|experiment| experiment.status() == status);
            matching.next().cloned()
        };
        let (running, draft) = (first(Status::Running), first(Status::Draft));
        Ok(Operator { engine: shop.engine().clone(), document, running, draft })
    }

    /// Does each step of the plan when it is due, and reports it.
    pub(crate) fn run(&self, progress: &Progress, events: &Sender<Event>) {
        for (twelfths, step) in PLAN {
            while !progress.has_reached(twelfths) {
                thread::sleep(Duration::from_millis(1));
            }
            let requests = grouped(progress.requests());
            let line = format!("{requests:>12} served: {}", self.perform(step));
            if events.send(Event::Log(line)).is_err() {
                return;
            }
        }
    }

    fn perform(&self, step: Step) -> String {
        match step {
            Step::Apply => self.apply("the document", &self.document),
            Step::ApplyFaulty => self.apply("the document with a fault in it", &self.with_fault()),
            Step::ApplyBrokenOff => {
                let characters = self.document.chars();
                let half: String = characters.clone().take(characters.count() / 2).collect();
                self.apply("half of the document", &half)
            }
            Step::ReloadExport => self.replace("the engine's own export", &self.engine.to_json()),
            Step::Stop => match &self.running {
                None => "no experiment is running that could be stopped".to_owned(),
                Some(running) => match self.engine.stop(running.id()) {
                    Ok(stopped) => format!("stopped {:?} at {}", stopped.name(), counts(&stopped)),
                    Err(error) => format!("not stopped: {error}"),
                },
            },
            Step::StartAgain => match &self.running {
                None => "no experiment was stopped that could be started again".to_owned(),
                Some(stopped) => match self.engine.start(stopped.id()) {
                    Ok(again) => {
                        format!("started {:?} again, from {}", again.name(), counts(&again))
                    }
                    Err(error) => format!("not started again: {error}"),
                },
            },
            Step::StartDraft => match &self.draft {
                None => "there is no draft that could be started".to_owned(),
                Some(draft) => match self.engine.start(draft.id()) {
                    Ok(started) => format!("started the draft {:?}", started.name()),
                    Err(error) => format!("draft not started: {error}"),
                },
            },
        }
    }

    /// Changes what the document has changed since it was last applied.
    fn apply(&self, what: &str, text: &str) -> String {
        let applied = self.engine.apply(text);
        let version = self.engine.snapshot().version();
        match applied {
            Ok(report) => {
                let report = report.to_string().replace('\n', "; ");
                format!("applied {what}, now version {version}: {report}")
            }
            Err(error) => format!("{what} was refused, still version {version} ({error})"),
        }
    }

    /// Loads all of the document or nothing.
    fn replace(&self, what: &str, text: &str) -> String {
        let reloaded = self.engine.replace(text);
        let version = self.engine.snapshot().version();
        match reloaded {
            Ok(()) => format!("reloaded {what}, now version {version}"),
            Err(error) => format!("{what} was refused, still version {version} ({error})"),
        }
    }

    /// The document, in which the first flag has lost its default value.
    fn with_fault(&self) -> String {
        let mut document: Value = serde_json::from_str(&self.document).unwrap_or_default();
        let flag = document.pointer_mut("/flags/0").and_then(Value::as_object_mut);
        if let Some(flag) = flag {
            flag.remove("default_value");
        }
        document.to_string()
    }
}

/// The conversions of every variant.
fn counts(experiment: &Experiment) -> String {
    let each = experiment.conversions().map(|(key, count)| format!("{key} {}", grouped(count)));
    each.collect::<Vec<_>>().join(", ")
}
