//! What must not become a trial account: each confounder of the design, by name.

use super::signup::{VENDORS, from_the_mail, to_the_form};
use super::*;

const KAIROS: [&str; 3] = VENDORS[0];

/// The stage that a person's inputs may reach at most, and that no alert says "trial account".
#[track_caller]
fn at_most(inputs: Vec<Input>, who: &Who, stage: Stage) -> (Vec<Case>, Vec<Alert>) {
    let (cases, alerts) = run(inputs);
    if let Some(case) = cases
        .iter()
        .find(|case| case.subject == who.attribution.subject)
    {
        assert!(case.stage <= stage, "\n{}", told(case));
    }
    assert!(alerts.iter().all(|alert| alert.stage != Stage::SignedUp));
    (cases, alerts)
}

#[test]
fn an_article_that_links() {
    let me = person(1);
    let inputs = vec![
        hit(&me, "www.kairos.com", Seen::DnsQuery, 0.0),
        hit(&me, "www.clearview.ai", Seen::DnsQuery, 0.1),
    ];
    let (cases, alerts) = run(inputs);
    assert!(cases.iter().all(|case| case.stage == Stage::LookedUp));
    assert!(alerts.is_empty());
}

#[test]
fn dns_prefetch_and_preconnect() {
    let me = person(1);
    let ex = Ex {
        opened: 0.1,
        start: 0.1,
        lasts: 0.1,
        rest: 0.0,
        up: 2_100,
        down: 6_400,
    };
    let inputs = vec![
        hit(&me, KAIROS[1], Seen::DnsQuery, 0.0),
        hit(&me, KAIROS[1], Seen::TlsSni, 0.1),
        burst(&me, KAIROS[1], ex),
        later(&me, KAIROS[1], 0.05, 30.0, 29.0, 24, 24),
    ];
    let (_, alerts) = at_most(inputs, &me, Stage::LookedUp);
    assert!(alerts.is_empty());
}

#[test]
fn a_link_preview_bot() {
    let bot = who(SubjectKind::Machine, PlaceKind::Server, 9);
    let mut inputs = page(&bot, KAIROS[0], 0.0);
    inputs.extend(page(&bot, KAIROS[1], 0.3));
    let (_, alerts) = at_most(inputs, &bot, Stage::LookedUp);
    assert!(alerts.is_empty());
}

#[test]
fn a_mail_scanner_that_opens_links() {
    let scanner = who(SubjectKind::Organisation, PlaceKind::MailServer, 200);
    let me = person(1);
    let mut inputs = vec![mail(Some(&me), "kairos.com", 0.0)];
    inputs.push(typed(&scanner, "kairos.com", Seen::DnsQuery, 16, 0.1));
    inputs.extend(page(&scanner, KAIROS[1], 0.8));
    inputs.push(later(&scanner, KAIROS[1], 0.8, 12.0, 9.0, 700, 2_000));
    let (cases, alerts) = at_most(inputs, &scanner, Stage::LookedUp);
    assert!(alerts.is_empty());
    assert_eq!(cases.len(), 1, "the one who was written to has no case");
}

#[test]
fn the_security_teams_own_research() {
    let me = who(SubjectKind::Person, PlaceKind::Research, 1);
    let mut inputs = to_the_form(&me, KAIROS, 55.0, 41.0);
    inputs.push(mail(Some(&me), "kairos.com", 105.0));
    inputs.extend(from_the_mail(&me, KAIROS[1], 160.0));
    let (cases, alerts) = run(inputs);
    let case = case_of(&cases, &me);
    assert_eq!(case.ruling.standing, Standing::Informational);
    assert!(case.ruling.reason.contains("security team"));
    assert!(alerts.is_empty());
}

