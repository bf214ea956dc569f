//! Key files and pseudonyms by value.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::base::Transport;

fn key(byte: u8) -> Key {
    let mut secret = [byte; 32];
    secret[0] = !byte;
    Key::from_secret(&secret).unwrap()
}

fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

/// Computed apart from this code, with Python's `hmac`; a change of context or shape breaks
/// every join with old records, so it has to break this.
#[test]
fn pseudonyms_have_these_values() {
    let key = Key::from_secret(&(0u8..32).collect::<Vec<_>>()).unwrap();
    assert_eq!(key.id(), "7d51a882");
    assert_eq!(
        key.ip("192.0.2.1".parse().unwrap()),
        "ip-6450f96077dbfee453ff1e4586eda52e"
    );
    assert_eq!(
        key.mac([2, 0, 0, 0, 0, 1]),
        "mac-f0f9eaf3bdb956ff6563ba89e523658f"
    );
}

#[test]
fn the_same_under_one_key_and_another_under_another() {
    let address = "2001:db8::1".parse().unwrap();
    assert_eq!(key(1).ip(address), key(1).ip(address));
    assert_ne!(key(1).ip(address), key(2).ip(address));
    assert_ne!(
        key(1).ip(address),
        key(1).ip("2001:db8::2".parse().unwrap())
    );
    assert_eq!(
        key(1).ip("::ffff:192.0.2.1".parse().unwrap()),
        key(1).ip("192.0.2.1".parse().unwrap())
    );
}

#[test]
fn an_event_id_knows_where_its_parts_end() {
    assert_ne!(key(1).event(&[b"ab", b"c"]), key(1).event(&[b"a", b"bc"]));
    assert_eq!(key(1).event(&[b"ab"]).len(), 24);
}

#[test]
fn a_keyed_flow_id_is_equal_for_both_directions_and_not_the_open_one() {
    let ends = Endpoints {
        src: "192.0.2.1".parse().unwrap(),
        dst: "198.51.100.2".parse().unwrap(),
        sport: 40000,
        dport: 443,
        transport: Transport::Tcp,
    };
    let id = key(1).community(&ends);
    assert_eq!(id, key(1).community(&ends.reversed()));
    assert_ne!(id, key(2).community(&ends));
    assert_ne!(id, crate::hits::community::id(&ends, 0));
    assert_ne!(
        id,
        key(1).community(&Endpoints {
            sport: 40001,
            ..ends
        })
    );
    assert_ne!(
        id,
        key(1).community(&Endpoints {
            transport: Transport::Udp,
            ..ends
        })
    );
    let standard = crate::hits::community::id(&ends, 0);
    assert_eq!((id.len(), &id[..2]), (standard.len(), "1:"));
}

#[test]
fn raw_and_hex_files_give_the_same_key() {
    let secret: Vec<u8> = (100..150).collect();
    let (_one, raw) = file(&secret, 0o600);
    let (_two, text) = file(format!("{}\n", hex::encode(&secret)).as_bytes(), 0o400);
    let address = "192.0.2.9".parse().unwrap();
    assert_eq!(
        Key::load(&raw).unwrap().ip(address),
        Key::load(&text).unwrap().ip(address)
    );
}

#[test]
fn a_file_that_others_can_reach_is_refused_with_the_command() {
    for mode in [0o640, 0o604, 0o620, 0o601, 0o644] {
        let (_folder, path) = file(&[b"0123456789abcdef".as_slice(); 4].concat(), mode);
        let error = Key::load(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("chmod 600 {}", path.display())),
            "{error}"
        );
        assert!(error.contains(&format!("{mode:04o}")), "{error}");
        assert!(!error.contains("0123456789abcdef"));
    }
}

#[test]
fn a_file_of_another_user_is_refused() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root to give a file away");
        return;
    }
    let (_folder, path) = file(&(0..64).collect::<Vec<u8>>(), 0o600);
    std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
    let error = Key::load(&path).unwrap_err();
    assert!(
        matches!(error, KeyError::WrongOwner(_, 12345, 0)),
        "{error}"
    );
}

#[test]
fn weak_missing_and_odd_files_are_refused() {
    let weak: [(&[u8], usize); 4] = [
        (b"", 0),
        (b"too short", 9),
        // 32 hex digits are 16 bytes, though the file has 33
        (b"00112233445566778899aabbccddeeff\n", 16),
        (&[0; 64], 64),
    ];
    for (content, len) in weak {
        let (_folder, path) = file(content, 0o600);
        let error = Key::load(&path).unwrap_err();
        assert!(matches!(error, KeyError::Weak(_, l) if l == len), "{error}");
    }
    let (folder, _) = file(b"", 0o600);
    let error = Key::load(&folder.path().join("none"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("openssl rand -hex 32"), "{error}");
    assert!(matches!(
        Key::load(folder.path()).unwrap_err(),
        KeyError::NotAFile(_)
    ));
    let (_folder, path) = file(&[7; 5000], 0o600);
    assert!(matches!(
        Key::load(&path).unwrap_err(),
        KeyError::TooLong(_)
    ));
}

#[test]
fn a_made_key_loads_and_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let made = Key::create(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(Key::load(&path).unwrap().id(), made.id());
    assert!(matches!(
        Key::create(&path).unwrap_err(),
        KeyError::Exists(_)
    ));
    assert_eq!(Key::load(&path).unwrap().id(), made.id());
    assert_ne!(
        Key::ephemeral().unwrap().id(),
        Key::ephemeral().unwrap().id()
    );
    assert_eq!(format!("{made:?}"), format!("Key({})", made.id()));
}
