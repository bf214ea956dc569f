//! Properties: order of arrival, restarts, time, texts.

use proptest::prelude::*;

use super::signup::{VENDORS, from_the_mail, to_the_form};
use super::*;

/// A day of several people with several vendors.
fn day() -> Vec<Input> {
    let (me, you) = (person(1), person(2));
    let device = who(SubjectKind::Device, PlaceKind::Staff, 8);
    let machine = who(SubjectKind::Machine, PlaceKind::Server, 9);
    let server = who(SubjectKind::Organisation, PlaceKind::MailServer, 200);
    let mut inputs = to_the_form(&me, VENDORS[0], 55.0, 41.0);
    inputs.push(mail(Some(&me), "kairos.com", 105.0));
    inputs.extend(from_the_mail(&me, VENDORS[0][1], 160.0));
    inputs.push(hit(&me, "api.kairos.com", Seen::TlsSni, 700.0));
    inputs.push(later(&me, "api.kairos.com", 700.0, 705.0, 4.0, 90_000, 900));
    inputs.extend(to_the_form(&you, VENDORS[1], 40.0, 33.0));
    inputs.push(typed(&server, "luxand.cloud", Seen::DnsQuery, 16, 80.0));
    inputs.extend(from_the_mail(&you, VENDORS[1][1], 150.0));
    inputs.extend(page(&device, "pimeyes.com", 20.0));
    inputs.push(support(&device, "transaction.cloud", 24.0));
    inputs.push(later(
        &device,
        "pimeyes.com",
        20.0,
        60.0,
        38.0,
        300_000,
        70_000,
    ));
    inputs.push(hit(&device, "jsc5.pimeyes.com", Seen::TlsSni, 62.0));
    for n in 0..14 {
        let start = 400.0 + f64::from(n) * 60.0;
        inputs.push(later(
            &machine,
            "api.luxand.cloud",
            400.0,
            start,
            59.0,
            70_000,
            900,
        ));
    }
    inputs.push(Input::Tick(at(2_000.0)));
    sorted(inputs)
}

/// Cases without what is random.
fn plain(book: &Casebook) -> Vec<Case> {
    let mut cases: Vec<Case> = book.cases().cloned().collect();
    for case in &mut cases {
        case.id = String::new();
        for entry in &mut case.attribution {
            entry.other = None;
        }
    }
    cases
}

/// Without the numbers of what was told: alerts are numbered as they go out, and of two stages of
/// one moment the one whose sighting comes first goes out first.
fn unnumbered(book: &Casebook) -> Vec<Case> {
    let mut cases = plain(book);
    let told = cases.iter_mut().flat_map(|case| &mut case.grounds.told);
    told.for_each(|told| told.number = 0);
    cases
}

/// Shows the first difference only: cases are long.
#[track_caller]
fn assert_same(one: &[Case], other: &[Case], what: &str) {
    assert_eq!(one.len(), other.len(), "{what}");
    for (a, b) in one.iter().zip(other) {
        let text = |case: &Case| serde_json::to_string_pretty(case).expect("JSON");
        let (a, b) = (text(a), text(b));
        if let Some((left, right)) = a.lines().zip(b.lines()).find(|(a, b)| a != b) {
            panic!("{what}: {left} is not {right}");
        }
        assert_eq!(a.len(), b.len(), "{what}");
    }
}

#[test]
fn the_day_reaches_what_it_should() {
    let mut book = book();
    feed(&mut book, &day());
    let mut stages: Vec<Stage> = plain(&book).iter().map(|case| case.stage).collect();
    stages.sort();
    let expected = [
        Stage::LookedUp,
        Stage::SignedUp,
        Stage::Searching,
        Stage::Searching,
        Stage::Integrated,
    ];
    assert_eq!(stages, expected);
}

#[test]
fn a_restart_at_any_point_changes_nothing() {
    let inputs = day();
    let mut whole = book();
    feed(&mut whole, &inputs);
    for cut in 0..inputs.len() {
        let mut first = book();
        feed(&mut first, &inputs[..cut]);
        let written = serde_json::to_string(&first.cases().collect::<Vec<_>>()).expect("JSON");
        let mut second = book();
        second.restore(serde_json::from_str(&written).expect("as written"));
        feed(&mut second, &inputs[cut..]);
        assert_same(&plain(&whole), &plain(&second), &format!("cut at {cut}"));
    }
}

