//! The daemon at an office's router while five employees work: who signed up, who only looked, who
//! is never named.
//!
//! Enters: root, and the tools of `tests/office`; without them each test prints `skipped:` with the
//! reason. Leaves: a failure that says who was mistaken for whom. Never: reaches an address outside
//! the namespaces that `tests/office/stand` makes and removes.

#[path = "people/office.rs"]
mod office;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use office::{Office, Variant};
use poortwacht::hits::Key;
use serde_json::Value;

#[test]
fn a_day_at_the_office() {
    day(Variant {
        transport: "h3",
        resolver: "internal",
        names: "kerberos",
    });
}

/// Every combination: some three minutes each, so `tests/verify` runs it. `POORTWACHT_DAY` narrows it
/// to those whose text holds every word of it, e.g. `h2 direct radius`.
#[test]
#[ignore = "half an hour: part of `make verify`"]
fn every_variant_of_the_day() {
    let wanted = std::env::var("POORTWACHT_DAY").unwrap_or_default();
    for transport in ["h2", "h3"] {
        for resolver in ["direct", "internal"] {
            for names in ["radius", "kerberos"] {
                let text = format!("{transport} {resolver} {names}");
                if wanted.split_whitespace().all(|word| text.contains(word)) {
                    println!("variant: {text}");
                    day(Variant {
                        transport,
                        resolver,
                        names,
                    });
                }
            }
        }
    }
}

fn day(variant: Variant) {
    let Some(mut office) = Office::open(variant) else {
        return;
    };
    let daemon = office.daemon();
    office.play();
    // Alertmanager was down all day: the alerts must have waited for it.
    assert!(office.alerts().is_none(), "Alertmanager is up too early");
    office.start_alertmanager();
    let alerts = eventually(&daemon, || {
        let alerts = office.alerts()?;
        (alerts_of(&alerts, "kairos", "signed-up").len() == 1
            && !alerts_of(&alerts, "pimeyes", "account-or-rights-request").is_empty())
        .then_some(alerts)
    });
    let metrics = office.metrics();
    let cases = office.cases();
    let (status, messages) = daemon.end();
    assert!(status.success(), "{status}\n{messages}");

    let seen = Seen {
        moments: office.moments(),
        cases: &cases,
    };
    seen.all();
    seen.alerts_are_of_the_cases(&alerts);
    labels_name_nobody(&alerts);
    nobody_in_clear(&office, &metrics);
    eva_is_nowhere(&office, &metrics);
}

/// The same judgement on kept days, without root: see `tests/office/keep`.
#[test]
fn kept_days_are_judged_the_same() {
    let days = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/office");
    let mut played = 0;
    for day in fs::read_dir(days).expect("kept days").flatten() {
        let (moments, cases) = office::replay(&day.path());
        let cases = &cases;
        Seen { moments, cases }.all();
        played += 1;
    }
    assert!(played >= 2, "{played} kept days");
}

/// What came of the day.
struct Seen<'a> {
    /// Nanoseconds since the epoch by the day's mark.
    moments: BTreeMap<String, i64>,
    cases: &'a [Value],
}

