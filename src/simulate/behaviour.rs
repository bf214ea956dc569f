//! What people and machines do, as moves of a plan.
//!
//! Enters: steps of a case file, or the population's choice of a course. Leaves: look-ups,
//! connections with their exchanges, mail, identity messages. Never: knows what will be made of it.

pub mod browser;
pub mod course;

use std::collections::BTreeMap;

use super::case::{CaseFile, Does, Step};
use super::chance::Chance;
use super::plan::{Exchange, Flow, Plan, SECOND, Transport, What};
use browser::Browser;

/// Plays the steps of a case file.
pub fn play(
    case: &CaseFile,
    numbers: &BTreeMap<&str, usize>,
    plan: &mut Plan,
    chance: &mut Chance,
) {
    let mut turns: Vec<(u64, usize)> = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        turns.extend((0..step.times).map(|turn| (step.at + turn * step.every, index)));
    }
    turns.sort_unstable();
    let mut browsers: BTreeMap<(&str, Transport), Browser> = BTreeMap::new();
    for (at, index) in turns {
        let step = &case.steps[index];
        let client = numbers[step.client.as_str()];
        // Its own chance for each step: to change one leaves the others as they were.
        let mut chance = chance.part((index as u64) << 32 | at);
        let at = at * SECOND;
        if let Some(what) = plain(step, plan, client) {
            plan.push(at, client, what);
            continue;
        }
        let browser = browsers
            .entry((&step.client, step.transport))
            .or_insert_with(|| Browser::new(client, step.transport));
        match step.does {
            Does::Prefetch => browser.look_up(plan, at, &step.name),
            Does::Act(act) => {
                browser.act(plan, &mut chance, at, &step.name, act);
            }
            _ => {}
        }
    }
}

/// The steps that are one move.
fn plain(step: &Step, plan: &Plan, client: usize) -> Option<What> {
    let mailbox = || plan.clients[client].mail.clone().unwrap_or_default();
    let flow = |transport| {
        What::Flow(Flow {
            name: step.name.clone(),
            transport,
            port: step.port,
            exchanges: vec![Exchange {
                at: 0,
                up: step.up,
                down: 900,
            }],
        })
    };
    Some(match step.does {
        Does::LookUp => What::LookUp {
            name: step.name.clone(),
            qtype: step.qtype,
            chain: step.cname.clone(),
        },
        Does::Tls => flow(Transport::H2),
        Does::Quic => flow(Transport::H3),
        Does::Dhcp => What::Dhcp {
            act: step.session,
            lease: step.lease,
        },
        Does::Radius => What::Radius { act: step.session },
        Does::Kerberos => What::Kerberos,
        Does::Mail => What::Mail {
            from: step.name.clone(),
            to: mailbox(),
        },
        Does::Smtp => What::Smtp {
            from: step.name.clone(),
            to: mailbox(),
        },
        Does::Prefetch | Does::Act(_) => return None,
    })
}
