//! Arbitrary histories of a fleet: processes count, ship, are killed, cut off and copied, statements
//! come late, twice or without an answer, lives are folded, the database goes back. In the end all
//! heals.
//!
//! What holds at every look, for each life: no more is in the database than was counted, and no less
//! than was acknowledged. And in the end all of it is there, but for what was in the memory of a
//! killed process, and for what a process was refused and says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;

use super::fake::FakeLedger;
use super::key;
use crate::cells::{Cell, Cells};
use crate::ledger::{Answer, Flush, Ledger};
use crate::lives::Lives;

/// One step; numbers choose among what is there.
#[derive(Clone, Copy, Debug)]
enum Step {
    Count { process: u8, events: u8, cell: u8 },
    Flush { process: u8, life: u8 },
    Deliver { statement: u8, is_answered: bool, is_kept: bool },
    GiveUp { process: u8 },
    Partition { process: u8 },
    See { process: u8 },
    StartOrStop,
    Kill { process: u8 },
    Leave { process: u8 },
    Open { disk: u8, is_durable: bool },
    CopyInUse { process: u8 },
    CopyDisk { disk: u8 },
    Fold,
    Wait { seconds: u8 },
    GoBack { statements: u8 },
}

fn steps(goes_back: bool) -> impl Strategy<Value = Vec<Step>> {
    let any = any::<u8>;
    let step = prop_oneof![
        40 => (any(), 1..4_u8, any()).prop_map(|(process, events, cell)| Step::Count { process, events, cell }),
        18 => (any(), any()).prop_map(|(process, life)| Step::Flush { process, life }),
        16 => any().prop_map(|statement| Step::Deliver { statement, is_answered: true, is_kept: false }),
        4 => any().prop_map(|statement| Step::Deliver { statement, is_answered: false, is_kept: false }),
        2 => any().prop_map(|statement| Step::Deliver { statement, is_answered: false, is_kept: true }),
        2 => any().prop_map(|statement| Step::Deliver { statement, is_answered: true, is_kept: true }),
        4 => any().prop_map(|process| Step::GiveUp { process }),
        3 => any().prop_map(|process| Step::Partition { process }),
        3 => any().prop_map(|process| Step::See { process }),
        2 => Just(Step::StartOrStop),
        3 => any().prop_map(|process| Step::Kill { process }),
        2 => any().prop_map(|process| Step::Leave { process }),
        3 => (any(), prop::bool::ANY).prop_map(|(disk, is_durable)| Step::Open { disk, is_durable }),
        1 => any().prop_map(|process| Step::CopyInUse { process }),
        1 => any().prop_map(|disk| Step::CopyDisk { disk }),
        3 => Just(Step::Fold),
        2 => any().prop_map(|seconds| Step::Wait { seconds }),
        1 => any().prop_map(|statements| Step::GoBack { statements }),
    ];
    let kept = move |step: &Step| goes_back || !matches!(step, Step::GoBack { .. });
    let steps = prop::collection::vec(step, 0..220);
    steps.prop_map(move |steps| steps.into_iter().filter(kept).collect())
}

/// What a directory keeps.
#[derive(Clone)]
struct Disk {
    lives: Lives,
    cells: Cells,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Process {
    disk: Disk,
    is_durable: bool,
    is_alive: bool,
    is_leaving: bool,
    is_partitioned: bool,
    /// The run that it serves, if the experiment runs.
    view: Option<u32>,
    /// The statement whose answer it waits for.
    waits_for: Option<u64>,
}

#[derive(Clone)]
struct Statement {
    number: u64,
    process: usize,
    flush: Flush,
}

struct Fleet {
    database: FakeLedger,
    backups: VecDeque<FakeLedger>,
    has_gone_back: bool,
    processes: Vec<Process>,
    disks: Vec<Disk>,
    network: Vec<Statement>,
    statements: u64,
    run: u32,
    is_running: bool,
    grace: Duration,
    /// By life: what was counted, what was acknowledged, how many events it was said of that they may
    /// be missing.
    truth: BTreeMap<Uuid, Cells>,
    acknowledged: BTreeMap<Uuid, Cells>,
    dropped: BTreeMap<Uuid, u64>,
    durable: BTreeSet<Uuid>,
}

fn pick<T>(list: &[T], number: u8) -> Option<usize> {
    usize::from(number).checked_rem(list.len())
}

impl Fleet {
    fn new(grace: u64) -> Fleet {
        let mut fleet = Fleet {
            database: FakeLedger::default(),
            backups: VecDeque::new(),
            has_gone_back: false,
            processes: Vec::new(),
            disks: Vec::new(),
            network: Vec::new(),
            statements: 0,
            run: 1,
            is_running: true,
            grace: Duration::from_secs(grace),
            truth: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            dropped: BTreeMap::new(),
            durable: BTreeSet::new(),
        };
        for is_durable in [true, true, false, false] {
            fleet.open(None, is_durable);
        }
        fleet
    }

