//! Random calls against a naive model: vectors, and rules written out one by one. After each call,
//! no two running experiments of a layer share a user, and a started experiment is for whom it was
//! when it was started.

use super::model_calls::{Aim, Call, FLAGS, Number, Place, RANGES, ask, call, read};
use super::state;
use crate::common::{engine_at_noon, flag_id};
use fairsplit::{NewFlag, Status};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Experiment {
    pub(super) flag: Number,
    pub(super) environment: Number,
    pub(super) aim: Aim,
    pub(super) status: Status,
    pub(super) is_archived: bool,
    pub(super) is_started: bool,
    pub(super) held_out_by: Vec<Number>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) flag: Number,
    pub(super) environment: Number,
    pub(super) position: u32,
    pub(super) segment: Option<Number>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    pub(super) experiments: [Option<Experiment>; 4],
    pub(super) rules: [Option<Rule>; 3],
    pub(super) segments: [bool; 2],
    /// The units.
    pub(super) layers: [Option<Number>; 2],
    /// The units and percentages.
    pub(super) holdouts: [Option<(Number, u32)>; 2],
    /// The same of those that were deleted, which no call reads.
    pub(super) deleted: [Option<(Number, u32)>; 2],
}

impl Model {
    fn all(&self) -> impl Iterator<Item = &Experiment> {
        self.experiments.iter().flatten()
    }

    /// Whether everything that an experiment names is there, and has its unit.
    fn fits(&self, of: &Experiment) -> bool {
        let aim = &of.aim;
        let segment = aim.segment.is_none_or(|segment| self.segments[segment]);
        let layer = aim.layer.is_none_or(|(layer, _)| self.layers[layer] == Some(aim.unit));
        let holdouts = self.holdouts.iter().enumerate().all(|(number, holdout)| match holdout {
            Some((unit, _)) => *unit == aim.unit || !Model::is_bound(of, number),
            None => of.is_archived || !of.held_out_by.contains(&number),
        });
        segment && layer && holdouts
    }

    /// Whether a holdout binds an experiment, or would bind it.
    fn is_bound(of: &Experiment, holdout: Number) -> bool {
        if of.is_started {
            of.held_out_by.contains(&holdout)
        } else {
            of.aim.holdouts && of.status != Status::Completed
        }
    }

    /// Whether nothing that runs is in the way of an experiment.
    fn may_run(&self, of: &Experiment) -> bool {
        let running = |other: &&Experiment| {
            other.status == Status::Running && other.environment == of.environment
        };
        self.all().filter(running).all(|other| {
            let is_other_layer = match (other.aim.layer, of.aim.layer) {
                (Some(one), Some(other)) => one.0 != other.0 || !share_a_tenth(one.1, other.1),
                _ => true,
            };
            other.flag != of.flag && is_other_layer
        })
    }

    fn run(&self, of: &mut Experiment) {
        of.status = Status::Running;
        if !of.is_started {
            of.is_started = true;
            let there = (0..2).filter(|number| self.holdouts[*number].is_some());
            of.held_out_by = there.filter(|_| of.aim.holdouts).collect();
        }
    }

    /// The rule of a place, unless another one is there.
    fn placed(&self, rule: Number, flag: Number, place: &Place) -> Option<Rule> {
        let there: Vec<_> = self
            .rules
            .iter()
            .enumerate()
            .filter_map(|(number, other)| {
                let other = other.as_ref()?;
                let is_there = other.flag == flag && other.environment == place.environment;
                is_there.then_some((number, other.position))
            })
            .collect();
        let own = there.iter().find(|(number, _)| *number == rule).map(|(_, position)| *position);
        let after = there.iter().map(|(_, position)| position + 1).max().unwrap_or(0);
        let position = place.position.or(own).unwrap_or(after);
        let is_taken = there.iter().any(|(number, taken)| *number != rule && *taken == position);
        let is_known = place.segment.is_none_or(|segment| self.segments[segment]);
        let Place { environment, segment, .. } = *place;
        (!is_taken && is_known).then_some(Rule { flag, environment, position, segment })
    }

