//! From sightings to evidence and stages: a pure function, the same for the same sightings.
//!
//! Enters: a case's sightings in their order, the vendor's proof, the rules. Leaves: a
//! [`Judgement`]. Never: knows the order of arrival, or anything of before.

use std::collections::BTreeSet;

use super::bench::{Bench, FormHost, FormSeen, Knowledge, seconds};
use super::rules::{Goal, Rule, Rules};
use super::sighting::{Sighting, What};
use super::signup;
use super::standing::Manner;
use super::{Item, Step, band, contested};
use crate::base::Timestamp;
use crate::blocklist::{Stage, Threshold};

/// Of one rule a case shows this many of the first and of the newest items.
const ITEMS_PER_RULE: usize = 8;

/// What sightings amount to.
#[derive(Clone, Debug, Default)]
pub(super) struct Judgement {
    pub(super) items: Vec<Item>,
    pub(super) left_out: u64,
    pub(super) steps: Vec<Step>,
    /// Search-like uploads among the sightings.
    pub(super) uploads: u64,
}

/// Evidence that a rule found, before it is numbered.
pub(super) struct Found {
    pub(super) rule: Rule,
    /// The sighting that shows it.
    pub(super) at: usize,
    pub(super) text: String,
    /// Goals in whose sums it counts.
    pub(super) goals: Goals,
}

/// A set of goals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goals(u8);

impl Goals {
    /// All but the sign-up, whose sum is made of one form and what belongs to it.
    pub(super) const PLAIN: Self = Self(!(1 << Goal::SignedUp.index()));
    /// The sign-up alone.
    pub(super) const SIGNUP: Self = Self(1 << Goal::SignedUp.index());
    /// Every one.
    pub(super) const ALL: Self = Self(u8::MAX);

    pub(super) const fn without(self, goal: Goal) -> Self {
        Self(self.0 & !(1 << goal.index()))
    }

    const fn has(self, goal: Goal) -> bool {
        self.0 & (1 << goal.index()) != 0
    }
}

/// Judges.
pub(super) fn judge(
    rules: &Rules,
    know: &Knowledge,
    manner: Manner,
    sightings: &[Sighting],
) -> Judgement {
    let settled = contested::settle(sightings, know.limits.ns(Threshold::SittingGapMinutes));
    let sightings = &*settled;
    let bench = Bench::new(rules, know, manner, sightings);
    let mut found = Vec::new();
    names(&bench, &mut found);
    sessions(&bench, &mut found);
    let forms = bench.forms();
    account_forms(&bench, &forms, &mut found);
    let uploads = uploads(&bench, &mut found);
    mails(&bench, &forms, &mut found);
    supports(&bench, &mut found);
    regular(&bench, &mut found);
    signup::find(&bench, &forms, &mut found);
    rights(sightings, &bench, &mut found);
    let mut found = together(found);
    found.sort_by(|a, b| {
        let time = |it: &Found| (bench.seen[it.at].time, it.rule, it.at);
        time(a).cmp(&time(b)).then_with(|| a.text.cmp(&b.text))
    });
    let (items, kept, left_out) = number(&bench, found);
    let steps = steps(&bench, &items, &kept);
    Judgement {
        items,
        left_out,
        steps,
        uploads,
    }
}

/// One sighting under one rule is one item, whatever it counts for.
fn together(found: Vec<Found>) -> Vec<Found> {
    let mut once: Vec<Found> = Vec::with_capacity(found.len());
    for it in found {
        match once
            .iter_mut()
            .find(|other| other.rule == it.rule && other.at == it.at)
        {
            Some(other) => other.goals = Goals(other.goals.0 | it.goals.0),
            None => once.push(it),
        }
    }
    once
}

/// Form-sized exchanges of any host within `before..=after`: whose could a mail be?
pub(super) fn form_within(
    rules: &Rules,
    know: &Knowledge,
    manner: Manner,
    sightings: &[Sighting],
    range: (Timestamp, Timestamp),
) -> bool {
    let settled = contested::settle(sightings, know.limits.ns(Threshold::SittingGapMinutes));
    let bench = Bench::new(rules, know, manner, &settled);
    let near = |form: &FormSeen| {
        let time = bench.seen[form.at].time;
        time >= range.0 && time <= range.1
    };
    bench.forms().iter().any(near)
}

