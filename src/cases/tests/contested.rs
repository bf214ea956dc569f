//! A name in one of two hellos of one connection: it may be a decoy's, which must accuse nobody.

use super::*;

const HOST: &str = "www.kairos.com";

/// The same inputs with contested hellos.
fn contested(inputs: Vec<Input>) -> Vec<Input> {
    let doubt = |input| match input {
        Input::Hit(mut hit, who) => {
            hit.contested = hit.seen.is_hello();
            Input::Hit(hit, who)
        }
        Input::Burst(mut burst, who) => {
            burst.contested = true;
            Input::Burst(burst, who)
        }
        other => other,
    };
    inputs.into_iter().map(doubt).collect()
}

/// A visit: a page, and more of it after rests.
fn visit(me: &Who) -> Vec<Input> {
    let mut inputs = page(me, HOST, 0.0);
    inputs.push(later(me, HOST, 0.0, 12.0, 10.0, 900, 30_000));
    inputs.push(later(me, HOST, 0.0, 25.0, 12.0, 900, 30_000));
    inputs
}

fn without_look_ups(inputs: Vec<Input>) -> Vec<Input> {
    let mut inputs = inputs;
    inputs.retain(|input| !matches!(input, Input::Hit(hit, _) if hit.seen.is_lookup()));
    inputs
}

#[test]
fn the_visit_itself_is_one() {
    let me = person(1);
    let (cases, _) = run(visit(&me));
    assert_stage(&cases, &me, Stage::Visited);
}

#[test]
fn a_decoy_makes_no_case() {
    let me = person(1);
    let (cases, alerts) = run(contested(without_look_ups(visit(&me))));
    assert!(cases.is_empty(), "{}", told(&cases[0]));
    assert!(alerts.is_empty());
}

#[test]
fn a_decoy_adds_nothing_to_a_case() {
    let me = person(1);
    let mut inputs = contested(without_look_ups(visit(&me)));
    // Another name of the vendor, and this one a day before.
    inputs.push(hit(&me, "developer.kairos.com", Seen::DnsQuery, -5.0));
    inputs.push(hit(&me, HOST, Seen::DnsQuery, -86_400.0));
    let (cases, alerts) = run(inputs);
    assert_stage(&cases, &me, Stage::LookedUp);
    let case = case_of(&cases, &me);
    let item = case.items.iter().find(|item| item.rule == "contested");
    let item = item.expect("the decoy is on record");
    assert_eq!(item.weight, 0);
    let in_a_sum = case
        .steps
        .iter()
        .any(|step| step.items.contains(&item.number));
    assert!(!in_a_sum, "\n{}", told(case));
    assert!(
        case.items.iter().all(|it| it.kind != EvidenceKind::Session),
        "\n{}",
        told(case)
    );
    assert!(alerts.is_empty());
}

#[test]
fn a_colleagues_look_up_says_nothing() {
    let (me, other) = (person(1), person(2));
    let mut inputs = contested(without_look_ups(visit(&me)));
    inputs.push(hit(&other, HOST, Seen::DnsQuery, -1.0));
    let (cases, _) = run(inputs);
    assert!(
        cases
            .iter()
            .all(|case| case.subject != me.attribution.subject)
    );
}

#[test]
fn who_looked_it_up_meant_it() {
    let me = person(1);
    let (plain, _) = run(visit(&me));
    let (cases, _) = run(contested(visit(&me)));
    assert_stage(&cases, &me, Stage::Visited);
    assert_eq!(
        case_of(&cases, &me).confidence,
        case_of(&plain, &me).confidence
    );
}

#[test]
fn a_resolvers_log_may_be_late() {
    let me = person(1);
    let inputs = contested(visit(&me));
    // The look-up is told when the first exchange is over.
    let (look_ups, mut rest): (Vec<Input>, Vec<Input>) = sorted(inputs)
        .into_iter()
        .partition(|input| matches!(input, Input::Hit(hit, _) if hit.seen.is_lookup()));
    let at_end = rest.split_off(2);
    rest.extend(look_ups);
    rest.extend(at_end);
    let mut book = book();
    let mut out = feed(&mut book, &rest);
    book.tick(at(900.0), &mut out);
    let cases: Vec<Case> = book.cases().cloned().collect();
    assert_stage(&cases, &me, Stage::Visited);
}

#[test]
fn a_true_connection_beside_a_decoy_counts() {
    let me = person(1);
    let mut inputs = contested(without_look_ups(page(&me, HOST, -40.0)));
    inputs.extend(without_look_ups(visit(&me)));
    let (cases, _) = run(inputs);
    assert_stage(&cases, &me, Stage::Visited);
}
