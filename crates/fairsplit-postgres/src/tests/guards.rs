//! One history for each guard of the protocol: without the guard, it counts twice or loses.

use std::time::Duration;

use super::fake::FakeLedger;
use super::{count, key};
use crate::cells::Cells;
use crate::ledger::{Answer, Flush, Ledger, Said};
use crate::lives::Lives;

const NEVER: Duration = Duration::MAX;

fn flush(lives: &mut Lives, now: &Cells) -> Flush {
    let id = lives.ids()[0];
    lives.flush(id, now).unwrap()
}

/// Ships every life once, and returns what was answered.
fn ship(database: &mut FakeLedger, lives: &mut Lives, now: &Cells) -> Vec<Answer> {
    let ids = lives.ids().into_iter();
    let shipped = ids.map(|id| {
        let flush = lives.flush(id, now).unwrap();
        let Ok(answer) = database.flush(&flush);
        lives.answered(&flush, answer, now);
        answer
    });
    shipped.collect()
}

fn total(database: &FakeLedger) -> u64 {
    database.totals().events()
}

/// A process in memory that has counted 10 events.
fn process() -> (Lives, Cells) {
    let mut cells = Cells::default();
    let lives = Lives::open(None, &cells, false);
    count(&mut cells, 10);
    (lives, cells)
}

/// The same with a directory.
fn durable() -> (Lives, Cells) {
    let mut cells = Cells::default();
    let lives = Lives::open(None, &cells, true);
    count(&mut cells, 10);
    (lives, cells)
}

#[test]
fn a_statement_that_comes_twice_counts_once() {
    let (mut lives, cells) = process();
    let mut database = FakeLedger::default();
    let flush = flush(&mut lives, &cells);
    for _ in 0..2 {
        let Ok(Answer::Accepted { is_behind: false }) = database.flush(&flush) else { panic!() };
    }
    assert_eq!(total(&database), 10);
}

#[test]
fn a_statement_that_comes_late_lowers_nothing() {
    let (mut lives, mut cells) = process();
    let mut database = FakeLedger::default();
    let late = flush(&mut lives, &cells);
    count(&mut cells, 5);
    ship(&mut database, &mut lives, &cells);
    let Ok(_) = database.flush(&late);
    assert_eq!(total(&database), 15);
}

#[test]
fn a_statement_that_comes_after_its_life_was_folded_is_refused() {
    let (mut lives, cells) = process();
    let mut database = FakeLedger::default();
    let late = flush(&mut lives, &cells);
    lives.leave();
    ship(&mut database, &mut lives, &cells);
    assert_eq!(database.fold(NEVER), Ok(1));
    assert_eq!(database.flush(&late), Ok(Answer::Refused));
    assert_eq!(total(&database), 10);
}

#[test]
fn a_life_is_folded_once() {
    let (mut lives, cells) = process();
    let mut database = FakeLedger::default();
    lives.leave();
    ship(&mut database, &mut lives, &cells);
    assert_eq!((database.fold(NEVER), database.fold(NEVER)), (Ok(1), Ok(0)));
    assert_eq!(total(&database), 10);
}

#[test]
fn the_life_of_a_process_that_was_away_goes_on_in_another_one() {
    let (mut lives, mut cells) = process();
    let mut database = FakeLedger::default();
    // It commits, and the answer is lost.
    let unanswered = flush(&mut lives, &cells);
    let Ok(_) = database.flush(&unanswered);
    database.now += 100;
    assert_eq!(database.fold(Duration::from_secs(60)), Ok(1));
    count(&mut cells, 5);
    let first = lives.current();
    assert_eq!(ship(&mut database, &mut lives, &cells), [Answer::Refused]);
    assert_ne!(lives.current(), first);
    // The 10 are there, which the process does not know.
    assert_eq!((total(&database), lives.dropped()), (10, 15));
    count(&mut cells, 3);
    ship(&mut database, &mut lives, &cells);
    assert_eq!(total(&database), 13);
}

#[test]
fn an_opening_begins_another_life_since_a_copy_of_the_directory_may_count_too() {
    let (lives, cells) = durable();
    let mut database = FakeLedger::default();
    for events in [1, 2] {
        let mut cells = cells.clone();
        let mut lives = Lives::open(Some(lives.clone()), &cells, true);
        count(&mut cells, events);
        ship(&mut database, &mut lives, &cells);
    }
    assert_eq!(total(&database), 13);
}

#[test]
fn the_original_of_a_directory_that_was_copied_in_use_counts_on() {
    let (mut lives, mut cells) = durable();
    let mut database = FakeLedger::default();
    let mut copy = Lives::open(Some(lives.clone()), &cells, true);
    ship(&mut database, &mut copy, &cells);
    assert_eq!(database.fold(NEVER), Ok(0));
    count(&mut cells, 5);
    let answers = ship(&mut database, &mut lives, &cells);
    assert_eq!(answers, [Answer::Accepted { is_behind: false }]);
    assert_eq!(total(&database), 15);
}

