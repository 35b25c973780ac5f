//! Panics about names that the test has not defined.

#[track_caller]
pub(super) fn no_experiment<'a>(flag: &str, known: impl Iterator<Item = &'a str>) -> ! {
    panic!("there is no experiment on {flag:?}, only on {}", list(known))
}

#[track_caller]
pub(super) fn no_variant<'a>(flag: &str, variant: &str, known: impl Iterator<Item = &'a str>) -> ! {
    panic!("the experiment on {flag:?} has no variant {variant:?}, only {}", list(known))
}

#[track_caller]
pub(super) fn no_goal<'a>(flag: &str, goal: &str, known: impl Iterator<Item = &'a str>) -> ! {
    panic!("the experiment on {flag:?} has no goal {goal:?}, only {}", list(known))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("{name:?}")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
