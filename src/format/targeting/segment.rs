//! A segment, read.

use super::conditions::{KEY, conditions, written};
use super::shared_part::SharedPart;
use crate::format::fields::{Fields, parsed, strictly, string};
use crate::format::node::Node;
use crate::model::error::LoadError;
use crate::model::faults::Faults;
use crate::model::id::SegmentId;
use crate::model::path::Path;
use crate::model::targeting::audience::Tests;
use crate::model::targeting::segment::{MatchType, NewSegment, Segment};
use crate::model::timestamp::Timestamp;

impl NewSegment {
    /// Reads a request to create a segment, or to change one: an object of `name` and `rules`, the
    /// conditions, which are required, and `match_type` (`all` if absent), `description` and `id`,
    /// which may be given. A condition names its attribute by `key` or by `attribute`. An
    /// `updated_at` is not used: so a segment can be sent back as it was answered. An error names
    /// every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::{Condition, NewSegment, Operator};
    /// use serde_json::json;
    ///
    /// let read = NewSegment::from_json(r#"{"name": "Customers",
    ///     "rules": [{"key": "plan", "operator": "in", "value": ["pro", "team"]}]}"#)?;
    /// let pays = Condition::new("plan", Operator::In, json!(["pro", "team"]));
    /// assert_eq!(read, NewSegment::new("Customers").condition(pays));
    /// # Ok::<(), fairsplit::error::LoadError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewSegment, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| {
            let read = fields(node, &Path::Root, faults, false)?;
            Some(NewSegment {
                id: read.id,
                name: read.name?,
                description: read.description,
                match_type: read.match_type,
                conditions: written(&read.tests?),
            })
        })?)
    }
}

/// The fields, as far as they could be read.
struct Read {
    id: Option<SegmentId>,
    name: Option<String>,
    description: String,
    match_type: MatchType,
    tests: Option<Tests>,
    updated_at: Option<Timestamp>,
}

/// A document has an id, and may have a date.
fn fields(node: Node<'_>, path: &Path<'_>, faults: &mut Faults, is_document: bool) -> Option<Read> {
    let mut fields = Fields::open(node, path, faults)?;
    let id = if is_document {
        fields.required("id", faults, parsed)
    } else {
        fields.optional("id", faults, parsed)
    };
    // In a request it is not used, and read so that an answer can be sent back.
    let updated_at = fields.optional("updated_at", faults, parsed);
    let name = fields.required("name", faults, string);
    let description = fields.optional("description", faults, string).unwrap_or_default();
    let match_type = fields.optional("match_type", faults, parsed).unwrap_or_default();
    let tests =
        fields.required("rules", faults, |node, path, faults| conditions(node, KEY, path, faults));
    fields.close_targeting(faults);
    // What could be read is checked as a segment is; the id and the date have no part in that.
    let whole = Segment {
        id: SegmentId::from_bytes([0; 16]),
        name: name.clone().unwrap_or_else(|| "absent".to_owned()),
        description,
        match_type,
        tests: tests.clone().unwrap_or_default(),
        updated_at: Timestamp::from_unix_seconds(0),
    };
    whole.check(path, faults);
    Some(Read { id, name, description: whole.description, match_type, tests, updated_at })
}

/// The date of a segment of a document is in the part; the segment itself has none yet.
pub(crate) fn segment(node: Node<'_>, path: &Path<'_>) -> SharedPart<SegmentId, Segment> {
    let mut part = SharedPart::default();
    if let Some(read) = fields(node, path, &mut part.faults, true) {
        let Read { id, name, description, match_type, tests, updated_at } = read;
        (part.id, part.name, part.updated_at) = (id, name.clone(), updated_at);
        let updated_at = updated_at.unwrap_or(Timestamp::from_unix_seconds(0));
        part.part = id.zip(name).zip(tests).map(|((id, name), tests)| Segment {
            id,
            name,
            description,
            match_type,
            tests,
            updated_at,
        });
    }
    part
}