    /// The model after a call; `None` if it is refused.
    fn after(&self, call: &Call) -> Option<Model> {
        let mut next = self.clone();
        self.change_experiment(call, &mut next)?;
        self.change_shared(call, &mut next)?;
        Some(next)
    }

    /// A call for an experiment; `None` if it is refused.
    fn change_experiment(&self, call: &Call, next: &mut Model) -> Option<()> {
        match call {
            Call::Create { experiment, flag, environment, aim, status } => {
                let mut new = Experiment {
                    flag: *flag,
                    environment: *environment,
                    aim: aim.clone(),
                    status: *status,
                    is_archived: false,
                    is_started: false,
                    held_out_by: Vec::new(),
                };
                let is_free = self.experiments[*experiment].is_none();
                if !is_free || !self.fits(&new) {
                    return None;
                }
                if new.status == Status::Running {
                    if !self.may_run(&new) {
                        return None;
                    }
                    self.run(&mut new);
                }
                next.experiments[*experiment] = Some(new);
            }
            Call::Start(number) => {
                let of = next.experiments[*number].as_mut()?;
                let is_startable = matches!(of.status, Status::Draft | Status::Stopped);
                if !is_startable || of.is_archived || !self.may_run(of) {
                    return None;
                }
                self.run(of);
            }
            Call::Stop(number) => {
                let of = next.experiments[*number].as_mut()?;
                if of.status != Status::Running {
                    return None;
                }
                of.status = Status::Stopped;
            }
            Call::Archive(number, is_archived) => {
                let of = next.experiments[*number].as_mut()?;
                of.is_archived = *is_archived;
                if of.status == Status::Running && *is_archived || !self.fits(of) {
                    return None;
                }
            }
            Call::Delete(number) => {
                if self.experiments[*number].as_ref()?.status == Status::Running {
                    return None;
                }
                next.experiments[*number] = None;
            }
            Call::SetTargeting(number, aim) => {
                let of = next.experiments[*number].as_mut()?;
                let is_same = Aim { coverage: of.aim.coverage, ..aim.clone() } == of.aim;
                if of.is_started && (!is_same || aim.coverage < of.aim.coverage) {
                    return None;
                }
                of.aim = aim.clone();
                if !self.fits(of) {
                    return None;
                }
            }
            Call::RaiseCoverage(number, coverage) => {
                let of = next.experiments[*number].as_mut()?;
                if of.is_started && *coverage < of.aim.coverage {
                    return None;
                }
                of.aim.coverage = *coverage;
            }
            _ => {}
        }
        Some(())
    }

    /// A call for what experiments share, or for a rule; `None` if it is refused.
    fn change_shared(&self, call: &Call, next: &mut Model) -> Option<()> {
        match call {
            Call::CreateSegment(number) => {
                let is_there = std::mem::replace(&mut next.segments[*number], true);
                if is_there {
                    return None;
                }
            }
            Call::DeleteSegment(number) => {
                let by_rule = self.rules.iter().flatten().any(|rule| rule.segment == Some(*number));
                let is_used = by_rule || self.all().any(|of| of.aim.segment == Some(*number));
                if !std::mem::replace(&mut next.segments[*number], false) || is_used {
                    return None;
                }
            }
            Call::CreateLayer(number, unit) => {
                let before = next.layers[*number].replace(*unit);
                if before.is_some() {
                    return None;
                }
            }
            Call::ChangeLayer(number, unit) => {
                next.layers[*number].replace(*unit)?;
                if !self.all().all(|of| next.fits(of)) {
                    return None;
                }
            }
            Call::DeleteLayer(number) => {
                next.layers[*number].take()?;
                if !self.all().all(|of| next.fits(of)) {
                    return None;
                }
            }
            Call::CreateHoldout(number, unit, share) => {
                let is_there = next.holdouts[*number].replace((*unit, *share)).is_some();
                // For the archived ones that it bound, a deleted holdout stays what it was.
                let binds = self.all().any(|of| of.held_out_by.contains(number));
                let is_other = self.deleted[*number] != Some((*unit, *share));
                if is_there || binds && is_other || !self.all().all(|of| next.fits(of)) {
                    return None;
                }
            }
            Call::ChangeHoldout(number, unit, share) => {
                let before = next.holdouts[*number].replace((*unit, *share))?;
                let is_fixed = self.all().any(|of| of.held_out_by.contains(number));
                let is_other = before != (*unit, *share);
                if is_fixed && is_other || !self.all().all(|of| next.fits(of)) {
                    return None;
                }
            }
            Call::DeleteHoldout(number) => {
                next.deleted[*number] = Some(next.holdouts[*number].take()?);
                if !self.all().all(|of| next.fits(of)) {
                    return None;
                }
            }
            Call::CreateRule { rule, flag, place } => {
                if self.rules[*rule].is_some() {
                    return None;
                }
                next.rules[*rule] = Some(self.placed(*rule, *flag, place)?);
            }
            Call::ChangeRule(rule, place) => {
                let flag = self.rules[*rule].as_ref()?.flag;
                next.rules[*rule] = Some(self.placed(*rule, flag, place)?);
            }
            Call::DeleteRule(rule) => {
                next.rules[*rule].take()?;
            }
            _ => {}
        }
        Some(())
    }
}

