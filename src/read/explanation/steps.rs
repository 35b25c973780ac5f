//! What each rule, and each gate of the running experiment, says of a user.

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use crate::assign::slot::GateSeed;
use crate::model::id::{HoldoutId, LayerId, RuleId, SegmentId};
use crate::model::targeting::segment::{MatchType, Segment};
use crate::model::targeting::share::Share;
use crate::read::compiled_audience::{CompiledAudience, Member};
use crate::read::gates::Gates;
use crate::read::guarded::{Guarded, GuardedSplit};
use crate::target::test::Test;
use crate::target::truth::Truth;
use crate::target::user::User;
use crate::target::user_key::Unit;

/// A rule, and what it says of the user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExplainedRule {
    /// Its id.
    pub id: RuleId,
    /// Its position.
    pub position: u32,
    /// Whether it answers: its conditions hold, and its percentage picks the user.
    pub answers: bool,
    /// Its conditions and its segment.
    #[serde(flatten)]
    pub audience: ExplainedAudience,
    /// Where the user falls, if it has a percentage and there is a user key.
    pub slot: Option<ExplainedSlot>,
}

/// Conditions and segments, and what each says of the user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExplainedAudience {
    /// What all of them together say.
    pub answer: Truth,
    /// Its conditions.
    pub conditions: Vec<ExplainedCondition>,
    /// Its segments.
    pub segments: Vec<ExplainedSegment>,
}

/// A segment, and what it says of the user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExplainedSegment {
    /// Its id.
    pub id: SegmentId,
    /// Its name; empty if there is no such segment.
    pub name: String,
    /// Whether the user must not be in it.
    pub negate: bool,
    /// How its conditions are joined.
    pub match_type: MatchType,
    /// What it says, after the negation.
    pub answer: Truth,
    /// Its conditions.
    pub conditions: Vec<ExplainedCondition>,
}

/// A condition, and what it says of the user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExplainedCondition {
    /// The name of the attribute.
    pub attribute: String,
    /// What it asks, as in `greater_than`.
    pub operator: &'static str,
    /// What it compares with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Whether it is negated.
    pub negate: bool,
    /// What it says, after the negation.
    pub answer: Truth,
}

/// Where a unit falls, and what that decides.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExplainedSlot {
    /// The seed, 16 hexadecimal digits.
    pub seed: String,
    /// The slot, 0 to 99,999.
    pub slot: u32,
    /// The slots that count.
    pub ranges: Vec<Range<u32>>,
    /// Whether the slot is one of them.
    pub is_in: bool,
}

/// A gate before the running experiment, and what it says of the user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "gate", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExplainedGate {
    /// What is split by.
    #[non_exhaustive]
    Unit {
        /// The attribute, or `user_key`.
        attribute: String,
        /// Its text; `None` if the user has none, and so is not in the experiment.
        unit: Option<String>,
    },
    /// A holdout.
    #[non_exhaustive]
    Holdout {
        /// Its id.
        id: HoldoutId,
        /// Where the unit falls; in the slots that count, it is held out.
        slot: ExplainedSlot,
        /// Whether the user is not held out.
        passes: bool,
    },
    /// The layer.
    #[non_exhaustive]
    Layer {
        /// Its id.
        id: LayerId,
        /// Where the unit falls.
        slot: ExplainedSlot,
        /// Whether that is in a range of the experiment.
        passes: bool,
    },
    /// The audience.
    #[non_exhaustive]
    Audience {
        /// Its conditions and segments.
        #[serde(flatten)]
        audience: ExplainedAudience,
        /// Whether the user is in it.
        passes: bool,
    },
    /// The coverage.
    #[non_exhaustive]
    Coverage {
        /// Where the unit falls.
        slot: ExplainedSlot,
        /// Whether the user is covered.
        passes: bool,
    },
}

impl ExplainedSlot {
    fn of(seed: GateSeed, unit: &str, ranges: Vec<Range<u32>>) -> ExplainedSlot {
        let slot = seed.slot(unit).index();
        let is_in = ranges.iter().any(|range| range.contains(&slot));
        ExplainedSlot { seed: format!("{:016x}", seed.value()), slot, ranges, is_in }
    }