    fn open(&mut self, disk: Option<Disk>, is_durable: bool) {
        let (kept, cells) =
            disk.map_or_else(Default::default, |disk| (Some(disk.lives), disk.cells));
        let lives = Lives::open(kept, &cells, is_durable);
        if is_durable {
            self.durable.extend(lives.current());
        }
        self.processes.push(Process {
            disk: Disk { lives, cells },
            is_durable,
            is_alive: true,
            is_leaving: false,
            is_partitioned: false,
            view: self.is_running.then_some(self.run),
            waits_for: None,
        });
    }

    fn alive(&self, number: u8) -> Option<usize> {
        let processes = self.processes.iter().enumerate();
        let alive: Vec<usize> = processes.filter(|(_, of)| of.is_alive).map(|(at, _)| at).collect();
        pick(&alive, number).map(|at| alive[at])
    }

    fn send(&mut self, at: usize, life: Uuid) {
        let process = &mut self.processes[at];
        let Disk { lives, cells } = &mut process.disk;
        let Some(flush) = lives.flush(life, cells) else { return };
        self.statements += 1;
        process.waits_for = Some(self.statements);
        self.network.push(Statement { number: self.statements, process: at, flush });
    }

    fn deliver(&mut self, at: usize, is_answered: bool, is_kept: bool) {
        let statement =
            if is_kept { self.network[at].clone() } else { self.network.swap_remove(at) };
        let Ok(answer) = self.database.flush(&statement.flush);
        if is_answered {
            self.answer(&statement, answer);
        }
    }

    fn answer(&mut self, Statement { number, process: at, flush }: &Statement, answer: Answer) {
        let process = &mut self.processes[*at];
        if !process.is_alive || process.is_partitioned || process.waits_for != Some(*number) {
            return;
        }
        process.waits_for = None;
        let Disk { lives, cells } = &mut process.disk;
        let (own, dropped) = (lives.current(), lives.dropped());
        lives.answered(flush, answer, cells);
        *self.dropped.entry(flush.life).or_default() += lives.dropped() - dropped;
        if let Answer::Accepted { .. } = answer {
            self.acknowledged.entry(flush.life).or_default().raise(&flush.cells);
        }
        // One that was refused goes on in another life.
        if process.is_durable && own != lives.current() {
            self.durable.extend(lives.current());
        }
        if lives.is_over() {
            process.is_alive = false;
        }
    }

    #[expect(clippy::too_many_lines, reason = "a list of all steps")]
    fn step(&mut self, step: Step) {
        self.database.now += 1;
        match step {
            Step::Count { process, events, cell } => {
                let Some(at) = self.alive(process) else { return };
                let process = &mut self.processes[at];
                let (Some(run), Some(life), false) =
                    (process.view, process.disk.lives.current(), process.is_leaving)
                else {
                    return;
                };
                let goal = [None, None, Some("purchase")][usize::from(cell % 3)];
                let (key, events) = (key(run, u16::from(cell % 2), goal), u64::from(events));
                let added = Cell([events, events / 2, u64::from(goal.is_some())]);
                process.disk.cells.add(key.clone(), added);
                self.truth.entry(life).or_default().add(key, added);
            }
            Step::Flush { process, life } => {
                let Some(at) = self.alive(process) else { return };
                let process = &self.processes[at];
                if process.is_partitioned || process.waits_for.is_some() {
                    return;
                }
                let lives = process.disk.lives.ids();
                if let Some(life) = pick(&lives, life) {
                    self.send(at, lives[life]);
                }
            }
            Step::Deliver { statement, is_answered, is_kept } => {
                if let Some(at) = pick(&self.network, statement) {
                    self.deliver(at, is_answered, is_kept);
                }
            }
            Step::GiveUp { process } => {
                if let Some(at) = self.alive(process) {
                    self.processes[at].waits_for = None;
                }
            }
            Step::Partition { process } => {
                if let Some(at) = self.alive(process) {
                    let process = &mut self.processes[at];
                    process.is_partitioned = !process.is_partitioned;
                    process.waits_for = None;
                }
            }
            Step::See { process } => {
                if let Some(at) =
                    self.alive(process).filter(|at| !self.processes[*at].is_partitioned)
                {
                    self.processes[at].view = self.is_running.then_some(self.run);
                }
            }
            Step::StartOrStop => {
                self.run += u32::from(!self.is_running);
                self.is_running = !self.is_running;
            }
            Step::Kill { process } => {
                if let Some(at) = self.alive(process) {
                    let process = &mut self.processes[at];
                    process.is_alive = false;
                    if process.is_durable {
                        self.disks.push(process.disk.clone());
                    }
                }
            }
            Step::Leave { process } => {
                if let Some(at) = self.alive(process) {
                    self.processes[at].is_leaving = true;
                    self.processes[at].disk.lives.leave();
                }
            }
            Step::Open { disk, is_durable } => match pick(&self.disks, disk) {
                Some(at) if is_durable => {
                    let disk = self.disks.swap_remove(at);
                    self.open(Some(disk), true);
                }
                _ => self.open(None, is_durable),
            },
            Step::CopyInUse { process } => {
                if let Some(at) = self.alive(process).filter(|at| self.processes[*at].is_durable) {
                    let disk = self.processes[at].disk.clone();
                    self.open(Some(disk), true);
                }
            }
            Step::CopyDisk { disk } => {
                if let Some(at) = pick(&self.disks, disk) {
                    let disk = self.disks[at].clone();
                    self.open(Some(disk), true);
                }
            }
            Step::Fold => {
                let Ok(_) = self.database.fold(self.grace);
            }
            Step::Wait { seconds } => self.database.now += u64::from(seconds),
            Step::GoBack { statements } => {
                if let Some(backup) = pick(self.backups.make_contiguous(), statements) {
                    let now = self.database.now;
                    self.database = self.backups[backup].clone();
                    self.database.now = now;
                    self.has_gone_back = true;
                }
            }
        }
        self.backups.push_back(self.database.clone());
        if self.backups.len() > 8 {
            self.backups.pop_front();
        }
    }

