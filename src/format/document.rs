//! The configuration document: flags with their experiments, as JSON. Reading it finds all that can
//! be told from the text alone; whether an engine can take it is the engine's to say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use serde_json::Value;

use crate::count::counts::{Baseline, Count};
use crate::format::fields::{
    ExperimentDocument, Fields, any, array, by_variant, count, entries, experiment, parsed, string,
    text,
};
use crate::format::node::Node;
use crate::model::fault::{Findings, Path, Rule, SyntaxError, quote};
use crate::model::flag::Flag;
use crate::model::id::{ExperimentId, FlagId};
use crate::model::status::Status;
use crate::model::timestamp::Timestamp;
use crate::model::validation::check_flag;
use crate::read::state::Forced;

/// The version of the format, which a document may state and an export does.
pub(crate) const FORMAT_VERSION: u64 = 1;

/// A document as far as it could be read.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) flags: Vec<FlagDocument>,
    /// What is wrong outside of any flag. With a fault there, nobody can say which flags the document
    /// means to have.
    pub(crate) frame: Findings,
}

/// One flag of a document, with what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct FlagDocument {
    /// The key, if it is a text; it tells which flag is meant even where the rest is faulty.
    pub(crate) key: Option<String>,
    pub(crate) id: Option<FlagId>,
    pub(crate) name: Option<String>,
    /// `None` if it could not be read.
    pub(crate) default_value: Option<Value>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) experiments: Vec<ExperimentSection>,
    /// The ids of all experiments, those that could not be read included, with their positions.
    pub(crate) experiment_ids: Vec<(usize, ExperimentId)>,
    pub(crate) findings: Findings,
}

/// An experiment of a document, with what is ours to say about it.
#[derive(Debug)]
pub(crate) struct ExperimentSection {
    /// Its position among the flag's experiments in the text.
    pub(crate) at: usize,
    pub(crate) experiment: ExperimentDocument,
    pub(crate) exposures: Option<Vec<u64>>,
    pub(crate) at_start: Option<Baseline>,
    /// `None` if the document says nothing of pins.
    pub(crate) forced: Option<Forced>,
}

impl Document {
    /// Reads a document; only text that is no JSON fails here.
    pub(crate) fn read(text: &str) -> Result<Document, SyntaxError> {
        let node = Node::parse(text)?;
        let mut frame = Findings::default();
        let mut flags = Vec::new();
        let root = Path::Root;
        if let Some(mut fields) = Fields::open(node, &root, &mut frame) {
            fields.optional("version", &mut frame, format_version);
            let nodes = fields.required("flags", &mut frame, array);
            fields.close(&mut frame);
            let path = root.field("flags");
            for (at, node) in nodes.into_iter().flatten().enumerate() {
                flags.push(FlagDocument::read(node, &path.item(at)));
            }
        }
        refuse_duplicates(&mut flags);
        Ok(Document { flags, frame })
    }

    /// All that is wrong, the frame's faults first.
    pub(crate) fn take_findings(&mut self) -> Findings {
        let mut findings = std::mem::take(&mut self.frame);
        for flag in &mut self.flags {
            findings.append(std::mem::take(&mut flag.findings));
        }
        findings
    }
}

impl FlagDocument {
    /// Whether the flag could be read, and nothing is wrong with it.
    pub(crate) fn is_sound(&self) -> bool {
        let is_read = self.id.is_some() && self.key.is_some() && self.default_value.is_some();
        is_read && !self.findings.has_faults()
    }

    /// The flag, whose default value is taken out of here; `None` if it could not be read. `known` is
    /// the flag as it was.
    pub(crate) fn flag(&mut self, known: Option<&Flag>, now: Timestamp) -> Option<Flag> {
        let (id, key, name) = (self.id?, self.key.as_deref()?, self.name.as_deref());
        let flag = Flag::create(id, key, name, self.default_value.take()?, now);
        Some(flag.dated(self.created_at, self.updated_at, known))
    }

