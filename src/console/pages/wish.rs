//! What somebody wants to do, from a form or as JSON, on its way to the desk.
//!
//! Enters: a visitor, fields. Leaves: an [`Act`] that went to the desk, and how that ended. Never:
//! an act without its right; a judgement on a case that somebody else has changed meanwhile.

use ring::rand::{SecureRandom, SystemRandom};
use serde::Deserialize;

use super::desk::Desk;
use super::lens::Lens;
use super::model::Deed;
use super::veil::Veil;
use crate::base::Timestamp;
use crate::console::words::fill;
use crate::console::{Refusal, Right, Visitor};
use crate::record::act::{Act, Actor, Means, Verdict};
use crate::store::CaseFilter;

/// Longest text that somebody may write, in bytes.
pub const TEXT_LEN_MAX: usize = 4096;
/// Longest time that a rule or hold may be made for, in days.
pub const DAYS_MAX: u32 = 3650;
const DAY_S: i64 = 86_400;

/// What somebody wants to do. Which fields count depends on `act`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// As the record calls it: `acknowledge`, `close` ...
    pub act: String,
    /// Note, reason or remark.
    #[serde(alias = "reason", alias = "note")]
    pub text: String,
    /// To whom a case is given; empty: nobody.
    pub to: String,
    /// As what a case is closed.
    pub verdict: String,
    /// For how many days a rule or hold lasts.
    pub days: Option<u32>,
    /// Which cases a rule is about.
    pub filter: String,
    /// Revision of the case's triage that whoever acts saw.
    pub revision: Option<u64>,
}

impl Wish {
    /// Of the fields of a form. Those that it does not know are no concern of ours.
    pub fn of(fields: &[(String, String)]) -> Self {
        let mut wish = Self::default();
        for (key, value) in fields {
            match key.as_str() {
                "act" => wish.act.clone_from(value),
                "text" => wish.text = value.replace("\r\n", "\n"),
                "to" => wish.to = value.trim().to_owned(),
                "verdict" => wish.verdict.clone_from(value),
                "days" => wish.days = value.trim().parse().ok(),
                "filter" => wish.filter = value.trim().to_owned(),
                "revision" => wish.revision = value.parse().ok(),
                _ => {}
            }
        }
        wish
    }
}

/// What a wish is about.
#[derive(Clone)]
pub enum Target {
    /// A case.
    Case(String),
    /// A request for an identity, and its case.
    Request(String, String),
    /// A suppression rule; empty: a new one.
    Rule(String),
}

/// How it ended.
pub enum Outcome {
    /// It is on the record, under this number.
    Done(u64),
    /// Somebody else was first; what they did, when that can be told.
    Changed(Option<Box<Deed>>),
    /// It does not fit; a sentence for whoever wants it.
    Unfit(String),
}

/// Does it. `Err` only for what no other words would change.
///
/// # Errors
/// [`Refusal::Forbidden`] without the right, [`Refusal::NotFound`] without such a case.
pub async fn carry_out(
    desk: &dyn Desk,
    visitor: &Visitor,
    means: Means,
    target: Target,
    wish: &Wish,
) -> Result<Outcome, Refusal> {
    let lens = Lens::of(visitor, desk.now());
    let right = right(&wish.act).ok_or(Refusal::Malformed)?;
    // Whoever asked may take it back, without being an officer.
    if !(visitor.may(right) || is_own(desk, visitor, &target, wish).await?) {
        return Err(Refusal::Forbidden);
    }
    let subject = match &target {
        Target::Case(case) => {
            let (case, now) = (case.clone(), desk.now());
            let found = desk.readers().ask(move |it| it.case(&case, now)).await?;
            Some(found.ok_or(Refusal::NotFound)?.row.head.subject)
        }
        _ => None,
    };
    let act = match act(target.clone(), wish, subject, &lens) {
        Ok(act) => act,
        Err(why) => return Ok(Outcome::Unfit(why)),
    };
    let by = Actor {
        name: visitor.account.clone(),
        means,
    };
    match desk.act(by, act, wish.revision).await {
        Ok(number) => Ok(Outcome::Done(number)),
        Err(why) => match (&target, wish.revision) {
            (Target::Case(case), Some(seen)) => {
                meanwhile(desk, visitor, &lens, case, seen, why).await
            }
            _ => Ok(Outcome::Unfit(why)),
        },
    }
}

/// Is it the withdrawal of a request that this visitor made?
async fn is_own(
    desk: &dyn Desk,
    visitor: &Visitor,
    target: &Target,
    wish: &Wish,
) -> Result<bool, Refusal> {
    let Target::Request(id, case) = target else {
        return Ok(false);
    };
    if wish.act != "refuse-unsealing" || !visitor.may(Right::RequestUnsealing) {
        return Ok(false);
    }
    let (id, case) = (id.clone(), case.clone());
    let all = desk.readers().ask(|it| it.requests(false)).await?;
    let mut all = all.into_iter();
    Ok(all.any(|it| it.id == id && it.case == case && it.by == visitor.account))
}