impl Seen<'_> {
    fn all(&self) {
        self.anna_signed_up_and_searched();
        self.chris_visited_and_is_not_anna();
        self.bram_only_looked_up();
        self.daan_may_have_made_a_rights_request();
    }

    fn moment(&self, mark: &str) -> i64 {
        let found = self.moments.get(mark);
        *found.unwrap_or_else(|| panic!("the day has no mark {mark}"))
    }

    fn of(&self, vendor: &str) -> Vec<&Value> {
        let of = self
            .cases
            .iter()
            .filter(|case| text(case, "/vendor") == vendor);
        of.filter(|case| case["closed"].is_null()).collect()
    }

    /// The only open case of a vendor that is beyond a look-up, within the moments given.
    fn only(&self, vendor: &str, from: i64, until: i64) -> &Value {
        let found: Vec<&Value> = self
            .of(vendor)
            .into_iter()
            .filter(|case| text(case, "/stage") != "looked-up")
            .filter(|case| (from..until).contains(&moment(&case["opened"])))
            .collect();
        let shown = serde_json::to_string_pretty(self.cases).unwrap_or_default();
        assert_eq!(
            found.len(),
            1,
            "cases of {vendor} beyond a look-up:\n{shown}"
        );
        found[0]
    }

    fn anna(&self) -> &Value {
        self.only("kairos", self.moment("anna-came"), self.moment("anna-went"))
    }

    fn chris(&self) -> &Value {
        self.only("kairos", self.moment("anna-went"), i64::MAX)
    }

    fn anna_signed_up_and_searched(&self) {
        let case = self.anna();
        assert_eq!(text(case, "/stage"), "searching", "{case:#}");
        let stages: Vec<&str> = list(case, "/steps")
            .iter()
            .map(|s| text(s, "/stage"))
            .collect();
        let place = |stage| stages.iter().position(|s| *s == stage);
        assert!(
            place("signed-up").is_some() && place("signed-up") < place("searching"),
            "not signed up first, then searching: {stages:?}\n{case:#}"
        );
        assert!(is_person(case), "{case:#}");
    }

    fn alerts_are_of_the_cases(&self, alerts: &[Value]) {
        let (anna, daan) = (self.anna(), self.daan());
        for stage in ["signed-up", "searching"] {
            let found = alerts_of(alerts, "kairos", stage);
            assert_eq!(found.len(), 1, "alerts of {stage}: {alerts:#?}");
            let alert = found[0].to_string();
            assert!(alert.contains(text(anna, "/id")), "{alert}");
        }
        let found = alerts_of(alerts, "pimeyes", "account-or-rights-request");
        assert_eq!(found.len(), 1, "alerts of the fourth employee: {alerts:#?}");
        assert!(
            found[0].to_string().contains(text(daan, "/id")),
            "{}",
            found[0]
        );
        let said = found[0]["annotations"].to_string();
        assert!(said.contains("or rights request"), "{said}");
    }

    /// The same address, another person: nothing of either stands in the other's case.
    fn chris_visited_and_is_not_anna(&self) {
        let (anna, chris) = (self.anna(), self.chris());
        assert_eq!(text(chris, "/stage"), "visited", "{chris:#}");
        assert!(is_person(chris), "{chris:#}");
        assert_ne!(
            text(anna, "/subject"),
            text(chris, "/subject"),
            "one subject for two people"
        );
        let handover = self.moment("chris-came");
        for case in self.of("kairos") {
            let times: Vec<i64> = list(case, "/items")
                .iter()
                .map(|i| moment(&i["time"]))
                .collect();
            let before = times.iter().filter(|time| **time < handover).count();
            assert!(
                before == 0 || before == times.len(),
                "a case with items from before and after the address changed hands: {case:#}"
            );
        }
    }

    /// An article with links and preconnects, at the time when Bram read it.
    fn bram_only_looked_up(&self) {
        for vendor in ["clearview-ai", "kairos"] {
            let read = self.moment("bram-came")..self.moment("daan-came");
            let of = self.of(vendor);
            let his: Vec<&str> = of
                .iter()
                .filter(|case| is_person(case) && read.contains(&moment(&case["opened"])))
                .map(|case| text(case, "/stage"))
                .collect();
            assert_eq!(
                his,
                ["looked-up"],
                "the second employee's case of {vendor}: {of:#?}"
            );
        }
        assert!(
            self.of("clearview-ai")
                .iter()
                .all(|case| text(case, "/stage") == "looked-up")
        );
    }

    fn daan(&self) -> &Value {
        self.only("pimeyes", self.moment("daan-came"), i64::MAX)
    }

    fn daan_may_have_made_a_rights_request(&self) {
        let case = self.daan();
        assert_eq!(
            text(case, "/stage"),
            "account-or-rights-request",
            "{case:#}"
        );
        assert!(is_person(case), "{case:#}");
    }
}