fn names(bench: &Bench<'_>, found: &mut Vec<Found>) {
    let mut once = BTreeSet::new();
    for (at, it) in bench.seen.iter().enumerate() {
        let rule = match it.what {
            What::LookUp if bench.know.proof.is_use_host(&it.name) => Rule::UseHostLookUp,
            What::LookUp => Rule::LookUp,
            What::Contested => Rule::Contested,
            // An exchange is of a watched connection, which bore the name: the hello's own event
            // may have been lost.
            What::Contact | What::Proxied | What::Exchange => {
                if bench.know.proof.is_use_host(&it.name) {
                    Rule::UseHost
                } else if bench.is_service_host(it) {
                    Rule::ServiceHost
                } else if bench.is_account_host(it) {
                    Rule::AccountHost
                } else {
                    Rule::Connection
                }
            }
            _ => continue,
        };
        if !once.insert((bench.sitting[at], rule, &it.name)) {
            continue;
        }
        let text = match rule {
            Rule::UseHostLookUp => format!("{} looked up: it serves results only", it.name),
            Rule::LookUp => format!("{} looked up", it.name),
            Rule::Contested => format!(
                "{} in one of two hellos: which one the server took cannot be told",
                it.name
            ),
            Rule::UseHost => format!("connection to {}: it serves results only", it.name),
            Rule::ServiceHost => format!("connection to {}, a host of the service", it.name),
            Rule::AccountHost => format!("connection to {}, a host for accounts", it.name),
            _ => format!("connection to {}", it.name),
        };
        found.push(Found {
            rule,
            at,
            text,
            goals: Goals::PLAIN,
        });
    }
}

fn sessions(bench: &Bench<'_>, found: &mut Vec<Found>) {
    if bench.manner == Manner::Machine {
        return;
    }
    let mut days = BTreeSet::new();
    for sitting in 0..bench.sittings() {
        let Some((rule, at, text)) = session(bench, sitting) else {
            continue;
        };
        let day = bench.seen[at].time.0.div_euclid(86_400 * 1_000_000_000);
        let first = days.is_empty();
        if days.insert(day) && !first {
            found.push(Found {
                rule: Rule::Return,
                at,
                text: format!(
                    "back on another day, the {} with a session",
                    ordinal(days.len())
                ),
                goals: Goals::PLAIN,
            });
        }
        found.push(Found {
            rule,
            at,
            text,
            goals: Goals::PLAIN,
        });
    }
}

fn ordinal(n: usize) -> String {
    match n {
        2 => "second".into(),
        3 => "third".into(),
        n => format!("{n}th"),
    }
}

/// What a sitting shows of a person, at which sighting.
fn session(bench: &Bench<'_>, sitting: usize) -> Option<(Rule, usize, String)> {
    let own = |at: &usize| bench.sitting[*at] == sitting;
    let meant: Vec<usize> = bench
        .all(What::Exchange)
        .filter(own)
        .filter(|&at| bench.is_meant(at))
        .collect();
    let min = bench.ns(Threshold::VisitSeconds);
    if let Some(&first) = meant.first() {
        let end = meant.iter().map(|&at| bench.seen[at].end.0).max()?;
        let span = end.saturating_sub(bench.seen[first].time.0);
        let count: u32 = meant.iter().map(|&at| bench.seen[at].count).sum();
        let name = &bench.seen[first].name;
        if count >= 2 && span >= min && rested(bench, &meant) {
            let text = format!(
                "{count} exchanges with {name} both ways over {} s, with rests between",
                seconds(span)
            );
            return Some((Rule::Session, first, text));
        }
        let down: u64 = meant.iter().map(|&at| bench.net(at).down).sum();
        let up: u64 = meant.iter().map(|&at| bench.net(at).up).sum();
        let limits = bench.limits();
        let whole = down >= limits.of(Threshold::PageWholeBytesDown);
        let parts = up >= limits.of(Threshold::PageBytesUp);
        if whole || parts && down >= limits.of(Threshold::PageBytesDown) {
            let text = format!("a page of {name} loaded whole: {} kB", down / 1000);
            return Some((Rule::Page, first, text));
        }
    }
    let lines: Vec<usize> = bench.all(What::Proxied).filter(own).collect();
    let (first, last) = (*lines.first()?, *lines.last()?);
    let span = bench.seen[last].end.0 - bench.seen[first].time.0;
    (lines.len() >= 3 && span >= min).then(|| {
        let text = format!(
            "{} requests in the proxy's log over {} s",
            lines.len(),
            seconds(span)
        );
        (Rule::Proxied, first, text)
    })
}

