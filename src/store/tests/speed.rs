//! How fast it is. Run by hand: `docs/measurements/` has the command and what it said.

use std::time::{Duration, Instant};

use super::sample::{Dice, SECOND, START};
use super::shown::{Listing, Page, Total};
use super::*;
use crate::hits::SubjectId;
use crate::identity::{Grade, SubjectKind};
use crate::record::{Body, Hit};

/// Every name with a role of its own.
const HOSTS: [(&str, &str); 5] = [
    ("www", "marketing"),
    ("app", "app"),
    ("api", "api"),
    ("auth", "auth"),
    ("cdn", "cdn"),
];
const VENDORS: usize = 30;
const SUBJECTS: usize = 20_000;
const UNITS: usize = 60;
const SITES: usize = 20;

/// Hits of three years: each subject has a unit, a site and few vendors; some vendors and sites were
/// given up after the first year; one host was seen once.
struct Years {
    dice: Dice,
    template: Hit,
    at: i64,
    step: i64,
}

impl Years {
    fn new(count: u64) -> Self {
        let record = super::sample::record(&"0".repeat(24), START, ("x", "X"), "x", "tls-sni");
        Self {
            dice: Dice(77),
            template: Hit {
                record,
                subject: SubjectId::new(String::new()),
                subject_kind: SubjectKind::Person,
                grade: Grade::B,
                unit: None,
                site: None,
            },
            at: START - 3 * 365 * 86_400 * SECOND,
            step: 3 * 365 * 86_400 * SECOND / count as i64,
        }
    }

    fn next(&mut self, number: u64) -> Numbered {
        self.at += self.step;
        let late = self.at > START - 2 * 365 * 86_400 * SECOND;
        let who = self.dice.below(SUBJECTS);
        let vendor = (who * 7 + self.dice.below(4)) % if late { VENDORS - 5 } else { VENDORS };
        let (host, role) = HOSTS[self.dice.below(HOSTS.len())];
        let seen = ["dns-query", "tls-sni", "quic-sni"][self.dice.below(3)];
        let mut hit = self.template.clone();
        hit.subject = SubjectId::new(format!("person-{who:016x}"));
        hit.unit = Some(format!("Unit {}", who % UNITS));
        let sites = if late { SITES - 1 } else { SITES };
        hit.site = Some(format!("Site {}", (who / UNITS) % sites));
        hit.record.event.id = format!("{number:024x}");
        hit.record.rule.id = format!("vendor-{vendor}/suffix/vendor-{vendor}.example");
        let own = &mut hit.record.poortwacht;
        own.vendor.id = format!("vendor-{vendor}");
        own.vendor.name = format!("Vendor {vendor}");
        own.name = format!("{host}.vendor-{vendor}.example");
        own.role = role.into();
        own.seen = seen.into();
        own.frame = number % 1_000_000;
        if number == 5000 {
            own.name = "once.vendor-1.example".into();
        }
        let (time, body) = (Timestamp(self.at), Body::Hit(Box::new(hit)));
        let hour = Timestamp(self.at.div_euclid(3600 * SECOND) * 3600 * SECOND);
        Numbered::new(number, hour, Entry { time, body })
    }
}

