//! The folders of `src` are its layers: a file imports from its own and from those below.

use std::fs;
use std::path::{Path, PathBuf};

/// From the ground up.
const CORE: [&str; 7] = ["assign", "target", "model", "count", "read", "format", "engine"];
/// On top of the core, and none on another.
const TOPS: [&str; 4] = ["durable", "results", "testing", "watch"];

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let inside = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    let is_test = |file: &PathBuf| file.ends_with("tests.rs") || file.ends_with("tests");
    entries(folder).filter(|path| !is_test(path)).flat_map(inside).collect()
}

#[test]
fn a_layer_imports_only_from_those_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in entries(&src).filter(|path| path.is_dir()) {
        let layer = folder.file_name().unwrap().to_str().unwrap();
        let below = match CORE.iter().position(|other| *other == layer) {
            Some(at) => &CORE[..at],
            None => &CORE[..],
        };
        assert!(CORE.contains(&layer) || TOPS.contains(&layer), "what layer is {layer}?");
        for file in files(&folder) {
            let source = fs::read_to_string(&file).unwrap();
            // Unit tests, and the links of comments, may name anything.
            let code = source.lines().take_while(|line| *line != "mod tests {");
            for line in code.filter(|line| !line.trim_start().starts_with("//")) {
                for path in line.split("crate::").skip(1) {
                    let name = path.split(|c: char| !c.is_ascii_lowercase()).next().unwrap();
                    assert!(name == layer || below.contains(&name), "{}: {line}", file.display());
                }
            }
        }
    }
}