#[test]
fn an_alert_has_the_same_id_after_a_restart() {
    let inputs = day();
    let mut whole = book();
    let told = alerts(&feed(&mut whole, &inputs));
    let mut ids: Vec<&str> = told.iter().map(|alert| alert.id.as_str()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "one alert, one id");
    for cut in [20, 30, inputs.len()] {
        let mut first = book();
        let mut told_again = alerts(&feed(&mut first, &inputs[..cut]));
        let mut second = book();
        second.restore(first.cases().cloned().collect());
        told_again.extend(alerts(&feed(&mut second, &inputs[cut..])));
        assert_eq!(told_again.len(), all, "nothing is told twice or forgotten");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Inputs of the same moment in any order: sightings of one time, shuffled. (Sizes differ from
    /// moment to moment: exchanges of one size are polls, which take back what the first two of
    /// them seemed to be; a stage reached so stays on show.)
    #[test]
    fn the_order_of_simultaneous_inputs_changes_nothing(seed in any::<u64>()) {
        let me = person(1);
        let mut inputs = Vec::new();
        for step in 0..6 {
            let t = f64::from(step) * 40.0;
            let mut moment = vec![
                hit(&me, "www.kairos.com", Seen::DnsQuery, t),
                hit(&me, "developer.kairos.com", Seen::DnsQuery, t),
                hit(&me, "developer.kairos.com", Seen::TlsSni, t),
                hit(&me, "www.kairos.com", Seen::TlsSni, t),
                support(&me, "kairos.docs.apiary.io", t),
                mail(Some(&me), "kairos.com", t),
            ];
            for (name, up, down) in [
                ("www.kairos.com", 5_000, 400_000),
                ("developer.kairos.com", 900 + step as u64 * 150, 1_500),
                ("api.kairos.com", 60_000, 900),
            ] {
                moment.push(burst(&me, name, Ex {
                    opened: 0.0, start: t, lasts: 0.0, rest: 39.0, up, down,
                }));
            }
            shuffle(&mut moment, seed.wrapping_add(step as u64));
            inputs.extend(moment);
        }
        let mut shuffled = book();
        feed(&mut shuffled, &inputs);
        let mut straight = inputs.clone();
        straight.sort_by_key(|input| match input {
            Input::Hit(hit, _) => (hit.time, 0, hit.name.clone(), hit.seen as u8),
            Input::Burst(burst, _) => (burst.start, 1, burst.name.clone(), 0),
            Input::Support(it, _) => (it.time, 2, it.name.clone(), 0),
            Input::Mail(mail, _) => (mail.time, 3, mail.name.clone(), 0),
            Input::Tick(time) => (*time, 4, String::new(), 0),
        });
        let mut ordered = book();
        feed(&mut ordered, &straight);
        assert_same(&unnumbered(&ordered), &unnumbered(&shuffled), "shuffled");
    }
}

/// Fisher and Yates, with a small generator of its own: the seed alone decides.
fn shuffle(inputs: &mut [Input], mut seed: u64) {
    for n in (1..inputs.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        inputs.swap(n, (seed >> 33) as usize % (n + 1));
    }
}

#[test]
fn time_moves_by_packet_time_only() {
    // The same day a year later gives the same, a year later.
    let year = 365 * 86_400 * 1_000_000_000;
    let shift = |input: &Input| match input.clone() {
        Input::Hit(mut hit, who) => {
            hit.time.0 += year;
            Input::Hit(hit, who)
        }
        Input::Burst(mut burst, who) => {
            burst.start.0 += year;
            burst.end.0 += year;
            burst.opened.0 += year;
            Input::Burst(burst, who)
        }
        Input::Support(mut it, who) => {
            it.time.0 += year;
            Input::Support(it, who)
        }
        Input::Mail(mut mail, who) => {
            mail.time.0 += year;
            Input::Mail(mail, who)
        }
        Input::Tick(time) => Input::Tick(Timestamp(time.0 + year)),
    };
    let (mut now, mut then) = (book(), book());
    feed(&mut now, &day());
    feed(&mut then, &day().iter().map(shift).collect::<Vec<_>>());
    let steps = |book: &Casebook, by: i64| -> Vec<(Stage, i64, u8)> {
        let cases = plain(book);
        let steps = cases.iter().flat_map(|case| &case.steps);
        steps
            .map(|it| (it.stage, it.time.0 - by, it.confidence))
            .collect()
    };
    assert_eq!(steps(&now, 0), steps(&then, year));
}

#[test]
fn no_text_names_a_person_an_address_or_a_law() {
    let mut book = book();
    let out = feed(&mut book, &day());
    let mut texts: Vec<String> = Vec::new();
    for alert in alerts(&out) {
        texts.push(serde_json::to_string(&alert).expect("JSON"));
        // Pseudonyms stand in their field, not in what people read aloud.
        assert!(!alert.summary.contains(alert.subject.as_str()));
        assert!(!alert.description.contains(alert.subject.as_str()));
        assert!(alert.description.contains("on monitored networks"));
        assert!(
            alert
                .description
                .contains("content is encrypted and not read")
        );
    }
    for case in book.cases() {
        texts.push(serde_json::to_string(case).expect("JSON"));
        texts.push(told(case));
    }
    assert!(texts.len() > 8);
    for text in texts {
        let lower = text.to_lowercase();
        for never in [
            "violation",
            "ai act",
            "jan.jansen",
            "example.org",
            "10.0.0.",
            "4xyz",
        ] {
            assert!(!lower.contains(never), "{never} in {text}");
        }
    }
}
