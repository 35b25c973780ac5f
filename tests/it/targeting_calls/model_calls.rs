//! The calls of the model's test: what they are, how the engine is asked, and what it has then.

use super::model::{Experiment, Model, Rule};
use super::{everybody, holdout_id, layer_id, plan, rule_id, segment_id};
use crate::common::{banner, experiment_id};
use fairsplit::error::ControlError;
use fairsplit::targeting::{NewHoldout, NewLayer, NewRule, NewSegment, NewTargeting, Share};
use fairsplit::{Engine, Status};
use proptest::prelude::*;

pub(super) const FLAGS: [&str; 2] = ["banner", "checkout"];
pub(super) const ENVIRONMENTS: [&str; 2] = ["production", "canary"];
pub(super) const UNITS: [Option<&str>; 2] = [None, Some("company")];
pub(super) const COVERAGES: [u32; 3] = [10, 50, 100];
/// In tenths of a layer, from and to.
pub(super) const RANGES: [&[(u32, u32)]; 4] =
    [&[(0, 5)], &[(5, 10)], &[(0, 1), (9, 10)], &[(2, 6)]];

/// Which one of a few: an experiment, a layer, a holdout, a segment, a rule.
pub(super) type Number = usize;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Aim {
    pub(super) segment: Option<Number>,
    pub(super) coverage: u32,
    pub(super) unit: Number,
    pub(super) layer: Option<(Number, Number)>,
    pub(super) holdouts: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Call {
    Create { experiment: Number, flag: Number, environment: Number, aim: Aim, status: Status },
    Start(Number),
    Stop(Number),
    Archive(Number, bool),
    Delete(Number),
    SetTargeting(Number, Aim),
    RaiseCoverage(Number, u32),
    CreateSegment(Number),
    DeleteSegment(Number),
    CreateLayer(Number, Number),
    ChangeLayer(Number, Number),
    DeleteLayer(Number),
    CreateHoldout(Number, Number, u32),
    ChangeHoldout(Number, Number, u32),
    DeleteHoldout(Number),
    CreateRule { rule: Number, flag: Number, place: Place },
    ChangeRule(Number, Place),
    DeleteRule(Number),
}

/// What matters of a rule.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) environment: Number,
    pub(super) position: Option<u32>,
    pub(super) segment: Option<Number>,
}

fn aim() -> impl Strategy<Value = Aim> {
    let layer = prop::option::weighted(0.6, (0_usize..2, 0..RANGES.len()));
    let coverage = prop::sample::select(COVERAGES.to_vec());
    let unit = prop_oneof![3 => Just(0), 1 => Just(1)];
    let segment = prop::option::weighted(0.3, 0_usize..2);
    let parts = (segment, coverage, unit, layer, prop::bool::weighted(0.8));
    parts.prop_map(|(segment, coverage, unit, layer, holdouts)| Aim {
        segment,
        coverage,
        unit,
        layer,
        holdouts,
    })
}

