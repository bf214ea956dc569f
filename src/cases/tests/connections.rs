//! Forms and pages on new connections: servers end those that rest, people go on.
//!
//! Sizes are those of a real browser (`tests/data/captures/session-h2`, `session-h3`, and the forms
//! of `src/simulate/recorded.toml` with the hello of some 1.8 kB, or 2.5 kB over QUIC, added).

use super::signup::{VENDORS, from_the_mail, to_the_form};
use super::*;

const KAIROS: [&str; 3] = VENDORS[0];
const LOGIN: Stage = Stage::AccountOrLogin;

/// The first exchange of a new connection.
fn fresh(who: &Who, name: &str, with: Transport, start: f64, up: u64, down: u64) -> Vec<Input> {
    let ex = Ex {
        opened: start,
        start,
        lasts: 0.7,
        rest: 0.0,
        up,
        down,
    };
    let seen = match with {
        Transport::Tcp => Seen::TlsSni,
        Transport::Udp => Seen::QuicSni,
    };
    vec![hit(who, name, seen, start), over(who, name, ex, with)]
}

/// Front page for 55 s, the sign-up page, and 100 s later an exchange on a new connection.
fn slow(who: &Who, names: [&str; 3], with: Transport, (up, down): (u64, u64)) -> Vec<Input> {
    let mut inputs = page(who, names[0], 0.0);
    inputs.push(later(who, names[0], 0.0, 8.0, 6.0, 380, 42_000));
    inputs.extend(page(who, names[1], 55.0));
    inputs.extend(fresh(who, names[1], with, 155.0, up, down));
    inputs
}

#[track_caller]
fn reaches(inputs: Vec<Input>, who: &Who, stage: Stage) {
    let (cases, alerts) = run(inputs);
    assert_stage(&cases, who, stage);
    let told = alerts.iter().filter(|alert| alert.stage == Stage::SignedUp);
    assert_eq!(told.count(), usize::from(stage == Stage::SignedUp));
}

#[test]
fn a_form_after_the_connection_was_closed() {
    let me = person(1);
    let sizes = [
        (Transport::Tcp, (4_700, 2_970)),
        // The page that follows comes with the answer.
        (Transport::Tcp, (5_400, 88_000)),
        (Transport::Udp, (7_450, 3_010)),
        (Transport::Udp, (8_200, 91_000)),
    ];
    for (with, sizes) in sizes {
        let form = slow(&me, KAIROS, with, sizes);
        let mut whole = form.clone();
        whole.push(mail(Some(&me), "kairos.com", 162.0));
        let mut back = whole.clone();
        back.extend(from_the_mail(&me, KAIROS[1], 200.0));
        reaches(back, &me, Stage::SignedUp);
        // Never by itself, and not with the mail alone.
        reaches(whole, &me, LOGIN);
        reaches(form, &me, Stage::Visited);
    }
}

#[test]
fn a_form_with_a_large_answer_where_documentation_shares_the_host() {
    let me = person(1);
    let names = VENDORS[2];
    let form = |fill: f64| {
        let mut inputs = page(&me, names[0], 0.0);
        inputs.push(later(&me, names[0], 0.0, 8.0, 6.0, 380, 42_000));
        inputs.extend(page(&me, names[1], 55.0));
        inputs.push(later(&me, names[1], 55.0, 56.9 + fill, fill, 4_100, 80_000));
        inputs
    };
    let mut whole = form(51.0);
    whole.push(mail(Some(&me), "faceplusplus.com", 125.0));
    whole.extend(from_the_mail(&me, names[1], 160.0));
    reaches(whole, &me, Stage::SignedUp);
    // Pages of the documentation are turned like this; a newsletter comes while one reads.
    let mut reads = form(51.0);
    reads.push(later(&me, names[1], 55.0, 170.0, 62.0, 700, 64_000));
    reads.push(later(&me, names[1], 55.0, 260.0, 89.0, 2_900, 150_000));
    reads.push(mail(Some(&me), "faceplusplus.com", 600.0));
    reads.push(later(&me, names[1], 55.0, 640.0, 300.0, 800, 70_000));
    reaches(reads, &me, Stage::Visited);
}

#[test]
fn a_page_opened_again_after_lunch_and_a_newsletter() {
    let me = person(1);
    // A whole page, and one that the browser had kept: short answers. In this sitting or another.
    for (up, down) in [(3_232, 1_486_324), (2_950, 3_100)] {
        for pause in [155.0, 1_500.0, 4_000.0] {
            let mut inputs = page(&me, KAIROS[0], 0.0);
            inputs.push(later(&me, KAIROS[0], 0.0, 8.0, 6.0, 380, 42_000));
            inputs.extend(page(&me, KAIROS[1], 55.0));
            inputs.extend(fresh(&me, KAIROS[1], Transport::Tcp, pause, up, down));
            inputs.push(mail(Some(&me), "kairos.com", pause + 600.0));
            inputs.push(later(
                &me,
                KAIROS[1],
                pause - 0.05,
                pause + 640.0,
                600.0,
                270,
                30_000,
            ));
            inputs.push(hit(&me, KAIROS[2], Seen::TlsSni, pause + 900.0));
            let (cases, alerts) = run(inputs);
            let case = case_of(&cases, &me);
            assert!(case.stage <= Stage::Visited, "{}", told(case));
            assert!(alerts.iter().all(|alert| alert.stage <= Stage::Visited));
        }
    }
}

