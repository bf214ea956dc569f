//! Cost of a look-up against lists of 1,000 and of 1,000,000 suffixes.
//!
//! `cargo bench --bench blocklist`. The budget: a miss in a million suffixes takes at most 20 ns
//! and at most 1.5 times what it takes in a thousand. Divide a line's time by `NAMES` (divan's
//! item throughput does it). `cold` walks many more names than a cache holds, `warm` few.

use std::fmt::Write;
use std::sync::LazyLock;

use divan::counter::ItemsCount;
use poortwacht::base::{RawName, Timestamp};
use poortwacht::blocklist::{Catalogue, SourceText, Verdict};

fn main() {
    divan::main();
}

/// Names of a look-up round that stay in the first-level cache.
const WARM: usize = 256;
/// Names of a look-up round that do not fit the second-level cache.
const COLD: usize = 100_000;

fn list(rules: usize) -> Catalogue {
    let mut text = String::new();
    for n in 0..rules {
        let _ = writeln!(text, "blocked-{n}.example{}.com", n % 977);
        if n % 2 == 1 {
            let _ = writeln!(text, "listed{n}.net");
        }
    }
    let text: String = text
        .lines()
        .take(rules)
        .fold(String::new(), |mut all, line| {
            let _ = writeln!(all, "{line}");
            all
        });
    let sources = [SourceText::UserList("bench.txt", &text)];
    match Catalogue::compile(&sources, Timestamp(0)) {
        Ok(catalogue) => catalogue,
        Err(problems) => panic!("{:?}", problems.first()),
    }
}

static SMALL: LazyLock<Catalogue> = LazyLock::new(|| list(1_000));
static LARGE: LazyLock<Catalogue> = LazyLock::new(|| list(1_000_000));

fn catalogue(rules: usize) -> &'static Catalogue {
    if rules == 1_000 { &SMALL } else { &LARGE }
}

/// Ordinary names that no list holds.
fn misses(count: usize) -> Vec<String> {
    let hosts = ["www", "cdn.static", "api", "mail.eu", "e1234.dscg.edge"];
    (0..count)
        .map(|n| {
            format!(
                "{}.site-{}.{}",
                hosts[n % 5],
                n * 7919 % 1_000_003,
                ["nl", "org"][n % 2]
            )
        })
        .collect()
}

fn wire(name: &str) -> Vec<u8> {
    let mut msg = Vec::new();
    for label in name.split('.') {
        msg.push(label.len() as u8);
        msg.extend(label.bytes());
    }
    msg.push(0);
    msg
}

fn run(bencher: divan::Bencher<'_, '_>, rules: usize, names: &[RawName<'_>], hits: bool) {
    let catalogue = catalogue(rules);
    bencher
        .counter(ItemsCount::new(names.len()))
        .bench_local(|| {
            let found = names
                .iter()
                .filter(|name| !matches!(catalogue.find(divan::black_box(name)), Verdict::None))
                .count();
            assert_eq!(found, if hits { names.len() } else { 0 });
        });
}

#[divan::bench(args = [1_000, 1_000_000])]
fn miss_text_warm(bencher: divan::Bencher<'_, '_>, rules: usize) {
    let names = misses(WARM);
    let raw: Vec<_> = names
        .iter()
        .map(|name| RawName::Text(name.as_bytes()))
        .collect();
    run(bencher, rules, &raw, false);
}

#[divan::bench(args = [1_000, 1_000_000])]
fn miss_text_cold(bencher: divan::Bencher<'_, '_>, rules: usize) {
    let names = misses(COLD);
    let raw: Vec<_> = names
        .iter()
        .map(|name| RawName::Text(name.as_bytes()))
        .collect();
    run(bencher, rules, &raw, false);
}

#[divan::bench(args = [1_000, 1_000_000])]
fn miss_wire_warm(bencher: divan::Bencher<'_, '_>, rules: usize) {
    let names: Vec<_> = misses(WARM).iter().map(|name| wire(name)).collect();
    let raw: Vec<_> = names
        .iter()
        .map(|msg| RawName::Wire { msg, at: 0 })
        .collect();
    run(bencher, rules, &raw, false);
}

#[divan::bench(args = [1_000, 1_000_000])]
fn hit_text_warm(bencher: divan::Bencher<'_, '_>, rules: usize) {
    let names: Vec<_> = (0..WARM)
        .map(|n| format!("a.blocked-{n}.example{n}.com"))
        .collect();
    let raw: Vec<_> = names
        .iter()
        .map(|name| RawName::Text(name.as_bytes()))
        .collect();
    run(bencher, rules, &raw, true);
}