/// Nine more hits behind each, of the same series.
fn between(count: u64, step: i64) -> String {
    let mut sql =
        "BEGIN; DROP INDEX hits_time; DROP INDEX hits_series; DROP INDEX hits_id;".to_owned();
    for part in 1..10 {
        let number = format!("number + {part} * {count}");
        sql += &format!(
            "INSERT INTO entries SELECT {number}, kind, hour, time, case_id, subject, vendor, deleted
                FROM entries WHERE number < {count};
             INSERT INTO hits SELECT {number}, time + {part} * {step} / 10, series, frame, repeats,
                unhex(printf('%024x', {number})) FROM hits WHERE number < {count};"
        );
    }
    sql += &format!("UPDATE series SET count = count * 10, last = last + 9 * {step} / 10;");
    let indexes = schema::STEPS[0]
        .split(';')
        .filter(|it| it.contains("INDEX hits_"));
    sql += &indexes.collect::<Vec<_>>().join(";");
    sql + "; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What the console asks most, and what is hardest.
const FILTERS: [&str; 22] = [
    "",
    "vendor:vendor-3",
    "vendor:vendor-29",
    "host:app.vendor-3.example",
    "host:once.vendor-1.example",
    "role:app",
    "seen:tls-sni",
    "-seen:dns-query",
    "unit:\"Unit 7\"",
    "site:\"Site 19\"",
    "subject:person-0000000000000007",
    "subject:person-0000000000000007 seen:quic-sni",
    "unit:\"Unit 7\" vendor:vendor-3 role:api",
    "unit:\"Unit 7\" site:\"Site 3\"",
    "vendor:vendor-3 -role:cdn severity:high",
    "age<7d",
    "time:2024-06-01..2024-06-30",
    "time:2024-06-01..2024-06-30 vendor:vendor-3",
    "time:2024-06-01..2024-06-30 role:app -unit:\"Unit 7\"",
    "time:..2024-01-01 site:\"Site 19\"",
    "\"vendor 3\"",
    "nowhere",
];

#[test]
#[ignore = "makes ten million hits: minutes, and 3 GB beside the system's temporary files"]
fn ten_million_hits() {
    let count: u64 = std::env::var("POORTWACHT_HITS")
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(10_000_000);
    let mut bench = Bench::new();
    // Every tenth by way of the ledger's entries, which is measured; between two of them nine more
    // of the same kind, put in by SQL: the searches cost the same, the making of it a tenth.
    let whole = count;
    let count = whole / 10;
    let mut years = Years::new(count);
    let step = years.step;
    let mut number = 0;
    let mut taken = Duration::ZERO;
    while number < count {
        let batch: Vec<Numbered> = (number..count.min(number + 256))
            .map(|n| years.next(n))
            .collect();
        number += batch.len() as u64;
        let begin = Instant::now();
        bench.store.apply(&batch).unwrap();
        taken += begin.elapsed();
    }
    println!(
        "{count} hits in batches of 256: {:.0} hits/s",
        count as f64 / taken.as_secs_f64()
    );
    bench.store.db.execute_batch(&between(count, step)).unwrap();
    let count = whole;
    let size = std::fs::metadata(bench.path()).unwrap().len();
    println!("{count} hits, file {} MB", size / 1_000_000);
    let series: i64 = bench
        .store
        .db
        .query_row("SELECT count(*) FROM series", [], |row| row.get(0))
        .unwrap();
    println!(
        "{series} series, each question on a connection of its own, 50 rows a page\n\n| filter | cpu ms | again | page 2 | slowest, wall | rows | total |\n| --- | --: | --: | --: | --: | --: | --: |"
    );
    let mut slowest = 0.0f64;
    for text in FILTERS {
        slowest = slowest.max(measure(&bench, text));
    }
    println!("\nslowest: {slowest:.1} ms of one core");
    let begin = Instant::now();
    bench
        .store
        .forget(&(0..1000).map(|it| it * 97).collect::<Vec<_>>())
        .unwrap();
    println!("forget 1000 hits: {:.0} ms", ms(begin.elapsed()));
}

/// Nanoseconds that this thread has run: what others do on the machine does not count.
fn run_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Milliseconds of the processor that the slowest of three questions took.
fn measure(bench: &Bench, text: &str) -> f64 {
    let filter = HitFilter::parse(text).unwrap();
    let now = Timestamp(START);
    let mut wall = Duration::ZERO;
    let mut ask = |after| -> (Listing<shown::HitRow>, f64) {
        // A connection of its own: nothing is in its cache.
        let reader = bench.reader();
        let (begin, ran) = (Instant::now(), run_ns());
        let found = reader.hits(&filter, Page { rows: 50, after }, now).unwrap();
        let ran = run_ns() - ran;
        wall = wall.max(begin.elapsed());
        (found, ran as f64 / 1e6)
    };
    let (found, first) = ask(None);
    let (_, again) = ask(None);
    let second = found.next.map_or(0.0, |next| ask(Some(next)).1);
    let total = match found.total {
        Total::Exactly(many) => many.to_string(),
        Total::MoreThan(many) => format!("> {many}"),
    };
    let shown = if text.is_empty() { "(none)" } else { text };
    println!(
        "| `{shown}` | {first:.1} | {again:.1} | {second:.1} | {:.0} | {} | {total} |",
        ms(wall),
        found.rows.len()
    );
    first.max(again).max(second)
}
