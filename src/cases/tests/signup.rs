//! Trial accounts, vendor by vendor, and the honest answer where a sign-up cannot be told.

use super::*;

/// Vendors whose proof reaches `signed-up`: public site, sign-up host, service host, mail domain.
pub(super) const VENDORS: [[&str; 3]; 3] = [
    ["www.kairos.com", "developer.kairos.com", "api.kairos.com"],
    ["luxand.cloud", "dashboard.luxand.cloud", "api.luxand.cloud"],
    [
        "www.faceplusplus.com",
        "console.faceplusplus.com",
        "api-us.faceplusplus.com",
    ],
];

/// Reads for `read` seconds, then fills in the form for `fill` seconds.
pub(super) fn to_the_form(
    who: &Who,
    [site, signup, _]: [&str; 3],
    read: f64,
    fill: f64,
) -> Vec<Input> {
    let mut inputs = page(who, site, 0.0);
    if read > 12.0 {
        inputs.push(later(who, site, 0.0, 8.0, 6.0, 380, 42_000));
    }
    inputs.extend(page(who, signup, read));
    inputs.push(later(
        who,
        signup,
        read,
        read + 1.9 + fill,
        fill,
        940,
        1_600,
    ));
    inputs
}

/// Opens the mailed link and looks around.
pub(super) fn from_the_mail(who: &Who, signup: &str, seconds: f64) -> Vec<Input> {
    let mut inputs = page(who, signup, seconds);
    inputs.push(later(
        who,
        signup,
        seconds,
        seconds + 20.0,
        17.0,
        480,
        30_000,
    ));
    inputs
}

fn whole(who: &Who, names: [&str; 3]) -> Vec<Input> {
    let mut inputs = to_the_form(who, names, 55.0, 41.0);
    inputs.push(mail(Some(who), &names[0].replace("www.", ""), 105.0));
    inputs.extend(from_the_mail(who, names[1], 160.0));
    inputs
}

#[test]
fn a_whole_sign_up_is_told_for_each_vendor_that_can_prove_it() {
    for names in VENDORS {
        let me = person(1);
        let (cases, alerts) = run(whole(&me, names));
        assert_stage(&cases, &me, Stage::SignedUp);
        let of_stage = alerts.iter().filter(|alert| alert.stage == Stage::SignedUp);
        assert_eq!(of_stage.count(), 1, "{names:?}");
    }
}

#[test]
fn the_table_of_paths() {
    let names = VENDORS[0];
    let me = person(1);
    let form = |read, fill| to_the_form(&me, names, read, fill);
    let with_mail = |mut inputs: Vec<Input>| {
        let last = 105.0;
        inputs.push(mail(Some(&me), "kairos.com", last));
        inputs.extend(from_the_mail(&me, names[1], 160.0));
        inputs
    };
    let with_service = |mut inputs: Vec<Input>| {
        inputs.push(hit(&me, names[2], Seen::TlsSni, 4_000.0));
        inputs
    };
    let server = who(SubjectKind::Organisation, PlaceKind::MailServer, 200);
    let checked = |mut inputs: Vec<Input>| {
        inputs.push(typed(&server, "kairos.com", Seen::DnsQuery, 16, 103.0));
        inputs.push(typed(
            &server,
            "_dmarc.kairos.com",
            Seen::DnsQuery,
            16,
            103.2,
        ));
        inputs.extend(from_the_mail(&me, names[1], 160.0));
        inputs
    };
    let direct = |fill| {
        let mut inputs = page(&me, names[1], 50.0);
        inputs.push(later(&me, names[1], 50.0, 51.9 + fill, fill, 940, 1_600));
        inputs
    };
    let login = Stage::AccountOrLogin;
    let table: Vec<(&str, Vec<Input>, Stage)> = vec![
        (
            "read, filled in, mail",
            with_mail(form(55.0, 41.0)),
            Stage::SignedUp,
        ),
        (
            "filled in as fast as a log-in may be",
            with_mail(form(55.0, 16.0)),
            login,
        ),
        (
            "read a little less",
            with_mail(form(20.0, 41.0)),
            Stage::SignedUp,
        ),
        (
            "the mail server's check instead",
            checked(form(55.0, 41.0)),
            Stage::SignedUp,
        ),
        (
            "no mail that anybody saw",
            with_service(form(55.0, 41.0)),
            login,
        ),
        ("straight to the form, fast", with_mail(direct(7.0)), login),
        (
            "straight to the form, slowly",
            with_mail(direct(41.0)),
            login,
        ),
    ];
    for (what, inputs, stage) in table {
        let (cases, _) = run(inputs);
        let case = case_of(&cases, &me);
        assert_eq!(case.stage, stage, "{what}\n{}", told(case));
    }
}

