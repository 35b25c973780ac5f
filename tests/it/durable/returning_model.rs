//! Random calls, documents and reopenings against a naive model, which keeps who was in a started
//! experiment for as long as the directory keeps its counts.

use crate::common::directory::Directory;
use crate::common::{banner, experiment_id, flag_id};
use fairsplit::targeting::{Condition, HoldoutId, NewHoldout, NewTargeting, Operator};
use fairsplit::{Engine, NewFlag, Status};
use proptest::prelude::*;
use serde_json::{Value, json};

const HOLDOUT: HoldoutId = HoldoutId::from_bytes([7; 16]);
const PLANS: [&str; 2] = ["free", "pro"];

#[derive(Clone, Copy, Debug)]
struct Aim {
    plan: usize,
    coverage: u32,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Create { number: usize, aim: Aim, runs: bool },
    Bring { number: usize, aim: Aim, runs: bool },
    Start(usize),
    Stop(usize),
    Raise(usize, u32),
    Count(usize),
    Delete(usize),
    LeaveOut(usize),
    CreateHoldout(u32),
    DeleteHoldout,
    Reopen,
}

fn call() -> impl Strategy<Value = Call> {
    let number = || 0..2_usize;
    let coverage = || prop::sample::select(vec![20, 50, 100]);
    let of = || {
        let aim = (0..2_usize, coverage()).prop_map(|(plan, coverage)| Aim { plan, coverage });
        (number(), aim, any::<bool>())
    };
    prop_oneof![
        3 => of().prop_map(|(number, aim, runs)| Call::Create { number, aim, runs }),
        3 => of().prop_map(|(number, aim, runs)| Call::Bring { number, aim, runs }),
        2 => number().prop_map(Call::Start),
        2 => number().prop_map(Call::Stop),
        1 => (number(), coverage()).prop_map(|(number, coverage)| Call::Raise(number, coverage)),
        3 => number().prop_map(Call::Count),
        2 => number().prop_map(Call::Delete),
        2 => number().prop_map(Call::LeaveOut),
        2 => prop::sample::select(vec![5, 10]).prop_map(Call::CreateHoldout),
        1 => Just(Call::DeleteHoldout),
        2 => Just(Call::Reopen),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "what a naive model keeps")]
struct Experiment {
    plan: usize,
    coverage: u32,
    is_running: bool,
    is_started: bool,
    is_held_out: bool,
    /// What the engine does not show.
    is_counted: bool,
}

/// An experiment that is gone, and what outlives a reopening.
#[derive(Clone, Copy, Debug)]
struct Gone {
    was: Experiment,
    lasts: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Model {
    experiments: [Option<Experiment>; 2],
    gone: [Option<Gone>; 2],
    holdout: Option<u32>,
    gone_holdout: Option<u32>,
}

impl Model {
    /// The model after a call; `None` if it is refused.
    fn after(mut self, call: Call) -> Option<Model> {
        match call {
            Call::Create { number, aim, runs } | Call::Bring { number, aim, runs } => {
                if self.experiments[number].is_some() {
                    return None;
                }
                let mut new = Experiment {
                    plan: aim.plan,
                    coverage: aim.coverage,
                    is_running: runs,
                    is_started: false,
                    is_held_out: false,
                    is_counted: false,
                };
                if let Some(Gone { was, .. }) = self.gone[number] {
                    let is_same = was.plan == aim.plan && was.coverage <= aim.coverage;
                    let is_bound = was.is_held_out && self.holdout.is_none();
                    if !is_same || is_bound {
                        return None;
                    }
                    new = Experiment { coverage: aim.coverage, is_running: false, ..was };
                }
                if runs {
                    self.start(&mut new);
                }
                self.experiments[number] = Some(new);
                self.gone[number] = None;
            }
            Call::Start(number) => {
                let mut of = self.experiments[number].filter(|of| !of.is_running)?;
                self.start(&mut of);
                self.experiments[number] = Some(of);
            }
            Call::Stop(number) => {
                let of = self.experiments[number].as_mut().filter(|of| of.is_running)?;
                of.is_running = false;
            }
            Call::Raise(number, coverage) => {
                let of = self.experiments[number].as_mut()?;
                if of.is_started && coverage < of.coverage {
                    return None;
                }
                of.coverage = coverage;
            }
            Call::Count(number) => {
                let of = self.experiments[number].as_mut().filter(|of| of.is_running)?;
                of.is_counted = true;
            }
            Call::Delete(number) => {
                let was = self.experiments[number].take().filter(|of| !of.is_running)?;
                let gone = Gone { was, lasts: true };
                self.gone[number] = (was.is_started && was.is_counted).then_some(gone);
            }
            Call::LeaveOut(number) => {
                let was = self.experiments[number].take()?;
                // What runs may be counted until it is gone.
                let gone = Gone { was, lasts: was.is_counted || was.is_running };
                self.gone[number] = was.is_started.then_some(gone);
            }
            Call::CreateHoldout(percent) => {
                let gone = self.gone.iter().flatten().map(|gone| gone.was);
                let is_bound = gone.into_iter().any(|of| of.is_held_out);
                if self.holdout.is_some() || is_bound && self.gone_holdout != Some(percent) {
                    return None;
                }
                self.holdout = Some(percent);
            }
            Call::DeleteHoldout => {
                if self.experiments.iter().flatten().any(|of| of.is_held_out) {
                    return None;
                }
                self.gone_holdout = Some(self.holdout.take()?);
            }
            Call::Reopen => self.gone = self.gone.map(|gone| gone.filter(|gone| gone.lasts)),
        }
        Some(self)
    }