    /// All statements arrive, in any order; all directories are opened; all processes ship until
    /// nothing is left.
    fn heal(&mut self) {
        while !self.network.is_empty() {
            self.deliver(self.network.len() / 2, true, false);
        }
        for disk in std::mem::take(&mut self.disks) {
            self.open(Some(disk), true);
        }
        for _ in 0..4 {
            for at in 0..self.processes.len() {
                self.processes[at].is_partitioned = false;
                for life in self.processes[at].disk.lives.ids() {
                    if self.processes[at].is_alive {
                        self.send(at, life);
                        self.deliver(self.network.len() - 1, true, false);
                    }
                }
            }
            let Ok(_) = self.database.fold(Duration::from_secs(u64::MAX));
        }
    }

    /// What holds at every look.
    fn check(&self) {
        let mut counted = Cells::default();
        self.truth.values().for_each(|cells| counted.add_all(cells));
        assert_eq!(self.database.totals().since(&counted), Cells::default(), "counted twice");
        for (life, counted) in &self.truth {
            let credited = self.database.credited(*life);
            assert_eq!(credited.since(counted), Cells::default(), "{life}: more than was counted");
            if !self.has_gone_back {
                let acknowledged = self.acknowledged.get(life).cloned().unwrap_or_default();
                let lost = acknowledged.since(&credited);
                assert_eq!(lost, Cells::default(), "{life}: less than was acknowledged");
            }
        }
    }

    /// What holds after all has healed.
    fn check_healed(&self) {
        self.check();
        let living: BTreeSet<Uuid> = self
            .processes
            .iter()
            .filter(|of| of.is_alive)
            .filter_map(|process| process.disk.lives.current())
            .collect();
        for (life, counted) in &self.truth {
            let is_kept = self.durable.contains(life) && !self.has_gone_back;
            if is_kept || living.contains(life) {
                let missing = counted.since(&self.database.credited(*life)).events();
                let dropped = self.dropped.get(life).copied().unwrap_or_default();
                assert!(missing <= dropped, "{life}: {missing} missing, {dropped} said to be");
            }
        }
    }
}

fn run(steps: Vec<Step>, grace: u64) -> Fleet {
    let mut fleet = Fleet::new(grace);
    for step in steps {
        fleet.step(step);
        fleet.check();
    }
    fleet.heal();
    fleet.check_healed();
    fleet
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn nothing_is_counted_twice_and_nothing_acknowledged_is_lost(steps in steps(false)) {
        let fleet = run(steps, u64::MAX);
        // Nothing is missing in the end that only a fold after the grace could explain.
        prop_assert!(!fleet.has_gone_back);
    }

    #[test]
    fn the_same_where_processes_are_away_for_longer_than_the_grace(steps in steps(false)) {
        run(steps, 60);
    }

    #[test]
    fn a_database_that_goes_back_gets_all_that_living_processes_have_counted(steps in steps(true)) {
        run(steps, u64::MAX);
    }
}
