//! A holdout, read.

use super::shared_part::SharedPart;
use super::unit;
use crate::format::fields::{Fields, parsed, share, strictly, string};
use crate::format::node::Node;
use crate::model::error::LoadError;
use crate::model::faults::Faults;
use crate::model::id::HoldoutId;
use crate::model::path::Path;
use crate::model::targeting::holdout::{Holdout, NewHoldout};
use crate::model::targeting::share::Share;
use crate::model::validation::check_name;

impl NewHoldout {
    /// Reads a request to create a holdout, or to change one: an object of `name` and `percentage`,
    /// which are required, and `bucket_by` and `id`, which may be given. An error names every
    /// fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::NewHoldout;
    ///
    /// let read = NewHoldout::from_json(r#"{"name": "2026", "percentage": 2.5}"#)?;
    /// assert_eq!(read, NewHoldout::new("2026", 2.5));
    /// # Ok::<(), fairsplit::error::LoadError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewHoldout, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| {
            let read = fields(node, &Path::Root, faults, false)?;
            Some(NewHoldout {
                id: read.id,
                name: read.name?,
                percentage: read.percentage?.percent(),
                bucket_by: read.bucket_by.map(Into::into),
            })
        })?)
    }
}

/// The fields, as far as they could be read.
struct Read {
    id: Option<HoldoutId>,
    name: Option<String>,
    percentage: Option<Share>,
    bucket_by: Option<Box<str>>,
}

fn fields(node: Node<'_>, path: &Path<'_>, faults: &mut Faults, needs_id: bool) -> Option<Read> {
    let mut fields = Fields::open(node, path, faults)?;
    let id = if needs_id {
        fields.required("id", faults, parsed)
    } else {
        fields.optional("id", faults, parsed)
    };
    let name = fields.required("name", faults, string);
    let percentage = fields.required("percentage", faults, share);
    let bucket_by = fields.optional("bucket_by", faults, unit);
    fields.close_targeting(faults);
    if let Some(name) = &name {
        check_name(name, &path.field("name"), faults);
    }
    Some(Read { id, name, percentage, bucket_by })
}

pub(crate) fn holdout(node: Node<'_>, path: &Path<'_>) -> SharedPart<HoldoutId, Holdout> {
    let mut part = SharedPart::default();
    if let Some(read) = fields(node, path, &mut part.faults, true) {
        let Read { id, name, percentage, bucket_by } = read;
        (part.id, part.name) = (id, name.clone());
        part.part = id.zip(name).zip(percentage).map(|((id, name), percentage)| Holdout {
            id,
            name,
            percentage,
            bucket_by,
        });
    }
    part
}