/// Is there a rest of a second or more between two exchanges? Parts of one page have none.
fn rested(bench: &Bench<'_>, meant: &[usize]) -> bool {
    let mut end = i64::MIN;
    meant.iter().any(|&at| {
        let it = bench.seen[at];
        let rest = end != i64::MIN && it.time.0.saturating_sub(end) >= super::rules::SECOND;
        end = end.max(it.end.0);
        // Small exchanges of a connection taken together had rests between them.
        rest || it.count > 1
    })
}

fn account_forms(bench: &Bench<'_>, forms: &[FormSeen], found: &mut Vec<Found>) {
    for form in forms.iter().filter(|form| form.host != FormHost::Other) {
        let (it, net) = (bench.seen[form.at], bench.net(form.at));
        let (rule, what) = if form.unsure {
            (Rule::FormOrPage, "a form, or a page opened again")
        } else {
            (Rule::Form, "the size of a form")
        };
        let text = format!(
            "{} bytes to {} after {} s, answer {} bytes: {what}",
            net.up,
            it.name,
            seconds(form.fill),
            net.down
        );
        found.push(Found {
            rule,
            at: form.at,
            text,
            goals: Goals::PLAIN,
        });
    }
}

/// Pictures: to the service, or where more than the service lives. Returns how many look like a
/// search.
fn uploads(bench: &Bench<'_>, found: &mut Vec<Found>) -> u64 {
    let mut count = 0;
    for at in bench.uploads() {
        let (it, net) = (bench.seen[at], bench.net(at));
        let service = bench.is_service_host(it);
        let answer = bench.answer(at);
        let large = answer >= bench.limits().of(Threshold::AnswerBytesDown);
        let after = if large {
            format!("then {} kB down, as results", answer / 1000)
        } else {
            format!("then {} kB down", answer / 1000)
        };
        let text = format!("{} kB up to {}, {after}", net.up / 1000, it.name);
        found.push(Found {
            rule: if service {
                Rule::ServiceUpload
            } else {
                Rule::Upload
            },
            at,
            text,
            goals: Goals::PLAIN,
        });
        count += u64::from(service || large);
    }
    // Where uploads are hidden in small sizes, each stay at a results host is one search at least.
    let mut contacts = 0;
    let mut last = i64::MIN;
    for at in bench.all(What::Contact) {
        let it = bench.seen[at];
        let far = it.time.0.saturating_sub(last) > bench.ns(Threshold::AnswerSeconds);
        if bench.know.proof.is_use_host(&it.name) && (last == i64::MIN || far) {
            contacts += 1;
            last = it.end.0;
        }
    }
    count.max(contacts)
}

fn mails(bench: &Bench<'_>, forms: &[FormSeen], found: &mut Vec<Found>) {
    let window = bench.ns(Threshold::MailMinutes);
    for (at, it) in bench.seen.iter().enumerate() {
        let (rule, text) = match it.what {
            What::Mail => (
                Rule::Mail,
                format!("a mail of {} reached the subject", it.name),
            ),
            What::MailLookUp => (
                Rule::MailLookUp,
                format!(
                    "the mail server looked up {}: a mail of it came in",
                    it.name
                ),
            ),
            _ => continue,
        };
        let tied = |time: Timestamp| {
            let gap = it.time.0.saturating_sub(time.0);
            (-10 * super::rules::SECOND..=window).contains(&gap)
        };
        let filled = |form: &&FormSeen| form.fill >= bench.ns(Threshold::FillSeconds);
        let mut filled = forms.iter().filter(filled);
        let by_form = filled.any(|form| bench.is_followed(form, at));
        let by_upload = || bench.uploads().any(|at| tied(bench.seen[at].time));
        let goals = if by_form || by_upload() {
            Goals::PLAIN
        } else {
            Goals::PLAIN.without(Goal::Account)
        };
        found.push(Found {
            rule,
            at,
            text,
            goals,
        });
    }
}

fn supports(bench: &Bench<'_>, found: &mut Vec<Found>) {
    for (at, it) in bench.seen.iter().enumerate() {
        let (rule, text) = match it.what {
            What::SignIn => (
                Rule::SignIn,
                format!("sign-in service {} in between", it.name),
            ),
            What::Payment => (
                Rule::Payment,
                format!("payment host {} within seconds", it.name),
            ),
            What::ThirdParty => (Rule::ThirdParty, format!("{} within seconds", it.name)),
            _ => continue,
        };
        found.push(Found {
            rule,
            at,
            text,
            goals: Goals::ALL,
        });
    }
}

