//! Officers, alone and together.

mod frames;

use std::io::Write;
use std::process::{Command, Stdio};

use age::secrecy::ExposeSecret;
use proptest::prelude::*;

use super::*;

struct Desk {
    sealer: Sealer,
    keys: Vec<String>,
}

fn desk(officers: usize, threshold: u8) -> Desk {
    let keys: Vec<_> = (0..officers)
        .map(|_| age::x25519::Identity::generate())
        .collect();
    let officers: Vec<_> = keys
        .iter()
        .enumerate()
        .map(|(n, key)| Officer {
            name: format!("officer {n}"),
            recipient: key.to_public().to_string(),
        })
        .collect();
    Desk {
        sealer: Sealer::new(&officers, threshold).unwrap(),
        keys: keys
            .iter()
            .map(|key| key.to_string().expose_secret().to_owned())
            .collect(),
    }
}

fn subject(n: u8) -> SubjectId {
    SubjectId::new(format!("person-{n:032x}"))
}

fn clear() -> Clear {
    let mut clear = Clear::default();
    clear.users.push("anna.jansen@CORP.EXAMPLE".into());
    clear.addresses.push("10.20.1.7".into());
    clear
}

impl Desk {
    fn shares(&self, sealed: &Sealed, which: &[usize]) -> Vec<Share> {
        which
            .iter()
            .map(|n| open_share(&sealed.shares[*n].1, &self.keys[*n]).unwrap())
            .collect()
    }
}

fn why<T>(outcome: Result<T, String>) -> String {
    outcome.err().expect("an error")
}

#[test]
fn any_k_open_and_fewer_do_not() {
    let mut it = desk(3, 2);
    let sealed = it.sealer.seal(&subject(1), &clear()).unwrap();
    for which in [[0, 1], [0, 2], [1, 2], [2, 0]] {
        let opened = open(&sealed, &it.shares(&sealed, &which)).unwrap();
        assert!(opened == clear());
    }
    assert!(open(&sealed, &it.shares(&sealed, &[0, 1, 2])).is_ok());
    for which in [0, 1, 2] {
        let said = why(open(&sealed, &it.shares(&sealed, &[which])));
        assert!(said.contains("1 of the 2 shares"), "{said}");
    }
    let said = why(open(&sealed, &it.shares(&sealed, &[1, 1])));
    assert!(said.contains("twice"), "{said}");
    // One share alone, with the threshold written down: still not the key.
    let mut forged = sealed.clone();
    forged.threshold = 1;
    let said = why(open(&forged, &it.shares(&sealed, &[0])));
    assert!(said.contains("do not open"), "{said}");
}

#[test]
fn nothing_of_it_can_be_read_and_length_tells_nothing() {
    let mut it = desk(3, 2);
    let sealed = it.sealer.seal(&subject(1), &clear()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sealed.json");
    std::fs::write(&file, serde_json::to_vec(&sealed).unwrap()).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let raw = STANDARD.decode(&sealed.text).unwrap();
        for secret in ["anna", "jansen", "CORP.EXAMPLE", "10.20.1.7"] {
            for text in [&bytes, &raw] {
                let found = text.windows(secret.len()).any(|w| w == secret.as_bytes());
                assert!(!found, "{secret}");
            }
        }
    }
    let short = it.sealer.seal(&subject(2), &Clear::default()).unwrap();
    assert_eq!(short.text.len(), sealed.text.len());
}

#[test]
fn each_subject_has_a_key_of_its_own_and_keeps_it() {
    let mut it = desk(3, 2);
    let one = it.sealer.seal(&subject(1), &clear()).unwrap();
    let two = it.sealer.seal(&subject(2), &clear()).unwrap();
    let again = it.sealer.seal(&subject(1), &clear()).unwrap();
    let shares = it.shares(&one, &[0, 1]);
    assert!(
        open(&again, &shares).is_ok(),
        "an older record's shares open a newer one"
    );
    assert_ne!(one.text, again.text);
    let said = why(open(&two, &shares));
    assert!(said.contains("another subject"), "{said}");
    // The other subject's text and shares, under this one's name.
    let mut swapped = two;
    swapped.subject = subject(1);
    assert!(why(open(&swapped, &shares)).contains("another data key"));
    swapped.key.clone_from(&one.key);
    assert!(why(open(&swapped, &shares)).contains("do not open"));
    let mut moved = one.clone();
    moved.text = it.sealer.seal(&subject(3), &clear()).unwrap().text;
    assert!(why(open(&moved, &shares)).contains("do not open"));
}

#[test]
fn another_officers_key_opens_no_share() {
    let mut it = desk(2, 2);
    let sealed = it.sealer.seal(&subject(1), &clear()).unwrap();
    let said = why(open_share(&sealed.shares[0].1, &it.keys[1]));
    assert!(said.contains("does not open the share"), "{said}");
    assert!(why(open_share(&sealed.shares[0].1, "# empty")).contains("no key"));
    let file = format!("# created: today\n# public key: age1...\n{}\n", it.keys[0]);
    assert!(open_share(&sealed.shares[0].1, &file).is_ok());
}