#[test]
fn a_proxy_a_terminal_server_or_an_address_of_many() {
    let table = [
        (PlaceKind::Proxy, SubjectKind::Organisation, Stage::Visited),
        (PlaceKind::Shared, SubjectKind::Address, Stage::LookedUp),
        (PlaceKind::Shared, SubjectKind::Device, Stage::LookedUp),
        (PlaceKind::Translator, SubjectKind::Address, Stage::LookedUp),
        (
            PlaceKind::Translator,
            SubjectKind::Ambiguous,
            Stage::LookedUp,
        ),
        (
            PlaceKind::Resolver,
            SubjectKind::Organisation,
            Stage::LookedUp,
        ),
        (PlaceKind::Staff, SubjectKind::Ambiguous, Stage::LookedUp),
    ];
    for (place, kind, most) in table {
        let many = who(kind, place, 77);
        let mut inputs = to_the_form(&many, KAIROS, 55.0, 41.0);
        inputs.push(mail(None, "kairos.com", 105.0));
        inputs.extend(from_the_mail(&many, KAIROS[1], 160.0));
        inputs.push(later(&many, KAIROS[2], 300.0, 300.0, 9.0, 90_000, 900));
        let (_, alerts) = at_most(inputs, &many, most);
        assert!(
            alerts.iter().all(|alert| alert.stage <= Stage::Visited),
            "{place}"
        );
        if kind == SubjectKind::Ambiguous {
            assert!(alerts.is_empty());
        }
    }
}

#[test]
fn an_address_that_changed_hands() {
    // One reads, the next one logs in: their sightings are of two subjects.
    let (first, second) = (person(1), person(2));
    let mut inputs = page(&first, KAIROS[0], 0.0);
    inputs.push(later(&first, KAIROS[0], 0.0, 30.0, 28.0, 400, 30_000));
    inputs.extend(page(&second, KAIROS[1], 70.0));
    inputs.push(later(&second, KAIROS[1], 70.0, 90.0, 18.0, 900, 1_500));
    inputs.push(mail(Some(&second), "kairos.com", 100.0));
    let (cases, _) = at_most(inputs, &second, Stage::AccountOrLogin);
    assert_stage(&cases, &first, Stage::Visited);
}

#[test]
fn a_visitor_network() {
    let guest = who(SubjectKind::Device, PlaceKind::Visitors, 50);
    let mut inputs = to_the_form(&guest, KAIROS, 55.0, 41.0);
    inputs.push(mail(None, "kairos.com", 105.0));
    inputs.extend(from_the_mail(&guest, KAIROS[1], 160.0));
    let (cases, alerts) = run(inputs);
    assert_eq!(
        case_of(&cases, &guest).ruling.standing,
        Standing::Informational
    );
    assert!(alerts.is_empty());
}

#[test]
fn a_login_to_an_account_made_elsewhere() {
    let me = person(1);
    let no_mail = |fill| {
        let mut inputs = page(&me, KAIROS[1], 0.0);
        inputs.push(later(&me, KAIROS[1], 0.0, 1.9 + fill, fill, 760, 28_000));
        inputs.push(hit(&me, KAIROS[2], Seen::TlsSni, 900.0));
        inputs
    };
    for fill in [6.0, 14.0, 45.0] {
        at_most(no_mail(fill), &me, Stage::AccountOrLogin);
        // With a code by mail, to which one goes back.
        let mut inputs = no_mail(fill);
        inputs.push(mail(Some(&me), "kairos.com", 6.0 + fill));
        inputs.push(later(&me, KAIROS[1], 0.0, 40.0 + fill, 30.0, 420, 31_000));
        at_most(inputs, &me, Stage::AccountOrLogin);
    }
    // By way of the front page, where the link to the log-in is.
    let mut inputs = page(&me, KAIROS[0], 0.0);
    inputs.extend(page(&me, KAIROS[1], 6.0));
    inputs.push(later(&me, KAIROS[1], 6.0, 25.0, 17.0, 760, 28_000));
    inputs.push(mail(Some(&me), "kairos.com", 28.0));
    inputs.push(later(&me, KAIROS[1], 6.0, 60.0, 34.0, 420, 31_000));
    inputs.push(hit(&me, KAIROS[2], Seen::TlsSni, 900.0));
    at_most(inputs, &me, Stage::AccountOrLogin);
}

#[test]
fn a_password_reset() {
    let me = person(1);
    let reset = |start: f64| {
        let mut inputs = page(&me, KAIROS[1], start);
        inputs.push(later(&me, KAIROS[1], start, start + 15.0, 12.0, 760, 1_400));
        inputs.push(later(&me, KAIROS[1], start, start + 40.0, 24.0, 610, 1_100));
        inputs.push(mail(Some(&me), "kairos.com", start + 46.0));
        inputs.extend(page(&me, KAIROS[1], start + 80.0));
        inputs.push(later(
            &me,
            KAIROS[1],
            start + 80.0,
            start + 110.0,
            28.0,
            700,
            20_000,
        ));
        inputs
    };
    at_most(reset(0.0), &me, Stage::AccountOrLogin);
    // Of an account that has been in use, on another day, after reading the front page.
    let mut inputs = page(&me, KAIROS[1], 0.0);
    inputs.push(later(&me, KAIROS[1], 0.0, 20.0, 17.0, 760, 25_000));
    inputs.extend(page(&me, KAIROS[0], 90_000.0));
    inputs.extend(reset(90_060.0));
    at_most(inputs, &me, Stage::AccountOrLogin);
}