    fn read(node: Node<'_>, path: &Path<'_>) -> FlagDocument {
        let mut findings = Findings::default();
        let mut this = FlagDocument::default();
        if let Some(mut fields) = Fields::open(node, path, &mut findings) {
            this.id = fields.required("id", &mut findings, parsed);
            this.key = fields.required("key", &mut findings, string);
            this.name = fields.optional("name", &mut findings, string);
            this.default_value = fields.required("default_value", &mut findings, any);
            this.created_at = fields.optional("created_at", &mut findings, parsed);
            this.updated_at = fields.optional("updated_at", &mut findings, parsed);
            let experiments = fields.optional("experiments", &mut findings, array);
            let counters = fields.optional("counters", &mut findings, keep);
            let forced = fields.optional("forced", &mut findings, keep);
            fields.close(&mut findings);

            let (key, name) = (this.key.as_deref(), this.name.as_deref());
            check_flag(path, key, name, this.default_value.as_ref(), &mut findings);
            let all = path.field("experiments");
            for (at, node) in experiments.into_iter().flatten().enumerate() {
                let (id, experiment) = experiment(node, &all.item(at), &mut findings);
                this.experiment_ids.extend(id.map(|id| (at, id)));
                this.experiments.extend(experiment.map(|experiment| ExperimentSection {
                    at,
                    experiment,
                    exposures: None,
                    at_start: None,
                    forced: None,
                }));
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

    fn read_counters(&mut self, node: Node<'_>, path: &Path<'_>, findings: &mut Findings) {
        self.read_sections(node, path, findings, |section, node, path, findings| {
            let Some(mut fields) = Fields::open(node, path, findings) else { return };
            let variants = &section.experiment.terms.variants;
            let exposures = fields.optional("exposures", findings, |node, path, findings| {
                by_variant(node, path, findings, variants, count)
            });
            let at_start = fields.optional("at_start", findings, |node, path, findings| {
                by_variant(node, path, findings, variants, both_counts)
            });
            fields.close(findings);
            section.exposures = exposures;
            section.at_start = at_start.map(|counts| Baseline::new(&counts));
            section.refuse_more_at_start_than_ever(&path.field("at_start"), findings);
        });
    }

    fn read_forced(&mut self, node: Node<'_>, path: &Path<'_>, findings: &mut Findings) {
        // A section that is there says everything: who is not in it is not pinned.
        for section in &mut self.experiments {
            section.forced = Some(Forced::new());
        }
        self.read_sections(node, path, findings, |section, node, path, findings| {
            let mut forced = Forced::new();
            for (user_key, node) in entries(node, path, findings) {
                let path = path.field(&user_key);
                if user_key.is_empty() {
                    findings.fault(&path, Rule::Blank);
                }
                let Some(variant) = text(node, &path, findings) else { continue };
                let mut variants = section.experiment.terms.variants.iter();
                match variants.position(|known| known.key() == variant) {
                    Some(position) => drop(forced.insert(user_key.into(), position)),
                    None => {
                        findings.fault(&path, Rule::NoSuchVariant { found: quote(&variant) });
                    }
                }
            }
            section.forced = Some(forced);
        });
    }

    /// Reads an object with a field for each of some experiments, by id.
    fn read_sections(
        &mut self,
        node: Node<'_>,
        path: &Path<'_>,
        findings: &mut Findings,
        read: impl Fn(&mut ExperimentSection, Node<'_>, &Path<'_>, &mut Findings),
    ) {
        let mut seen = HashSet::new();
        let positions = self.experiments.iter().enumerate();
        let positions: HashMap<ExperimentId, usize> =
            positions.map(|(at, section)| (section.experiment.id, at)).collect();
        for (name, node) in entries(node, path, findings) {
            let path = path.field(&name);
            let id = name.parse().ok();
            let found = id.and_then(|id| self.experiments.get_mut(*positions.get(&id)?));
            // One id can be written in several ways.
            if id.is_some_and(|id| !seen.insert(id)) {
                findings.fault(&path, Rule::RepeatedField);
            } else if let Some(section) = found {
                read(section, node, &path, findings);
            } else if !self.experiment_ids.iter().any(|(_, known)| Some(*known) == id) {
                // One that is there but could not be read has been reported as that.
                findings.fault(&path, Rule::NoSuchExperiment { found: quote(&name) });
            }
        }
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

impl ExperimentSection {
    fn refuse_more_at_start_than_ever(&self, path: &Path<'_>, findings: &mut Findings) {
        let Some(at_start) = &self.at_start else { return };
        let carried = self.carried();
        for (at, variant) in self.experiment.terms.variants.iter().enumerate() {
            let path = path.field(variant.key());
            let (at_start, ever) = (at_start.of(at), carried.of(at));
            for (event, found, ever) in [
                ("exposures", at_start.exposures, ever.exposures),
                ("conversions", at_start.conversions, ever.conversions),
            ] {
                if found > ever {
                    findings.fault(&path.field(event), Rule::AtStart { found, ever });
                }
            }
        }
    }

    /// The counts that the document carries.
    pub(crate) fn carried(&self) -> Baseline {
        if self.exposures.is_none() && self.experiment.conversions.is_none() {
            return Baseline::default();
        }
        let nth = |counts: Option<&Vec<u64>>, at: usize| {
            counts.and_then(|counts| counts.get(at)).copied().unwrap_or_default()
        };
        let counts = (0..self.experiment.terms.variants.len()).map(|at| Count {
            exposures: nth(self.exposures.as_ref(), at),
            conversions: nth(self.experiment.conversions.as_ref(), at),
        });
        Baseline::new(&counts.collect::<Vec<_>>())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "readers of fields give what could be read")]
fn keep<'t>(node: Node<'t>, _: &Path<'_>, _: &mut Findings) -> Option<Node<'t>> {
    Some(node)
}

#[expect(clippy::needless_pass_by_value, reason = "readers of fields take a whole node")]
fn format_version(node: Node<'_>, path: &Path<'_>, findings: &mut Findings) -> Option<()> {
    match &node {
        Node::Number(number) if number.as_u64() == Some(FORMAT_VERSION) => Some(()),
        _ => {
            findings.fault(path, Rule::FormatVersion { found: node.describe() });
            None
        }
    }
}

fn both_counts(node: Node<'_>, path: &Path<'_>, findings: &mut Findings) -> Option<Count> {
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
    let mut keys = Occurrences::new("key");
    let mut ids = Occurrences::new("id");
    let mut experiments = Occurrences::new("id");
    for (at, flag) in flags.iter().enumerate() {
        if let Some(key) = &flag.key {
            keys.add(key.clone(), Place { flag: at, experiment: None });
        }
        if let Some(id) = flag.id {
            ids.add(id, Place { flag: at, experiment: None });
        }
        for (position, id) in &flag.experiment_ids {
            experiments.add(*id, Place { flag: at, experiment: Some(*position) });
        }
    }
    let keys = keys.duplicates(|key| quote(key)).into_iter();
    let ids = ids.duplicates(FlagId::to_string);
    let experiments = experiments.duplicates(ExperimentId::to_string);
    for (at, path, rule) in keys.chain(ids).chain(experiments) {
        if let Some(flag) = flags.get_mut(at) {
            flag.findings.fault_at(path, rule);
        }
    }
}

/// A flag, or one of its experiments, by position.
#[derive(Clone, Copy)]
struct Place {
    flag: usize,
    experiment: Option<usize>,
}

/// Where each value of one kind occurs, values in the order of the text. Most occur once: nothing is
/// written out before one does not.
struct Occurrences<T> {
    field: &'static str,
    values: Vec<(T, Vec<Place>)>,
    known: HashMap<T, usize>,
}

impl<T: Clone + Eq + Hash> Occurrences<T> {
    fn new(field: &'static str) -> Occurrences<T> {
        Occurrences { field, values: Vec::new(), known: HashMap::new() }
    }

    fn add(&mut self, value: T, place: Place) {
        let next = self.values.len();
        let at = *self.known.entry(value.clone()).or_insert(next);
        match self.values.get_mut(at) {
            Some((_, places)) => places.push(place),
            None => self.values.push((value, vec![place])),
        }
    }

    /// A fault for each place of a value that has several, with the position of its flag.
    fn duplicates(&self, write: impl Fn(&T) -> String) -> Vec<(usize, String, Rule)> {
        let mut faults = Vec::new();
        for (value, places) in &self.values {
            let [first, second, ..] = places[..] else { continue };
            for (at, place) in places.iter().enumerate() {
                // The first place points to the second, and every later one to the first.
                let other = self.path(if at == 0 { second } else { first });
                let rule = Rule::Duplicate { found: write(value), other };
                faults.push((place.flag, self.path(*place), rule));
            }
        }
        faults
    }

    fn path(&self, place: Place) -> String {
        let flags = Path::Root.field("flags");
        let flag = flags.item(place.flag);
        match place.experiment {
            None => flag.field(self.field).to_string(),
            Some(position) => {
                flag.field("experiments").item(position).field(self.field).to_string()
            }
        }
    }
}