#[test]
fn numbers_and_keys_that_do_not_fit_are_refused() {
    let officer = |name: &str, recipient: String| Officer {
        name: name.into(),
        recipient,
    };
    let key = || age::x25519::Identity::generate();
    let public = || key().to_public().to_string();
    let secret = key().to_string().expose_secret().to_owned();
    let many: Vec<_> = (0..17).map(|n| officer(&n.to_string(), public())).collect();
    let same = public();
    for (officers, threshold, part) in [
        (vec![], 1, "use 1 to 0"),
        (vec![officer("a", public())], 0, "use 1 to 1"),
        (vec![officer("a", public())], 2, "use 1 to 1"),
        (many, 2, "16 at most"),
        (
            vec![officer("a", public()), officer("a ", public())],
            1,
            "a name of its own",
        ),
        (
            vec![officer("a", same.clone()), officer("b", same)],
            1,
            "a key of their own",
        ),
        (vec![officer("", public())], 1, "no name"),
        (vec![officer("a", "age1x".into())], 1, "no age public key"),
        (vec![officer("a", secret.clone())], 1, "private key"),
    ] {
        let said = why(Sealer::new(&officers, threshold));
        assert!(said.contains(part), "{said}");
        assert!(!said.contains(&secret[15..]), "{said}");
    }
    assert!(Sealer::new(&[officer("a", public())], 1).is_ok());
}

#[test]
fn the_map_of_data_keys_is_bounded() {
    let mut it = desk(1, 1);
    let first = it.sealer.seal(&subject(0), &clear()).unwrap();
    for n in 0..KEYS_MAX {
        // Filled without the work of age.
        let id = SubjectId::new(format!("person-filler-{n}"));
        it.sealer.order.push_back(id.clone());
        it.sealer.keys.insert(
            id,
            DataKey {
                id: n.to_string(),
                told: false,
                key: Zeroizing::new([0; 32]),
                shares: Vec::new(),
            },
        );
    }
    it.sealer.seal(&subject(1), &clear()).unwrap();
    let again = it.sealer.seal(&subject(0), &clear()).unwrap();
    assert!(open(&again, &it.shares(&first, &[0])).is_err(), "a new key");
    assert!(open(&again, &it.shares(&again, &[0])).is_ok());
    assert!(it.sealer.keys.len() <= KEYS_MAX + 1);
}

/// The stock `age` program, as the officers' recipe has it. Said, not passed, where it is missing.
#[test]
fn the_stock_age_program_opens_a_share() {
    if Command::new("age").arg("--version").output().is_err() {
        eprintln!("not run: there is no `age` program here (Debian package `age`)");
        return;
    }
    let mut it = desk(3, 2);
    let sealed = it.sealer.seal(&subject(1), &clear()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let decrypted = |share: usize, with: usize| {
        let key = folder.path().join(format!("{with}.key"));
        std::fs::write(&key, &it.keys[with]).unwrap();
        let mut age = Command::new("age")
            .args(["-d", "-i"])
            .arg(&key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = age.stdin.take().unwrap();
        stdin.write_all(sealed.shares[share].1.as_bytes()).unwrap();
        drop(stdin);
        let out = age.wait_with_output().unwrap();
        out.status
            .success()
            .then(|| String::from_utf8(out.stdout).unwrap())
    };
    let texts = [decrypted(0, 0).unwrap(), decrypted(2, 2).unwrap()];
    assert!(decrypted(0, 1).is_none(), "another officer's key");
    let shares = texts.map(|text| Share::parse(&text).unwrap());
    assert!(open(&sealed, &shares).unwrap() == clear());
    assert!(open(&sealed, &shares[..1]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any k of n open, whatever k and n; a share changed by one bit does not (but for
    /// its place, which means nothing where one share is the key).
    #[test]
    fn k_of_n(n in 1usize..=6, k in 1u8..=6, flip in 1usize..33, order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        prop_assume!(usize::from(k) <= n);
        let mut it = desk(n, k);
        let sealed = it.sealer.seal(&subject(1), &clear()).unwrap();
        let which: Vec<usize> = order.into_iter().filter(|at| *at < n).take(k.into()).collect();
        let mut shares = it.shares(&sealed, &which);
        prop_assert!(open(&sealed, &shares).is_ok());
        shares[0].flip(flip);
        prop_assert!(open(&sealed, &shares).is_err());
    }
}

#[test]
fn what_is_no_share_is_refused_without_repeating_it() {
    for text in [
        "",
        "{}",
        "hunter2",
        "{\"subject\":\"x\",\"share\":\"hunter2\"}",
    ] {
        let said = why(Share::parse(text));
        assert!(
            said.contains("no share") && !said.contains("hunter2"),
            "{said}"
        );
    }
}
