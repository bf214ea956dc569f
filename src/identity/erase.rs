//! Somebody is erased: what memory knows of who held what.
//!
//! Enters: the pseudonyms of a person, the moment. Leaves: nothing at all of the addresses that they
//! had: whatever was told of those, by whomever, goes, and nothing of before is answered there any
//! more, as after a new start. Never: takes one voice out of several, so that somebody else would
//! stand alone where two were possible.

use std::collections::BTreeSet;

use super::Identity;
use super::table::Point;
use crate::base::Timestamp;
use crate::hits::{SubjectId, Tag, tag_in};

impl Identity {
    /// Forgets them. `now`: nothing of before is answered of the addresses that they had.
    pub fn erase(&mut self, subjects: &BTreeSet<SubjectId>, now: Timestamp) {
        // Whose a note is, the table tells as long as it is whole.
        let notes = std::mem::take(&mut self.clients);
        let theirs = |note: &_| subjects.iter().any(|it| self.is_of(note, it));
        let kept: Vec<_> = notes.into_iter().filter(|note| !theirs(note)).collect();
        self.mailboxes.retain(|it| !subjects.contains(&it.of));
        let tags: BTreeSet<Tag> = subjects
            .iter()
            .filter_map(|it| tag_in(it.as_str()))
            .collect();
        let key = &self.key;
        let lanes = self.table.erase(now.0, |lane, point: &Point| {
            let it = &point.what.content;
            // What a device made up counts together with its address only.
            let weak = || {
                let address = SubjectId::of("ip", lane);
                let mac = it.device.mac.filter(|_| it.device.weak);
                mac.map(|mac| key.word_tag(&[b"weak", &mac, address.as_str().as_bytes()]))
            };
            let of_device = [it.person, it.device.mac, it.device.client];
            let mut named = of_device.into_iter().flatten();
            tags.contains(lane)
                || named.any(|tag| tags.contains(&tag))
                || weak().is_some_and(|tag| tags.contains(&tag))
        });
        let had = |address: &str| tag_in(address).is_some_and(|it| lanes.contains(&it));
        self.clients = kept
            .into_iter()
            .filter(|note| !had(&note.of.address))
            .collect();
        self.translations.erase(had);
        self.news += 1;
    }
}
