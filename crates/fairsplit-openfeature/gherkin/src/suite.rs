//! The specification's files, in the directory that `OPENFEATURE_GHERKIN` names.

use std::path::PathBuf;
use std::{env, fs};

use cucumber::feature::Ext as _;
use cucumber::gherkin::{Feature, GherkinEnv};
use cucumber::{cli, parser};
use futures::future::{Ready, ready};
use futures::stream::{Once, once};
use serde_json::{Map, Value};

const VARIABLE: &str = "OPENFEATURE_GHERKIN";

/// The directory of scenarios and flags.
pub(crate) struct Suite(PathBuf);

impl Suite {
    pub(crate) fn from_environment() -> Result<Suite, String> {
        match env::var_os(VARIABLE) {
            Some(directory) if !directory.is_empty() => Ok(Suite(directory.into())),
            _ => Err(format!(
                "{VARIABLE} is not set: it names the directory that has OpenFeature's scenarios and \
                 flags, and README.md says where they come from"
            )),
        }
    }

    /// A file's scenarios, each row of an outline as one of its own.
    pub(crate) fn feature(&self, file: &str) -> Result<Feature, String> {
        let text = for_parser(&self.text(file)?);
        let feature = Feature::parse(text, GherkinEnv::default())
            .map_err(|error| format!("invalid Gherkin in {file}: {error}"))?;
        let mut feature = feature.expand_examples().map_err(|error| format!("{file}: {error}"))?;
        feature.path = Some(self.0.join(file));
        Ok(feature)
    }

    /// The flags that the scenarios ask for, by their keys.
    pub(crate) fn flags(&self) -> Result<Map<String, Value>, String> {
        let file = "test-flags.json";
        serde_json::from_str(&self.text(file)?)
            .map_err(|error| format!("invalid JSON in {file}: {error}"))
    }

    fn text(&self, file: &str) -> Result<String, String> {
        let path = self.0.join(file);
        fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {} ({VARIABLE}): {error}", path.display()))
    }
}

/// The text in a form that cucumber's parser reads. It knows neither a backslash before a quotation
/// mark, which is a plain one in Gherkin, nor a blank line in a table.
fn for_parser(text: &str) -> String {
    let text = text.replace("\\\"", "\"");
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

/// Gives cucumber a feature that is parsed already.
pub(crate) struct Parsed;

impl cucumber::Parser<Feature> for Parsed {
    type Cli = cli::Empty;
    type Output = Once<Ready<parser::Result<Feature>>>;

    fn parse(self, feature: Feature, _: cli::Empty) -> Self::Output {
        once(ready(Ok(feature)))
    }
}
