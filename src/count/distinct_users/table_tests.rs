//! How many users a table takes, and when no more.

use super::slots::InProcess;
use super::tests::{scope, user};
use super::*;
use crate::count::counters::Event;

fn table(slots: usize) -> Table {
    new_table(&scope(100), 0, slots, &InProcess)
}

/// Beyond three quarters the next table is made, beyond 13 sixteenths it has more slots, and at
/// seven eighths this one is full.
#[test]
fn a_table_is_crowded_then_nearly_full_then_full() {
    let table = table(64);
    for added in 0..=56 {
        assert_eq!(table.users(), added);
        assert_eq!(table.is_crowded(), added > 48, "{added}");
        assert_eq!(table.is_nearly_full(), added > 52, "{added}");
        let claimed = table.claim(user(added as u64));
        assert_eq!(matches!(claimed, Claimed::New(_)), added < 56, "{added}");
        assert_eq!(matches!(claimed, Claimed::Full), added == 56, "{added}");
        assert!(added == 56 || matches!(table.claim(user(added as u64)), Claimed::Known(_)));
    }
    assert_eq!((table.limit(), table.close()), (56, 57), "the last attempt found no room");
}

/// Users who are added late would not be in the number for which the next table has room.
#[test]
fn a_table_that_is_closed_takes_users_of_the_table_before_and_no_others() {
    let table = table(64);
    (0..10).for_each(|number| table.take::<Activities>(user(number), 1));
    assert_eq!(table.close(), 10);
    assert!(matches!(table.claim(user(1)), Claimed::Known(_)));
    assert!(matches!(table.claim(user(10)), Claimed::Sealed));
    assert_eq!(table.users(), 10);
    table.take::<Activities>(user(11), 1);
    table.take::<Activities>(user(11), 4);
    table.take::<Activities>(user(12), 0);
    assert_eq!((table.users(), table.all().count()), (11, 11), "of the last one nothing is known");
    assert!(table.all().any(|known| known == (user(11), 5)));
    assert!(!table.is_nearly_full() && !table.is_crowded());
}

/// The slots of a user who is not there, and of one who is, are left for good.
#[test]
fn a_user_who_leaves_a_table_is_not_added_to_it_again() {
    let table = table(64);
    table.take::<Activities>(user(1), 5);
    assert_eq!((table.leave(user(1)), table.leave(user(1))), (5, 5));
    assert_eq!((table.leave(user(2)), table.leave(user(2))), (0, 0));
    assert!(matches!(table.claim(user(2)), Claimed::Sealed));
    let Found::User(slot) = table.find(user(1)) else { panic!("it stays there") };
    for event in [Event::Exposure, Event::Conversion] {
        assert_eq!(
            slot.record::<Activities>(event.into(), 0),
            None,
            "it goes on in the next table"
        );
    }
    assert_eq!(table.all().collect::<Vec<_>>(), [(user(1), 5)]);
}

/// A user who had done something in the table before has done it here too, from the first event.
#[test]
fn what_is_known_from_the_table_before_counts_with_the_first_event() {
    let table = table(64);
    let Claimed::New(slot) = table.claim(user(1)) else { panic!("there is room") };
    let record = |event: Event, before, known| {
        assert_eq!(slot.record::<Activities>(event.into(), before), Some(known));
        assert_eq!(table.all().collect::<Vec<_>>(), [(user(1), known)]);
    };
    let (exposed, before, after) = (1, 2, 4);
    record(Event::Conversion, exposed, exposed | after);
    record(Event::Conversion, exposed, exposed | after);
    record(Event::Conversion, before, exposed | before | after);
    record(Event::Exposure, before, exposed | before | after);
    record(Event::Conversion, 0, exposed | before | after);

    let Claimed::New(slot) = table.claim(user(2)) else { panic!("there is room") };
    assert_eq!(slot.record::<Activities>(Event::Exposure.into(), exposed), Some(exposed));
    assert!(table.all().any(|known| known == (user(2), exposed)));
}

/// Else the users of that table could move nowhere, and none could be added behind a sealed slot.
#[test]
fn a_table_whose_users_were_moving_is_not_taken_as_it_was_left() {
    let left = |leaves: Option<u64>| {
        let table = table(64);
        (0..20).for_each(|number| table.take::<Activities>(user(number), 1));
        if let Some(number) = leaves {
            table.leave(user(number));
        }
        Table::left_in::<Activities>(table.head, table.slots).is_ok()
    };
    assert!(left(None));
    // Multipliers are drawn: a sealed slot would pass for a user's in one of 64.
    for number in 0..2000 {
        assert!(!left(Some(number)), "{number}");
    }
}