#[test]
fn a_demo_or_contact_form() {
    let me = person(1);
    let mut inputs = page(&me, KAIROS[0], 0.0);
    inputs.push(later(&me, KAIROS[0], 0.0, 30.0, 28.0, 500, 60_000));
    inputs.push(later(&me, KAIROS[0], 0.0, 95.0, 64.0, 1_300, 1_200));
    inputs.push(mail(Some(&me), "kairos.com", 100.0));
    at_most(inputs.clone(), &me, Stage::Visited);
    // Even when the browser looks the sign-up host up because the page links to it.
    inputs.push(hit(&me, KAIROS[1], Seen::DnsQuery, 29.0));
    inputs.push(later(&me, KAIROS[0], 0.0, 200.0, 90.0, 500, 60_000));
    at_most(inputs, &me, Stage::Visited);
    // A vendor's host for demonstrations is no host for accounts.
    let mut inputs = page(&me, "go.clearview.ai", 0.0);
    inputs.push(later(&me, "go.clearview.ai", 0.0, 60.0, 58.0, 1_400, 1_500));
    inputs.push(mail(Some(&me), "clearview.ai", 65.0));
    at_most(inputs, &me, Stage::Visited);
}

#[test]
fn a_newsletter() {
    let me = person(1);
    for (site, domain) in [(KAIROS[0], "kairos.com"), ("pimeyes.com", "mg.pimeyes.com")] {
        let mut inputs = page(&me, site, 0.0);
        inputs.push(later(&me, site, 0.0, 9.0, 7.0, 420, 600));
        inputs.push(mail(Some(&me), domain, 12.0));
        at_most(inputs, &me, Stage::Visited);
    }
}

#[test]
fn an_invitation_that_is_never_redeemed() {
    let me = person(1);
    let (cases, alerts) = run(vec![
        mail(Some(&me), "clearview.ai", 0.0),
        mail(Some(&me), "clearview.ai", 90_000.0),
    ]);
    assert!(cases.is_empty() && alerts.is_empty());
}

#[test]
fn a_rights_request_with_photo_and_mail() {
    let me = person(1);
    let mut inputs = page(&me, "pimeyes.com", 0.0);
    inputs.push(later(&me, "pimeyes.com", 0.0, 60.0, 57.0, 1_400, 900));
    inputs.push(later(&me, "pimeyes.com", 0.0, 90.0, 29.0, 420_000, 1_200));
    inputs.push(mail(Some(&me), "mg.pimeyes.com", 95.0));
    let (cases, alerts) = at_most(inputs, &me, Stage::AccountOrRightsRequest);
    let case = case_of(&cases, &me);
    assert_eq!(case.stage, Stage::AccountOrRightsRequest, "{}", told(case));
    assert_eq!(case.band, "");
    let alert = alerts.last().expect("an alert");
    assert!(
        alert.summary.contains("account use or rights request"),
        "{}",
        alert.summary
    );
    assert!(alert.description.contains("rights were exercised"));
}

#[test]
fn a_host_for_rights_alone() {
    let me = person(1);
    let mut inputs = page(&me, "privacycompliance.clearview.ai", 0.0);
    inputs.push(later(
        &me,
        "privacycompliance.clearview.ai",
        0.0,
        60.0,
        57.0,
        90_000,
        900,
    ));
    let (cases, alerts) = run(inputs);
    assert_eq!(
        case_of(&cases, &me).ruling.standing,
        Standing::Informational
    );
    assert!(alerts.is_empty());
}

#[test]
fn identity_checks() {
    let me = person(1);
    let mut inputs = page(&me, "magic.veriff.me", 0.0);
    inputs.push(later(
        &me,
        "magic.veriff.me",
        0.0,
        30.0,
        27.0,
        2_000_000,
        3_000,
    ));
    let (cases, alerts) = run(inputs);
    assert_eq!(
        case_of(&cases, &me).ruling.standing,
        Standing::Informational
    );
    assert!(alerts.is_empty());
}

