//! What was queued is gone with the process, and is queued again by the next one.

use super::{evaluate, run_banner, runs_and_users, taken};
use crate::common::directory::Directory;

#[test]
fn users_are_queued_once_more_after_a_directory_is_opened_again() {
    let directory = Directory::new();
    let engine = directory.open();
    let exposures = engine.exposures(10);
    let id = run_banner(&engine, |new| new.count_users(1000));
    for user in ["anna", "ben", "anna"] {
        evaluate(&engine, user);
    }
    assert_eq!(runs_and_users(&taken(&exposures)), [(1, "anna"), (1, "ben")]);
    drop((engine, exposures));

    for _ in 0..2 {
        let engine = directory.open();
        // Before there is a queue, an exposure is as without one.
        evaluate(&engine, "anna");
        let exposures = engine.exposures(10);
        for user in ["ben", "ben", "anna", "ben"] {
            evaluate(&engine, user);
        }
        assert_eq!(runs_and_users(&taken(&exposures)), [(1, "ben"), (1, "anna")]);
        let users = engine.users(id).unwrap();
        assert_eq!(users.variants().iter().map(|variant| variant.count.exposed).sum::<u64>(), 2);
    }
}
