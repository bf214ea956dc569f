//! Many ways of writing, one person; and never a person where there is none.

use super::super::*;

fn people() -> Organisation {
    let map = "realms = [\"CORP.EXAMPLE\", \"CORP\"]\nmail_domains = [\"corp.example\"]\n\
               service_accounts = [\"svc-*\", \"scan?er\", \"robot@corp.example\"]\n\
               [[unit]]\nname = \"lab\"";
    let csv = "user,mail,aliases,unit\n\
               ajansen,a.jansen@corp.example; anna@corp.example,jansen-a,lab\n\
               pdevries,p.devries@corp.example,,\n";
    Organisation::parse(map, "x")
        .unwrap()
        .with_people(csv, "p.csv")
        .unwrap()
}

fn told(who: Principal) -> String {
    match who {
        Principal::Person(name) => name,
        Principal::Machine => "-machine".into(),
        Principal::Service => "-service".into(),
        Principal::Nobody => "-nobody".into(),
    }
}

#[test]
fn the_table_of_names() {
    let it = people();
    for (written, who) in [
        ("ajansen", "ajansen"),
        ("AJansen", "ajansen"),
        (" ajansen@CORP.EXAMPLE ", "ajansen"),
        ("ajansen@corp.example", "ajansen"),
        ("CORP\\ajansen", "ajansen"),
        ("corp\\AJANSEN", "ajansen"),
        ("a.jansen@corp.example", "ajansen"),
        ("jansen-a", "ajansen"),
        ("CORP\\jansen-a", "ajansen"),
        ("a.jansen\\@corp.example@CORP.EXAMPLE", "ajansen"),
        // Not in the directory: themselves.
        ("k.smit", "k.smit"),
        ("k.smit@CORP.EXAMPLE", "k.smit"),
        // Of another realm: somebody else.
        ("ajansen@other.example", "ajansen@other.example"),
        ("OTHER\\ajansen", "ajansen@other"),
        ("jansen-a@other.example", "jansen-a@other.example"),
        // Nobody's.
        ("PC-0042$@CORP.EXAMPLE", "-machine"),
        ("CORP\\PC-0042$", "-machine"),
        ("host/pc-0042.corp.example", "-machine"),
        ("krbtgt/CORP.EXAMPLE@CORP.EXAMPLE", "-service"),
        ("HTTP/web.corp.example", "-service"),
        ("ajansen/admin@CORP.EXAMPLE", "-service"),
        ("svc-backup@CORP.EXAMPLE", "-service"),
        ("SVC-", "-service"),
        ("scanner", "-service"),
        ("robot@corp.example", "-service"),
        ("anonymous@corp.example", "-nobody"),
        ("@corp.example", "-nobody"),
        ("", "-nobody"),
        ("001122aabbcc", "-nobody"),
        ("00-11-22-AA-BB-CC", "-nobody"),
        ("0011.22aa.bbcc", "-nobody"),
    ] {
        assert_eq!(told(it.principal(written)), who, "{written}");
    }
}

#[test]
fn without_a_realm_list_realms_stay_apart() {
    let it = Organisation::default();
    assert_eq!(told(it.principal("a@R1")), "a@r1");
    assert_eq!(told(it.principal("a@R2")), "a@r2");
    assert_eq!(told(it.principal("a")), "a");
}

/// The user name of one is the mailbox of another: such a name is nobody's.
#[test]
fn a_name_that_means_two_people_means_nobody() {
    let map = "realms = [\"corp.example\"]";
    let csv = "user,mail\nbert,jan@corp.example\njan,j@corp.example\n";
    let it = Organisation::parse(map, "x")
        .unwrap()
        .with_people(csv, "p")
        .unwrap();
    assert_eq!(told(it.principal("jan@corp.example")), "-nobody");
    assert_eq!(told(it.principal("jan")), "jan");
    assert_eq!(
        it.mailbox("jan@corp.example").map(|m| m.user).as_deref(),
        Some("bert")
    );
}

#[test]
fn mailboxes() {
    let it = people();
    let owner = |address: &str| it.mailbox(address).map(|m| (m.user, m.listed));
    assert_eq!(
        owner("A.Jansen@corp.example"),
        Some(("ajansen".into(), true))
    );
    assert_eq!(
        owner("<anna+news@corp.example>"),
        Some(("ajansen".into(), true))
    );
    assert_eq!(owner("ajansen@corp.example"), None);
    assert_eq!(owner("nobody"), None);
    let rule = "mail_domains = [\"corp.example\"]\nmail_local_part_is_user = true\n\
                service_accounts = [\"info\"]";
    let it = Organisation::parse(rule, "x").unwrap();
    let owner = |address: &str| it.mailbox(address).map(|m| (m.user, m.listed));
    assert_eq!(owner("KSmit@corp.example"), Some(("ksmit".into(), false)));
    assert_eq!(owner("ksmit@elsewhere.example"), None);
    assert_eq!(owner("info@corp.example"), None);
}

#[test]
fn a_bad_directory_is_refused_without_its_names() {
    let it = Organisation::default();
    for (csv, line, part) in [
        ("user,phone\n", 1, "unknown column `phone`"),
        ("mail\n", 1, "no column `user`"),
        (
            "user,mail\nanna,x@y\nberta,X@y\n",
            3,
            "one name means one person",
        ),
        ("user,mail\nanna\n", 2, "as many fields"),
        ("user,mail\n,x@y\n", 2, "empty"),
        ("user,unit\nanna,lab\n", 2, "no [[unit]]"),
    ] {
        let said = it
            .clone()
            .with_people(csv, "p.csv")
            .unwrap_err()
            .to_string();
        assert!(
            said.starts_with(&format!("p.csv:{line}: ")),
            "{csv}: {said}"
        );
        assert!(
            said.contains(part) && !said.contains("anna"),
            "{csv}: {said}"
        );
    }
}
