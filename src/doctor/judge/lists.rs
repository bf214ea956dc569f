//! Lists, map, rules, officers, feeds, and Alertmanager.

use super::{Limits, Say, percent, span};
use crate::config::Config;
use crate::doctor::facts::{FeedFile, ListFacts, Lists};
use crate::doctor::finding::{Finding, Id};

/// Of so few lines a foreign one says little.
const LINES_MIN: u64 = 5;

pub(super) fn lists(facts: &Lists, config: &Config, limits: Limits, out: &mut Vec<Finding>) {
    match &facts.list {
        Some(Ok(list)) => loaded(list, limits, out),
        Some(Err(why)) => out.fail(
            Id::List,
            why.lines().next().unwrap_or_default(),
            "`poortwacht list lint` shows every problem; a start with this list ends with code 6",
        ),
        None => {}
    }
    match &facts.organisation {
        Some(Ok(None)) => out.info(
            Id::Organisation,
            "no map of the organisation: every address is a workplace, every use unauthorised",
            "write one (deploy/organisation.toml) and name it under [organisation]",
        ),
        Some(Ok(Some(warnings))) if warnings.is_empty() => {
            out.ok(Id::Organisation, "the map and the register are sound");
        }
        Some(Ok(Some(warnings))) => {
            for warning in warnings {
                out.warn(
                    Id::Organisation,
                    warning.clone(),
                    "mend it in the map, or leave it if it is meant",
                );
            }
        }
        Some(Err(why)) => out.fail(
            Id::Organisation,
            why.lines().next().unwrap_or_default(),
            "`poortwacht config check` shows every problem; a start with this map ends with code 3",
        ),
        None => {}
    }
    match &facts.rules {
        Some(why) => out.fail(
            Id::CaseRules,
            why.clone(),
            "mend the rules file, or take `rules` out of [cases] for the built-in ones",
        ),
        None => out.ok(Id::CaseRules, "the rules of the cases are sound"),
    }
    // Their recipients and the threshold were checked with the configuration.
    match config.identity.officers.len() {
        0 => out.info(
            Id::Officers,
            "no officers: no user name is kept, cases are of devices",
            "docs/sealing.md, if persons are to be known under seal",
        ),
        count => out.ok(
            Id::Officers,
            format!(
                "{} of {count} officers open a sealed identity together",
                config.identity.threshold
            ),
        ),
    }
}

fn loaded(list: &ListFacts, limits: Limits, out: &mut Vec<Finding>) {
    let origin = if list.builtin {
        "built-in list"
    } else {
        "list"
    };
    if list.rules == 0 {
        out.fail(
            Id::List,
            "the list holds no rule: nothing can be found",
            "name a folder of vendor files under [lists], or none for the built-in catalogue",
        );
    } else {
        out.ok(
            Id::List,
            format!(
                "{origin} {} with {} rules of {} vendors",
                list.version, list.rules, list.vendors
            ),
        );
    }
    if list.warnings > 0 {
        out.info(
            Id::ListLint,
            format!("the list has {} weak spots", list.warnings),
            "`poortwacht list lint` shows them",
        );
    } else {
        out.ok(Id::ListLint, "the list has no weak spots");
    }
    let age = span(list.age_s);
    if list.age_s > u64::from(limits.list_days) * 86_400 {
        out.warn(
            Id::ListAge,
            format!("the newest change of the list is {age} old: vendors move their hosts"),
            if list.builtin {
                "use a newer release, or a newer folder of vendor files under [lists]"
            } else {
                "bring the vendor files up to date, then `poortwacht reload`"
            },
        );
    } else {
        out.ok(
            Id::ListAge,
            format!("the newest change of the list is {age} old"),
        );
    }
    if list.expired > 0 {
        out.warn(
            Id::AllowExpired,
            format!(
                "{} entries of the allow-list are over and count no more",
                list.expired
            ),
            "renew them with a reason, or take them out",
        );
    } else {
        out.ok(Id::AllowExpired, "no entry of the allow-list is over");
    }
}

pub(super) fn feeds(feeds: &[FeedFile], limits: Limits, all: &mut Vec<Finding>) {
    for feed in feeds {
        let mut out = Vec::new();
        judge(feed, limits, &mut out);
        all.extend(out.into_iter().map(|finding| finding.about(&feed.name)));
    }
}

fn judge(feed: &FeedFile, limits: Limits, out: &mut Vec<Finding>) {
    let kind = feed.kind;
    if let Some(why) = &feed.problem {
        out.fail(
            Id::FeedFile,
            format!("the {kind} feed cannot be read: {why}"),
            "mend the path or the rights (group `adm` on Debian); without it this source says \
             nothing",
        );
        return;
    }
    if feed.listens {
        out.info(
            Id::FeedFile,
            format!("the {kind} feed listens; whether anybody sends is seen only while it runs"),
            "`poortwacht_feed_open` and `poortwacht_feed_last_timestamp_seconds` of the daemon say",
        );
        return;
    }
    out.ok(
        Id::FeedFile,
        format!("the file of the {kind} feed can be read"),
    );
    if let Some(age) = feed.age_s {
        if age > u64::from(limits.feed_hours) * 3600 {
            out.warn(
                Id::FeedFresh,
                format!("its file was last written {} ago", span(age)),
                "is its server still writing there, or was the log moved or renamed?",
            );
        } else {
            out.ok(
                Id::FeedFresh,
                format!("its file was last written {} ago", span(age)),
            );
        }
    }
    let share = percent(feed.foreign, feed.lines);
    let what = format!(
        "{} of the {} lines looked at are not of the format {kind}",
        feed.foreign, feed.lines
    );
    match feed.lines {
        0 => out.info(
            Id::FeedFormat,
            "its file is empty, so its format is not known yet",
            "",
        ),
        lines if feed.foreign == lines => out.fail(
            Id::FeedFormat,
            what,
            "is `kind` right? docs/feeds.md has a sample of each",
        ),
        LINES_MIN.. if share >= 50 => out.warn(
            Id::FeedFormat,
            what,
            "a log that several programs share is no fault; else see `kind` and docs/feeds.md",
        ),
        _ => out.ok(Id::FeedFormat, what),
    }
}

pub(super) fn alertmanager(
    answer: Option<&Result<String, String>>,
    config: &Config,
    out: &mut Vec<Finding>,
) {
    let url = &config.alerts.alertmanager.url;
    match answer {
        Some(Ok(version)) => out.ok(
            Id::Alertmanager,
            format!("Alertmanager {version} answers at {url}"),
        ),
        Some(Err(why)) => out.fail(
            Id::Alertmanager,
            format!("Alertmanager does not answer at {url}: {why}"),
            "mend `url`, the way there or its credentials under [alerts.alertmanager]; alerts wait \
             until then",
        ),
        None if !url.is_empty() => out.info(
            Id::Alertmanager,
            format!("Alertmanager at {url} was not asked"),
            "ask it with --network",
        ),
        None => {}
    }
}