/// Whether two of the ranges have a tenth in common.
fn share_a_tenth(one: Number, other: Number) -> bool {
    let has = |ranges: Number, tenth: u32| {
        RANGES[ranges].iter().any(|(from, to)| (*from..*to).contains(&tenth))
    };
    (0..10).any(|tenth| has(one, tenth) && has(other, tenth))
}

/// What holds after each call, whatever the model says.
fn check_promises(before: &Model, after: &Model) {
    let running = |of: &&Experiment| of.status == Status::Running;
    for one in after.all().filter(running) {
        for other in after.all().filter(running).filter(|other| !std::ptr::eq(*other, one)) {
            if let (Some(ours), Some(theirs)) = (one.aim.layer, other.aim.layer)
                && one.environment == other.environment
                && ours.0 == theirs.0
            {
                assert!(!share_a_tenth(ours.1, theirs.1));
            }
        }
    }
    for (known, now) in before.experiments.iter().zip(&after.experiments) {
        let (Some(known), Some(now)) = (known, now) else { continue };
        if known.is_started {
            assert!(now.aim.coverage >= known.aim.coverage);
            assert_eq!(
                Aim { coverage: 0, ..now.aim.clone() },
                Aim { coverage: 0, ..known.aim.clone() }
            );
            assert_eq!(now.held_out_by, known.held_out_by);
        } else if now.is_started {
            let there = (0..2).filter(|number| before.holdouts[*number].is_some());
            let expected: Vec<_> = there.filter(|_| now.aim.holdouts).collect();
            assert_eq!(now.held_out_by, expected);
        }
        for holdout in &now.held_out_by {
            let still = after.holdouts[*holdout];
            let known = before.holdouts[*holdout].or(before.deleted[*holdout]);
            assert!(still == known || still.is_none() && now.is_archived);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn calls_for_targeting_do_what_the_model_does(calls in prop::collection::vec(call(), 1..80)) {
        let (engine, _) = engine_at_noon();
        for (number, key) in (1..).zip(FLAGS) {
            engine.create_flag(NewFlag::new(key, "old").id(flag_id(number))).unwrap();
        }
        let mut model = Model::default();
        for call in &calls {
            let before = state(&engine);
            let result = ask(&engine, call);
            let Some(next) = model.after(call) else {
                prop_assert!(result.is_err(), "{call:?}");
                prop_assert_eq!(state(&engine), before);
                continue;
            };
            prop_assert!(result.is_ok(), "{call:?}: {result:?}");
            // What is so already is no change.
            prop_assert_eq!(state(&engine) == before, next == model, "{:?}", call);
            let now = Model { deleted: next.deleted, ..read(&engine) };
            prop_assert_eq!(&now, &next, "{:?}", call);
            check_promises(&model, &now);
            model = next;
        }
    }
}
