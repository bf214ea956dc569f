//! Filters: read, printed, read again; what is refused, and where.

use proptest::prelude::*;

use super::*;
use crate::base::Seen;

fn cases(text: &str) -> CaseFilter {
    CaseFilter::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn hits(text: &str) -> HitFilter {
    HitFilter::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refused(text: &str) -> (usize, String) {
    let e = CaseFilter::parse(text).expect_err(text);
    (e.at, e.what)
}

#[test]
fn what_the_console_needs_can_be_said() {
    for text in [
        "",
        "stage>=signed-up",
        "-standing:authorised,informational",
        "vendor:clearview-ai",
        "confidence>=80",
        "subject:person-5f2c9a0e*",
        "kind:person",
        "unit:\"Bureau Noord\"",
        "site:none",
        "grade:A,B",
        "age<7d",
        "seen:2026-11-01..2026-11-22",
        "seen>=2026-11-01T10:00",
        "state:new,reopened",
        "-state:closed",
        "assignee:none",
        "verdict:false-alarm",
        "held:yes",
        "suppressed:no",
        "case:case-5f2c9a0e41d7b3c8",
        "face \"two words\" -\"not this\"",
    ] {
        assert_eq!(cases(text).to_string(), text);
    }
    for text in [
        "vendor:clearview-ai,pimeyes",
        "host:clearview.ai",
        "role:signup,app",
        "seen:tls-sni,quic-sni",
        "unit:IT",
        "point:eth0",
        "time:2026-11-22",
        "time:2026-11-22T06:00..2026-11-22T07:30:15",
        "time:..2026-11-22",
        "age<=12h",
        "-case:case-5f2c9a0e41d7b3c8",
        "severity>=medium",
    ] {
        assert_eq!(hits(text).to_string(), text);
    }
}

#[test]
fn what_means_the_same_prints_the_same() {
    assert_eq!(
        hits("name:*.Clearview.AI.").to_string(),
        "host:clearview.ai"
    );
    assert_eq!(
        cases("  stage:SEARCHING\t age<2w ").to_string(),
        "stage:searching age<14d"
    );
    assert_eq!(cases("\"plain\" unit:\"IT\"").to_string(), "plain unit:IT");
    assert_eq!(cases("age<90m").to_string(), "age<90m");
    assert_eq!(
        hits("time:2026-11-01T10:00Z..").to_string(),
        "time:2026-11-01T10:00.."
    );
}

#[test]
fn a_filter_that_makes_no_sense_is_told_where_and_what_would() {
    let near = |text: &str, at: usize, word: &str| {
        let (found, what) = refused(text);
        assert_eq!(found, at, "{text}: {what}");
        assert!(what.contains(word), "{text}: {what}");
    };
    near("stag:new", 0, "did you mean `stage`");
    near("vendor:x -stat:new", 10, "did you mean `state`");
    near("stage:visted", 6, "did you mean `visited`");
    near(
        "state:open",
        6,
        "one of new acknowledged assigned closed reopened",
    );
    near("zzzzzzzzz:1", 0, "there are stage standing");
    near("host:clearview.ai", 0, "there is no field `host`");
    near("confidence>=101", 12, "0 to 100");
    near("confidence:1,x", 13, "0 to 100");
    near("age:7d", 4, "age<7d");
    near("age<7", 4, "30m, 12h, 7d");
    near("seen:yesterday", 5, "2026-11-01..2026-11-22");
    near("seen:2026-11-22..2026-11-01", 5, "a day or a span");
    near("seen:2026-02-30", 5, "a day or a span");
    near("seen>2026-11-01..", 5, "one day or moment");
    near("held:maybe", 5, "yes or no");
    near("vendor>x", 7, "has no order");
    near("stage>visited,searching", 14, "one value");
    near("unit:", 5, "missing");
    near("unit:\"\"", 5, "nothing stands");
    near("unit:a**", 5, "one `*`");
    near("\"open", 0, "never closed");
    near("\"a\\n\"", 3, "backslash");
    near("- x", 1, "without a space");
    near("-", 1, "must stand behind");
    near("a,b", 1, "a space must stand");
    near("<b", 0, "in quotes");
    near("\"a\"b", 3, "a space must stand");
    near("a\u{1b}[2J", 1, "control character");
    near(&"x ".repeat(1001), 2000, "2000 bytes");
    near(&"x ".repeat(41), 80, "40 terms");
    near(&format!("unit:{}", "a,".repeat(51)), 105, "50 values");
}

#[test]
fn text_of_a_filter_is_never_part_of_a_statement() {
    let text = "\"'; DROP TABLE cases; --\" unit:\"x' OR 1=1\" vendor:a'b";
    let condition = sql::cases(
        &cases(text),
        crate::base::Timestamp(0),
        &sql::Condition::always(),
    );
    for part in ["DROP", "OR 1=1", "a'b"] {
        assert!(!condition.sql.contains(part), "{}", condition.sql);
    }
    oracle::check(text.as_bytes());
}

#[test]
fn a_suppression_asks_for_something_and_not_for_suppressions() {
    assert!(cases("vendor:x age<7d").may_suppress().is_ok());
    assert!(cases("").may_suppress().is_err());
    assert!(cases("vendor:x -suppressed:yes").may_suppress().is_err());
}

#[test]
fn every_field_has_a_value_that_it_takes() {
    for about in [About::Cases, About::Hits] {
        for field in about.fields() {
            let value = match field.shape(about) {
                Shape::Words { .. } => field.words()[0],
                Shape::Text { .. } => "x",
                Shape::Host => "example.org",
                Shape::Number(_) => "1",
                Shape::Age => "1d",
                Shape::Span => "2026-11-22",
                Shape::Truth => "yes",
            };
            let op = if field.shape(about) == Shape::Age {
                "<"
            } else {
                ":"
            };
            let text = format!("{field}{op}{value}");
            let read = match about {
                About::Cases => cases(&text).to_string(),
                About::Hits => hits(&text).to_string(),
            };
            assert_eq!(read, text);
        }
    }
    assert_eq!(Field::Seen.words().len(), Seen::ALL.len());
}

#[test]
fn the_oracle_holds_on_the_seeds_and_their_beginnings() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/filter");
    let mut seen = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(seed.unwrap().path()).unwrap();
        for len in 0..=bytes.len() {
            oracle::check(&bytes[..len]);
        }
        seen += 1;
    }
    assert!(seen >= 4, "{seen}");
}

