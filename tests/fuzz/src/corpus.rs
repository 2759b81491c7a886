//! Expressions to begin with: those of the engine's own tests, and the official ones where they are at hand.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Longer expressions are left out.
const EXPRESSION_CHARS_MAX: usize = 200;

/// The expressions of the tests.
pub(crate) fn expressions() -> Result<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = fs::read_to_string(root.join("runtime/expr/tests/data/jsonata_functions.txt"))?;
    let pictures = fs::read_to_string(root.join("runtime/expr/src/jsonata/picture/cases.txt"))?;
    let mut found: Vec<String> = table
        .split("\n\n")
        .filter_map(|case| case.split_once("\n=> "))
        .map(|(expression, _)| expression.to_owned())
        .collect();
    found.extend(
        pictures.lines().filter_map(|line| line.split_once(" => ")).map(|(expression, _)| expression.to_owned()),
    );
    let shared = std::env::var_os("FLEETSTEP_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let suite = shared.join("jsonata-suite/cases");
    match fs::read_dir(&suite) {
        Err(_) => println!("no {}: without the official expressions", suite.display()),
        Ok(files) => {
            for file in files {
                let lines = fs::read_to_string(file?.path()).context("the suite is text")?;
                let cases = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                found.extend(cases.filter_map(|case| Some(case.get("expr")?.as_str()?.to_owned())));
            }
        }
    }
    found.retain(|expression| expression.chars().count() <= EXPRESSION_CHARS_MAX);
    found.sort();
    Ok(found)
}
