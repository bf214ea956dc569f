//! How fast the ledger takes entries. Run by hand, on the disk that is to be known:
//! `cargo test --release --test ledger load -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use poortwacht::base::Timestamp;
use poortwacht::ledger::{Ledger, New};

use super::bench::{NOW, settings};

/// 20 groups of 50 a second for 20 seconds, as fast as they come, with a checkpoint in each second
/// of the ledger's time.
#[test]
#[ignore = "a measurement"]
fn load() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut settings = settings(&dir.path().join("ledger"));
    settings.checkpoint_seconds = 1;
    let (mut ledger, _) = Ledger::open(&settings, NOW).unwrap();
    let new: Vec<New> = (0..50)
        .map(|n| New {
            kind: "hit".into(),
            time: NOW,
            payload: format!("{n}{}", "x".repeat(900)).into_bytes(),
        })
        .collect();
    let (mut groups, mut ticks) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for n in 0..400i64 {
        let begun = Instant::now();
        ledger.append(&new).unwrap();
        groups.push(begun.elapsed());
        let begun = Instant::now();
        ledger.tick(Timestamp(NOW.nanos() + n * 50_000_000));
        ticks.push(begun.elapsed());
    }
    let all = start.elapsed();
    let rate = 20_000.0 / all.as_secs_f64();
    println!("{rate:.0} entries/s; groups of 50: {}", told(&mut groups));
    println!(
        "ticks: {}; bytes: {}",
        told(&mut ticks),
        ledger.state().bytes
    );
    ledger.close(NOW).unwrap();
    let begun = Instant::now();
    let (ledger, _) = Ledger::open(&settings, NOW).unwrap();
    println!("opened {} entries in {:?}", ledger.size(), begun.elapsed());
    assert!(rate > 1000.0);
}

fn told(times: &mut [Duration]) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    format!("median {:?}, p99 {:?}, max {:?}", at(50), at(99), at(100))
}
