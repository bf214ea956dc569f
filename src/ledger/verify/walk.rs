//! One walk over all entries: leaves against tiles, payloads against leaves, roots against
//! checkpoints.

use std::path::Path;

use super::anchors::Anchors;
use super::report::Report;
use crate::ledger::layout::{self, BUNDLE_WIDTH};
use crate::ledger::leaf::{self, Leaf};
use crate::ledger::line::Line;
use crate::ledger::reader::{How, Lines};
use crate::ledger::tiles::Tiles;
use crate::ledger::tree::{self, Edge, Hash};

struct Walk<'a> {
    folder: &'a Path,
    tiles: Tiles,
    edge: Edge,
    anchors: Anchors,
    report: &'a mut Report,
}

/// Walks over the first `size` entries, and counts what stands behind them.
pub(super) fn walk(folder: &Path, size: u64, anchors: Anchors, report: &mut Report) {
    let mut walk = Walk {
        folder,
        tiles: Tiles::new(folder),
        edge: Edge::default(),
        anchors,
        report,
    };
    walk.anchors.compare(0, tree::empty_root, walk.report);
    let bundles = size.div_ceil(BUNDLE_WIDTH);
    for index in 0..bundles {
        let width = BUNDLE_WIDTH.min(size - index * BUNDLE_WIDTH);
        if !walk.bundle(index, width) {
            // Without these leaves no later root can be computed.
            return;
        }
    }
    for tile in walk.edge.partial() {
        // Those of level 0 were compared entry by entry.
        if tile.level > 0 {
            compare_tile(&walk.tiles, &tile, walk.report);
        }
    }
    walk.anchors.finish(size, walk.report);
    if size.is_multiple_of(BUNDLE_WIDTH) {
        walk.unsigned(bundles);
    }
}

impl Walk<'_> {
    /// One bundle with its tile and its payload file. `false`: there is no going on.
    fn bundle(&mut self, index: u64, width: u64) -> bool {
        let first = index * BUNDLE_WIDTH;
        let hashes = self.tiles.tile(0, index, width);
        if let Err(why) = &hashes {
            self.report.fault(Some(first), why.clone());
        }
        let leaves = match (self.tiles.bundle(index, width), hashes.as_ref()) {
            (Ok(leaves), _) => leaves,
            (Err(why), hashes) => {
                self.report.fault(Some(first), why);
                for hash in hashes.into_iter().flatten() {
                    self.push(*hash);
                }
                return hashes.is_ok();
            }
        };
        for (number, leaf) in (first..).zip(&leaves) {
            let hash = tree::leaf_hash(leaf);
            let at = usize::try_from(number - first).unwrap_or(usize::MAX);
            let said = hashes.as_ref().ok().and_then(|hashes| hashes.get(at));
            if said.is_some_and(|said| *said != hash) {
                let what = format!(
                    "its leaf in {} does not hash to what {} says",
                    layout::bundle(index, width).display(),
                    layout::tile(0, index, width).display()
                );
                self.report.fault(Some(number), what);
            }
            self.push(hash);
        }
        self.payloads(index, &leaves);
        true
    }

    fn push(&mut self, hash: Hash) {
        let mut full = Vec::new();
        self.edge.push(hash, &mut full);
        for tile in full.iter().filter(|tile| tile.level > 0) {
            compare_tile(&self.tiles, tile, self.report);
        }
        let edge = &self.edge;
        self.anchors
            .compare(edge.size(), || edge.root(), self.report);
    }

    /// The payload file of these leaves.
    fn payloads(&mut self, index: u64, leaves: &[Vec<u8>]) {
        let first = index * BUNDLE_WIDTH;
        let mut lines = match Lines::open(self.folder, index) {
            Ok(Some(lines)) => lines,
            Ok(None) => {
                let path = layout::payload(index);
                let what = format!("{} is missing", path.display());
                return self.report.fault(Some(first), what);
            }
            Err(why) => return self.report.fault(Some(first), why),
        };
        let mut buffer = Vec::new();
        for (number, leaf) in (first..).zip(leaves) {
            match lines.next(&mut buffer) {
                None => {
                    let path = layout::payload(index);
                    let what = format!("{} ends before it", path.display());
                    return self.report.fault(Some(number), what);
                }
                Some(Ok(line)) => self.payload(number, leaf, &line),
                Some(Err(bad)) => {
                    self.report.fault(Some(number), bad.why);
                    if bad.how != How::Broken {
                        return;
                    }
                }
            }
        }
        if leaves.len() as u64 == BUNDLE_WIDTH {
            if lines.next(&mut buffer).is_some() {
                let path = layout::payload(index);
                let what = format!("{} goes on behind its last entry", path.display());
                self.report.fault(None, what);
            }
        } else {
            self.behind(&mut lines, index);
        }
    }

    fn payload(&mut self, number: u64, bytes: &[u8], line: &Line<'_>) {
        let Some(leaf) = Leaf::parse(bytes) else {
            let what = "its leaf is none that this program writes".to_owned();
            return self.report.fault(Some(number), what);
        };
        let fits = line.fits(&tree::leaf_hash(bytes));
        let what = if line.kind != leaf.kind {
            format!(
                "its payload file says kind {}, its leaf {}",
                line.kind, leaf.kind
            )
        } else if line.hour != leaf.hour {
            "its payload file and its leaf say different hours".to_owned()
        } else {
            match line.content {
                Some((salt, payload)) if leaf::commit(&salt, payload) != leaf.commitment => {
                    "its payload is not the one that its leaf commits to".to_owned()
                }
                _ if !fits => "the check in its payload file is of another leaf".to_owned(),
                _ => {
                    self.report.count(leaf.kind, line.content.is_none());
                    return;
                }
            }
        };
        self.report.fault(Some(number), what);
    }

    /// What stands behind the last entry under the checkpoint, in the same payload file and in
    /// those behind it.
    fn behind(&mut self, lines: &mut Lines, index: u64) {
        let mut buffer = Vec::new();
        let before = self.report.unsigned;
        while let Some(Ok(_)) = lines.next(&mut buffer) {
            self.report.unsigned += 1;
        }
        if self.report.unsigned > before {
            self.unsigned(index + 1);
        }
    }

    fn unsigned(&mut self, index: u64) {
        if let Ok(Some(mut lines)) = Lines::open(self.folder, index) {
            self.behind(&mut lines, index);
        }
    }
}

fn compare_tile(tiles: &Tiles, tile: &tree::Tile, report: &mut Report) {
    let width = tile.hashes.len() as u64;
    let what = match tiles.tile(tile.level, tile.index, width) {
        Ok(hashes) if hashes == tile.hashes => return,
        Ok(_) => format!(
            "{} is not the tile above these entries",
            layout::tile(tile.level, tile.index, width).display()
        ),
        Err(why) => why,
    };
    report.fault(None, what);
}
