//! Was a trial account made? One form, one mail, and what lies around them.
//!
//! Enters: the bench and its form-sized exchanges. Leaves: the evidence of the best pair of form and
//! mail. Never: a sign-up without mail evidence: a log-in to an account made elsewhere looks the
//! same without it.

use super::bench::{Bench, FormHost, FormSeen, seconds};
use super::judge::{Found, Goals};
use super::rules::{Goal, Rule};
use super::sighting::{Sighting, What};
use crate::blocklist::{LoginMail, Role, SignupProof, Threshold};

/// Adds what speaks for and against a sign-up.
pub(super) fn find(bench: &Bench<'_>, forms: &[FormSeen], found: &mut Vec<Found>) {
    if bench.know.proof.signup != SignupProof::SignedUp {
        return;
    }
    let mut best: Option<(i32, Vec<Found>)> = None;
    for mail in mails(bench) {
        for form in forms {
            let Some(pair) = pair(bench, forms, form, mail) else {
                continue;
            };
            let sum = pair
                .iter()
                .map(|it| bench.rules.weight(it.rule, Goal::SignedUp))
                .sum();
            if best.as_ref().is_none_or(|(points, _)| sum > *points) {
                best = Some((sum, pair));
            }
        }
    }
    // Supporting names count for every goal already.
    found.extend(best.into_iter().flat_map(|(_, pair)| pair));
}

/// Mails to the subject, then what the mail server looked up.
fn mails<'b>(bench: &'b Bench<'_>) -> impl Iterator<Item = usize> + 'b {
    bench.all(What::Mail).chain(bench.all(What::MailLookUp))
}

/// All evidence around this form and this mail; `None` when they do not belong together.
fn pair(bench: &Bench<'_>, forms: &[FormSeen], form: &FormSeen, mail: usize) -> Option<Vec<Found>> {
    let (sent, mailed) = (bench.seen[form.at].time, bench.seen[mail].time);
    let gap = mailed.0.saturating_sub(sent.0);
    if !bench.is_followed(form, mail)
        || is_of_later(bench, forms, form, mail)
        || form.unsure && is_of_another(bench, forms, form, mail)
    {
        return None;
    }
    let mut pair = Vec::new();
    let mut add = |rule: Rule, at: usize, text: String| {
        pair.push(Found {
            rule,
            at,
            text,
            goals: Goals::SIGNUP,
        });
    };
    let host = host(bench, form)?;
    let name = &bench.seen[host].name;
    match form.host {
        FormHost::Own if form.unsure => add(
            Rule::FormOrPage,
            form.at,
            format!("what may be the form sent to {name}"),
        ),
        FormHost::Own => add(Rule::Form, form.at, format!("the form sent to {name}")),
        _ => add(
            Rule::FormHiddenHost,
            form.at,
            format!("a form on a connection that may hide {name}"),
        ),
    }
    let fill = seconds(form.fill);
    let (rule, text) = if form.fill >= bench.ns(Threshold::FillLongSeconds) {
        (
            Rule::FillLong,
            format!("filled in for {fill} s, as a registration"),
        )
    } else if form.fill >= bench.ns(Threshold::FillSeconds) {
        (
            Rule::Fill,
            format!("filled in for {fill} s, longer than most log-ins"),
        )
    } else {
        (
            Rule::FillShort,
            format!("filled in for {fill} s, as a log-in"),
        )
    };
    add(rule, form.at, text);
    let by = if bench.seen[mail].what == What::Mail {
        (Rule::Mail, "a mail of the vendor")
    } else {
        (
            Rule::MailLookUp,
            "the mail server's check of a mail of the vendor",
        )
    };
    add(
        by.0,
        mail,
        format!("{} {} s after the form", by.1, seconds(gap)),
    );
    if bench.know.proof.login_mail == LoginMail::None {
        let text = "the vendor's log-in sends no mail, as documented".into();
        add(Rule::NoLoginMail, mail, text);
    }
    before(bench, forms, form, host, &mut add);
    after(bench, form, mail, name, &mut add);
    answered(bench, forms, form, (mail, host), &mut add);
    Some(pair)
}

/// A mail answers the form that was sent last before it: of a log-in and the forgotten password
/// after it, the second.
fn is_of_later(bench: &Bench<'_>, forms: &[FormSeen], form: &FormSeen, mail: usize) -> bool {
    let (sent, mailed) = (bench.seen[form.at].time, bench.seen[mail].time);
    forms.iter().any(|other| {
        let it = bench.seen[other.at];
        let between = it.time > sent && it.time < mailed;
        between && it.name == bench.seen[form.at].name && is_short(bench, other)
    })
}

