//! Seconds of fuzzing in the ordinary tests: every kept corpus file, and mutations of it, against the
//! oracle of its target. `make verify` runs the same oracles under a coverage-guided fuzzer.
//!
//! Enters: `fuzz/seeds`. Leaves: a panic of the oracle, with the file and the mutation's number.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time for mutations, per target.
const SECONDS_EACH: u64 = 1;

type Oracle = fn(&[u8]);

const TARGETS: &[(&str, Oracle)] = &[
    ("capture_file", poortwacht::capture::oracle::check),
    ("decode", poortwacht::decode::oracle::check),
    ("dns", poortwacht::names::dns::oracle::check),
    ("bypass", poortwacht::names::bypass::oracle::check),
    ("tls", poortwacht::names::tls::oracle::check),
    ("certificate", poortwacht::names::cert::oracle::check),
    ("quic", poortwacht::names::quic::oracle::check),
    ("gquic", poortwacht::names::quic::oracle::google::check),
    ("dtls", poortwacht::names::dtls::oracle::check),
    ("http", poortwacht::names::http::oracle::check),
    ("http2", poortwacht::names::http2::oracle::check),
    ("list", poortwacht::blocklist::oracle::check),
    (
        "list_import",
        poortwacht::blocklist::exchange::oracle::check,
    ),
    ("wire", poortwacht::event::oracle::check),
    ("presence", poortwacht::presence::oracle::check),
    ("feeds", poortwacht::feeds::oracle::check),
    ("filter", poortwacht::store::filter::oracle::check),
    ("ledger_read", poortwacht::ledger::oracle::check),
    ("frame", poortwacht::hits::frame::oracle::check),
    ("release", poortwacht::sealing::oracle::check),
    ("bundle", poortwacht::evidence::oracle::check),
    ("api", poortwacht::console::oracle::check),
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// xorshift64*: the same mutations in each run, so that a failure comes back.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }

    fn mutate(&mut self, data: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(data.len());
            match self.below(6) {
                0 if !data.is_empty() => data[at] ^= 1 << self.below(8),
                1 if !data.is_empty() => data[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                2 => data.truncate(at),
                3 => data.insert(at, self.below(256) as u8),
                4 if !data.is_empty() => drop(data.remove(at)),
                _ => {
                    let piece = data[at..(at + self.below(32)).min(data.len())].to_vec();
                    data.splice(at..at, piece);
                }
            }
        }
    }
}

#[test]
fn each_target_has_an_oracle_here_and_seeds() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let mut named: Vec<String> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"))
        .map(|rest| rest.trim_end_matches(".rs\"").to_owned())
        .collect();
    named.sort();
    let mut here: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    here.sort_unstable();
    assert_eq!(named, here);
}

#[test]
fn the_oracles_hold_for_the_corpora_and_near_them() {
    for (target, check) in TARGETS {
        let mut seeds: Vec<PathBuf> = fs::read_dir(fuzz().join("seeds").join(target))
            .unwrap_or_else(|e| panic!("fuzz/seeds/{target}: {e}"))
            .flatten()
            .map(|file| file.path())
            .collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{target} has no seed");
        let seeds: Vec<Vec<u8>> = seeds.iter().map(|path| fs::read(path).unwrap()).collect();
        seeds.iter().for_each(|seed| check(seed));
        let (mut dice, mut runs) = (Dice(0x9e37_79b9_7f4a_7c15), 0u64);
        let until = Instant::now() + Duration::from_secs(SECONDS_EACH);
        while Instant::now() < until {
            let mut data = seeds[dice.below(seeds.len())].clone();
            dice.mutate(&mut data);
            check(&data);
            runs += 1;
        }
        println!("{target}: {} seeds, {runs} mutations", seeds.len());
    }
}
