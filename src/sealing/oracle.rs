//! What must hold for any file that an officer is given as a release or a share: it is refused in
//! one sentence, or written as it was read; and without shares nothing comes out of it.
//!
//! For fuzzing and tests only: panics.

use super::{Release, Share};

/// Reads the bytes as both.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // Whatever else it is, it is not shown.
    if let Err(why) = Share::parse(text) {
        assert!(!why.contains('\n'));
    }
    match Release::read(text) {
        Ok(release) => {
            assert!(Release::is_one(text));
            let again = release.write().expect("what was read can be written");
            let same = Release::read(&again).expect("what was written can be read");
            assert!(same == release);
            assert!(release.shares(None, "nothing").is_err());
            if let Ok(opened) = release.open(&[]) {
                assert!(opened.identities.is_empty() && opened.frames.is_empty());
            }
        }
        Err(why) => assert!(!why.contains('\n') && why.len() < 5000),
    }
}
