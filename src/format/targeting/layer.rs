//! A layer, read.

use super::shared_part::SharedPart;
use super::unit;
use crate::format::fields::{Fields, parsed, strictly, string};
use crate::format::node::Node;
use crate::model::error::LoadError;
use crate::model::faults::Faults;
use crate::model::id::LayerId;
use crate::model::path::Path;
use crate::model::targeting::layer::{Layer, NewLayer};
use crate::model::validation::check_name;

impl NewLayer {
    /// Reads a request to create a layer, or to change one: an object of `name`, which is required,
    /// and `bucket_by` and `id`, which may be given. An error names every fault.
    ///
    /// # Errors
    ///
    /// As [`NewExperiment::from_json`](crate::NewExperiment::from_json).
    ///
    /// # Examples
    ///
    /// ```
    /// use fairsplit::targeting::NewLayer;
    ///
    /// let read = NewLayer::from_json(r#"{"name": "checkout", "bucket_by": "company_id"}"#)?;
    /// assert_eq!(read, NewLayer::new("checkout").bucket_by("company_id"));
    /// # Ok::<(), fairsplit::error::LoadError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<NewLayer, LoadError> {
        let node = Node::parse(text)?;
        Ok(strictly(|faults| {
            let (id, name, bucket_by) = fields(node, &Path::Root, faults, false)?;
            Some(NewLayer { id, name: name?, bucket_by: bucket_by.map(Into::into) })
        })?)
    }
}

type Read = (Option<LayerId>, Option<String>, Option<Box<str>>);

fn fields(node: Node<'_>, path: &Path<'_>, faults: &mut Faults, needs_id: bool) -> Option<Read> {
    let mut fields = Fields::open(node, path, faults)?;
    let id = if needs_id {
        fields.required("id", faults, parsed)
    } else {
        fields.optional("id", faults, parsed)
    };
    let name = fields.required("name", faults, string);
    let bucket_by = fields.optional("bucket_by", faults, unit);
    fields.close_targeting(faults);
    if let Some(name) = &name {
        check_name(name, &path.field("name"), faults);
    }
    Some((id, name, bucket_by))
}

pub(crate) fn layer(node: Node<'_>, path: &Path<'_>) -> SharedPart<LayerId, Layer> {
    let mut part = SharedPart::default();
    if let Some((id, name, bucket_by)) = fields(node, path, &mut part.faults, true) {
        let named = name.clone();
        part.part = id.zip(named).map(|(id, name)| Layer { id, name, bucket_by });
        (part.id, part.name) = (id, name);
    }
    part
}
