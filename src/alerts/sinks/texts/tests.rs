//! Both languages say the same, and neither more than the case.

use super::*;
use crate::alerts::tests::{PERSON, alert};

#[test]
fn the_dutch_words_follow_stage_standing_and_subject() {
    let it = alert("a", "case-1", AlertKind::Raised, Stage::SignedUp);
    assert_eq!(
        summary(&it, Language::Nl),
        "Acme Faces: een proefaccount is zeer waarschijnlijk aangemaakt door een medewerker (niet \
         toegestaan in het register, 81 van 100 punten)"
    );
    let back = Alert {
        kind: AlertKind::Retracted,
        ..it.clone()
    };
    assert!(summary(&back, Language::Nl).starts_with("Acme Faces: ingetrokken: een proefaccount"));
    let mut seen = std::collections::BTreeSet::new();
    for stage in Stage::ALL {
        for standing in Standing::ALL {
            let it = Alert {
                stage: *stage,
                standing: *standing,
                ..it.clone()
            };
            let text = description(&it, Language::Nl);
            assert!(text.contains("Niet bekend:") && text.contains("Volgende stap:\n- "));
            assert!(
                !text.contains(PERSON) && !text.contains("Archive"),
                "{text}"
            );
            // What the law says is not for an alert to say.
            for word in ["AI Act", "overtreding", "verboden", "schuldig", "AVG"] {
                assert!(!text.contains(word), "{word}: {text}");
            }
            seen.insert(summary(&it, Language::Nl));
        }
    }
    assert_eq!(seen.len(), Stage::ALL.len() * Standing::ALL.len());
}

#[test]
fn english_is_what_the_case_says() {
    let it = alert("a", "case-1", AlertKind::Raised, Stage::SignedUp);
    assert_eq!(summary(&it, Language::En), it.summary);
    assert_eq!(description(&it, Language::En), it.description);
}
