//! The table: what was found, what was not, beside its bar.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::interval::Share;
use super::judge::Score;
use super::sample::Sampled;
use super::{EVALUATION_FROM, Plan, Without};
use crate::blocklist::Catalogue;
use crate::simulate::plan::Transport;
use crate::simulate::sessions::{self, Act};

/// Which mail model is which, and how the two came about.
const MAIL: &str = "\
The mail model was first written with a fifth of the vendors' mail coming from an unlisted mail \
service. During development, when scores on development seeds were known already, it was changed to \
the vendor's own domain. Because the change came after results had been seen, both stand here: the \
table above has the vendor's own domain, the one below the model as first written. The share of a \
fifth is an assumption; no source gives it.

";

/// What the population takes for granted.
const POPULATION: &str = "\
## What the offices assume

An office is 20 people for five days. 18 of them do one confounder each a day, drawn from the list \
above by shares of our choice; two make a trial account on one day and are quiet on the others. \
Half of the offices see their clients' own look-ups, half an internal resolver's; half learn names \
of users from RADIUS, half from Kerberos; in a seventh of the courses site and account share one \
connection; a third of the browsers speaks HTTP/3. None of these shares has a source. Pauses of people \
are log-normal with published medians (reading, typing, filling forms); the sources stand in \
`src/simulate/behaviour/course.rs`. Sizes and times on the wire are those of real clients at \
stand-in pages, not at a vendor. Half of the visits are to one page alone.

No source says of any of the three vendors that log-in sends no mail, so each way of log-in that help \
pages of other services describe is played at each of them: with a mailed code, by a mailed link, from \
a device that the service does not know (a notice, or a link that confirms it). Half of those who have \
an account go straight to it, 35 of 100 by way of the front page (5 s, log-normal), 15 of 100 after \
reading the front page as anybody does: these shares are ours. Forms are interrupted once in 330 s of \
filling in (published figures of office work), for a minute (median; our choice). A redeemed invitation \
makes an account: it is neither a sign-up to be found nor a false alert. Every account made elsewhere \
is met for the first time: watching began on Monday.

Seeds 1 to 999,999 are for development; a published table comes from seeds from 1,000,000 on, which \
nobody plays while working on rules. A range is played once: seeds 1,000,000 to 1,000,344 were, for the \
first record, and what was learned from it makes them development seeds. No threshold is fitted on a \
range before it is played.

";

/// Failures that the text shows.
const SHOWN: usize = 30;

/// All that the evaluation has to say.
#[derive(Serialize)]
pub struct Report {
    /// First seed.
    pub seed: u64,
    /// Offices played.
    pub offices: u64,
    /// Of how many one was played with evidence removed.
    pub every: u64,
    /// Version of the list.
    pub list_version: String,
    /// Where each act's sizes and times come from.
    pub sources: Vec<(String, String)>,
    /// Scores, the whole first.
    pub scores: Vec<(String, Score)>,
    /// Frames against events.
    pub sampled: Sampled,
}

impl Report {
    pub(super) fn new(
        plan: &Plan,
        offices: u64,
        scores: BTreeMap<Without, Score>,
        sampled: Sampled,
        list: &Catalogue,
    ) -> Self {
        let book = sessions::builtin();
        let sources = Act::ALL.iter().flat_map(|act| {
            [(Transport::H2, "h2"), (Transport::H3, "h3")]
                .map(|(with, label)| (format!("{act}, {label}"), book.source(*act, with)))
        });
        Self {
            seed: plan.seed,
            offices,
            every: plan.every,
            list_version: list.info().version,
            sources: sources.collect(),
            sampled,
            scores: scores
                .into_iter()
                .map(|(without, score)| (without.label().to_owned(), score))
                .collect(),
        }
    }

