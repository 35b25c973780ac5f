//! Symbolic links on the way to the file: each one is turned, notified by the operating system
//! alone, and found by checking alone.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::places::on_the_way;
use super::tests::{Directory, Following, document, on_both};

/// Makes a link, or turns the one that is there.
fn turn(target: impl AsRef<Path>, link: &Path) {
    let next = link.with_file_name("..next");
    symlink(target, &next).unwrap();
    fs::rename(&next, link).unwrap();
}

/// A directory in the directory.
fn made(directory: &Path, name: &str) -> PathBuf {
    let made = directory.join(name);
    fs::create_dir(&made).unwrap();
    made
}

fn replace(file: &Path, value: u32) {
    let new = file.with_file_name("..new");
    fs::write(&new, document(value)).unwrap();
    fs::rename(&new, file).unwrap();
}

#[test]
fn any_link_of_a_chain_of_files_that_is_turned() {
    on_both("chain", |directory, signals| {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| made(directory, name));
        let [first, middle] = [a.join("c.json"), b.join("l.json")];
        replace(&c.join("real.json"), 1);
        turn(c.join("real.json"), &middle);
        turn("../b/l.json", &first);
        let following = Following::new(&first, signals);
        // The middle, to a directory that was not on the way.
        replace(&d.join("other.json"), 2);
        turn("../d/other.json", &middle);
        following.assert_next(2);
        // So the file there is on the way from now on.
        replace(&d.join("other.json"), 3);
        following.assert_next(3);
        // And a link that takes its place.
        replace(&c.join("real.json"), 4);
        turn(c.join("real.json"), &d.join("other.json"));
        following.assert_next(4);
        replace(&c.join("real.json"), 5);
        following.assert_next(5);
        // The first one.
        replace(&d.join("last.json"), 6);
        turn(d.join("last.json"), &first);
        following.assert_next(6);
    });
}

#[test]
fn any_link_of_a_chain_of_directories_that_is_turned() {
    on_both("directories", |directory, signals| {
        let [etc, srv] = ["etc", "srv"].map(|name| made(directory, name));
        let version = |value: u32| {
            let version = made(&srv, &format!("v{value}"));
            replace(&version.join("flags.json"), value);
        };
        version(1);
        turn("v1", &srv.join("current"));
        turn("../srv/current", &etc.join("app"));
        let following = Following::new(&etc.join("app").join("flags.json"), signals);
        for value in 2..5 {
            version(value);
            turn(format!("v{value}"), &srv.join("current"));
            following.assert_next(value.into());
        }
        replace(&srv.join("v4").join("flags.json"), 5);
        following.assert_next(5);
        turn(srv.join("v2"), &etc.join("app"));
        following.assert_next(2);
    });
}

#[test]
fn a_link_from_elsewhere_into_a_mounted_config_map() {
    on_both("elsewhere", |directory, signals| {
        let [mount, home] = ["mount", "home"].map(|name| made(directory, name));
        let version = |value: u32| {
            replace(&made(&mount, &format!("..{value}")).join("flags.json"), value);
            turn(format!("..{value}"), &mount.join("..data"));
        };
        version(1);
        turn("..data/flags.json", &mount.join("flags.json"));
        turn(mount.join("flags.json"), &home.join("flags.json"));
        let following = Following::new(&home.join("flags.json"), signals);
        for value in 2..5 {
            version(value);
            following.assert_next(value.into());
            fs::remove_dir_all(mount.join(format!("..{}", value - 1))).unwrap();
        }
    });
}

#[test]
fn a_link_that_is_turned() {
    on_both("link", |directory, signals| {
        // As a ConfigMap is mounted: flags.json -> ..data/flags.json, ..data -> a directory.
        let version = |value: u32| {
            let version = directory.join(format!("..{value}"));
            fs::create_dir(&version).unwrap();
            fs::write(version.join("flags.json"), document(value)).unwrap();
            version
        };
        let (data, next) = (directory.join("..data"), directory.join("..data_tmp"));
        symlink(version(1), &data).unwrap();
        symlink("..data/flags.json", directory.join("flags.json")).unwrap();
        let following = Following::new(&directory.join("flags.json"), signals);
        for value in 2..5 {
            symlink(version(value), &next).unwrap();
            fs::rename(&next, &data).unwrap();
            following.assert_next(value.into());
            fs::remove_dir_all(directory.join(format!("..{}", value - 1))).unwrap();
        }
        // As a release is deployed: the path of the file has a directory that is a link.
        let following = Following::new(&data.join("flags.json"), signals);
        for value in 5..8 {
            symlink(version(value), &next).unwrap();
            fs::rename(&next, &data).unwrap();
            following.assert_next(value.into());
        }
    });
}

#[test]
fn a_cycle_of_links_is_reported_and_can_be_broken() {
    on_both("cycle", |directory, signals| {
        let [a, b] = ["a", "b"].map(|name| made(directory, name));
        let [here, there] = [a.join("flags.json"), b.join("flags.json")];
        replace(&there, 1);
        turn(&there, &here);
        let following = Following::new(&here, signals);
        turn(&here, &there);
        let message = following.next().unwrap_err().to_string();
        let cause = fs::read(&here).unwrap_err().to_string();
        assert!(message.ends_with(&cause), "{message}");
        assert_eq!(following.value(), 1);
        replace(&there, 2);
        following.assert_next(2);
    });
}

/// The directories on the way, in the order of their names.
fn watched(path: &Path) -> Vec<PathBuf> {
    on_the_way(path).into_iter().collect()
}

#[test]
fn the_directories_to_watch_are_those_of_each_link_and_of_the_file() {
    let directory = Directory::new("way");
    let root = fs::canonicalize(&directory.0).unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| made(&root, name));
    replace(&c.join("real.json"), 1);
    assert_eq!(watched(&c.join("real.json")), [c.as_path()]);
    turn("../../c/./real.json", &made(&b, "deep").join("l.json"));
    turn("deep", &b.join("turned"));
    turn(b.join("turned").join("l.json"), &a.join("c.json"));
    let expected = [a.clone(), b.clone(), b.join("deep"), c.clone()];
    assert_eq!(watched(&a.join("..").join("a").join("c.json")), expected);
    // A name that is missing, and a name below a file.
    assert_eq!(watched(&a.join("none").join("x.json")), [a.as_path()]);
    assert_eq!(watched(&c.join("real.json").join("x.json")), [c.join("real.json")]);
    // A link to itself, and a chain that is too long for the kernel.
    turn("self", &a.join("self"));
    assert_eq!(watched(&a.join("self").join("x.json")), [a.as_path()]);
    let places: BTreeSet<PathBuf> = (0..60)
        .map(|at| {
            let place = made(&root, &format!("{at:02}"));
            turn(format!("../{:02}/l", at + 1), &place.join("l"));
            place
        })
        .collect();
    assert!(fs::read(root.join("00/l")).is_err());
    let on_the_way = on_the_way(&root.join("00/l"));
    assert_eq!(on_the_way.len(), 41);
    assert!(on_the_way.is_subset(&places));
}
