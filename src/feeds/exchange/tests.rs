//! Message tracking in the form that Microsoft documents; no Exchange was at hand to write one.

use super::super::mail::{message, message_text};
use super::super::probe::Probe;

const HEAD: &str = "#Software: Microsoft Exchange Server\r\n#Version: 15.02.0000.000\r\n\
    #Log-type: Message Tracking Log\r\n#Date: 2026-11-22T06:00:00.000Z\r\n\
    #Fields: date-time,client-ip,source,event-id,message-id,recipient-address,message-subject,sender-address,return-path\r\n";

fn row(time: &str, event: &str, to: &str, from: &str, path: &str) -> String {
    format!(
        "2026-11-22T{time}Z,10.0.0.1,SMTP,{event},<m1@v>,{to},\"a, \"\"b\"\"\",{from},{path}\r\n"
    )
}

#[test]
fn each_recipient_once() {
    let log = [
        HEAD.to_owned(),
        row(
            "06:30:00.000",
            "RECEIVE",
            "Jansen@office.example;devries@office.example;x@other.example",
            "no-reply@clearview.ai",
            "<>",
        ),
        row(
            "06:30:01.000",
            "DELIVER",
            "jansen@office.example",
            "no-reply@clearview.ai",
            "",
        ),
        row(
            "06:30:01.000",
            "SEND",
            "z@office.example",
            "no-reply@clearview.ai",
            "",
        ),
        row(
            "06:30:02.000",
            "RECEIVE",
            "z@office.example",
            "news@example.net",
            "b@example.net",
        ),
        row(
            "06:30:03.000",
            "RECEIVE",
            "z@office.example",
            "news@example.net",
            "b@pimeyes.com",
        ),
    ]
    .concat();
    let id = message_text(message("m1@v").unwrap());
    assert_eq!(
        Probe::new("exchange", "mail_domains = ['office.example']")
            .file(log)
            .all(),
        [
            format!("06:30:00 clearview-ai clearview.ai to jansen@office.example {id}"),
            format!("06:30:00 clearview-ai clearview.ai to devries@office.example {id}"),
            format!("06:30:03 pimeyes pimeyes.com to z@office.example {id}"),
        ]
    );
}

#[test]
fn another_format_is_told() {
    let mut probe = Probe::new("exchange", "").file("a,b\n");
    assert!(probe.desk.faults[0].1.contains("#Fields"));
    probe.begin(format!(
        "{HEAD}a,b\n{}",
        row("06:30:00.000", "RECEIVE", "a@b", "x@pimeyes.com", "")
    ));
    assert_eq!((probe.told().len(), probe.desk.faults.len()), (1, 2));
}

/// A log that is begun at its end has its header before that.
#[test]
fn the_header_is_read_though_the_rows_are_passed_over() {
    use super::super::follow::Piece;
    let mut probe = Probe::new("exchange", "");
    let old = [
        HEAD,
        &row("06:30:00.000", "RECEIVE", "old@b", "x@pimeyes.com", ""),
    ]
    .concat();
    let new = row("06:31:00.000", "RECEIVE", "new@b", "x@pimeyes.com", "");
    for piece in [
        Piece::Begin { old: true },
        Piece::Bytes(old.as_bytes()),
        Piece::Live,
        Piece::Bytes(new.as_bytes()),
    ] {
        probe.reader.piece(&piece, &mut probe.desk);
    }
    let told = probe.all();
    assert!(told.len() == 1 && told[0].contains("to new@b"), "{told:?}");
}
