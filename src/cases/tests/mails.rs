//! Mails that a registration did not cause: codes, links, notices, receipts. Each differs from a whole
//! sign-up in one thing.

use super::signup::{VENDORS, to_the_form};
use super::*;
use crate::blocklist::LoginMail;

const NAMES: [&str; 3] = VENDORS[0];
const ACCOUNT: &str = NAMES[1];

/// Reads for 55 s, fills in for 41 s; the form is sent at 97.9 s, the mail comes at 105 s.
fn form_and_mail(me: &Who) -> Vec<Input> {
    let mut inputs = to_the_form(me, NAMES, 55.0, 41.0);
    inputs.push(mail(Some(me), "kairos.com", 105.0));
    inputs
}

fn stage(inputs: Vec<Input>, me: &Who) -> (Stage, String) {
    let (cases, _) = run(inputs);
    let case = case_of(&cases, me);
    (case.stage, told(case))
}

/// On the connection of the account page.
fn exchange(me: &Who, start: f64, rest: f64, up: u64, down: u64) -> Input {
    later(me, ACCOUNT, 55.0, start, rest, up, down)
}

#[test]
fn a_page_opened_with_the_mail_is_a_sign_up() {
    let me = person(1);
    let mut inputs = form_and_mail(&me);
    inputs.push(exchange(&me, 140.0, 42.0, 640, 79_000));
    assert_eq!(stage(inputs, &me).0, Stage::SignedUp);
}

#[test]
fn nothing_opened_after_the_mail_is_none() {
    let me = person(1);
    let mut inputs = form_and_mail(&me);
    // A page out of the browser's store, as after a receipt.
    inputs.push(exchange(&me, 140.0, 42.0, 220, 2_400));
    let (stage, why) = stage(inputs, &me);
    assert_eq!(stage, Stage::AccountOrLogin, "{why}");
}

#[test]
fn let_in_before_the_mail_is_none() {
    let me = person(1);
    let mut inputs = form_and_mail(&me);
    inputs.push(exchange(&me, 99.0, 0.6, 640, 79_000));
    inputs.push(exchange(&me, 140.0, 40.0, 640, 79_000));
    let (stage, why) = stage(inputs, &me);
    assert_eq!(stage, Stage::AccountOrLogin, "{why}");
    assert!(why.contains("let-in-before"), "{why}");
}

#[test]
fn a_code_typed_into_the_page_that_waited_is_none() {
    let me = person(1);
    let mut inputs = form_and_mail(&me);
    inputs.push(exchange(&me, 140.0, 42.0, 420, 700));
    inputs.push(exchange(&me, 141.0, 0.6, 640, 79_000));
    let (stage, why) = stage(inputs, &me);
    assert_eq!(stage, Stage::AccountOrLogin, "{why}");
    assert!(why.contains("code-typed"), "{why}");
}

#[test]
fn a_first_log_in_after_the_confirmed_registration_is_still_a_sign_up() {
    let me = person(1);
    let mut inputs = form_and_mail(&me);
    inputs.push(exchange(&me, 140.0, 42.0, 140, 1_800));
    inputs.push(exchange(&me, 155.0, 14.0, 475, 730));
    inputs.push(exchange(&me, 156.0, 0.6, 640, 79_000));
    let (stage, why) = stage(inputs, &me);
    assert_eq!(stage, Stage::SignedUp, "{why}");
    assert!(why.contains("form-after-link"), "{why}");
}

#[test]
fn the_mail_answers_the_form_sent_last() {
    // A log-in that took 41 s failed; the mail is of the forgotten password, asked for in 9 s.
    let me = person(1);
    let mut inputs = to_the_form(&me, NAMES, 55.0, 41.0);
    inputs.push(exchange(&me, 108.0, 9.0, 330, 280));
    inputs.push(mail(Some(&me), "kairos.com", 114.0));
    inputs.push(exchange(&me, 140.0, 32.0, 640, 79_000));
    let (stage, why) = stage(inputs, &me);
    assert_eq!(stage, Stage::AccountOrLogin, "{why}");
}

/// A spare connection shows what the handshake takes: what is more on another one is the form.
#[test]
fn a_handshake_that_was_seen_bare_is_taken_off_exactly() {
    let me = person(1);
    let fresh = |start: f64, up: u64, down: u64, transport| {
        let ex = Ex {
            opened: start,
            start,
            lasts: 0.3,
            rest: 0.0,
            up,
            down,
        };
        over(&me, ACCOUNT, ex, transport)
    };
    let path = |with, bare: bool| {
        let mut inputs = to_the_form(&me, NAMES, 55.0, 41.0);
        let closed = inputs.pop();
        assert!(closed.is_some(), "the form goes out on a new connection");
        if bare {
            inputs.push(fresh(55.2, 1_988, 2_644, with));
        }
        inputs.push(fresh(160.0, 2_450, 1_300, with));
        inputs.push(mail(Some(&me), "kairos.com", 166.0));
        inputs.push(later(&me, ACCOUNT, 160.0, 190.0, 29.0, 640, 79_000));
        inputs.push(hit(&me, NAMES[2], Seen::TlsSni, 900.0));
        stage(inputs, &me)
    };
    assert_eq!(path(Transport::Tcp, true).0, Stage::SignedUp);
    // 150 bytes are left under the threshold: too little for a form.
    assert_eq!(path(Transport::Tcp, false).0, Stage::AccountOrLogin);
    // QUIC's handshakes are no two alike.
    assert_eq!(path(Transport::Udp, true).0, Stage::AccountOrLogin);
}

/// What a public document may one day say of a vendor.
#[test]
fn where_log_in_sends_no_mail_reading_is_not_needed() {
    let me = person(1);
    let mut inputs = page(&me, ACCOUNT, 55.0);
    inputs.push(exchange(&me, 98.0, 41.0, 940, 1_600));
    inputs.push(mail(Some(&me), "kairos.com", 105.0));
    inputs.push(exchange(&me, 140.0, 42.0, 640, 79_000));
    assert_eq!(stage(inputs.clone(), &me).0, Stage::AccountOrLogin);
    let mut book = book();
    book.presume("kairos", LoginMail::None);
    let out = feed(&mut book, &sorted(inputs));
    assert!(alerts(&out).iter().any(|it| it.stage == Stage::SignedUp));
}