#[test]
fn a_newsletter_asked_for_beside_an_open_sign_up_page() {
    // Its mail comes at once, but there is another form to which it belongs.
    let me = person(1);
    let mut inputs = slow(&me, KAIROS, Transport::Tcp, (3_232, 1_486_324));
    inputs.push(later(&me, KAIROS[0], 0.0, 175.0, 160.0, 420, 600));
    inputs.push(mail(Some(&me), "kairos.com", 180.0));
    inputs.extend(from_the_mail(&me, KAIROS[1], 220.0));
    let (cases, alerts) = run(inputs);
    assert!(case_of(&cases, &me).stage <= LOGIN);
    assert!(alerts.iter().all(|alert| alert.stage != Stage::SignedUp));
}

#[test]
fn a_login_on_a_new_connection_with_a_code_by_mail() {
    let me = person(1);
    for (with, up) in [(Transport::Tcp, 4_700), (Transport::Udp, 7_450)] {
        for front in [false, true] {
            let mut inputs = Vec::new();
            if front {
                inputs.extend(page(&me, KAIROS[0], 0.0));
            }
            inputs.extend(page(&me, KAIROS[1], 6.0));
            inputs.extend(fresh(&me, KAIROS[1], with, 110.0, up, 2_970));
            inputs.push(mail(Some(&me), "kairos.com", 114.0));
            inputs.push(later(&me, KAIROS[1], 109.95, 140.0, 29.0, 420, 31_000));
            inputs.push(hit(&me, KAIROS[2], Seen::TlsSni, 900.0));
            reaches(inputs, &me, LOGIN);
        }
    }
}

#[test]
fn a_password_reset_on_new_connections() {
    let me = person(1);
    let mut inputs = page(&me, KAIROS[0], 0.0);
    inputs.extend(page(&me, KAIROS[1], 8.0));
    // A log-in that fails, the page for a new password, and its form, each after a long rest.
    inputs.extend(fresh(&me, KAIROS[1], Transport::Tcp, 110.0, 4_700, 2_970));
    inputs.extend(fresh(&me, KAIROS[1], Transport::Tcp, 220.0, 4_350, 2_900));
    inputs.push(mail(Some(&me), "kairos.com", 226.0));
    inputs.extend(from_the_mail(&me, KAIROS[1], 320.0));
    inputs.push(hit(&me, KAIROS[2], Seen::TlsSni, 900.0));
    reaches(inputs, &me, LOGIN);
}

#[test]
fn a_connection_opened_ahead_of_need_is_no_form() {
    let me = person(1);
    let mut inputs = page(&me, KAIROS[0], 0.0);
    inputs.push(later(&me, KAIROS[0], 0.0, 8.0, 6.0, 380, 42_000));
    inputs.extend(page(&me, KAIROS[1], 55.0));
    inputs.extend(fresh(&me, KAIROS[1], Transport::Tcp, 155.0, 1_900, 2_076));
    inputs.push(mail(Some(&me), "kairos.com", 160.0));
    inputs.extend(from_the_mail(&me, KAIROS[1], 200.0));
    // What comes after the mail may be a log-in; a sign-up it is not.
    reaches(inputs, &me, LOGIN);
}

#[test]
fn one_page_is_a_visit_with_or_without_its_look_up() {
    let me = person(1);
    let table = [
        (Transport::Tcp, 3_232, 1_486_324, Stage::Visited),
        (Transport::Udp, 5_058, 1_514_795, Stage::Visited),
        // Many small parts, over QUIC: acknowledgements are not among the bytes.
        (Transport::Udp, 11_200, 400_000, Stage::Visited),
        // Handshake only; what a prefetch takes; a preview with its picture.
        (Transport::Tcp, 1_900, 2_076, Stage::LookedUp),
        (Transport::Udp, 6_490, 2_980, Stage::LookedUp),
        (Transport::Tcp, 2_480, 11_160, Stage::LookedUp),
        (Transport::Udp, 5_200, 17_000, Stage::LookedUp),
        (Transport::Tcp, 3_100, 590_000, Stage::LookedUp),
    ];
    for (with, up, down, stage) in table {
        let contact = fresh(&me, KAIROS[0], with, 0.1, up, down);
        let mut inputs = vec![hit(&me, KAIROS[0], Seen::DnsQuery, 0.0)];
        inputs.extend(contact.clone());
        reaches(inputs, &me, stage);
        reaches(contact, &me, stage);
    }
}

#[test]
fn acknowledgements_of_a_lossy_download_are_no_picture() {
    // Two hundred names of gaps in acknowledgements, each too long to be left out.
    let me = person(1);
    let app = "app.clearview.ai";
    let mut inputs = fresh(&me, app, Transport::Udp, 0.0, 5_058, 1_514_795);
    let ex = Ex {
        opened: 0.0,
        start: 30.0,
        lasts: 2.0,
        rest: 28.0,
        up: 31_000,
        down: 1_500_000,
    };
    inputs.push(over(&me, app, ex, Transport::Udp));
    reaches(inputs, &me, Stage::Visited);
}

#[test]
fn a_long_fill_on_the_open_connection_stays_the_surer_form() {
    let me = person(1);
    let mut inputs = to_the_form(&me, KAIROS, 55.0, 41.0);
    inputs.push(mail(Some(&me), "kairos.com", 105.0));
    let (cases, _) = run(inputs);
    let case = case_of(&cases, &me);
    let rules: Vec<&str> = case.items.iter().map(|it| it.rule.as_str()).collect();
    assert!(
        rules.contains(&"form") && !rules.contains(&"form-or-page"),
        "{rules:?}"
    );
}
