//! Every confounder of the design has its file, and each file says what it must not become.

use super::seeds;

/// A word for each confounder, and the file that plays it.
const CONFOUNDERS: [(&str, &str); 28] = [
    ("an article that links to the vendor", "article-with-link"),
    ("DNS prefetch", "dns-prefetch"),
    ("preconnect", "preconnect-two"),
    ("a link-preview bot", "link-preview-bot"),
    ("a mail scanner that opens links", "mail-scanner"),
    ("a security team's own research", "security-research"),
    ("a proxy", "proxy"),
    ("a terminal server", "terminal-server"),
    ("a NAT address", "nat-address"),
    ("an address that changed hands", "address-changed-hands"),
    ("a visitor network", "visitor-network"),
    ("login to an account made elsewhere", "login-elsewhere"),
    ("a password reset", "password-reset"),
    ("a log-in with a mailed code", "login-with-mailed-code"),
    ("a log-in by a mailed link", "login-by-mailed-link"),
    ("a notice of a new device", "login-from-new-device"),
    ("a reset after a failed log-in", "reset-after-failed-login"),
    ("an account changed by mail", "account-change-by-mail"),
    ("a ticket by mail", "ticket-by-mail"),
    ("a demo or contact form", "demo-form"),
    ("a newsletter", "newsletter"),
    (
        "an invitation that is never redeemed",
        "invitation-never-redeemed",
    ),
    (
        "a rights request with photo and mail",
        "rights-request-with-photo",
    ),
    ("face unlock", "face-unlock"),
    ("eGates", "egates"),
    ("identity checks", "identity-check-session"),
    ("look-alike names", "look-alike-sessions"),
    (
        "the same address, two confounders in one file",
        "faces-that-are-no-misuse",
    ),
];

#[test]
fn every_confounder_has_its_file() {
    let seeds = seeds();
    for (what, file) in CONFOUNDERS {
        assert!(
            seeds.iter().any(|(name, _)| name == file),
            "{what}: seeds/{file}.toml is missing"
        );
    }
}

/// What must not become a trial account expects no stage beyond what it truly is, but where the
/// file is about two people of whom one does make an account.
#[test]
fn no_confounder_expects_a_trial_account() {
    for (name, seed) in seeds() {
        let is_confounder = CONFOUNDERS.iter().any(|(_, file)| *file == name);
        if !is_confounder || name == "address-changed-hands" {
            continue;
        }
        for case in &seed.expect.cases {
            let stages = [case.stage.as_deref(), case.at_most.as_deref()];
            assert!(
                !stages.contains(&Some("signed-up")),
                "{name} expects a trial account of {}",
                case.who
            );
        }
        let says_something = !seed.expect.cases.is_empty() || !seed.expect.nobody.is_empty();
        assert!(
            says_something || seed.hits.is_empty(),
            "{name} expects nothing"
        );
    }
}