/// Is the answer a message, not a page?
fn is_short(bench: &Bench<'_>, form: &FormSeen) -> bool {
    bench.net(form.at).down <= bench.limits().of(Threshold::FormBytesDownMax)
}

/// Can the mail be the answer to another form, of a newsletter or a log-in? Then what may be a page
/// has no claim to it.
fn is_of_another(bench: &Bench<'_>, forms: &[FormSeen], form: &FormSeen, mail: usize) -> bool {
    let mailed = bench.seen[mail].time.0;
    let from = mailed.saturating_sub(bench.ns(Threshold::PromptMailSeconds));
    forms.iter().any(|other| {
        let time = bench.seen[other.at].time;
        let elsewhere = other.host == FormHost::Other && time.0 >= from;
        let between = time > bench.seen[form.at].time;
        (elsewhere || between) && time.0 <= mailed
    })
}

/// A host where a sign-up can be made.
fn is_signup_host(bench: &Bench<'_>, it: &Sighting) -> bool {
    bench.is_account_host(it) && it.roles.contains(&Role::Signup)
}

/// The sighting that names the sign-up host of a form: itself, or, on a connection that bears
/// another name, a look-up of the sign-up host shortly before, with no connection of its own.
fn host(bench: &Bench<'_>, form: &FormSeen) -> Option<usize> {
    if form.host == FormHost::Own {
        return is_signup_host(bench, bench.seen[form.at]).then_some(form.at);
    }
    let sitting = bench.sitting[form.at];
    let own = |at: &usize| bench.sitting[*at] == sitting && is_signup_host(bench, bench.seen[*at]);
    if bench.all(What::Contact).any(|at| own(&at)) {
        return None;
    }
    let mut look_ups = bench.all(What::LookUp).filter(own);
    look_ups.find(|&at| bench.seen[at].time <= bench.seen[form.at].time)
}

/// What lies before the form: reading, first contact; or signs of an older account.
fn before(
    bench: &Bench<'_>,
    forms: &[FormSeen],
    form: &FormSeen,
    host: usize,
    add: &mut dyn FnMut(Rule, usize, String),
) {
    let (it, sitting) = (bench.seen[form.at], bench.sitting[form.at]);
    let name = bench.seen[host].name.clone();
    let earlier_sitting = |at: usize| bench.sitting[at] < sitting;
    let contact = (0..bench.seen.len()).find(|&at| {
        let seen = bench.seen[at];
        seen.name == name && matches!(seen.what, What::Contact | What::Exchange | What::LookUp)
    });
    if let Some(first) = contact
        && !earlier_sitting(first)
    {
        let rule = if form.host == FormHost::Own {
            Rule::FirstContact
        } else {
            Rule::FirstLookUp
        };
        add(rule, first, format!("never before in contact with {name}"));
    }
    let older = forms
        .iter()
        .find(|other| earlier_sitting(other.at) && bench.seen[other.at].name == it.name);
    if let Some(older) = older {
        add(
            Rule::EarlierForm,
            older.at,
            format!("an earlier form to {}", it.name),
        );
    }
    let used = (0..bench.seen.len()).find(|&at| {
        let seen = bench.seen[at];
        let contact = matches!(seen.what, What::Contact | What::Exchange | What::Proxied);
        contact && seen.time < it.time && bench.is_service_host(seen)
    });
    if let Some(used) = used {
        let text = format!("{} was contacted before the form", bench.seen[used].name);
        add(Rule::EarlierUse, used, text);
    }
    let other = forms.iter().find(|other| {
        let seen = bench.seen[other.at];
        bench.sitting[other.at] == sitting && seen.time < it.time && other.host == form.host
    });
    if let Some(other) = other {
        add(
            Rule::OtherForms,
            other.at,
            "another form just before it".into(),
        );
    }
    if let Some((at, read)) = reading(bench, form) {
        let rule = if read >= bench.ns(Threshold::ReadingLongSeconds) {
            Rule::ReadingLong
        } else {
            Rule::Reading
        };
        let text = format!("read the vendor's pages for {} s before", seconds(read));
        add(rule, at, text);
    }
}

