//! Accounts as a file and as a book.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::base::Timestamp;
use crate::console::audit::Scope;
use crate::console::secret::Secret;
use crate::console::totp::Seed;
use crate::console::{Role, Roles};

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000_000)
}

fn roles(all: &[Role]) -> Roles {
    all.iter().copied().collect()
}

fn account(all: &[Role]) -> Account {
    Account {
        display: "Eva <script>".into(),
        roles: roles(all),
        password: None,
        totp: Some(Totp {
            seed: Seed::new().unwrap(),
            used: 7,
        }),
        created: at(1),
        disabled: None,
        last_sign_in: Some(at(2)),
    }
}

#[test]
fn what_is_changed_is_on_the_disk_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("deep/console");
    let accounts = Accounts::open(&folder).unwrap();
    accounts
        .change(|book| book.add("eva", account(&[Role::Admin, Role::Lead])))
        .unwrap();
    let path = folder.join("accounts.json");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(
        fs::metadata(&folder).unwrap().permissions().mode() & 0o7777,
        0o700
    );
    let again = Accounts::open(&folder).unwrap().book();
    let eva = again.account("eva").unwrap();
    assert!(eva.roles == roles(&[Role::Lead, Role::Admin]) && eva.last_sign_in == Some(at(2)));
    assert_eq!(eva.totp.as_ref().unwrap().used, 7);
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("\"created\": \"1970-01-01T00:00:01.000000000Z\""),
        "times are readable"
    );
}

#[test]
fn a_file_that_others_may_read_or_that_is_broken_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts.json");
    let refused = || Accounts::open(folder.path()).err().unwrap();
    Accounts::open(folder.path()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refused().contains("chmod 600"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "{\"version\": 1, \"accounts\": {\"secret\": 5}}").unwrap();
    let why = refused();
    assert!(
        why.contains("line 1 column") && !why.contains("secret"),
        "{why}"
    );
    fs::write(
        &path,
        "{\"version\":2,\"accounts\":{},\"links\":[],\"tokens\":[]}",
    )
    .unwrap();
    assert!(refused().contains("newer program"));
}

#[test]
fn what_cannot_be_written_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(folder.path()).unwrap();
    // A folder stands where the new file is to be made.
    fs::create_dir_all(folder.path().join("accounts.json.new/full")).unwrap();
    let refused = accounts.change(|book| book.add("eva", account(&[Role::Admin])));
    assert_eq!(refused, Err(Refused::Unwritten));
    assert!(accounts.book().account("eva").is_none());
}

#[test]
fn there_is_always_an_administrator() {
    let mut book = Book::default();
    book.add("eva", account(&[Role::Admin])).unwrap();
    let mut away = book.clone();
    assert_eq!(
        away.edit("eva", |eva| eva.disabled = Some(at(5))),
        Err(Refused::LastAdmin)
    );
    let mut other = book.clone();
    let demote = |eva: &mut Account| eva.roles = roles(&[Role::Analyst]);
    assert_eq!(other.edit("eva", demote), Err(Refused::LastAdmin));
    assert_eq!(
        book.edit("eva", |eva| eva.roles = Roles::default()),
        Err(Refused::NoRole)
    );
    book.add("jan", account(&[Role::Admin])).unwrap();
    assert_eq!(
        book.edit("eva", |eva| eva.roles = roles(&[Role::Analyst])),
        Ok(())
    );
}

#[test]
fn names_are_plain() {
    for good in ["eva", "e.v-a_2@example.org"] {
        assert!(is_name(good), "{good}");
    }
    for bad in ["", "Eva", "e va", "e<b>", "eva\n", "é", &"a".repeat(65)] {
        assert!(!is_name(bad), "{bad}");
    }
    for good in ["Eva Jansen", "<b>", "Зоя"] {
        assert!(is_shown(good), "{good}");
    }
    for bad in ["", " Eva", "a\u{202e}b", "a\nb", &"a".repeat(101)] {
        assert!(!is_shown(bad), "{bad}");
    }
}

#[test]
fn a_link_works_once_and_not_for_ever() {
    let mut book = Book::default();
    let kind = LinkKind::Invite {
        account: "eva".into(),
        roles: roles(&[Role::Analyst]),
    };
    let (old, new) = (Secret::new().unwrap(), Secret::new().unwrap());
    for secret in [&old, &new] {
        let link = Link {
            mark: secret.mark(),
            kind: kind.clone(),
            expires: at(100),
        };
        book.add_link(link, at(0)).unwrap();
    }
    assert!(book.link(&old.mark(), at(1)).is_none(), "the newest counts");
    assert!(
        book.clone().use_link(&new.mark(), at(100)).is_err(),
        "expired"
    );
    assert!(book.use_link(&new.mark(), at(99)).unwrap() == kind);
    assert_eq!(
        book.use_link(&new.mark(), at(99)).err(),
        Some(Refused::Unknown),
        "used"
    );
    let reset = LinkKind::Reset {
        account: "eva".into(),
    };
    let link = Link {
        mark: old.mark(),
        kind: reset,
        expires: at(100),
    };
    assert_eq!(
        book.add_link(link, at(0)),
        Err(Refused::Unknown),
        "nobody to reset"
    );
}

#[test]
fn a_token_ends_with_its_account_its_time_or_by_hand() {
    let mut book = Book::default();
    book.add("adm", account(&[Role::Admin])).unwrap();
    book.add("eva", account(&[Role::Analyst])).unwrap();
    let secret = Secret::new().unwrap();
    let token = ApiToken {
        mark: secret.mark(),
        account: "eva".into(),
        label: "siem".into(),
        scopes: vec![Scope::Read],
        created: at(0),
        expires: at(100),
    };
    book.add_token(token.clone(), at(0)).unwrap();
    assert_eq!(book.add_token(token, at(0)), Err(Refused::Taken));
    assert!(book.token(&secret.mark(), at(99)).is_some());
    assert!(book.token(&secret.mark(), at(100)).is_none(), "expired");
    let mut closed = book.clone();
    closed
        .edit("eva", |eva| eva.disabled = Some(at(5)))
        .unwrap();
    assert!(closed.token(&secret.mark(), at(50)).is_none(), "closed");
    book.revoke("eva", "siem").unwrap();
    assert!(book.token(&secret.mark(), at(50)).is_none(), "revoked");
    assert_eq!(book.revoke("eva", "siem"), Err(Refused::Unknown));
}

#[test]
fn the_first_link_ends_with_the_first_administrator() {
    let mut book = Book::default();
    let secret = Secret::new().unwrap();
    let link = Link {
        mark: secret.mark(),
        kind: LinkKind::First,
        expires: at(100),
    };
    book.add_link(link, at(0)).unwrap();
    assert!(book.link(&secret.mark(), at(1)).is_some());
    book.add("adm", account(&[Role::Admin])).unwrap();
    assert!(book.link(&secret.mark(), at(1)).is_none());
    assert!(book.use_link(&secret.mark(), at(1)).is_err());
}
