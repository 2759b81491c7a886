//! Every target over the inputs that are kept, and over what chance makes of them.

#![allow(clippy::print_stdout)] // The runner shows it where it helps: with a test that fails.

use fastrand::Rng;
use fleetstep_hostile::{TARGETS, Target, generate};
use std::path::PathBuf;

/// Inputs made of those that are kept, for each target.
const MUTATIONS: u64 = 300;
/// Machines made by chance.
const DEFINITIONS: u64 = 100;
/// What a target's inputs may take in the repository.
const CORPUS_BYTES_MAX: usize = 32 << 10;

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = target.corpus();
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder that can be read").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let input = std::fs::read(&path).expect("a file that can be read");
        (path, input)
    };
    paths.into_iter().map(read).collect()
}

/// Says what a panic came from.
struct Trying<'a>(&'a str, &'a [u8]);

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}\n{}", self.0, String::from_utf8_lossy(self.1));
        }
    }
}

fn check(target: &Target, what: &str, input: &[u8]) {
    let _trying = Trying(what, input);
    (target.check)(input);
}

#[test]
fn every_kept_input_keeps_the_promises() {
    for target in TARGETS {
        let corpus = corpus(target);
        let bytes: usize = corpus.iter().map(|(_, input)| input.len()).sum();
        assert!(corpus.len() >= 5 && bytes <= CORPUS_BYTES_MAX, "{}: {} files, {bytes} B", target.name, corpus.len());
        for (path, input) in corpus {
            assert!(input.len() <= target.input_bytes_max, "{}", path.display());
            check(target, &path.display().to_string(), &input);
        }
    }
}

#[test]
fn what_chance_makes_of_them_does_too() {
    for target in TARGETS {
        let corpus: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, input)| input).collect();
        for seed in 0..MUTATIONS {
            let mut chance = Rng::with_seed(seed);
            let mut input = corpus[chance.usize(0..corpus.len())].clone();
            for _ in 0..chance.u32(1..5) {
                mutate(&mut input, &corpus[chance.usize(0..corpus.len())], &mut chance);
            }
            input.truncate(target.input_bytes_max);
            check(target, &format!("{}, seed {seed}", target.name), &input);
        }
    }
}

fn mutate(input: &mut Vec<u8>, other: &[u8], chance: &mut Rng) {
    let start = chance.usize(0..=input.len());
    let end = (start + chance.usize(0..20)).min(input.len());
    match chance.u32(0..5) {
        0 => drop(input.drain(start..end)),
        1 => input.truncate(start),
        2 => input[start..end].fill_with(|| chance.u8(b' '..=b'~')),
        3 => {
            let part = input[start..end].to_vec();
            drop(input.splice(start..start, part));
        }
        _ => {
            let from = chance.usize(0..=other.len());
            let to = (from + chance.usize(0..40)).min(other.len());
            drop(input.splice(start..end, other[from..to].iter().copied()));
        }
    }
}

#[test]
fn every_generated_machine_compiles_and_runs() {
    let target = fleetstep_hostile::target("definitions").expect("it is a target");
    for seed in 0..DEFINITIONS {
        let text = generate::definition(&mut Rng::with_seed(seed)).to_string();
        let compilation = fleetstep_asl::compile(&text, &fleetstep_asl::Options::default());
        assert!(compilation.compiled.is_some(), "{text}\n{:?}", compilation.diagnostics);
        check(target, &format!("seed {seed}"), text.as_bytes());
    }
}