    fn of_share(seed: GateSeed, unit: &str, share: Share) -> ExplainedSlot {
        // A share of none has no slot.
        let ranges = Some(0..share.thousandths()).filter(|range| !range.is_empty());
        ExplainedSlot::of(seed, unit, ranges.into_iter().collect())
    }
}

fn conditions(tests: &[Test], user: User<'_>) -> Vec<ExplainedCondition> {
    let explained = tests.iter().map(|test| {
        let condition = test.condition();
        ExplainedCondition {
            attribute: condition.attribute().to_owned(),
            operator: condition.operator().as_str(),
            value: condition.value().cloned(),
            negate: condition.is_negated(),
            answer: test.ask(user),
        }
    });
    explained.collect()
}

fn audience(of: &CompiledAudience, user: User<'_>) -> ExplainedAudience {
    let segments = of.segments.iter().map(|member: &Member| {
        let segment = member.segment.as_deref();
        ExplainedSegment {
            id: member.id,
            name: segment.map_or("", Segment::name).to_owned(),
            negate: member.negate,
            match_type: segment.map_or(MatchType::All, Segment::match_type),
            answer: member.ask(user),
            conditions: segment.map_or_else(Vec::new, |segment| conditions(&segment.tests, user)),
        }
    });
    ExplainedAudience {
        answer: of.ask(user),
        conditions: conditions(&of.tests, user),
        segments: segments.collect(),
    }
}

/// The rules of a flag.
pub(super) fn rules(flag: &Guarded, user: User<'_>) -> Vec<ExplainedRule> {
    let explained = flag.rules.iter().filter_map(|compiled| {
        let rule = flag.state.rules.get(compiled.at)?;
        let has_key = !user.key().is_empty();
        let slot = compiled.pick.filter(|_| has_key);
        Some(ExplainedRule {
            id: rule.id,
            position: rule.position,
            answers: compiled.answers(user),
            audience: audience(&compiled.audience, user),
            slot: slot.map(|(seed, share)| ExplainedSlot::of_share(seed, user.key(), share)),
        })
    });
    explained.collect()
}

/// The gates of the running experiment; none if it has no targeting.
pub(super) fn gates(flag: &Guarded, user: User<'_>) -> Vec<ExplainedGate> {
    let Some(GuardedSplit { gates: Some(gates), .. }) = &flag.split else { return Vec::new() };
    let unit = gates.unit(user).ok();
    let mut explained = vec![ExplainedGate::Unit {
        attribute: gates.bucket_by.as_deref().unwrap_or("user_key").to_owned(),
        unit: unit.as_ref().map(|unit| unit.as_str().to_owned()),
    }];
    let of_audience = gates.audience.as_ref().map(|of| {
        let audience = audience(of, user);
        let passes = audience.answer.is_true();
        ExplainedGate::Audience { audience, passes }
    });
    match unit {
        Some(unit) => explained.extend(of_unit(gates, &unit, of_audience)),
        None => explained.extend(of_audience),
    }
    explained
}

/// The gates for a unit, in the order in which they are asked.
fn of_unit(
    gates: &Gates,
    unit: &Unit<'_>,
    audience: Option<ExplainedGate>,
) -> impl Iterator<Item = ExplainedGate> {
    let unit = unit.as_str();
    let holdouts = gates.holdouts.iter().map(|gate| {
        let slot = ExplainedSlot::of_share(gate.seed, unit, gate.share);
        let passes = !slot.is_in;
        ExplainedGate::Holdout { id: gate.id, slot, passes }
    });
    let layer = gates.layer.as_ref().map(|gate| {
        let ranges = gate.ranges.iter();
        let ranges = ranges.map(|range| range.from().thousandths()..range.to().thousandths());
        let slot = ExplainedSlot::of(gate.seed, unit, ranges.collect());
        let passes = slot.is_in;
        ExplainedGate::Layer { id: gate.id, slot, passes }
    });
    let coverage = gates.coverage.as_ref().map(|gate| {
        let slot = ExplainedSlot::of_share(gate.seed, unit, gate.share);
        let passes = slot.is_in;
        ExplainedGate::Coverage { slot, passes }
    });
    holdouts.chain(layer).chain(audience).chain(coverage)
}
