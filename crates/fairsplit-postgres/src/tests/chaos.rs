//! Machines whose processes count, end in order or are killed, and whose directories are copied,
//! while the server is killed and its connections are cut. `FAIRSPLIT_FLEET_SECONDS` makes it last.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use fairsplit::ExperimentId;
use uuid::Uuid;

use super::server::Server;
use crate::cells::{Cell, Cells, Key};
use crate::connection::Connection;
use crate::ledger::{Answer, Ledger};
use crate::lives::Lives;
use crate::postgres::Postgres;
use crate::schema::Schema;

const MACHINES: u64 = 8;
const FOLDERS: u64 = 2;
const GRACE: Duration = Duration::from_secs(3600);

/// The same numbers in every run, though threads differ.
struct Random(u64);

impl Random {
    fn of(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn has(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn sleep(&mut self, from: u64, to: u64) {
        thread::sleep(Duration::from_millis(from + self.below(to - from)));
    }
}

#[derive(Clone)]
struct Disk {
    lives: Lives,
    cells: Cells,
}

#[derive(Default)]
struct World {
    disks: Vec<Disk>,
    counted: Cells,
    /// By life, since several processes may ship one.
    acknowledged: BTreeMap<Uuid, Cells>,
    kills: u64,
    ended: u64,
    copies: u64,
    failures: u64,
    refusals: u64,
}

struct Chaos {
    url: String,
    until: Instant,
    world: Mutex<World>,
}

/// What lives with a directory count, and what those in memory do.
fn experiment(is_durable: bool) -> ExperimentId {
    ExperimentId::from_bytes([u8::from(is_durable); 16])
}

impl Chaos {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn ledger(&self) -> Postgres {
        let connection = Connection::new(&self.url, Duration::from_secs(2)).unwrap();
        Postgres::new(connection, Schema::default(), "machine".to_owned())
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Ships every life once; `false` if the database fails.
    fn ship(&self, ledger: &mut Postgres, Disk { lives, cells }: &mut Disk) -> bool {
        for id in lives.ids() {
            let flush = lives.flush(id, cells).unwrap();
            let Ok(answer) = ledger.flush(&flush) else {
                self.world().failures += 1;
                return false;
            };
            let mut world = self.world();
            match answer {
                Answer::Accepted { is_behind } => {
                    assert!(!is_behind, "the database has not gone back");
                    world.acknowledged.entry(id).or_default().raise(&flush.cells);
                }
                Answer::Refused => world.refusals += 1,
            }
            drop(world);
            lives.answered(&flush, answer, cells);
        }
        true
    }

    fn machine(&self, number: u64) {
        let mut random = Random::of(number);
        while !self.is_over() {
            let kept = {
                let mut world = self.world();
                let disks = world.disks.len();
                let takes = disks > 0 && random.has(70);
                takes.then(|| {
                    world.disks.swap_remove(usize::try_from(random.below(disks as u64)).unwrap())
                })
            };
            let is_durable = kept.is_some() || random.has(60);
            let (lives, cells) =
                kept.map_or_else(Default::default, |disk| (Some(disk.lives), disk.cells));
            let lives = Lives::open(lives, &cells, is_durable);
            self.process(&mut random, Disk { lives, cells }, is_durable);
        }
    }

    fn process(&self, random: &mut Random, mut disk: Disk, is_durable: bool) {
        let mut ledger = self.ledger();
        let end = Instant::now() + Duration::from_millis(100 + random.below(1_500));
        while Instant::now() < end && !self.is_over() {
            for _ in 0..random.below(100) {
                let goal = random.has(20).then(|| "purchase".into());
                let (run, variant) = (1 + u32::from(random.has(50)), u16::from(random.has(50)));
                let key = Key { experiment: experiment(is_durable), run, variant, goal };
                let cell = Cell([1, random.below(2), u64::from(key.goal.is_some())]);
                disk.cells.add(key.clone(), cell);
                self.world().counted.add(key, cell);
            }
            if is_durable && random.has(2) {
                let mut world = self.world();
                world.disks.push(disk.clone());
                world.copies += 1;
            }
            self.ship(&mut ledger, &mut disk);
            random.sleep(5, 40);
        }
        if random.has(40) {
            disk.lives.leave();
            while !disk.lives.is_over() && !self.is_over() {
                self.ship(&mut ledger, &mut disk);
            }
            self.world().ended += 1;
        } else {
            self.world().kills += 1;
        }
        if is_durable && !disk.lives.is_over() {
            self.world().disks.push(disk);
        }
    }

    fn folder(&self) {
        let mut ledger = self.ledger();
        while !self.is_over() {
            thread::sleep(Duration::from_millis(100));
            if ledger.fold(GRACE).is_err() {
                self.world().failures += 1;
            }
        }
    }

    /// acknowledged <= in the database <= counted.
    fn look(&self, ledger: &mut Postgres) -> bool {
        let mut acknowledged = Cells::default();
        self.world().acknowledged.values().for_each(|cells| acknowledged.add_all(cells));
        let mut found = Cells::default();
        for is_durable in [true, false] {
            let Ok(cells) = ledger.read(experiment(is_durable)) else { return false };
            found.add_all(&cells);
        }
        assert_eq!(acknowledged.since(&found), Cells::default(), "acknowledged, and not there");
        assert_eq!(found.since(&self.world().counted), Cells::default(), "counted twice");
        true
    }
}

#[test]
fn no_count_is_doubled_and_none_acknowledged_is_lost_while_servers_and_processes_are_killed() {
    let Some(mut server) = Server::start() else { return };
    let asked =
        std::env::var_os("FAIRSPLIT_FLEET_SECONDS").and_then(|seconds| seconds.into_string().ok());
    let seconds = asked.and_then(|seconds| seconds.parse().ok()).unwrap_or(10);
    let chaos = Chaos {
        url: server.url(),
        until: Instant::now() + Duration::from_secs(seconds),
        world: Mutex::default(),
    };
    let (mut killed, mut cut, mut looks) = (0, 0, 0);
    thread::scope(|scope| {
        let chaos = &chaos;
        for number in 0..MACHINES {
            scope.spawn(move || chaos.machine(number));
        }
        for _ in 0..FOLDERS {
            scope.spawn(move || chaos.folder());
        }
        let mut random = Random::of(1_000);
        let mut ledger = chaos.ledger();
        while !chaos.is_over() {
            random.sleep(50, 300);
            if random.has(80) {
                let cutting = server.connection().query(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND random() < 0.5",
                    &[],
                );
                cut += u32::from(cutting.is_ok());
            } else {
                server.kill_and_restart();
                killed += 1;
            }
            looks += u32::from(chaos.look(&mut ledger));
        }
    });
    assert!(cut > 0 && killed > 0 && looks > 0, "{cut} {killed} {looks}");
    // All heals: every directory is opened once more.
    let mut ledger = chaos.ledger();
    let disks = std::mem::take(&mut chaos.world().disks);
    for Disk { lives, cells } in disks {
        let lives = Lives::open(Some(lives), &cells, true);
        let mut disk = Disk { lives, cells };
        while !chaos.ship(&mut ledger, &mut disk) {}
    }
    assert!(chaos.look(&mut ledger));
    let world = chaos.world();
    for is_durable in [true, false] {
        let counted =
            world.counted.iter().filter(|(key, _)| key.experiment == experiment(is_durable));
        let mut missing = Cells::default();
        counted.for_each(|(key, cell)| missing.add(key.clone(), cell));
        let events = missing.events();
        let missing = missing.since(&ledger.read(experiment(is_durable)).unwrap()).events();
        if is_durable {
            assert_eq!(missing, 0, "of lives with a directory, of {events}");
        } else {
            assert!(missing < events, "{missing} of {events} in memory");
        }
    }
    // Without these, little was tested.
    let World { kills, ended, copies, failures, refusals, .. } = &*world;
    assert!(
        *kills > 0 && *ended > 0 && *copies > 0 && *failures > 0,
        "{kills} {ended} {copies} {failures} {refusals}"
    );
}
