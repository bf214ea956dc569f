//! Use of the service, how often, and machines.

use super::*;

fn photo(who: &Who, name: &str, opened: f64, start: f64, answer: u64) -> Input {
    later(who, name, opened, start, 20.0, 310_000, answer)
}

#[test]
fn the_table_of_uses() {
    let me = person(1);
    let pimeyes = |results: bool, answer: u64| {
        let mut inputs = page(&me, "pimeyes.com", 0.0);
        inputs.push(photo(&me, "pimeyes.com", 0.0, 40.0, answer));
        if results {
            inputs.push(hit(&me, "jsc7.pimeyes.com", Seen::TlsSni, 42.0));
        }
        inputs
    };
    let api = |up| {
        let mut inputs = vec![hit(&me, "api.kairos.com", Seen::TlsSni, 0.0)];
        inputs.push(later(&me, "api.kairos.com", 0.0, 5.0, 4.0, up, 2_000));
        inputs
    };
    let mut shared = page(&me, "facecheck.id", 0.0);
    shared.push(photo(&me, "facecheck.id", 0.0, 40.0, 900_000));
    let table: Vec<(&str, Vec<Input>, Stage, &str)> = vec![
        ("a search", pimeyes(true, 80_000), Stage::Searching, "1-5"),
        (
            "results in a hidden name",
            pimeyes(false, 80_000),
            Stage::AccountOrRightsRequest,
            "1-5",
        ),
        (
            "a photo and thanks",
            pimeyes(false, 900),
            Stage::AccountOrRightsRequest,
            "",
        ),
        ("a program's picture", api(90_000), Stage::Searching, "1-5"),
        ("a program's question", api(700), Stage::LookedUp, ""),
        (
            "one host for all",
            shared,
            Stage::AccountOrRightsRequest,
            "1-5",
        ),
    ];
    for (what, inputs, stage, band) in table {
        let (cases, _) = run(inputs);
        let case = case_of(&cases, &me);
        assert_eq!(case.stage, stage, "{what}\n{}", told(case));
        assert_eq!(case.band, band, "{what}\n{}", told(case));
    }
}

#[test]
fn how_often_is_told_in_bands_also_beyond_the_bound() {
    for (count, expected) in [(3, "1-5"), (7, "6-10"), (60, "51-100"), (450, "101-500")] {
        let me = person(1);
        let mut inputs = vec![hit(&me, "api.luxand.cloud", Seen::TlsSni, 0.0)];
        for n in 0..count {
            // A few a day, at odd hours.
            let start =
                f64::from(n / 3) * 86_400.0 + f64::from(n % 3) * 4_711.0 + f64::from(n % 7) * 333.0;
            inputs.push(later(
                &me,
                "api.luxand.cloud",
                0.0,
                start + 10.0,
                9.0,
                64_000,
                3_000,
            ));
        }
        let (cases, alerts) = run(inputs);
        let case = case_of(&cases, &me);
        assert_eq!(case.band, expected, "{count}");
        assert_eq!(case.stage, Stage::Searching);
        assert!(case.grounds.sightings.len() <= SIGHTINGS_MAX);
        assert!(case.items.len() < 100);
        let searching = alerts
            .iter()
            .filter(|alert| alert.stage == Stage::Searching);
        assert_eq!(searching.count(), 1);
    }
}

#[test]
fn only_a_machine_with_a_rhythm_is_integrated() {
    let uploads = |who: &Who, gap: &dyn Fn(u32) -> f64| {
        let mut inputs = vec![hit(who, "api.kairos.com", Seen::TlsSni, 0.0)];
        let mut start = 5.0;
        for n in 0..30 {
            inputs.push(later(who, "api.kairos.com", 0.0, start, 4.0, 80_000, 2_000));
            start += gap(n);
        }
        inputs
    };
    let timer = |n: u32| 300.0 + f64::from(n % 5);
    let person_like = |n: u32| [20.0, 900.0, 65.0, 4_000.0, 210.0, 33.0][n as usize % 6];
    let machine = who(SubjectKind::Machine, PlaceKind::Camera, 9);
    let device = who(SubjectKind::Device, PlaceKind::Staff, 8);
    type Gap = fn(u32) -> f64;
    let table: Vec<(&Who, Gap, Stage)> = vec![
        (&machine, timer as Gap, Stage::Integrated),
        (&machine, person_like as Gap, Stage::Searching),
        (&device, timer as Gap, Stage::Integrated),
        (&device, person_like as Gap, Stage::Searching),
    ];
    for (who, gap, stage) in table {
        let (cases, _) = run(uploads(who, &gap));
        assert_stage(&cases, who, stage);
    }
    // A script that a person runs is the person's use.
    let me = person(1);
    let (cases, _) = run(uploads(&me, &timer));
    assert_stage(&cases, &me, Stage::Searching);
}

#[test]
fn the_bands_are_those_of_the_design() {
    let table = [
        (0, ""),
        (1, "1-5"),
        (5, "1-5"),
        (6, "6-10"),
        (11, "11-50"),
        (51, "51-100"),
        (100, "51-100"),
        (101, "101-500"),
        (501, "501-1000"),
        (1001, "more"),
    ];
    for (uploads, label) in table {
        assert_eq!(band::label(uploads), label);
    }
}