#[test]
fn what_a_copy_has_shipped_of_a_life_that_was_folded_is_not_shipped_again() {
    let (mut lives, cells) = durable();
    let mut database = FakeLedger::default();
    let mut copy = Lives::open(Some(lives.clone()), &cells, true);
    ship(&mut database, &mut copy, &cells);
    database.now += 100;
    assert_eq!(database.fold(Duration::from_secs(60)), Ok(1));
    for _ in 0..3 {
        ship(&mut database, &mut lives, &cells);
    }
    assert_eq!(total(&database), 10);
}

#[test]
fn what_is_left_of_an_ended_life_that_is_refused_is_dropped_and_said() {
    let (lives, mut cells) = durable();
    let mut database = FakeLedger::default();
    // The directory is opened twice; one of the two has all that was left.
    let mut all = Lives::open(Some(lives.clone()), &cells, true);
    ship(&mut database, &mut all, &cells);
    database.now += 100;
    assert_eq!(database.fold(Duration::from_secs(60)), Ok(1));
    let mut other = Lives::open(Some(lives), &cells, true);
    count(&mut cells, 1);
    for _ in 0..3 {
        ship(&mut database, &mut other, &cells);
    }
    assert_eq!((total(&database), other.dropped()), (11, 10));
}

#[test]
fn a_last_word_has_all_cells_also_where_the_database_has_gone_back() {
    let (mut lives, mut cells) = process();
    let mut database = FakeLedger::default();
    let backup = database.clone();
    ship(&mut database, &mut lives, &cells);
    database = backup;
    cells.add(key(2, 0, None), crate::cells::Cell([1, 0, 0]));
    lives.leave();
    ship(&mut database, &mut lives, &cells);
    assert!(lives.is_over());
    assert_eq!(total(&database), 11);
}

#[test]
fn a_database_that_goes_back_is_noticed_by_the_flush_after_the_next_at_the_latest() {
    let (mut lives, mut cells) = process();
    let mut database = FakeLedger::default();
    let backup = database.clone();
    ship(&mut database, &mut lives, &cells);
    database = backup;
    cells.add(key(2, 0, None), crate::cells::Cell([1, 0, 0]));
    // The first answer after it is lost, so the second statement finds the first.
    let unanswered = flush(&mut lives, &cells);
    let Ok(_) = database.flush(&unanswered);
    let answers = ship(&mut database, &mut lives, &cells);
    assert_eq!(answers, [Answer::Accepted { is_behind: true }]);
    assert_eq!(lives.unshipped(&cells), 10);
    let answers = ship(&mut database, &mut lives, &cells);
    assert_eq!(answers, [Answer::Accepted { is_behind: false }]);
    assert_eq!(total(&database), 11);
}

#[test]
fn a_copy_that_ships_does_not_hide_that_the_database_has_gone_back() {
    let (mut lives, mut cells) = durable();
    let mut database = FakeLedger::default();
    let mut copy = Lives::open(Some(lives.clone()), &cells, true);
    let backup = database.clone();
    cells.add(key(2, 0, None), crate::cells::Cell([1, 0, 0]));
    ship(&mut database, &mut lives, &cells);
    database = backup;
    for _ in 0..3 {
        ship(&mut database, &mut copy, &Cells::default());
    }
    cells.add(key(3, 0, None), crate::cells::Cell([1, 0, 0]));
    for _ in 0..2 {
        ship(&mut database, &mut lives, &cells);
    }
    assert_eq!(total(&database), 12);
}

#[test]
fn only_cells_that_moved_are_sent() {
    let (mut lives, mut cells) = process();
    let mut database = FakeLedger::default();
    ship(&mut database, &mut lives, &cells);
    assert_eq!(flush(&mut lives, &cells).cells, Cells::default());
    cells.add(key(2, 0, Some("purchase")), crate::cells::Cell([1, 250, 0]));
    let flush = flush(&mut lives, &cells);
    assert_eq!((flush.cells.iter().count(), flush.state), (1, Said::Open));
}

#[test]
fn a_last_word_that_is_repeated_is_accepted_until_the_life_is_folded() {
    let (mut lives, cells) = process();
    let mut database = FakeLedger::default();
    lives.leave();
    let unanswered = flush(&mut lives, &cells);
    let Ok(_) = database.flush(&unanswered);
    let answers = ship(&mut database, &mut lives, &cells);
    assert_eq!(answers, [Answer::Accepted { is_behind: false }]);
    assert_eq!((total(&database), lives.dropped(), lives.is_over()), (10, 0, true));
}
