//! Mail as JSON lines.

use super::super::mail::{message, message_text};
use super::super::probe::Probe;

#[test]
fn field_names_forms_of_recipients_and_of_times() {
    let keys = "mail_domains = ['office.example']\n[fields]\nsender='env.from'\nrecipient='to'\ntime='ts'\nid='mid'\n";
    let id = message_text(message("m").unwrap());
    let lines = r#"{"env":{"from":"V <x@pimeyes.com>"},"to":"A <a@office.example>; b@office.example, c@other.example","ts":"2026-11-22T06:30:00Z","mid":"<m>"}
{"env":{"from":"x@pimeyes.com"},"to":["D@office.example"],"ts":1795329000}
{"env.from":"x@pimeyes.com","to":["e@office.example"],"ts":1795329000250.0,"mid":"m"}
{"env":{"from":"x@example.net"},"to":"a@office.example","ts":1795329000}

"#;
    assert_eq!(
        Probe::new("mail-json", keys).file(lines).all(),
        [
            format!("06:30:00 pimeyes pimeyes.com to a@office.example {id}"),
            format!("06:30:00 pimeyes pimeyes.com to b@office.example {id}"),
            "06:30:00 pimeyes pimeyes.com to d@office.example ".to_owned(),
            format!("2026-11-22T06:30:00.250000000Z pimeyes pimeyes.com to e@office.example {id}"),
        ]
    );
}

#[test]
fn what_is_missing_is_told() {
    let mut probe = Probe::new("mail-json", "").file(
        "x\n[]\n{\"sender\":\"x@pimeyes.com\",\"recipient\":\"a@b\"}\n{\"time\":1,\"recipient\":\"a@b\"}\n\
         {\"sender\":\"x@pimeyes.com\",\"time\":1}\n{\"sender\":\"x@pimeyes.com\",\"time\":-1,\"recipient\":\"a@b\"}\n",
    );
    assert!(probe.told().is_empty());
    let words = [
        "JSON",
        "JSON",
        "fields.time",
        "fields.sender",
        "fields.recipient",
        "fields.time",
    ];
    assert_eq!(probe.desk.faults.len(), words.len());
    for (fault, word) in probe.desk.faults.iter().zip(words) {
        assert!(fault.1.contains(word), "{fault:?}");
    }
}
