//! Whom an experiment or a rule is for, with the segments at hand.

use std::sync::Arc;

use crate::model::id::SegmentId;
use crate::model::targeting::audience::{Audience, Tests};
use crate::model::targeting::segment::{MatchType, Segment};
use crate::model::targeting::shared::Shared;
use crate::target::attributes::Attributes;
use crate::target::test::Test;
use crate::target::truth::{Truth, Undecided, all, any};
use crate::target::user::User;

/// Conditions of which all have to hold, and segments.
#[derive(Debug)]
pub(crate) struct CompiledAudience {
    pub(super) tests: Tests,
    pub(super) segments: Box<[Member]>,
}

/// A segment that a user has to be in, or must not be in.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) id: SegmentId,
    pub(super) negate: bool,
    /// `None` if there is no such segment, which is refused before it is published.
    pub(super) segment: Option<Arc<Segment>>,
}

impl CompiledAudience {
    pub(super) fn new(audience: &Audience, shared: &Shared) -> CompiledAudience {
        let member = |negate| {
            move |id: &SegmentId| Member {
                id: *id,
                negate,
                segment: shared.segments.get(id).cloned(),
            }
        };
        let members = audience.segments.iter().map(member(false));
        let members = members.chain(audience.not_segments.iter().map(member(true)));
        CompiledAudience { tests: Arc::clone(&audience.tests), segments: members.collect() }
    }

    /// Of a rule: its conditions, and the segment that it names.
    pub(super) fn of_rule(
        tests: &Tests,
        segment: Option<SegmentId>,
        shared: &Shared,
    ) -> CompiledAudience {
        let member = |id| Member { id, negate: false, segment: shared.segments.get(&id).cloned() };
        CompiledAudience {
            tests: Arc::clone(tests),
            segments: segment.map(member).into_iter().collect(),
        }
    }

    /// Whether a user is in it: as [`ask`](CompiledAudience::ask), which goes on after what is
    /// undecided, for the sake of an explanation.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as `Answer::decide`")]
    pub(super) fn has(&self, user: User<'_>) -> bool {
        // Not `all`, which the compiler makes a separate function.
        for test in self.tests.iter() {
            if !test.holds(user) {
                return false;
            }
        }
        self.segments.is_empty() || self.has_in_segments(user.key(), user.attributes())
    }

    /// With a key and attributes in place of a user, as `Answer::decide`.
    #[inline(never)]
    fn has_in_segments(&self, key: &str, attributes: &dyn Attributes) -> bool {
        let user = User::new(key).with(attributes);
        self.segments.iter().all(|member| member.has(user))
    }

    /// Whether a user is in it, or why that cannot be decided.
    pub(super) fn ask(&self, user: User<'_>) -> Truth {
        let tests = self.tests.iter().map(|test| test.ask(user));
        all(tests.chain(self.segments.iter().map(|member| member.ask(user))))
    }
}

impl Member {
    /// As [`ask`](Member::ask).
    fn has(&self, user: User<'_>) -> bool {
        match &self.segment {
            Some(segment) if !self.negate => match segment.match_type {
                MatchType::All => segment.tests.iter().all(|test| test.holds(user)),
                MatchType::Any => segment.tests.iter().any(|test| test.holds(user)),
            },
            _ => self.ask(user).is_true(),
        }
    }

    pub(super) fn ask(&self, user: User<'_>) -> Truth {
        let is_in = match &self.segment {
            Some(segment) => ask_segment(segment, user),
            None => Truth::Undecided(Undecided::NoAttribute),
        };
        if self.negate { !is_in } else { is_in }
    }
}

/// Whether a user is in a segment.
pub(super) fn ask_segment(segment: &Segment, user: User<'_>) -> Truth {
    let tests = segment.tests.iter().map(|test: &Test| test.ask(user));
    match segment.match_type {
        MatchType::All => all(tests),
        MatchType::Any => any(tests),
    }
}