pub(super) fn call() -> impl Strategy<Value = Call> {
    let experiment = 0_usize..4;
    let (one, unit) = (0_usize..2, prop_oneof![3 => Just(0_usize), 1 => Just(1_usize)]);
    let (flag, environment) = (0..FLAGS.len(), 0..ENVIRONMENTS.len());
    let rule = 0_usize..3;
    let status = prop::sample::select(vec![
        Status::Draft,
        Status::Running,
        Status::Running,
        Status::Stopped,
        Status::Completed,
    ]);
    let position = prop::option::of(0_u32..2);
    let place = (environment.clone(), position, prop::option::of(one.clone()));
    let place =
        place.prop_map(|(environment, position, segment)| Place { environment, position, segment });
    let share = prop::sample::select(vec![1_u32, 5]);
    let holdout = (one.clone(), unit.clone(), share);
    prop_oneof![
        6 => (experiment.clone(), flag.clone(), environment, aim(), status).prop_map(
            |(experiment, flag, environment, aim, status)| {
                Call::Create { experiment, flag, environment, aim, status }
            }
        ),
        6 => experiment.clone().prop_map(Call::Start),
        4 => experiment.clone().prop_map(Call::Stop),
        2 => (experiment.clone(), any::<bool>()).prop_map(|(of, is)| Call::Archive(of, is)),
        1 => experiment.clone().prop_map(Call::Delete),
        6 => (experiment.clone(), aim()).prop_map(|(of, aim)| Call::SetTargeting(of, aim)),
        3 => (experiment, prop::sample::select(COVERAGES.to_vec()))
            .prop_map(|(of, coverage)| Call::RaiseCoverage(of, coverage)),
        3 => one.clone().prop_map(Call::CreateSegment),
        1 => one.clone().prop_map(Call::DeleteSegment),
        3 => (one.clone(), unit.clone()).prop_map(|(of, unit)| Call::CreateLayer(of, unit)),
        1 => (one.clone(), unit).prop_map(|(of, unit)| Call::ChangeLayer(of, unit)),
        1 => one.clone().prop_map(Call::DeleteLayer),
        2 => holdout.clone().prop_map(|(of, unit, share)| Call::CreateHoldout(of, unit, share)),
        1 => holdout.prop_map(|(of, unit, share)| Call::ChangeHoldout(of, unit, share)),
        1 => one.prop_map(Call::DeleteHoldout),
        2 => (rule.clone(), flag, place.clone())
            .prop_map(|(rule, flag, place)| Call::CreateRule { rule, flag, place }),
        2 => (rule.clone(), place).prop_map(|(rule, place)| Call::ChangeRule(rule, place)),
        1 => rule.prop_map(Call::DeleteRule),
    ]
}

fn new_targeting(aim: &Aim) -> NewTargeting {
    let mut new = everybody().coverage(aim.coverage).holdouts(aim.holdouts);
    if let Some(segment) = aim.segment {
        new = new.segment(segment_id(segment as u128));
    }
    if let Some(unit) = UNITS[aim.unit] {
        new = new.bucket_by(unit);
    }
    if let Some((layer, ranges)) = aim.layer {
        let ranges = RANGES[ranges].iter().map(|(from, to)| (from * 10, to * 10));
        new = new.layer(layer_id(layer as u128), ranges);
    }
    new
}

fn new_rule(place: &Place) -> NewRule {
    let mut new = NewRule::new(ENVIRONMENTS[place.environment], "x");
    if let Some(position) = place.position {
        new = new.position(position);
    }
    match place.segment {
        Some(segment) => new.segment(segment_id(segment as u128)),
        None => new,
    }
}

fn new_layer(number: Number, unit: Number) -> NewLayer {
    let new = NewLayer::new("layer").id(layer_id(number as u128));
    UNITS[unit].map_or(new.clone(), |unit| new.bucket_by(unit))
}

fn new_holdout(number: Number, unit: Number, share: u32) -> NewHoldout {
    let new = NewHoldout::new("holdout", share).id(holdout_id(number as u128));
    UNITS[unit].map_or(new.clone(), |unit| new.bucket_by(unit))
}

pub(super) fn ask(engine: &Engine, call: &Call) -> Result<(), ControlError> {
    let of = |number: &Number| experiment_id(*number as u128);
    match call {
        Call::Create { experiment, flag, environment, aim, status } => {
            let new = banner(ENVIRONMENTS[*environment]).id(of(experiment)).status(*status);
            let new = new.targeting(new_targeting(aim));
            engine.create_experiment(FLAGS[*flag], new).map(drop)
        }
        Call::Start(number) => engine.start(of(number)).map(drop),
        Call::Stop(number) => engine.stop(of(number)).map(drop),
        Call::Archive(number, true) => engine.archive_experiment(of(number)).map(drop),
        Call::Archive(number, false) => engine.unarchive_experiment(of(number)).map(drop),
        Call::Delete(number) => engine.delete_experiment(of(number)).map(drop),
        Call::SetTargeting(number, aim) => {
            engine.set_targeting(of(number), new_targeting(aim)).map(drop)
        }
        Call::RaiseCoverage(number, to) => engine.raise_coverage(of(number), *to).map(drop),
        Call::CreateSegment(number) => {
            let new = NewSegment::new("segment").condition(plan("pro"));
            engine.create_segment(new.id(segment_id(*number as u128))).map(drop)
        }
        Call::DeleteSegment(number) => engine.delete_segment(segment_id(*number as u128)).map(drop),
        Call::CreateLayer(number, unit) => engine.create_layer(new_layer(*number, *unit)).map(drop),
        Call::ChangeLayer(number, unit) => {
            engine.change_layer(layer_id(*number as u128), new_layer(*number, *unit)).map(drop)
        }
        Call::DeleteLayer(number) => engine.delete_layer(layer_id(*number as u128)).map(drop),
        Call::CreateHoldout(number, unit, share) => {
            engine.create_holdout(new_holdout(*number, *unit, *share)).map(drop)
        }
        Call::ChangeHoldout(number, unit, share) => {
            let new = new_holdout(*number, *unit, *share);
            engine.change_holdout(holdout_id(*number as u128), new).map(drop)
        }
        Call::DeleteHoldout(number) => engine.delete_holdout(holdout_id(*number as u128)).map(drop),
        Call::CreateRule { rule, flag, place } => {
            let new = new_rule(place).id(rule_id(*rule as u128));
            engine.create_rule(FLAGS[*flag], new).map(drop)
        }
        Call::ChangeRule(rule, place) => {
            engine.change_rule(rule_id(*rule as u128), new_rule(place)).map(drop)
        }
        Call::DeleteRule(rule) => engine.delete_rule(rule_id(*rule as u128)).map(drop),
    }
}

