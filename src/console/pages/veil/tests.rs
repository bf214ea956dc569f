//! What an auditor may ask and see: each field, negated and not, quoted and not, in both lists.

use super::*;
use crate::base::Timestamp;
use crate::console::Language;
use crate::store::filter::Shape;

fn lens() -> Lens {
    Lens::plain(Language::English, Timestamp(0))
}

fn under() -> Veil {
    Veil::down(&[7; 32], &lens())
}

const LIFTED: Veil = Veil { down: None };

fn of(text: &str) -> SubjectId {
    SubjectId::new(text.to_owned())
}

#[test]
fn a_label_stands_for_one_subject_wherever_it_is_met() {
    let (veil, again) = (under(), under());
    let label = veil.subject(&of("person-aa"));
    assert_eq!(label, again.subject(&of("person-aa")), "on another page");
    assert_ne!(label, veil.subject(&of("person-bb")), "of another subject");
    let other = Veil::down(&[8; 32], &lens());
    assert_ne!(label, other.subject(&of("person-aa")), "in another session");
    assert!(!label.contains("person"), "{label}");
    let digits = label.strip_prefix("subject ").expect("its name");
    assert_eq!(digits.len(), LABEL_LEN + 2, "{digits}");
    assert_eq!(LIFTED.subject(&of("person-aa")), "person-aa");
}

#[test]
fn no_two_of_many_subjects_look_like_one() {
    let veil = under();
    let labels = (0..20_000).map(|n| veil.subject(&of(&format!("person-{n:032x}"))));
    let labels: std::collections::HashSet<String> = labels.collect();
    assert_eq!(labels.len(), 20_000);
}

#[test]
fn what_people_wrote_and_what_tells_them_apart_is_withheld() {
    assert_eq!(under().hide(Some("IT")), None);
    assert_eq!(under().text("met Jan".into()), None);
    assert_eq!(LIFTED.hide(Some("IT")), Some("IT"));
}

/// A value that the field takes.
fn value(field: Field, about: About) -> String {
    match field.shape(about) {
        Shape::Words { .. } => field.words()[0].to_owned(),
        Shape::Text { .. } => "abc".to_owned(),
        Shape::Host => "www.example.org".to_owned(),
        Shape::Number(max) => max.to_string(),
        Shape::Age => "7d".to_owned(),
        Shape::Span => "2026-11-01".to_owned(),
        Shape::Truth => "yes".to_owned(),
    }
}

#[test]
fn each_field_is_asked_or_withheld_however_it_is_written() {
    let withheld = [Field::Subject, Field::Unit];
    for about in [About::Cases, About::Hits] {
        for field in about.fields() {
            let op = match field.shape(about) {
                Shape::Age => "<",
                _ => ":",
            };
            let value = value(*field, about);
            for sign in ["", "-"] {
                for value in [value.clone(), format!("\"{value}\"")] {
                    let term = format!("{sign}{}{op}{value}", field.label());
                    assert!(filter::asked(&term, about).is_ok(), "{term} is a filter");
                    let text = format!("vendor:x {term}");
                    let told = under().may_ask(&text, about);
                    match withheld.contains(field) {
                        true => assert_eq!(told, Err(9), "{text}"),
                        false => assert_eq!(told, Ok(()), "{text}"),
                    }
                    assert_eq!(LIFTED.may_ask(&text, about), Ok(()));
                }
            }
        }
    }
}

#[test]
fn a_free_word_searches_persons_too_however_it_is_written() {
    for text in [
        "jan",
        "-jan",
        "\"stage:visited\"",
        "-\"a b\"",
        "jan:",
        "person-0123*",
    ] {
        for about in [About::Cases, About::Hits] {
            // What does not read is refused by whoever reads it.
            if filter::asked(text, about).is_ok() {
                assert_eq!(under().may_ask(text, about), Err(0), "{text}");
                let (text, at) = (format!("vendor:x  {text}"), 10);
                assert_eq!(under().may_ask(&text, about), Err(at), "{text}");
            }
        }
    }
    for harmless in [
        "stage>=signed-up",
        "-state:closed suppressed:no",
        "age<7d",
        "confidence>=80",
    ] {
        assert_eq!(
            under().may_ask(harmless, About::Cases),
            Ok(()),
            "{harmless}"
        );
    }
}

#[test]
fn a_rule_tells_no_person_and_all_else() {
    for (whole, shown) in [
        (
            "stage>=signed-up -vendor:pimeyes",
            "stage>=signed-up -vendor:pimeyes",
        ),
        ("-unit:IT stage:visited", "unit:… stage:visited"),
        ("unit:\"front desk\" age<7d", "unit:… age<7d"),
        ("subject:person-aa,person-bb", "subject:…"),
        ("-subject:\"person aa\"", "subject:…"),
        ("jan vendor:x", "… vendor:x"),
        ("\"jan de vries\" vendor:x", "… vendor:x"),
        ("vendor:\"clear view\"", "vendor:\"clear view\""),
        ("unit:\"never closed", "…"),
        ("nonsense:jan", "…"),
    ] {
        assert_eq!(under().filter(whole.into()), shown, "{whole}");
        assert_eq!(LIFTED.filter(whole.into()), whole);
    }
}