/// Text that is often nearly a filter.
fn nearly() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("stage"),
        Just("seen"),
        Just("vendor"),
        Just("age"),
        Just("unit"),
        Just("time"),
        Just("host"),
        Just("confidence"),
        Just("case"),
        Just("held"),
        Just(":"),
        Just(">="),
        Just("<"),
        Just(","),
        Just("-"),
        Just("\""),
        Just("\\"),
        Just(" "),
        Just("*"),
        Just(".."),
        Just("searching"),
        Just("tls-sni"),
        Just("2026-11-01"),
        Just("T10:00"),
        Just("none"),
        Just("7d"),
        Just("yes"),
        Just("80"),
        Just("é"),
        Just("x.example"),
        Just("'"),
        Just("%"),
    ]
    .prop_map(str::to_owned);
    prop::collection::vec(word, 0..16).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_the_same(text in nearly()) {
        oracle::check(text.as_bytes());
    }

    #[test]
    fn any_text_at_all_is_read_or_refused(text in ".{0,80}") {
        oracle::check(text.as_bytes());
    }

    #[test]
    fn any_word_can_be_searched_in_quotes(word in "[^\\p{Cc}]{1,40}") {
        prop_assume!(!word.trim().is_empty());
        let quoted = word.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = cases(&format!("\"{quoted}\" unit:\"{quoted}\""));
        let unit = Test::Field { field: Field::Unit, op: Op::Is, values: vec![Value::Text(word.clone())] };
        prop_assert_eq!(&filter.terms()[0].test, &Test::Word(word));
        prop_assert_eq!(&filter.terms()[1].test, &unit);
        prop_assert_eq!(cases(&filter.to_string()), filter);
    }
}
