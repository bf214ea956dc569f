//! Notes and keys against published ones and against another implementation.

use signed_note::{Note as Theirs, StandardVerifier, VerifierList};
use tlog_tiles::Checkpoint as TheirCheckpoint;

use super::super::checkpoint::{Checkpoint, Signed, several};
use super::super::disk::Disk;
use super::super::history::{History, NOTES_MAX};
use super::super::note::*;
use super::closed;

/// The example in the documentation of Go's `golang.org/x/mod/sumdb/note`.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const GO_PRIVATE: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

#[test]
fn a_published_note_verifies_and_its_key_signs_the_same() {
    let key = VerifierKey::parse(GO_KEY).unwrap();
    assert_eq!(key.to_string(), GO_KEY);
    let note = Note::parse(GO_NOTE).unwrap();
    assert_eq!(note.signed_by(&key), Ok(Some(None)));
    assert_eq!(note.to_string(), GO_NOTE);
    let private = SignerKey::parse(GO_PRIVATE).unwrap();
    assert_eq!(private.public(), &key);
    assert_eq!(private.sign(&note.text, 0), note.signatures[0]);
    let changed = Note::parse(&GO_NOTE.replace("problem is", "solution is")).unwrap();
    assert!(changed.signed_by(&key).is_err());
}

/// The example in C2SP tlog-cosignature: its text, and a witness whose key is not published. So
/// only the form is tested: name, id, and the 8 + 64 bytes of a signature with its time.
#[test]
fn a_published_checkpoint_is_read() {
    let text = "example.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let signed = Signed::parse(text).unwrap();
    assert_eq!(signed.checkpoint.size, 20_852_163);
    assert_eq!(signed.note.signatures.len(), 2);
    assert_eq!(signed.note.to_string(), text);
    let again = Checkpoint::parse(&signed.checkpoint.to_string()).unwrap();
    assert_eq!(again, signed.checkpoint);
    let twice = [text, text].concat();
    assert_eq!(several(&twice).collect::<Vec<_>>(), [text, text]);
    let torn = [text, &text[..90]].concat();
    assert_eq!(several(&torn).collect::<Vec<_>>(), [text, &text[..90]]);
}

/// What a ledger signs is accepted by the other implementation, and by its reader of checkpoints.
#[test]
fn another_implementation_accepts_our_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    closed(dir.path(), 300);
    let read = |name: &str| std::fs::read_to_string(dir.path().join("ledger").join(name)).unwrap();
    let note = Theirs::from_bytes(read("checkpoint").as_bytes()).unwrap();
    let verifier = StandardVerifier::new(read("key.pub").trim()).unwrap();
    let known = VerifierList::new(vec![Box::new(verifier)]);
    let (verified, unknown) = note.verify(&known).unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 0));
    let checkpoint = TheirCheckpoint::from_bytes(note.text()).unwrap();
    assert_eq!(
        (checkpoint.origin(), checkpoint.size()),
        ("poortwacht/test", 300)
    );
    let ours = Signed::parse(&read("checkpoint")).unwrap();
    assert_eq!(checkpoint.hash().0, ours.checkpoint.root);
}

#[test]
fn a_witness_signs_text_and_time() {
    let (witness, text) = SignerKey::generate("w.example", Kind::Witness).unwrap();
    assert_eq!(SignerKey::parse(&text).unwrap().public(), witness.public());
    let body = "a\n1\nb\n".to_owned();
    let mut note = Note {
        signatures: vec![witness.sign(&body, 77)],
        text: body,
    };
    let again = Note::parse(&note.to_string()).unwrap();
    assert_eq!(again.signed_by(witness.public()), Ok(Some(Some(77))));
    note.signatures = vec![witness.sign(&note.text, 78)];
    assert_eq!(note.signed_by(witness.public()), Ok(Some(Some(78))));
    // Not as a log, and not by somebody else of the same name.
    let (other, _) = SignerKey::generate("w.example", Kind::Witness).unwrap();
    assert_eq!(note.signed_by(other.public()), Ok(None));
    note.text.push_str("c\n");
    assert!(note.signed_by(witness.public()).is_err());
}

#[test]
fn broken_keys_and_notes_are_refused() {
    for (key, why) in [
        ("", "not `name+id+key`"),
        ("a+b", "not `name+id+key`"),
        (
            "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "no name",
        ),
        (
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "copied wrongly",
        ),
        (
            "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "copied wrongly",
        ),
        (
            "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "digits",
        ),
        (
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy",
            "not 32 bytes",
        ),
        ("PeterNeumann+c74f20a3+!", "not base64"),
        (
            "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "type 2",
        ),
    ] {
        let said = VerifierKey::parse(key).unwrap_err();
        assert!(said.contains(why), "{key}: {said}");
    }
    assert!(SignerKey::parse(GO_KEY).is_err());
    assert!(SignerKey::generate("two words", Kind::Log).is_err());
    for text in [
        "",
        "a\n",
        "a\n\n",
        "a\n\n— \n",
        "a\n\n— b\n",
        "a\n\n— b AAAA\n",
        "a\n\n— b AAAAAAA=",
        "a\n\n- b AAAAAAA=\n",
        "a\tb\n\n— b AAAAAAA=\n",
    ] {
        assert!(Note::parse(text).is_err(), "{text:?}");
    }
    let many = format!("a\n\n{}", "— b AAAAAAA=\n".repeat(65));
    assert!(Note::parse(&many).is_err());
    for text in [
        "",
        "a\n",
        "a\n1\n",
        "a\n01\nAAAA\n",
        "a\n1\nAAAA\n",
        "a\n+1\nAAAA\n",
    ] {
        assert!(Checkpoint::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_history_keeps_the_oldest_and_the_newer_half_whole() {
    let dir = tempfile::tempdir().unwrap();
    let note = |size: usize| format!("a\n{size}\n{}=\n\n— a AAAAAAA=\n", "A".repeat(43));
    let sizes = || {
        let text = std::fs::read_to_string(dir.path().join("checkpoints")).unwrap();
        let notes = several(&text).map(|note| Signed::parse(note).unwrap().checkpoint.size);
        notes.collect::<Vec<_>>()
    };
    let found: Vec<String> = (1..NOTES_MAX).map(note).collect();
    // A crash left half a note.
    let torn = found.concat() + "a\n77";
    std::fs::write(dir.path().join("checkpoints"), torn).unwrap();
    let mut history = History::new(dir.path(), &found);
    let mut disk = Disk::default();
    history.add(&mut disk, &note(NOTES_MAX)).unwrap();
    assert_eq!(sizes().len(), NOTES_MAX);
    history.add(&mut disk, &note(NOTES_MAX + 1)).unwrap();
    history.add(&mut disk, &note(NOTES_MAX + 2)).unwrap();
    let sizes = sizes();
    assert_eq!(sizes.len(), NOTES_MAX / 4 + NOTES_MAX / 2 + 2);
    assert_eq!(sizes[..3], [1, 3, 5]);
    let newer = &sizes[NOTES_MAX / 4..];
    assert!(newer.windows(2).all(|pair| pair[1] == pair[0] + 1));
}
