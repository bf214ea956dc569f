//! A case takes over what its sightings amount to, and lets the oldest of them go.
//!
//! Enters: a [`Judgement`]. Leaves: the case's items, steps, stage, band and standing. Never: takes
//! back a stage unless evidence was taken away.

use super::bench::Knowledge;
use super::judge::{self, Judgement};
use super::sighting::{Sighting, What};
use super::{Case, Item, Step, contested, standing};
use crate::blocklist::{Stage, Threshold};

/// Takes a judgement over into the case.
pub(super) fn take(case: &mut Case, judged: Judgement, anew: bool, know: &Knowledge) {
    let old = std::mem::take(&mut case.items);
    case.items = judged.items;
    case.items_left_out = judged.left_out + case.grounds.let_go;
    let mut steps = judged.steps;
    if !anew {
        // What was reached stays on show, with those of its items that still are.
        for mut step in std::mem::take(&mut case.steps) {
            if steps.iter().any(|it| it.stage == step.stage) {
                continue;
            }
            renumber(&mut step, &old, &case.items);
            steps.push(step);
        }
    }
    steps.sort_by_key(|step| step.stage);
    case.steps = steps;
    case.stage = case.steps.last().map_or(Stage::LookedUp, |step| step.stage);
    case.confidence = case.steps.last().map_or(0, |step| step.confidence);
    case.band = judge::band_of(judged.uploads + case.grounds.uploads_let_go);
    let within = know.limits.ns(Threshold::SittingGapMinutes);
    let settled = contested::settle(&case.grounds.sightings, within);
    let sure = settled.iter().filter(|it| it.what != What::Contested);
    let rulings = sure.map(|it| it.ruling.clone());
    let worst = rulings.fold(standing::nothing(), standing::worse);
    // A sighting let go takes no standing with it.
    case.ruling = if anew {
        worst
    } else {
        standing::worse(worst, case.ruling.clone())
    };
}

fn renumber(step: &mut Step, old: &[Item], new: &[Item]) {
    let find = |number: &u32| {
        let was = old.iter().find(|it| it.number == *number)?;
        let is = new.iter().find(|it| {
            (it.rule.as_str(), it.time, it.name.as_str(), it.frames)
                == (was.rule.as_str(), was.time, was.name.as_str(), was.frames)
        })?;
        Some(is.number)
    };
    for line in &mut step.sum {
        // `+15 form (item 7): ...`; what is no longer kept has no number any more.
        let Some((head, (number, text))) = line
            .split_once("(item ")
            .and_then(|(head, rest)| Some((head, rest.split_once(')')?)))
        else {
            continue;
        };
        let number = number.parse().ok().and_then(|number| find(&number));
        *line = match number {
            Some(number) => format!("{head}(item {number}){text}"),
            None => format!("{head}(no longer kept){text}"),
        };
    }
    step.items = step.items.iter().filter_map(find).collect();
}

/// Lets the oldest sighting go that carries no step.
pub(super) fn let_go(case: &mut Case, know: &Knowledge) {
    let carrying = |it: &Sighting| {
        let steps = case.steps.iter().flat_map(|step| &step.items);
        let mut items = steps.filter_map(|n| case.items.iter().find(|item| item.number == *n));
        items.any(|item| item.time == it.time && item.name == it.name)
    };
    let sightings = &case.grounds.sightings;
    let at = sightings.iter().position(|it| !carrying(it)).unwrap_or(0);
    let gone = case.grounds.sightings.remove(at);
    case.grounds.let_go += 1;
    if know.limits.is_picture(&gone) {
        case.grounds.uploads_let_go += 1;
    }
}
