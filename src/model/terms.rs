//! What never changes in an experiment: its name, its environment and its variants, checked.

use std::sync::Arc;

use serde_json::Value;

use crate::assign::allocation::MAX_VARIANTS;
use crate::model::environment_name::EnvironmentName;
use crate::model::fault::FaultKind;
use crate::model::faults::Faults;
use crate::model::new_experiment::NewExperiment;
use crate::model::path::{Path, quote};
use crate::model::validation::{check_name, check_value};
use crate::model::variant::Variant;

/// An experiment whose parts have been read but not validated. A part that could not be read is
/// `None`, and its fault has been added.
#[derive(Debug, Default)]
pub(crate) struct Unchecked {
    pub(crate) name: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) variants: Option<Vec<UncheckedVariant>>,
}

#[derive(Debug)]
pub(crate) struct UncheckedVariant {
    pub(crate) key: Option<String>,
    pub(crate) value: Option<Value>,
    pub(crate) percentage: Option<i64>,
}

impl From<NewExperiment> for Unchecked {
    fn from(new: NewExperiment) -> Unchecked {
        let variants = new.variants.into_iter().map(|variant| UncheckedVariant {
            key: Some(variant.key),
            value: Some(variant.value),
            percentage: Some(variant.percentage),
        });
        Unchecked {
            name: Some(new.name),
            environment: Some(new.environment),
            variants: Some(variants.collect()),
        }
    }
}

/// What never changes in an experiment, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) name: Box<str>,
    pub(crate) environment: EnvironmentName,
    pub(crate) variants: Arc<[Variant]>,
}

impl Terms {
    /// How many variants there are: at most [`MAX_VARIANTS`].
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.variants.len()).unwrap_or(u32::MAX)
    }
}

impl Unchecked {
    /// The terms, which are valid if no fault was added; `None` if a part is missing.
    pub(crate) fn check(self, path: &Path<'_>, faults: &mut Faults) -> Option<Terms> {
        if let Some(name) = &self.name {
            check_name(name, &path.field("name"), faults);
        }
        if let Some(environment) = &self.environment {
            check_name(environment, &path.field("environment"), faults);
        }
        let variants = self.variants?;
        let variants = checked_variants(variants, &path.field("variants"), faults)?;
        let environment = EnvironmentName::new(&self.environment?).ok()?;
        Some(Terms { name: self.name?.into(), environment, variants })
    }
}

fn checked_variants(
    mut unchecked: Vec<UncheckedVariant>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Arc<[Variant]>> {
    let count = unchecked.len();
    if count == 0 {
        faults.add(path, FaultKind::NoVariants);
        return None;
    }
    if count > MAX_VARIANTS {
        // One fault for all of them, not one for each of a thousand variants.
        faults.add(path, FaultKind::TooManyVariants { found: count });
        return None;
    }
    // A percentage that could not be read has its own fault; no sum is claimed then.
    let sum: Option<i128> = unchecked.iter().map(|new| new.percentage.map(i128::from)).sum();
    let mut values: Vec<_> = unchecked.iter_mut().map(|new| new.value.take()).collect();
    for (at, (new, value)) in unchecked.iter().zip(&mut values).enumerate() {
        let this = path.item(at);
        if let Some(key) = &new.key {
            let path_of_key = this.field("key");
            check_name(key, &path_of_key, faults);
            let mut earlier = unchecked.iter().take(at);
            if let Some(first) = earlier.position(|other| other.key.as_ref() == Some(key)) {
                let other = path.item(first).field("key").to_string();
                faults.add(&path_of_key, FaultKind::Duplicate { found: quote(key), other });
            }
        }
        if let Some(value) = value {
            check_value(value, &this.field("value"), faults);
        }
        if let Some(found) = new.percentage
            && !(0..=100).contains(&found)
        {
            faults.add(&this.field("percentage"), FaultKind::Percentage { found });
        }
    }
    match sum {
        Some(found) if found != 100 => faults.add(path, FaultKind::Sum { found }),
        _ => {}
    }
    // Faulty percentages have no table from bucket to variant.
    let checked = unchecked.into_iter().zip(values).map(|(new, value)| {
        let percentage = u8::try_from(new.percentage?).ok()?;
        Some(Variant::new(new.key?, value?, percentage))
    });
    checked.collect::<Option<_>>().filter(|_| sum == Some(100))
}