/// How long the vendor's public pages were read in this sitting before the sign-up host was
/// contacted: from their first exchange on.
fn reading(bench: &Bench<'_>, form: &FormSeen) -> Option<(usize, i64)> {
    let sitting = bench.sitting[form.at];
    let own = |at: &usize| bench.sitting[*at] == sitting;
    let public =
        |it: &Sighting| matches!(it.main(), Some(Role::Marketing | Role::Docs | Role::Cdn));
    let first = bench
        .all(What::Exchange)
        .filter(own)
        .find(|&at| public(bench.seen[at]) && bench.is_meant(at))?;
    // Up to the sign-up page: its first exchange; hidden behind another name, its look-up.
    let until = (0..bench.seen.len()).filter(own).find(|&at| {
        let it = bench.seen[at];
        let what = if form.host == FormHost::Own {
            What::Exchange
        } else {
            What::LookUp
        };
        it.what == what && is_signup_host(bench, it) && it.time >= bench.seen[first].time
    })?;
    let read = bench.seen[until].time.0 - bench.seen[first].time.0;
    (read >= bench.ns(Threshold::ReadingSeconds)).then_some((first, read))
}

/// What lies after the mail: back on the host, first contact with the service.
fn after(
    bench: &Bench<'_>,
    form: &FormSeen,
    mail: usize,
    name: &str,
    add: &mut dyn FnMut(Rule, usize, String),
) {
    let mailed = bench.seen[mail].time;
    let until = mailed.0 + bench.ns(Threshold::BackMinutes);
    let carrier = &bench.seen[form.at].name;
    let back = bench.all(What::Exchange).find(|&at| {
        let it = bench.seen[at];
        (it.name == *name || it.name == *carrier)
            && it.time > mailed
            && it.time.0 <= until
            && bench.is_meant(at)
    });
    if let Some(back) = back {
        add(
            Rule::BackAfterMail,
            back,
            format!("back on {name} after the mail"),
        );
    }
    let due = bench.seen[form.at].time.0 + bench.ns(Threshold::FirstContactDays);
    let first = (0..bench.seen.len()).find(|&at| {
        let it = bench.seen[at];
        let contact = matches!(it.what, What::Contact | What::Exchange | What::Proxied);
        contact && bench.is_service_host(it)
    });
    if let Some(first) = first {
        let time = bench.seen[first].time;
        if time > bench.seen[form.at].time && time.0 <= due {
            let text = format!(
                "first contact with {} after the form",
                bench.seen[first].name
            );
            add(Rule::ServiceAfter, first, text);
        }
    }
}

/// What became of the mail: was anything opened with it, and was another form sent? Speaks against a
/// registration, or not at all.
fn answered(
    bench: &Bench<'_>,
    forms: &[FormSeen],
    form: &FormSeen,
    (mail, host): (usize, usize),
    add: &mut dyn FnMut(Rule, usize, String),
) {
    let (sent, mailed) = (bench.seen[form.at].end, bench.seen[mail].time);
    let names = [&bench.seen[host].name, &bench.seen[form.at].name];
    let until = mailed.0.saturating_add(bench.ns(Threshold::BackMinutes));
    let here = |at: &usize| {
        let it = bench.seen[*at];
        names.contains(&&it.name) && it.time.0 <= until
    };
    let page = |at: &usize| bench.net(*at).down >= bench.limits().of(Threshold::PageBytesDown);
    let pages: Vec<usize> = bench
        .all(What::Exchange)
        .filter(|at| here(at) && page(at))
        .collect();
    let before = |at: &usize| bench.seen[*at].time >= sent && bench.seen[*at].time < mailed;
    if let Some(&at) = pages.iter().find(|at| before(at)) {
        let text = "a whole page was opened before the mail came".into();
        add(Rule::LetInBefore, at, text);
    }
    if !pages.iter().any(|&at| bench.seen[at].time >= mailed) {
        let text = "no whole page was opened after the mail".into();
        add(Rule::NothingOpened, mail, text);
    }
    // The first exchange of a QUIC connection may be a form or nothing but its handshake.
    let sized = |at: usize| {
        let exchange = bench.seen[at].exchange;
        exchange.is_some_and(|it| !(it.first && it.quic))
    };
    let later = forms.iter().find(|other| {
        let after = here(&other.at) && bench.seen[other.at].time > mailed;
        after && is_short(bench, other) && sized(other.at)
    });
    let Some(later) = later else { return };
    let think = bench.ns(Threshold::ThinkSeconds);
    let opened = bench.all(What::Exchange).filter(here).any(|at| {
        let it = bench.seen[at];
        let answered = it.exchange.is_some_and(|exchange| {
            exchange.first || exchange.down >= bench.limits().of(Threshold::ExchangeBytesDown)
        });
        let read = bench.seen[later.at].time.0.saturating_sub(it.time.0) >= think;
        answered && it.time > mailed && read
    });
    if opened {
        let text = "a form was sent on what was opened after the mail".into();
        add(Rule::FormAfterLink, later.at, text);
    } else {
        let text = "a form was sent after the mail, from the page that was open".into();
        add(Rule::CodeTyped, later.at, text);
    }
}
