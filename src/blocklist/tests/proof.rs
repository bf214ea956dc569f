//! The `[proof]` of a vendor file.

use super::*;

/// A vendor file with a `[proof]`.
fn with_proof(stage: &str, proof: &str) -> Result<Catalogue, Vec<ListProblem>> {
    let text = format!(
        "id = \"x\"\nname = \"X\"\ncategory = \"face-api\"\nseverity = \"medium\"\n\
         status = \"active\"\nhighest_stage = \"{stage}\"\n[proof]\n{proof}\n[[host]]\n\
         name = \"x.example\"\nmatch = \"suffix\"\nrole = \"marketing\"\nconfidence = \"high\"\n\
         provenance = \"sourced\"\nsource = [\"a page\"]\n"
    );
    let source = SourceText::Vendor("x.toml", &text);
    Catalogue::compile(&[source], Timestamp(0))
}

#[test]
fn a_proof_is_read_whole() {
    let proof = "signup = \"account-or-login\"\nsearch = true\nreason = \"a reason\"\n\
                 use_hosts = [\"jsc*.x.example\"]\ndemo_hosts = [\"go.x.example\"]\n\
                 also = [\"a remark\"]\n[[proof.threshold]]\nname = \"image_bytes_up\"\n\
                 value = 9_000\nreason = \"crops\"\nmeasured = true";
    let catalogue = with_proof("searching", proof).unwrap_or_else(|p| panic!("{p:?}"));
    let proof = catalogue.vendor("x").expect("x").proof();
    assert_eq!(proof.signup, SignupProof::AccountOrLogin);
    assert_eq!(proof.highest(), Stage::Searching);
    let own = &proof.thresholds[0];
    assert_eq!(
        (own.name, own.value, own.measured),
        (Threshold::ImageBytesUp, 9_000, true)
    );
    for (name, is) in [
        ("jsc7.x.example", true),
        ("jsc.x.example", true),
        ("xjsc7.x.example", false),
        ("a.jsc7.x.example", false),
        ("x.example", false),
    ] {
        assert_eq!(proof.is_use_host(name), is, "{name}");
    }
    assert!(proof.is_demo_host("go.x.example"));
}

#[test]
fn a_proof_that_cannot_be_is_refused_with_its_place() {
    let good = "signup = \"none\"\nreason = \"a reason\"\n";
    assert!(with_proof("visited", good).is_ok());
    let table = [
        ("searching", good.to_owned(), "[proof] reaches `visited`"),
        ("visited", "signup = \"none\"\n".into(), "has no `reason`"),
        (
            "visited",
            "signup = \"maybe\"\nreason = \"r\"".into(),
            "may not be `maybe`",
        ),
        (
            "visited",
            format!("{good}sure = true"),
            "unknown key `sure`",
        ),
        (
            "integrated",
            format!("{good}integration = true"),
            "`integration` without `search`",
        ),
        (
            "visited",
            format!("{good}use_hosts = [\"*.example\"]"),
            "names no host",
        ),
        (
            "visited",
            format!("{good}use_hosts = [\"a.**.x.example\"]"),
            "names no host",
        ),
        (
            "visited",
            format!("{good}[[proof.threshold]]\nname = \"luck\"\nvalue = 1\nreason = \"r\""),
            "may not be `luck`",
        ),
        (
            "visited",
            format!(
                "{good}[[proof.threshold]]\nname = \"page_bytes_up\"\nvalue = -1\nreason = \"r\""
            ),
            "no whole number",
        ),
    ];
    for (stage, proof, says) in table {
        let Err(problems) = with_proof(stage, &proof) else {
            panic!("taken: {proof}");
        };
        assert!(
            problems.iter().any(|it| it.to_string().contains(says)),
            "{says}: {problems:?}"
        );
    }
}

#[test]
fn what_log_in_mails_needs_words_and_a_source() {
    let signed_up = |more: &str| {
        let proof = format!("signup = \"signed-up\"\nreason = \"a reason\"\n{more}");
        with_proof("signed-up", &proof)
    };
    let says = |more: &str, what: &str| {
        let problems = signed_up(more).err().expect("refused");
        let said = format!("{problems:?}");
        assert!(said.contains(what), "{said}");
    };
    says("", "no `login_mail_reason`");
    let none = "login_mail = \"none\"\nlogin_mail_reason = \"by password\"\n";
    says(none, "without a source");
    says(
        "login_mail = \"perhaps\"\nlogin_mail_reason = \"r\"",
        "may not be `perhaps`",
    );
    let known = signed_up(&format!("{none}login_mail_source = [\"a page\"]"));
    let known = known
        .unwrap_or_else(|p| panic!("{p:?}"))
        .vendor("x")
        .expect("x")
        .proof();
    assert_eq!(known.login_mail, LoginMail::None);
    let unknown = signed_up("login_mail_reason = \"nothing is written\"");
    let unknown = unknown
        .unwrap_or_else(|p| panic!("{p:?}"))
        .vendor("x")
        .expect("x")
        .proof();
    assert_eq!(unknown.login_mail, LoginMail::Unknown);
}
