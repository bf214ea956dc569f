//! Kinds have labels of their own; an entry is read as it was written.

use super::*;

#[test]
fn each_kind_has_a_label_of_its_own_and_is_found_by_it() {
    for kind in Kind::ALL {
        assert_eq!(Kind::of(kind.label()), Some(*kind));
    }
    assert_eq!(Kind::of("nothing"), None);
}

#[test]
fn an_entry_is_read_as_it_was_written_and_under_its_kind_alone() {
    let entry = Entry {
        time: Timestamp(5),
        body: Body::Act(Box::new(Acted {
            by: Actor {
                name: "anna".into(),
                means: Means::Console,
            },
            act: Act::Comment {
                case: "case-1".into(),
                text: "a\tb\nc".into(),
            },
        })),
    };
    let text = entry.text().unwrap();
    assert!(!text.contains(&b'\n') && !text.contains(&b'\t'));
    let read = Entry::read(Kind::Triage, &text).unwrap();
    assert!(read == entry);
    assert_eq!(read.case(), Some("case-1"));
    assert!(Entry::read(Kind::Hold, &text).is_err());
    assert!(Entry::read(Kind::Hit, &text).is_err());
}
