//! Writes the features in a form that cucumber's parser takes. It knows neither a backslash before a
//! quotation mark, which is a plain one in Gherkin, nor a blank line in a table.

use std::path::PathBuf;
use std::{env, fs};

const DATA: &str = "../data/openfeature";

fn main() {
    println!("cargo::rerun-if-changed={DATA}");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for file in fs::read_dir(DATA).expect("the data are in the repository") {
        let path = file.expect("it can be listed").path();
        if path.extension().is_some_and(|extension| extension == "feature") {
            let text = fs::read_to_string(&path).expect("it is text").replace("\\\"", "\"");
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let text: String = lines.map(|line| format!("{line}\n")).collect();
            fs::write(out.join(path.file_name().expect("it has a name")), text)
                .expect("there is room");
        }
    }
}
