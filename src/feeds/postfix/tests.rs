//! Postfix' own log.

use super::super::mail::{message, message_text};
use super::super::probe::Probe;

const LOG: &str = include_str!("../../../tests/data/feeds/postfix.log");

fn id(text: &str) -> String {
    message_text(message(text).unwrap())
}

fn wanted() -> Vec<String> {
    let pimeyes = id("no-reply.1@mg.pimeyes.com");
    vec![
        format!(
            "06:11:51 clearview-ai clearview.ai to jansen@office.example {}",
            id("no-reply.1@clearview.ai")
        ),
        // The envelope is a mail service's; what people see is the vendor's.
        format!(
            "06:11:51 pimeyes pimeyes.com to devries@office.example {}",
            id("bounce-7.1@mail.example.net")
        ),
        format!("06:11:51 pimeyes mg.pimeyes.com to devries@office.example {pimeyes}"),
        format!("06:11:51 pimeyes mg.pimeyes.com to jansen@office.example {pimeyes}"),
    ]
}

/// Not told: mail of others, and what was not delivered (`status=deferred`).
#[test]
fn as_postfix_wrote_it() {
    assert_eq!(Probe::new("postfix", "").file(LOG).all(), wanted());
    let own = "mail_domains = ['office.example']";
    assert_eq!(Probe::new("postfix", own).file(LOG).all(), wanted());
    let other = "mail_domains = ['elsewhere.example']";
    assert_eq!(
        Probe::new("postfix", other).file(LOG).all(),
        <[String; 0]>::default()
    );
}

#[test]
fn lines_of_two_messages_may_alternate_and_a_queue_id_may_come_again() {
    let at = "Nov 22 06:11:51 mx postfix";
    let log = format!(
        "{at}/qmgr[1]: AA: from=<x@pimeyes.com>, size=1, nrcpt=1 (queue active)\n\
         {at}/qmgr[1]: BB: from=<x@example.net>, size=1, nrcpt=1 (queue active)\n\
         {at}/local[1]: BB: to=<b@office.example>, relay=local, delay=0, dsn=2.0.0, status=sent (x)\n\
         {at}/lmtp[1]: AA: to=<a@office.example>, relay=x, delay=0, dsn=2.0.0, status=sent (250 ok)\n\
         {at}/qmgr[1]: AA: removed\n\
         {at}/local[1]: AA: to=<c@office.example>, relay=local, delay=0, dsn=2.0.0, status=sent (x)\n"
    );
    assert_eq!(
        Probe::new("postfix", "").file(log).all(),
        ["06:11:51 pimeyes pimeyes.com to a@office.example queue-AA"]
    );
}

/// What another server answered is its text, whatever it says.
#[test]
fn a_reply_that_says_sent_is_not_sent() {
    let at = "Nov 22 06:11:51 mx postfix";
    let log = format!(
        "{at}/qmgr[1]: AA: from=<x@pimeyes.com>, size=1, nrcpt=1 (queue active)\n\
         {at}/smtp[1]: AA: to=<a@office.example>, relay=x, dsn=5.0.0, status=bounced (550 , status=sent)\n"
    );
    assert_eq!(
        Probe::new("postfix", "").file(log).all(),
        <[String; 0]>::default()
    );
}

#[test]
fn another_format_is_told_and_the_rest_goes_on() {
    let mut probe = Probe::new("postfix", "").file(format!("#Fields: date-time\n{LOG}"));
    assert_eq!(probe.told(), wanted());
    assert_eq!(
        probe.desk.faults.iter().map(|f| f.0).collect::<Vec<_>>(),
        [1]
    );
}