/// A machine's exchanges with the service: most intervals near one value.
fn regular(bench: &Bench<'_>, found: &mut Vec<Found>) {
    let service = |at: &usize| bench.is_service_host(bench.seen[*at]);
    let pulses: Vec<usize> = bench.all(What::Exchange).filter(service).collect();
    let min = match bench.manner {
        Manner::Machine => bench.limits().of(Threshold::RegularCount),
        Manner::Somebody => bench.limits().of(Threshold::RegularDeviceCount),
        // A script that a person runs is the person's use.
        Manner::Person | Manner::Crowd { .. } => return,
    };
    let time = |at: usize| bench.seen[at].time.0;
    let mut gaps: Vec<i64> = pulses.windows(2).map(|w| time(w[1]) - time(w[0])).collect();
    if (gaps.len() as u64) < min {
        return;
    }
    gaps.sort_unstable();
    let median = gaps[gaps.len() / 2];
    let spread = i64::try_from(bench.limits().of(Threshold::RegularSpread)).unwrap_or(0);
    let near = |gap: &&i64| (**gap - median).saturating_mul(100).abs() <= median * spread;
    let share = gaps.iter().filter(near).count() * 100 / gaps.len();
    if share as u64 >= bench.limits().of(Threshold::RegularShare) {
        found.push(Found {
            rule: Rule::Regular,
            at: pulses[0],
            text: format!(
                "{} exchanges with the service, {share} in 100 intervals near {} s",
                pulses.len(),
                seconds(median)
            ),
            goals: Goals::PLAIN,
        });
    }
}