#[test]
fn a_form_on_a_new_connection_is_found() {
    // Servers close idle connections: the form then goes out on another one, handshake included.
    let names = VENDORS[0];
    let me = person(1);
    let mut inputs = page(&me, names[0], 0.0);
    inputs.push(later(&me, names[0], 0.0, 8.0, 6.0, 380, 42_000));
    inputs.extend(page(&me, names[1], 55.0));
    inputs.push(hit(&me, names[1], Seen::TlsSni, 98.0));
    inputs.push(burst(
        &me,
        names[1],
        Ex {
            opened: 98.0,
            start: 98.0,
            lasts: 0.7,
            rest: 0.0,
            up: 3_300,
            down: 9_200,
        },
    ));
    inputs.push(mail(Some(&me), "kairos.com", 105.0));
    inputs.extend(from_the_mail(&me, names[1], 160.0));
    let (cases, _) = run(inputs);
    assert_stage(&cases, &me, Stage::SignedUp);
}

#[test]
fn a_shared_connection_hides_the_sign_up_host_and_the_look_up_shows_it() {
    let names = VENDORS[0];
    let me = person(1);
    let site = names[0];
    let mut inputs = page(&me, site, 0.0);
    inputs.push(later(&me, site, 0.0, 8.0, 6.0, 380, 42_000));
    inputs.push(hit(&me, names[1], Seen::DnsQuery, 55.0));
    inputs.push(later(&me, site, 0.0, 55.1, 46.0, 500, 300_000));
    inputs.push(later(&me, site, 0.0, 97.0, 40.0, 940, 1_600));
    inputs.push(mail(Some(&me), "kairos.com", 105.0));
    inputs.push(later(&me, site, 0.0, 160.0, 60.0, 500, 300_000));
    let without = run(inputs.clone()).0;
    assert_stage(&without, &me, Stage::Visited);
    inputs.push(hit(&me, names[2], Seen::TlsSni, 4_000.0));
    let (cases, _) = run(inputs);
    assert_stage(&cases, &me, Stage::SignedUp);
}

#[test]
fn a_mail_server_check_that_two_can_have_caused_is_nobodys() {
    let names = VENDORS[0];
    let (me, you) = (person(1), person(2));
    let server = who(SubjectKind::Organisation, PlaceKind::MailServer, 200);
    let mut inputs = to_the_form(&me, names, 55.0, 41.0);
    inputs.extend(to_the_form(&you, names, 50.0, 38.0));
    inputs.push(typed(&server, "kairos.com", Seen::DnsQuery, 16, 103.0));
    for one in [&me, &you] {
        inputs.extend(from_the_mail(one, names[1], 160.0));
    }
    let (cases, _) = run(inputs);
    assert_stage(&cases, &me, Stage::AccountOrLogin);
    assert_stage(&cases, &you, Stage::AccountOrLogin);
    assert_stage(&cases, &server, Stage::LookedUp);
}

#[test]
fn a_mail_before_the_first_contact_waits_for_it_and_alone_opens_nothing() {
    let me = person(1);
    let (cases, _) = run(vec![mail(Some(&me), "clearview.ai", 0.0)]);
    assert!(cases.is_empty());
    let mut inputs = vec![mail(Some(&me), "clearview.ai", 0.0)];
    inputs.extend(page(&me, "app.clearview.ai", 300.0));
    inputs.push(later(
        &me,
        "app.clearview.ai",
        300.0,
        340.0,
        38.0,
        900,
        1_500,
    ));
    let (cases, _) = run(inputs);
    let case = case_of(&cases, &me);
    assert!(case.items.iter().any(|it| it.kind == EvidenceKind::Mail));
    assert_eq!(case.stage, Stage::AccountOrLogin, "{}", told(case));
}

#[test]
fn where_one_host_carries_all_the_answer_is_honest() {
    let me = person(1);
    let account = |name: &str, domain: &str| {
        let mut inputs = page(&me, name, 0.0);
        inputs.push(later(&me, name, 0.0, 30.0, 28.0, 900, 1_500));
        inputs.push(mail(Some(&me), domain, 40.0));
        inputs.push(later(&me, name, 0.0, 70.0, 39.0, 420, 1_200));
        run(inputs).0
    };
    assert_stage(
        &account("pimeyes.com", "mg.pimeyes.com"),
        &me,
        Stage::AccountOrRightsRequest,
    );
    assert_stage(&account("lenso.ai", "lenso.ai"), &me, Stage::AccountOrLogin);
    assert_stage(
        &account("app.clearview.ai", "clearview.ai"),
        &me,
        Stage::AccountOrLogin,
    );
}

#[test]
fn payment_and_sign_in_support_and_never_make_the_second_kind() {
    let me = person(1);
    let mut inputs = vec![hit(&me, "pimeyes.com", Seen::DnsQuery, 0.0)];
    inputs.push(support(&me, "transaction.cloud", 4.0));
    let (cases, _) = run(inputs.clone());
    let case = case_of(&cases, &me);
    assert!(case.items.iter().any(|it| it.kind == EvidenceKind::Payment));
    assert_eq!(case.stage, Stage::LookedUp);
    assert!(told(case).contains("payment: seen"));
    // Another vendor's supplier says nothing here.
    let (cases, _) = run(vec![
        hit(&me, "pimeyes.com", Seen::DnsQuery, 0.0),
        support(&me, "nowpayments.io", 4.0),
    ]);
    assert!(told(case_of(&cases, &me)).contains("payment: not visible"));
}