/// Is it a person's, by the newest attribution?
fn is_person(case: &Value) -> bool {
    let last = list(case, "/attribution").last().expect("an attribution");
    text(last, "/attribution/kind") == "person"
}

fn labels_name_nobody(alerts: &[Value]) {
    for alert in alerts {
        let labels = alert["labels"].to_string();
        for word in ["person", "subject", "user", "ip", "mac"] {
            assert!(
                alert["labels"].get(word).is_none(),
                "a label `{word}`: {labels}"
            );
        }
    }
}

/// No file that the daemon or Alertmanager wrote holds anything of an employee in clear.
fn nobody_in_clear(office: &Office, metrics: &str) {
    for name in ["anna", "bram", "chris", "daan", "eva"] {
        for needle in in_clear(office, name) {
            assert_nowhere(office, metrics, &needle);
        }
    }
}

/// She met no vendor: not even her pseudonyms are on disk.
fn eva_is_nowhere(office: &Office, metrics: &str) {
    let key = Key::load(&office.out().join("pseudonym.key")).expect("the daemon's key");
    let eva = office.person("eva");
    let address = office.word("eva-address").parse().expect("an address");
    let mac: Vec<u8> = eva
        .mac
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).expect("hex"))
        .collect();
    let known = key.ip(office.word("daan-address").parse().expect("an address"));
    assert!(
        holding(office, &known).is_some(),
        "the search would not find a pseudonym that is there"
    );
    for needle in [key.ip(address), key.mac(mac.try_into().expect("six bytes"))] {
        assert_nowhere(office, metrics, &needle);
    }
}

/// How an employee would be written in clear.
fn in_clear(office: &Office, name: &str) -> Vec<String> {
    let person = office.person(name);
    let address = office.word(&format!("{name}-address")).to_owned();
    let bare = person.mac.replace(':', "");
    vec![
        person.user,
        person.host,
        person.mac.replace(':', "-"),
        person.mac,
        bare,
        address,
    ]
}

fn assert_nowhere(office: &Office, metrics: &str, needle: &str) {
    assert!(
        !metrics.contains(needle),
        "`{needle}` stands in the metrics"
    );
    let held = holding(office, needle);
    assert!(
        held.is_none(),
        "`{needle}` stands in {}",
        held.unwrap_or_default()
    );
}

/// The first file of daemon or Alertmanager that holds `needle`, in any case of letters.
fn holding(office: &Office, needle: &str) -> Option<String> {
    let alertmanager = office.folder.path().join("office/alertmanager");
    let mut files = Vec::new();
    for folder in [office.out(), alertmanager] {
        walk(&folder, &mut files);
    }
    assert!(files.len() > 4, "next to nothing to search: {files:?}");
    let needle = needle.to_ascii_lowercase();
    files.into_iter().find(|path| {
        let bytes = fs::read(path).unwrap_or_default().to_ascii_lowercase();
        bytes
            .windows(needle.len())
            .any(|part| part == needle.as_bytes())
    })
}

fn walk(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, files),
            Ok(kind) if kind.is_file() => files.push(path.display().to_string()),
            _ => {}
        }
    }
}

/// Asks again for a while: bursts end after a rest, alerts go out after that.
fn eventually<T>(daemon: &office::Daemon, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(
            Instant::now() < until,
            "what was waited for did not come\n{}",
            daemon.said()
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn alerts_of<'a>(alerts: &'a [Value], vendor: &str, stage: &str) -> Vec<&'a Value> {
    let of = alerts
        .iter()
        .filter(|alert| text(alert, "/labels/vendor") == vendor);
    of.filter(|alert| text(alert, "/labels/stage") == stage)
        .collect()
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    let found = value.pointer(path).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    let found = value.pointer(path).and_then(Value::as_array);
    found.unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

/// A moment in nanoseconds since the epoch, as a number or as RFC 3339 text.
fn moment(value: &Value) -> i64 {
    let number = value.as_i64();
    number.unwrap_or_else(|| panic!("not a moment: {value}"))
}