    /// For people.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let Some((_, whole)) = self.scores.first() else {
            return "Nothing was played.\n".into();
        };
        let kind = if self.seed >= EVALUATION_FROM {
            "evaluation"
        } else {
            "development"
        };
        let _ = writeln!(
            text,
            "Made by `make evaluate`. {} offices of a week each, seeds {} to {} ({kind} range), list \
             version {}. {} confounder person-days, {} sign-ups.\n",
            self.offices,
            self.seed,
            self.seed + self.offices - 1,
            self.list_version,
            whole.person_days(),
            Score::total(&whole.found).of,
        );
        self.bars("Bars", whole, &mut text);
        text += MAIL;
        if let Some((label, score)) = self.scores.get(1) {
            self.bars(&format!("Bars: {label}"), score, &mut text);
        }
        self.vendors(whole, &mut text);
        self.removed(&mut text);
        self.packets(&mut text);
        self.confounders(whole, &mut text);
        self.failures(whole, &mut text);
        text += POPULATION;
        text += "## Where sizes and times come from\n\n| act | source |\n| --- | --- |\n";
        for (act, source) in &self.sources {
            let _ = writeln!(text, "| {act} | {source} |");
        }
        text
    }

    fn bars(&self, title: &str, whole: &Score, text: &mut String) {
        let days = whole.person_days();
        let _ = writeln!(
            text,
            "## {title}\n\n| what | bar | found | 95 % interval | met |\n\
             | --- | --- | --- | --- | --- |"
        );
        let mut row = |what: &str, bar: &str, share: Share, met: bool| {
            let met = match met {
                _ if bar == "-" || share.of == 0 => "-",
                true => "yes",
                false => "**no**",
            };
            let _ = writeln!(
                text,
                "| {what} | {bar} | {} | {} | {met} |",
                of(share),
                span(share)
            );
        };
        let at_least = |share: Share, bar| share.value().is_some_and(|value| value >= bar);
        let found = Score::total(&whole.found);
        row(
            "sign-ups found, right person",
            ">= 97 %",
            found,
            at_least(found, 0.97),
        );
        let account = whole.told_account;
        row(
            "sign-ups told as account use at least, right person",
            "-",
            account,
            true,
        );
        let wrong = Share {
            hits: whole.false_total(),
            of: days,
        };
        row(
            "false trial-account alerts per person-day",
            "0",
            wrong,
            wrong.hits == 0,
        );
        let person = Share {
            hits: whole.wrong_person,
            of: whole.named,
        };
        row(
            "wrong person, of those named",
            "0",
            person,
            person.hits == 0,
        );
        let visited = Score::total(&whole.visited);
        row(
            "`visited` right",
            ">= 95 %",
            visited,
            at_least(visited, 0.95),
        );
        let searching = Score::total(&whole.searching);
        row(
            "`searching` right",
            ">= 95 %",
            searching,
            at_least(searching, 0.95),
        );
        let looked = whole.looked_up;
        row("look-ups and links at most `looked-up`", "-", looked, true);
        row("found sign-ups with an alert", "-", whole.alerted, true);
        text.push('\n');
    }

    fn vendors(&self, whole: &Score, text: &mut String) {
        *text += "## By vendor\n\n| vendor | sign-ups found | `visited` right | `searching` right |\n| --- | --- | --- | --- |\n";
        let all = whole
            .found
            .keys()
            .chain(whole.visited.keys())
            .chain(whole.searching.keys());
        let vendors: std::collections::BTreeSet<&String> = all.collect();
        for vendor in vendors {
            let cell = |shares: &BTreeMap<String, Share>| {
                shares.get(vendor).map_or_else(
                    || "-".into(),
                    |share| format!("{} ({})", of(*share), span(*share)),
                )
            };
            let _ = writeln!(
                text,
                "| {vendor} | {} | {} | {} |",
                cell(&whole.found),
                cell(&whole.visited),
                cell(&whole.searching)
            );
        }
        text.push('\n');
    }

    fn removed(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "## With evidence removed\n\nThe first two lines are played on every office, the others on \
             every {}th.\n\n| seen | sign-ups found | false trial-account alerts | wrong person | \
             `visited` right | `searching` right |\n| --- | --- | --- | --- | --- | --- |",
            self.every
        );
        for (label, score) in &self.scores {
            let share = |share: Share| format!("{} ({})", of(share), span(share));
            let _ = writeln!(
                text,
                "| {label} | {} | {} in {} | {} | {} | {} |",
                share(Score::total(&score.found)),
                score.false_total(),
                score.person_days(),
                wrong(score),
                share(Score::total(&score.visited)),
                share(Score::total(&score.searching)),
            );
        }
        text.push('\n');
    }

    fn packets(&self, text: &mut String) {
        let it = &self.sampled;
        let _ = writeln!(
            text,
            "## Frames against events\n\nThe table is made from events, without frames. To show that \
             this is the same, the first day of {} offices was also made as {} frames and read by \
             the sensor: {} events, of which {} differ in a field that cases are built from.\n",
            it.offices, it.frames, it.events, it.differences
        );
    }

    fn confounders(&self, whole: &Score, text: &mut String) {
        *text += "## Confounders\n\n| what the day held | person-days |\n| --- | --- |\n";
        for (kind, days) in &whole.days {
            let _ = writeln!(text, "| {kind} | {days} |");
        }
        *text += "\n| false alerts: what was really going on | alerts |\n| --- | --- |\n";
        if whole.false_alerts.is_empty() {
            *text += "| none | 0 |\n";
        }
        for (kind, n) in &whole.false_alerts {
            let _ = writeln!(text, "| {kind} | {n} |");
        }
        text.push('\n');
    }

    fn failures(&self, whole: &Score, text: &mut String) {
        *text += "## Where it failed\n\n";
        if whole.failures.is_empty() {
            *text += "Nowhere in this run.\n";
        }
        let mut kinds: Vec<_> = whole.wrong.iter().collect();
        kinds.sort_by_key(|(what, n)| (!what.starts_with("sign-up"), std::cmp::Reverse(**n)));
        for (what, n) in kinds.into_iter().take(SHOWN) {
            let _ = writeln!(text, "- {n} times: {what}");
        }
        *text += "\nThe first of them, to play again by their seed:\n\n";
        for failure in whole.failures.iter().take(SHOWN) {
            let _ = writeln!(text, "- {failure}");
        }
        text.push('\n');
    }
}

/// How many were named wrongly: in the end, and in an alert that was or was not taken back.
fn wrong(score: &Score) -> String {
    let all = format!("{} of {}", score.wrong_person, score.named);
    if score.wrong_person == 0 {
        return all;
    }
    let (told, back) = (score.wrong_told, score.taken_back_after.len());
    let minutes = score.taken_back_after.iter().max().map_or(0, |s| s / 60);
    format!(
        "{all}: {} stood in the end; {told} told, of which {back} taken back within {minutes} min",
        score.wrong_at_end
    )
}

/// `97.2 % (486 of 500)`.
fn of(share: Share) -> String {
    let value = share.value().map_or_else(|| "-".into(), percent);
    format!("{value} ({} of {})", share.hits, share.of)
}

/// `95.3 % to 98.4 %`.
fn span(share: Share) -> String {
    let (low, high) = share.interval();
    format!("{} to {}", percent(low), percent(high))
}

fn percent(value: f64) -> String {
    let percent = value * 100.0;
    if value > 0.0 && percent < 0.1 {
        return format!("{percent:.4} %");
    }
    format!("{percent:.1} %")
}
