//! An explanation as a few lines of text.

use std::fmt;

use crate::read::explanation::steps::{
    ExplainedAudience, ExplainedCondition, ExplainedGate, ExplainedRule, ExplainedSlot,
};
use crate::read::explanation::{ExplainedAssignment, ExplainedExperiment, Explanation};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flag {:?} in {} answers ", self.flag, self.environment)?;
        match &self.value {
            Some(value) => write!(f, "{value}")?,
            None => f.write_str("nothing")?,
        }
        write!(f, " to {:?}: {}", self.user_key, self.reason)?;
        for rule in &self.rules {
            write!(f, "\n{rule}")?;
        }
        for ExplainedExperiment { id, name, status, archived } in &self.experiments {
            let archived = if *archived { ", archived" } else { "" };
            write!(f, "\nexperiment {id} ({name}, {status}{archived})")?;
            match &self.variant {
                Some(variant) if self.experiment == Some(*id) => {
                    write!(f, " serves variant {variant:?}")?;
                }
                _ => f.write_str(" serves nothing here")?,
            }
        }
        for gate in &self.gates {
            write!(f, "\n{gate}")?;
        }
        if let Some(ExplainedAssignment { seed, hash, bucket, variant, buckets }) = &self.assignment
        {
            let last = buckets.end.saturating_sub(1);
            write!(f, "\nseed {seed}, hash {hash}, bucket {bucket}: ")?;
            write!(f, "variant {variant:?} owns buckets {} to {last}", buckets.start)?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = if self.answers { "answers" } else { "does not answer" };
        write!(f, "rule {} ({}) {answers}", self.position, self.id)?;
        if let Some(slot) = &self.slot {
            write!(f, ": {slot}")?;
        }
        self.audience.fmt(f)
    }
}

impl fmt::Display for ExplainedAudience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for condition in &self.conditions {
            write!(f, "\n  {condition}")?;
        }
        for segment in &self.segments {
            let not = if segment.negate { "not " } else { "" };
            let (name, answer) = (&segment.name, segment.answer);
            write!(f, "\n  {not}in segment {name:?} ({}): {answer}", segment.match_type)?;
            for condition in &segment.conditions {
                write!(f, "\n    {condition}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negate {
            f.write_str("not ")?;
        }
        write!(f, "{} {}", self.attribute, self.operator)?;
        if let Some(value) = &self.value {
            let value = value.to_string();
            match value.char_indices().nth(64) {
                None => write!(f, " {value}")?,
                Some((end, _)) => write!(f, " {}...", value.get(..end).unwrap_or_default())?,
            }
        }
        write!(f, ": {}", self.answer)
    }
}

impl fmt::Display for ExplainedSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_in = if self.is_in { "in" } else { "not in" };
        write!(f, "seed {}, slot {} of 100000, {is_in} ", self.seed, self.slot)?;
        for (at, range) in self.ranges.iter().enumerate() {
            let and = if at == 0 { "" } else { ", " };
            write!(f, "{and}{} to {}", range.start, range.end.saturating_sub(1))?;
        }
        if self.ranges.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lets_in = |passes: bool| if passes { "lets in" } else { "keeps out" };
        match self {
            ExplainedGate::Unit { attribute, unit } => match unit {
                Some(unit) => write!(f, "unit {attribute}: {unit:?}"),
                None => write!(f, "unit {attribute}: none, keeps out"),
            },
            ExplainedGate::Holdout { id, slot, passes } => {
                write!(f, "holdout {id} {}: {slot}", lets_in(*passes))
            }
            ExplainedGate::Layer { id, slot, passes } => {
                write!(f, "layer {id} {}: {slot}", lets_in(*passes))
            }
            ExplainedGate::Audience { audience, passes } => {
                write!(f, "audience {}{audience}", lets_in(*passes))
            }
            ExplainedGate::Coverage { slot, passes } => {
                write!(f, "coverage {}: {slot}", lets_in(*passes))
            }
        }
    }
}