/// What the engine has, as the model has it.
pub(super) fn read(engine: &Engine) -> Model {
    let unit = |of: Option<&str>| UNITS.iter().position(|unit| *unit == of).unwrap();
    let tenths = |share: Share| share.thousandths() / 10_000;
    let percent = |share: Share| share.thousandths() / 1_000;
    let mut model = Model::default();
    for (flag, key) in FLAGS.iter().enumerate() {
        for experiment in engine.experiments(*key).unwrap() {
            let number = u128::from_be_bytes(experiment.id().to_bytes()) as Number;
            let targeting = experiment.targeting().cloned();
            let targeting = targeting.as_ref();
            let bytes = |bytes: [u8; 16]| u128::from_be_bytes(bytes) as Number;
            let segment = targeting.and_then(|of| of.audience().segments().first());
            let layer = targeting.and_then(|of| of.layer()).map(|part| {
                let found: Vec<_> = part
                    .ranges()
                    .iter()
                    .map(|range| (tenths(range.from()), tenths(range.to())))
                    .collect();
                let ranges = RANGES.iter().position(|ranges| **ranges == found[..]).unwrap();
                (bytes(part.id().to_bytes()), ranges)
            });
            let held = targeting.map_or(&[][..], |of| of.held_out_by());
            model.experiments[number] = Some(Experiment {
                flag,
                environment: ENVIRONMENTS
                    .iter()
                    .position(|name| *name == experiment.environment().as_str())
                    .unwrap(),
                aim: Aim {
                    segment: segment.map(|id| bytes(id.to_bytes())),
                    coverage: targeting.map_or(100, |of| percent(of.coverage())),
                    unit: unit(targeting.and_then(|of| of.bucket_by())),
                    layer,
                    holdouts: targeting.is_none_or(fairsplit::targeting::Targeting::holdouts),
                },
                status: experiment.status(),
                is_archived: experiment.is_archived(),
                is_started: experiment.started_at().is_some(),
                held_out_by: held.iter().map(|id| bytes(id.to_bytes())).collect(),
            });
        }
        for rule in engine.rules(*key).unwrap() {
            let number = u128::from_be_bytes(rule.id().to_bytes()) as Number;
            let environment = rule.environment().as_str();
            model.rules[number] = Some(Rule {
                flag,
                environment: ENVIRONMENTS.iter().position(|name| *name == environment).unwrap(),
                position: rule.position(),
                segment: rule.segment().map(|id| u128::from_be_bytes(id.to_bytes()) as Number),
            });
        }
    }
    for number in 0..2 {
        model.segments[number] = engine.segment(segment_id(number as u128)).is_some();
        model.layers[number] =
            engine.layer(layer_id(number as u128)).map(|layer| unit(layer.bucket_by()));
        let holdout = engine.holdout(holdout_id(number as u128));
        model.holdouts[number] =
            holdout.map(|holdout| (unit(holdout.bucket_by()), percent(holdout.percentage())));
    }
    model
}