/// Hosts for rights and identity checks, when others were seen too: on record without weight.
fn rights(sightings: &[Sighting], bench: &Bench<'_>, found: &mut Vec<Found>) {
    let left_out = sightings.iter().filter(|it| it.quiet).count();
    if left_out == 0 || sightings.len() == bench.seen.len() || bench.seen.is_empty() {
        return;
    }
    let mut names: Vec<&str> = sightings
        .iter()
        .filter(|it| it.quiet)
        .map(|it| it.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    found.push(Found {
        rule: Rule::Rights,
        at: 0,
        text: format!("also seen, without weight: {}", names.join(", ")),
        goals: Goals::PLAIN,
    });
}

/// Items in order, numbered, bounded per rule; beside them what each was found as.
fn number(bench: &Bench<'_>, found: Vec<Found>) -> (Vec<Item>, Vec<Found>, u64) {
    let mut of_rule = vec![0_usize; Rule::ALL.len()];
    for it in &found {
        of_rule[it.rule.index()] += 1;
    }
    let mut place = vec![0_usize; Rule::ALL.len()];
    let (mut items, mut kept, mut left_out) = (Vec::new(), Vec::new(), 0);
    for it in found {
        let (n, all) = (place[it.rule.index()], of_rule[it.rule.index()]);
        place[it.rule.index()] += 1;
        // What carries a sign-up is never left out.
        let tied = it.goals.has(Goal::SignedUp);
        if n >= ITEMS_PER_RULE && n + ITEMS_PER_RULE < all && !tied {
            left_out += 1;
            continue;
        }
        let goal = bench.rules.first_goal(it.rule);
        let sighting = bench.seen[it.at];
        items.push(Item {
            number: items.len() as u32 + 1,
            kind: it.rule.kind(),
            rule: it.rule.label().into(),
            weight: bench.rules.weight(it.rule, goal),
            stage: goal.stage(&bench.know.proof).unwrap_or(Stage::Visited),
            time: sighting.time,
            point: sighting.point.clone(),
            name: sighting.name.clone(),
            flow: sighting.flow.clone(),
            frames: sighting.frames,
            text: it.text.clone(),
            trace: sighting.trace.clone(),
        });
        kept.push(it);
    }
    (items, kept, left_out)
}

fn steps(bench: &Bench<'_>, items: &[Item], kept: &[Found]) -> Vec<Step> {
    let cap = match bench.manner {
        Manner::Crowd { visits: false } => Goal::LookedUp,
        Manner::Crowd { visits: true } => Goal::Visited,
        Manner::Person | Manner::Somebody | Manner::Machine => Goal::Integrated,
    };
    let goals = Goal::ALL.iter().copied().filter(|&goal| goal <= cap);
    goals
        .filter_map(|goal| step(bench, items, kept, goal))
        .collect()
}

/// The step to a goal, when its points and two independent kinds of evidence are there.
fn step(bench: &Bench<'_>, items: &[Item], kept: &[Found], goal: Goal) -> Option<Step> {
    let stage = goal.stage(&bench.know.proof)?;
    let lines = lines(bench, items, kept, goal);
    let sum: i32 = lines.iter().map(|&(_, weight)| weight).sum();
    let points = bench.rules.points(goal);
    if sum < points || !carried(items, &lines, goal) {
        return None;
    }
    // The moment: when what speaks for it had come together, and nothing that spoke against it was
    // still out. Against counts from the start, for it is about what was before.
    let against: i32 = lines.iter().map(|&(_, weight)| weight.min(0)).sum();
    let (mut so_far, mut used, mut time) = (against, Vec::new(), items.first()?.time);
    for &(at, weight) in lines.iter().filter(|(_, weight)| *weight > 0) {
        so_far += weight;
        used.push((at, weight));
        time = time.max(items[at].time);
        if so_far >= points && carried(items, &used, goal) {
            break;
        }
    }
    let mut told: Vec<String> = lines
        .iter()
        .map(|&(at, weight)| {
            let it = &items[at];
            format!("{weight:+} {} (item {}): {}", it.rule, it.number, it.text)
        })
        .collect();
    told.push(format!("= {sum} points, {points} make this step"));
    Some(Step {
        stage,
        time,
        confidence: u8::try_from(sum.clamp(0, 99)).unwrap_or(99),
        items: lines.iter().map(|&(at, _)| items[at].number).collect(),
        sum: told,
    })
}

/// The first item of each rule that weighs for the goal, in the order of time.
fn lines(bench: &Bench<'_>, items: &[Item], kept: &[Found], goal: Goal) -> Vec<(usize, i32)> {
    let mut once = BTreeSet::new();
    let mut lines = Vec::new();
    for (at, it) in kept.iter().enumerate().take(items.len()) {
        let weight = bench.rules.weight(it.rule, goal);
        if weight != 0 && it.goals.has(goal) && once.insert(it.rule) {
            lines.push((at, weight));
        }
    }
    // A service or account host, a results host: each is a connection too, but one name counts
    // once, as the most that it is.
    let names = |rule: Rule| {
        matches!(
            rule,
            Rule::Connection | Rule::AccountHost | Rule::ServiceHost | Rule::UseHost
        )
    };
    let best = lines
        .iter()
        .filter(|(at, _)| names(kept[*at].rule))
        .map(|&(_, weight)| weight)
        .max();
    let mut taken = false;
    lines.retain(|&(at, weight)| {
        if !names(kept[at].rule) {
            return true;
        }
        let keep = !taken && Some(weight) == best;
        taken |= keep;
        keep
    });
    lines
}

/// Two independent kinds from `visited` up, and what a goal cannot be without.
fn carried(items: &[Item], lines: &[(usize, i32)], goal: Goal) -> bool {
    let for_it = lines.iter().filter(|(_, weight)| *weight > 0);
    let families: BTreeSet<_> = for_it
        .filter_map(|&(at, _)| items[at].kind.family())
        .collect();
    let rule = |any: &[Rule]| {
        let mut labels = lines.iter().map(|&(at, _)| items[at].rule.as_str());
        labels.any(|label| any.iter().any(|rule| rule.label() == label))
    };
    let needs = match goal {
        Goal::LookedUp => return true,
        Goal::Visited => rule(&[Rule::Session, Rule::Page, Rule::Proxied]),
        Goal::Account => rule(&[Rule::Form, Rule::FormOrPage, Rule::Upload]),
        Goal::SignedUp => {
            rule(&[Rule::Form, Rule::FormOrPage, Rule::FormHiddenHost])
                && rule(&[Rule::Mail, Rule::MailLookUp])
        }
        Goal::Searching => rule(&[Rule::UseHost, Rule::UseHostLookUp, Rule::ServiceUpload]),
        Goal::Integrated => rule(&[Rule::Regular]),
    };
    needs && families.len() >= 2
}

/// The band of a number of search-like uploads; empty for none.
pub(super) fn band_of(uploads: u64) -> String {
    band::label(uploads).into()
}
