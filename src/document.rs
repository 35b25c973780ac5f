//! The configuration document: flags with their experiments, as JSON. Reading it finds all that can
//! be told from the text alone; whether an engine can take it is the engine's to say.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::compiled::Forced;
use crate::fault::{Fault, Findings, LoadError, Path, Rule, quote};
use crate::flag::Flag;
use crate::id::{ExperimentId, FlagId};
use crate::json::Node;
use crate::rules::{check_name, check_value};
use crate::status::Status;
use crate::tally::Count;
use crate::wire::{
    ExperimentDocument, Fields, any, array, by_variant, count, entries, experiment, parsed, string,
};

/// The version of the format, which a document may state and an export does.
pub(crate) const FORMAT_VERSION: u64 = 1;

/// A document as far as it could be read.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) flags: Vec<FlagDocument>,
    /// What is wrong outside of any flag.
    pub(crate) findings: Findings,
}

/// One flag of a document, with what is wrong with it.
#[derive(Debug)]
pub(crate) struct FlagDocument {
    /// The key, if it is a text; it tells which flag is meant even where the rest is faulty.
    pub(crate) key: Option<String>,
    pub(crate) id: Option<FlagId>,
    /// `None` if it could not be read.
    pub(crate) flag: Option<Flag>,
    pub(crate) experiments: Vec<ExperimentSection>,
    pub(crate) findings: Findings,
}

/// An experiment of a document, with what is ours to say about it.
#[derive(Debug)]
pub(crate) struct ExperimentSection {
    /// Its position among the flag's experiments in the text.
    pub(crate) at: usize,
    pub(crate) experiment: ExperimentDocument,
    pub(crate) exposures: Option<Vec<u64>>,
    pub(crate) at_start: Option<Vec<Count>>,
    /// `None` if the document says nothing of pins.
    pub(crate) forced: Option<Forced>,
}

impl Document {
    /// Reads a document; only text that is no JSON, or no document at all, fails here.
    pub(crate) fn read(text: &str) -> Result<Document, LoadError> {
        let node = Node::parse(text)?;
        let mut findings = Findings::default();
        let mut flags = Vec::new();
        let root = Path::Root;
        if let Some(mut fields) = Fields::open(node, &root, &mut findings) {
            fields.optional("version", &mut findings, format_version);
            let nodes = fields.required("flags", &mut findings, array);
            fields.close(&mut findings);
            let path = root.field("flags");
            for (at, node) in nodes.into_iter().flatten().enumerate() {
                flags.push(FlagDocument::read(node, &path.item(at)));
            }
        }
        if !findings.faults.is_empty() {
            // Without a sound frame nobody can say which flags it means to have.
            for flag in flags {
                findings.append(flag.findings);
            }
            return Err(findings.into_error().into());
        }
        refuse_duplicates(&mut flags);
        Ok(Document { flags, findings })
    }
}

impl FlagDocument {
    fn read(node: Node, path: &Path<'_>) -> FlagDocument {
        let mut findings = Findings::default();
        let mut this = FlagDocument {
            key: None,
            id: None,
            flag: None,
            experiments: Vec::new(),
            findings: Findings::default(),
        };
        if let Some(mut fields) = Fields::open(node, path, &mut findings) {
            this.id = fields.required("id", &mut findings, parsed);
            this.key = fields.required("key", &mut findings, string);
            let default_value = fields.required("default_value", &mut findings, any);
            let experiments = fields.optional("experiments", &mut findings, array);
            let counters = fields.optional("counters", &mut findings, keep);
            let forced = fields.optional("forced", &mut findings, keep);
            fields.close(&mut findings);

            if let Some(key) = &this.key {
                check_name(key, &path.field("key"), &mut findings);
            }
            if let Some(value) = &default_value {
                check_value(value, &path.field("default_value"), &mut findings);
            }
            if let (Some(id), Some(key), Some(value)) = (this.id, &this.key, default_value) {
                this.flag = Some(Flag::new(id, key, value));
            }
            let all = path.field("experiments");
            for (at, node) in experiments.into_iter().flatten().enumerate() {
                if let Some(experiment) = experiment(node, &all.item(at), &mut findings) {
                    this.experiments.push(ExperimentSection {
                        at,
                        experiment,
                        exposures: None,
                        at_start: None,
                        forced: None,
                    });
                }
            }
            if let Some(node) = counters {
                this.read_counters(node, &path.field("counters"), &mut findings);
            }
            if let Some(node) = forced {
                this.read_forced(node, &path.field("forced"), &mut findings);
            }
            this.refuse_second_running(&all, &mut findings);
        }
        this.findings = findings;
        this
    }

    fn read_counters(&mut self, node: Node, path: &Path<'_>, findings: &mut Findings) {
        for (id, node) in entries(node, path, findings) {
            let path = path.field(&id);
            let Some(section) = self.section(&id, &path, findings) else {
                continue;
            };
            let Some(mut fields) = Fields::open(node, &path, findings) else {
                continue;
            };
            let variants = &section.experiment.terms.variants;
            let exposures = fields.optional("exposures", findings, |node, path, findings| {
                by_variant(node, path, findings, variants, count)
            });
            let at_start = fields.optional("at_start", findings, |node, path, findings| {
                by_variant(node, path, findings, variants, both_counts)
            });
            fields.close(findings);
            section.exposures = exposures;
            section.at_start = at_start;
        }
    }