/// Refused: because somebody was first, or for a reason of its own?
async fn meanwhile(
    desk: &dyn Desk,
    visitor: &Visitor,
    lens: &Lens,
    case: &str,
    seen: u64,
    why: String,
) -> Result<Outcome, Refusal> {
    let (id, now) = (case.to_owned(), desk.now());
    let found = desk.readers().ask(move |it| it.case(&id, now)).await?;
    let view = found.ok_or(Refusal::NotFound)?;
    let revision = view.row.triage.revision;
    if revision == seen {
        return Ok(Outcome::Unfit(why));
    }
    // The revision is the number of the act that made it, plus one.
    let first = view
        .history
        .into_iter()
        .find(|it| it.number + 1 == revision);
    let veil = Veil::of(visitor, lens);
    let deed = first.map(|it| Box::new(Deed::of(it.number, it.time, it.acted, &veil)));
    Ok(Outcome::Changed(deed))
}

/// The right that an act asks for; `None`: nobody does this here.
pub fn right(act: &str) -> Option<Right> {
    Some(match act {
        "acknowledge" | "assign" | "comment" | "close" | "reopen" => Right::Triage,
        "hold" | "lift-hold" => Right::Hold,
        "suppress" | "unsuppress" => Right::Suppress,
        "request-unsealing" => Right::RequestUnsealing,
        "approve-unsealing" | "refuse-unsealing" => Right::ApproveUnsealing,
        _ => return None,
    })
}

fn act(
    target: Target,
    wish: &Wish,
    subject: Option<crate::hits::SubjectId>,
    lens: &Lens,
) -> Result<Act, String> {
    let w = lens.w;
    let text = |name: &str| written(&wish.text, name, lens);
    let until = || until(wish, lens);
    Ok(match (wish.act.as_str(), target) {
        ("acknowledge", Target::Case(case)) => Act::Acknowledge { case },
        ("assign", Target::Case(case)) => Act::Assign {
            case,
            to: (!wish.to.is_empty()).then(|| wish.to.clone()),
        },
        ("comment", Target::Case(case)) => Act::Comment {
            case,
            text: text(w.note)?,
        },
        ("close", Target::Case(case)) => Act::Close {
            case,
            verdict: verdict(&wish.verdict).ok_or_else(|| fill(w.missing, w.what))?,
            reason: text(w.reason)?,
        },
        ("reopen", Target::Case(case)) => Act::Reopen {
            case,
            reason: text(w.reason)?,
        },
        ("hold", Target::Case(case)) => Act::Hold {
            case,
            reason: text(w.reason)?,
            until: until()?,
        },
        ("lift-hold", Target::Case(case)) => Act::LiftHold {
            case,
            reason: text(w.reason)?,
        },
        ("request-unsealing", Target::Case(case)) => Act::RequestUnsealing {
            request: random("request")?,
            case,
            subject: subject.ok_or_else(|| fill(w.missing, w.subject))?,
            reason: text(w.reason)?,
        },
        ("approve-unsealing", Target::Request(request, case)) => Act::ApproveUnsealing {
            request,
            case,
            note: bounded(&wish.text, w.note, lens)?,
        },
        ("refuse-unsealing", Target::Request(request, case)) => Act::RefuseUnsealing {
            request,
            case,
            reason: text(w.reason)?,
        },
        ("suppress", Target::Rule(_)) => Act::Suppress {
            rule: random("rule")?,
            filter: filter(&wish.filter, lens)?,
            reason: text(w.reason)?,
            until: until()?,
        },
        ("unsuppress", Target::Rule(rule)) if !rule.is_empty() => Act::Unsuppress {
            rule,
            reason: text(w.reason)?,
        },
        _ => return Err(fill(w.missing, w.what)),
    })
}

/// The verdict of that name.
pub fn verdict(name: &str) -> Option<Verdict> {
    Verdict::ALL.iter().copied().find(|it| it.label() == name)
}

/// A text that says something, within its bound.
pub(super) fn written(text: &str, name: &str, lens: &Lens) -> Result<String, String> {
    let text = bounded(text, name, lens)?;
    if text.is_empty() {
        return Err(fill(lens.w.missing, name));
    }
    Ok(text)
}

fn bounded(text: &str, name: &str, lens: &Lens) -> Result<String, String> {
    if text.len() > TEXT_LEN_MAX {
        return Err(fill(lens.w.too_long, name));
    }
    // A control character is nothing that somebody writes; a line end is.
    let plain = |c: &char| !c.is_control() || *c == '\n';
    Ok(text
        .chars()
        .filter(plain)
        .collect::<String>()
        .trim()
        .to_owned())
}

/// A rule without a filter would silence everything.
fn filter(text: &str, lens: &Lens) -> Result<String, String> {
    if text.is_empty() {
        return Err(fill(lens.w.missing, lens.w.filter));
    }
    let read = CaseFilter::parse(text);
    read.map_err(|why| format!("{}: {why}", lens.w.filter_wrong))?;
    Ok(text.to_owned())
}

fn until(wish: &Wish, lens: &Lens) -> Result<i64, String> {
    let days = wish.days.filter(|days| (1..=DAYS_MAX).contains(days));
    let days =
        days.ok_or_else(|| format!("{}: 1–{DAYS_MAX}", fill(lens.w.missing, lens.w.until)))?;
    let Timestamp(now) = lens.now();
    Ok(now.div_euclid(1_000_000_000) + i64::from(days) * DAY_S)
}

/// An id that nobody can guess or meet twice.
fn random(kind: &str) -> Result<String, String> {
    let mut bytes = [0u8; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| "the system gives no randomness; try again".to_owned())?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{kind}-{digits}"))
}
