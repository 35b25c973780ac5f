//! The protocol's statements on a real server.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::fake::FakeLedger;
use super::server::Server;
use super::{count, key};
use crate::cells::{Cell, Cells};
use crate::error::FleetError;
use crate::ledger::{Answer, Flush, Ledger, Said};
use crate::lives::Lives;
use crate::postgres::Postgres;
use crate::schema::Schema;

/// Rows of lives that were folded.
const LEFT: &str = "SELECT 1 FROM fairsplit.lives JOIN (
    SELECT life FROM fairsplit.counts UNION ALL SELECT life FROM fairsplit.goal_counts
  ) AS counted ON life = number WHERE state = 'folded'";
const NEVER: Duration = Duration::from_secs(1_000_000_000);

fn ledger(server: &Server) -> Postgres {
    Postgres::new(server.connection(), Schema::default(), "test".to_owned())
}

#[derive(Clone, Debug)]
enum Step {
    Flush {
        life: u8,
        said: Said,
        number: i64,
        known: i64,
        is_whole: bool,
        cells: Vec<(u8, [u64; 3])>,
    },
    Fold {
        is_away: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let said =
        prop_oneof![6 => Just(Said::Open), 1 => Just(Said::Superseded), 1 => Just(Said::Closed)];
    let number = prop_oneof![20 => 0..1_000_u64, 1 => Just(u64::MAX)];
    let cells = prop::collection::vec((any::<u8>(), prop::array::uniform3(number)), 0..5);
    let flush = (0..5_u8, said, 1..10_i64, 0..9_i64, any::<bool>(), cells);
    let flush = flush.prop_map(|(life, said, number, known, is_whole, cells)| Step::Flush {
        life,
        said,
        number,
        known,
        is_whole,
        cells,
    });
    let step =
        prop_oneof![8 => flush, 1 => any::<bool>().prop_map(|is_away| Step::Fold { is_away })];
    prop::collection::vec(step, 0..40)
}

/// As PostgreSQL holds them: no number is above 2^63 - 1.
fn held(cells: &Cells) -> BTreeMap<String, [u64; 3]> {
    let held = |number: u64| number.min(i64::MAX.unsigned_abs());
    cells.iter().map(|(key, Cell(cell))| (format!("{key:?}"), cell.map(held))).collect()
}

#[test]
fn the_statements_do_what_the_database_in_memory_does() {
    let Some(server) = Server::start() else { return };
    let real = RefCell::new(ledger(&server));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        let mut fake = FakeLedger::default();
        server.execute("TRUNCATE fairsplit.counts, fairsplit.goal_counts, fairsplit.lives");
        let lives: Vec<Uuid> = (0..5).map(|_| Uuid::new_v4()).collect();
        for step in steps {
            fake.now += 1;
            match step {
                Step::Flush { life, said: state, number, known, is_whole, cells: numbers } => {
                    let mut cells = Cells::default();
                    for (of, [first, second, third]) in numbers {
                        let goal = [None, Some("purchase"), Some("sign'up")][usize::from(of % 3)];
                        let third = if goal.is_some() { third } else { 0 };
                        let key = key(u32::from(of / 128), u16::from(of / 3 % 2), goal);
                        let mut one = Cells::default();
                        one.add(key, Cell([first, second, third]));
                        cells.raise(&one);
                    }
                    let flush = Flush {
                        life: lives[usize::from(life)],
                        is_durable: life % 2 == 0,
                        state,
                        number,
                        acknowledged: known,
                        is_whole: is_whole || state != Said::Open,
                        cells,
                    };
                    let Ok(expected) = fake.flush(&flush);
                    prop_assert_eq!(real.borrow_mut().flush(&flush).unwrap(), expected);
                }
                Step::Fold { is_away } => {
                    let grace = if is_away { Duration::ZERO } else { NEVER };
                    let Ok(expected) = fake.fold(grace);
                    prop_assert_eq!(real.borrow_mut().fold(grace).unwrap(), expected);
                    prop_assert_eq!(server.connection().query(LEFT, &[]).unwrap().len(), 0);
                }
            }
            let of = key(0, 0, None).experiment;
            let Ok(expected) = fake.read(of);
            prop_assert_eq!(held(&real.borrow_mut().read(of).unwrap()), held(&expected));
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn processes_need_no_right_to_make_tables_and_analysts_read_the_views_alone() {
    let Some(server) = Server::start() else { return };
    let schema = Schema::default();
    server.execute("CREATE ROLE shop LOGIN; CREATE ROLE analyst LOGIN;");
    server.execute(&schema.grants_to_processes("shop").unwrap());
    server.execute(&schema.grants_to_analysts("analyst").unwrap());
    let limit = Duration::from_secs(5);
    let connection =
        |user| crate::connection::Connection::new(&server.url_of(user), limit).unwrap();
    let mut shop = Postgres::new(connection("shop"), schema, "shop".to_owned());
    let mut cells = Cells::default();
    let mut lives = Lives::open(None, &cells, false);
    count(&mut cells, 10);
    lives.leave();
    let flush = lives.flush(lives.ids()[0], &cells).unwrap();
    assert_eq!(shop.flush(&flush), Ok(Answer::Accepted { is_behind: false }));
    assert_eq!(shop.fold(NEVER), Ok(1));
    for refused in [
        "CREATE TABLE fairsplit.mine ()",
        "DELETE FROM fairsplit.lives",
        "DELETE FROM fairsplit.flags",
        "UPDATE fairsplit.changes SET what = ''",
    ] {
        let error = connection("shop").batch(refused).unwrap_err();
        assert!(
            matches!(&error, FleetError::Database { reason } if reason.contains("denied")),
            "{error}"
        );
    }
    let mut analyst = connection("analyst");
    let rows = analyst.query("SELECT exposures FROM fairsplit.totals", &[]).unwrap();
    assert_eq!(rows[0].get::<_, i64>(0), 10);
    for view in ["running", "goal_totals"] {
        analyst.query(&format!("SELECT * FROM fairsplit.{view}"), &[]).unwrap();
    }
    for table in ["counts", "lives", "fleet", "changes", "flags"] {
        let error = connection("analyst").query(&format!("SELECT * FROM fairsplit.{table}"), &[]);
        assert!(error.is_err(), "{table}");
    }
}

#[test]
fn making_the_tables_twice_and_by_many_at_once_makes_them_once() {
    let Some(server) = Server::start() else { return };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| Schema::new("shop").unwrap().init(&server.url()).unwrap());
        }
    });
    let mut connection = server.connection();
    let rows = connection.query("SELECT version, what FROM shop.changes", &[]).unwrap();
    assert_eq!(rows.len(), 1, "each version has one row, and version 0 has one");
    let rows = connection
        .query(
            "SELECT version = 0 AND token IN (SELECT token FROM shop.changes) FROM shop.fleet",
            &[],
        )
        .unwrap();
    assert!(rows.len() == 1 && rows[0].get::<_, bool>(0));
}

#[test]
fn two_running_experiments_of_a_flag_in_an_environment_are_refused_by_the_index() {
    let Some(server) = Server::start() else { return };
    let insert = |environment: &str, flag: u128| {
        let statement = "INSERT INTO fairsplit.experiments (id, flag, name, environment, running)
            VALUES (gen_random_uuid(), $1, 'x', $2, true)";
        let flag = Uuid::from_u128(flag);
        server.connection().query(statement, &[(&flag, Type::UUID), (&environment, Type::TEXT)])
    };
    assert!(insert("production", 1).is_ok());
    assert!(insert("staging", 1).is_ok());
    assert!(insert("production", 2).is_ok());
    assert!(insert("production", 1).is_err());
    let rows = server.connection().query("SELECT * FROM fairsplit.running", &[]).unwrap();
    assert_eq!(rows.len(), 3);
}

#[test]
fn tables_of_another_release_are_refused_by_both_versions() {
    let Some(server) = Server::start() else { return };
    server.execute("UPDATE fairsplit.fleet SET schema_version = 2");
    let error = ledger(&server).fold(NEVER).unwrap_err();
    assert_eq!(error, FleetError::Version { schema: "fairsplit".to_owned(), found: 2, needed: 1 });
}