    fn read_forced(&mut self, node: Node, path: &Path<'_>, findings: &mut Findings) {
        // A section that is there says everything: who is not in it is not pinned.
        for section in &mut self.experiments {
            section.forced = Some(Forced::new());
        }
        for (id, node) in entries(node, path, findings) {
            let path = path.field(&id);
            let Some(section) = self.section(&id, &path, findings) else {
                continue;
            };
            let mut forced = Forced::new();
            for (user_key, node) in entries(node, &path, findings) {
                let path = path.field(&user_key);
                if user_key.is_empty() {
                    findings.fault(&path, Rule::Blank);
                }
                let Some(variant) = string(node, &path, findings) else {
                    continue;
                };
                let variants = section.experiment.terms.variants.iter();
                match variants.into_iter().position(|known| known.key() == variant) {
                    Some(position) => drop(forced.insert(user_key.into(), position)),
                    None => {
                        findings.fault(&path, Rule::NoSuchVariant { found: quote(&variant) });
                    }
                }
            }
            section.forced = Some(forced);
        }
    }

    /// The experiment of this flag that an id in one of our sections names.
    fn section(
        &mut self,
        id: &str,
        path: &Path<'_>,
        findings: &mut Findings,
    ) -> Option<&mut ExperimentSection> {
        let parsed: Option<ExperimentId> = id.parse().ok();
        let found =
            self.experiments.iter_mut().find(|section| Some(section.experiment.id) == parsed);
        if found.is_none() {
            findings.fault(path, Rule::NoSuchExperiment { found: quote(id) });
        }
        found
    }

    fn refuse_second_running(&self, path: &Path<'_>, findings: &mut Findings) {
        let mut running = BTreeMap::new();
        for section in &self.experiments {
            if section.experiment.status != Status::Running {
                continue;
            }
            let environment = &section.experiment.terms.environment;
            if let Some(first) = running.get(environment) {
                let rule = Rule::SecondRunning {
                    environment: environment.into(),
                    other: path.item(*first).to_string(),
                };
                findings.fault(&path.item(section.at).field("status"), rule);
            } else {
                running.insert(environment, section.at);
            }
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "readers of fields give what could be read")]
fn keep(node: Node, _: &Path<'_>, _: &mut Findings) -> Option<Node> {
    Some(node)
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
fn format_version(node: Node, path: &Path<'_>, findings: &mut Findings) -> Option<()> {
    match &node {
        Node::Number(number) if number.as_u64() == Some(FORMAT_VERSION) => Some(()),
        _ => {
            findings.fault(path, Rule::FormatVersion { found: node.describe() });
            None
        }
    }
}

fn both_counts(node: Node, path: &Path<'_>, findings: &mut Findings) -> Option<Count> {
    let mut fields = Fields::open(node, path, findings)?;
    let exposures = fields.optional("exposures", findings, count);
    let conversions = fields.optional("conversions", findings, count);
    fields.close(findings);
    Some(Count {
        exposures: exposures.unwrap_or_default(),
        conversions: conversions.unwrap_or_default(),
    })
}

/// Faults every place that shares a flag key, a flag id or an experiment id with another one: which
/// of them is meant, nobody can say.
fn refuse_duplicates(flags: &mut [FlagDocument]) {
    let root = Path::Root;
    let all = root.field("flags");
    let mut keys = Occurrences::default();
    let mut ids = Occurrences::default();
    let mut experiments = Occurrences::default();
    for (at, flag) in flags.iter().enumerate() {
        let path = all.item(at);
        if let Some(key) = &flag.key {
            keys.add(key.clone(), at, &path.field("key"));
        }
        if let Some(id) = flag.id {
            ids.add(id, at, &path.field("id"));
        }
        let path = path.field("experiments");
        for section in &flag.experiments {
            experiments.add(section.experiment.id, at, &path.item(section.at).field("id"));
        }
    }
    let duplicates = keys.duplicates(|key| quote(key));
    let duplicates = duplicates.chain(ids.duplicates(FlagId::to_string));
    for (at, fault) in duplicates.chain(experiments.duplicates(ExperimentId::to_string)) {
        if let Some(flag) = flags.get_mut(at) {
            flag.findings.faults.push(fault);
        }
    }
}

/// Where each value of one kind occurs, values in the order of the text.
struct Occurrences<T> {
    places: Vec<(T, Vec<(usize, String)>)>,
    known: HashMap<T, usize>,
}

impl<T> Default for Occurrences<T> {
    fn default() -> Self {
        Occurrences { places: Vec::new(), known: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Occurrences<T> {
    fn add(&mut self, value: T, flag: usize, path: &Path<'_>) {
        let place = (flag, path.to_string());
        let next = self.places.len();
        let at = *self.known.entry(value.clone()).or_insert(next);
        match self.places.get_mut(at) {
            Some((_, places)) => places.push(place),
            None => self.places.push((value, vec![place])),
        }
    }

    /// A fault for each place of a value that has several, with the position of its flag.
    fn duplicates(&self, write: impl Fn(&T) -> String) -> impl Iterator<Item = (usize, Fault)> {
        let several = self.places.iter().filter(|(_, places)| places.len() > 1);
        let faults = several.flat_map(move |(value, places)| {
            let found = write(value);
            let fault = move |(at, (flag, path)): (usize, &(usize, String))| {
                // The first place points to the second, and every later one to the first.
                let other = places.get(usize::from(at == 0)).map(|(_, path)| path.clone());
                let rule =
                    Rule::Duplicate { found: found.clone(), other: other.unwrap_or_default() };
                (*flag, Fault::at(path.clone(), rule))
            };
            places.iter().enumerate().map(fault).collect::<Vec<_>>()
        });
        faults.collect::<Vec<_>>().into_iter()
    }
}