    fn start(&self, of: &mut Experiment) {
        of.is_running = true;
        if !of.is_started {
            of.is_started = true;
            of.is_held_out = self.holdout.is_some();
        }
    }
}

fn key(number: usize) -> &'static str {
    ["one", "two"][number]
}

fn targeting(aim: Aim) -> NewTargeting {
    let plan = Condition::new("plan", Operator::Equals, PLANS[aim.plan]);
    NewTargeting::new().condition(plan).coverage(aim.coverage)
}

fn experiment(number: usize) -> fairsplit::ExperimentId {
    experiment_id(5 + number as u128)
}

/// The document of the engine, with the experiment in it or out of it.
fn document(engine: &Engine, number: usize, brought: Option<(Aim, bool)>) -> String {
    let mut document: Value = serde_json::from_str(&engine.to_json()).unwrap();
    let flag = &mut document["flags"][number];
    assert_eq!(flag["key"], key(number));
    flag["experiments"] = json!([]);
    for section in ["counters", "forced", "targeting"] {
        flag[section] = json!({});
    }
    if let Some((aim, runs)) = brought {
        flag["experiments"] = json!([{
            "id": experiment(number), "name": "Back", "environment": "production",
            "status": if runs { "running" } else { "draft" },
            "variants": [
                {"key": "control", "value": "old", "percentage": 50},
                {"key": "treatment", "value": "new", "percentage": 50}
            ]
        }]);
        let plan = json!({"attribute": "plan", "operator": "equals", "value": PLANS[aim.plan]});
        flag["targeting"][experiment(number).to_string()] =
            json!({"audience": {"conditions": [plan]}, "coverage": aim.coverage});
    }
    document.to_string()
}

/// Whether the call succeeds.
fn ask(engine: &Engine, call: Call) -> bool {
    match call {
        Call::Create { number, aim, runs } => {
            let status = if runs { Status::Running } else { Status::Draft };
            let new = banner("production").id(experiment(number)).targeting(targeting(aim));
            engine.create_experiment(key(number), new.status(status)).is_ok()
        }
        Call::Bring { number, aim, runs } => {
            let is_gone = engine.experiment(experiment(number)).is_none();
            is_gone && engine.replace(&document(engine, number, Some((aim, runs)))).is_ok()
        }
        Call::Start(number) => engine.start(experiment(number)).is_ok(),
        Call::Stop(number) => engine.stop(experiment(number)).is_ok(),
        Call::Raise(number, coverage) => {
            engine.raise_coverage(experiment(number), coverage).is_ok()
        }
        Call::Count(number) => engine.convert_variant(experiment(number), "control").is_counted(),
        Call::Delete(number) => engine.delete_experiment(experiment(number)).is_ok(),
        Call::LeaveOut(number) => {
            let is_there = engine.experiment(experiment(number)).is_some();
            is_there && engine.replace(&document(engine, number, None)).is_ok()
        }
        Call::CreateHoldout(percent) => {
            engine.create_holdout(NewHoldout::new("2026", percent).id(HOLDOUT)).is_ok()
        }
        Call::DeleteHoldout => engine.delete_holdout(HOLDOUT).is_ok(),
        Call::Reopen => true,
    }
}

/// What the engine shows of an experiment; the rest is as in the model.
fn read(engine: &Engine, number: usize, model: &Model) -> Option<Experiment> {
    let found = engine.experiment(experiment(number))?;
    let targeting = found.targeting().unwrap();
    let plan = serde_json::to_value(targeting.audience()).unwrap();
    let plan = plan["conditions"][0]["value"].clone();
    Some(Experiment {
        plan: PLANS.iter().position(|known| plan == *known).unwrap(),
        coverage: targeting.coverage().thousandths() / 1000,
        is_running: found.status() == Status::Running,
        is_held_out: !targeting.held_out_by().is_empty(),
        ..model.experiments[number].unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn what_left_a_directory_comes_back_as_in_the_model(
        calls in prop::collection::vec(call(), 1..40)
    ) {
        let directory = Directory::new();
        let mut engine = directory.open();
        for number in 0..2 {
            let flag = NewFlag::new(key(number), "old").id(flag_id(number as u128));
            engine.create_flag(flag).unwrap();
        }
        let mut model = Model::default();
        for call in calls {
            let next = model.after(call);
            prop_assert_eq!(ask(&engine, call), next.is_some(), "{:?} of {:?}", call, model);
            model = next.unwrap_or(model);
            if matches!(call, Call::Reopen) {
                drop(engine);
                engine = directory.open();
            }
            for number in 0..2 {
                prop_assert_eq!(
                    engine.experiment(experiment(number)).is_some(),
                    model.experiments[number].is_some()
                );
                let found = read(&engine, number, &model);
                prop_assert_eq!(found, model.experiments[number], "{:?}", call);
            }
            let holdout = engine.holdout(HOLDOUT);
            let percent = holdout.map(|holdout| holdout.percentage().thousandths() / 1000);
            prop_assert_eq!(percent, model.holdout, "{:?}", call);
        }
    }
}