#[test]
fn pages_that_poll_are_no_forms() {
    // The first of them may pass for one; when the rhythm shows, none does any more.
    let me = person(1);
    let mut inputs = page(&me, KAIROS[0], 0.0);
    inputs.push(later(&me, KAIROS[0], 0.0, 30.0, 28.0, 500, 60_000));
    inputs.extend(page(&me, KAIROS[1], 60.0));
    for n in 1..20 {
        let start = 60.0 + f64::from(n) * 30.0;
        inputs.push(later(&me, KAIROS[1], 60.0, start, 29.0, 720, 500));
    }
    inputs.push(mail(Some(&me), "kairos.com", 500.0));
    at_most(inputs, &me, Stage::AccountOrLogin);
}

#[test]
fn a_login_page_looked_at_twice_is_no_form() {
    let me = person(1);
    let mut inputs = page(&me, KAIROS[1], 0.0);
    inputs.extend(page(&me, KAIROS[1], 400.0));
    at_most(inputs, &me, Stage::Visited);
}

/// A rights request, a complaint or an answer: whoever writes to a vendor has not visited it.
#[test]
fn a_letter_to_a_vendor() {
    for kind in [PlaceKind::Staff, PlaceKind::MailServer] {
        let me = who(SubjectKind::Person, kind, 1);
        let letters = (0..20).map(|n| hit(&me, "clearview.ai", Seen::SmtpDomain, f64::from(n)));
        let (cases, alerts) = run(letters.collect());
        assert!(cases.is_empty() && alerts.is_empty());
    }
}

/// The request to a proxy and the hello behind it are one visit, no more than the hello alone.
#[test]
fn a_proxy_request_and_its_hello() {
    let me = person(1);
    let hello = vec![hit(&me, KAIROS[1], Seen::TlsSni, 0.1)];
    let mut both = vec![hit(&me, KAIROS[1], Seen::HttpConnect, 0.0)];
    both.extend(hello.clone());
    let ((one, _), (two, alerts)) = (run(hello), run(both));
    assert_eq!((one.len(), two.len(), alerts.len()), (1, 1, 0));
    assert_eq!(two[0].stage, one[0].stage);
    assert_eq!(two[0].confidence, one[0].confidence);
    assert_eq!(two[0].items.len(), one[0].items.len());
    assert_eq!(two[0].grounds.sightings.len(), 1, "taken together");
}

/// What a proxy fetches is the organisation's, however it asks.
#[test]
fn a_proxy_that_asks_in_clear() {
    for seen in [
        Seen::HttpHost,
        Seen::HttpConnect,
        Seen::Http2Authority,
        Seen::SocksConnect,
    ] {
        let proxy = who(SubjectKind::Organisation, PlaceKind::Proxy, 77);
        let inputs = (0..9).map(|n| hit(&proxy, KAIROS[1], seen, f64::from(n) * 60.0));
        let (cases, alerts) = run(inputs.collect());
        assert!(alerts.is_empty(), "{seen}");
        assert_eq!(cases.len(), 1);
        assert_eq!(cases[0].subject, proxy.attribution.subject);
        assert!(cases[0].stage <= Stage::LookedUp, "{seen}");
    }
}

/// What a client hides afterwards is counted, and is no part of what it did before.
#[test]
fn a_way_round_after_the_vendor() {
    let me = person(1);
    let ways = [
        "dns.google",
        "mask.icloud.com",
        "api.mullvad.net",
        "hidden.onion",
    ];
    let after = || (1..9).flat_map(|n| ways.map(|name| support(&me, name, f64::from(n))));
    let whole = |inputs| run(inputs).0.iter().map(told).collect::<Vec<_>>();
    let plain = page(&me, KAIROS[0], 0.0);
    let with: Vec<Input> = plain.iter().cloned().chain(after()).collect();
    assert_eq!(whole(with), whole(plain));
    let (cases, alerts) = run(after().collect());
    assert!(cases.is_empty() && alerts.is_empty());
    // Nor do they take the room of what waits for its case.
    let mut book = book();
    let many = (0..5_000)
        .map(|_| support(&me, ways[0], 1.0))
        .collect::<Vec<_>>();
    feed(&mut book, &many);
    assert_eq!(book.counts().lost[super::super::Lost::Waiting.index()], 0);
}
