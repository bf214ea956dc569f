//! `README.txt`: what stands in a bundle, for whoever unpacks it.
//!
//! Enters: [`Data`]. Leaves: plain text in English and Dutch. Never: more than the reports say.

use super::data::Data;

/// The text.
pub fn text(data: &Data) -> String {
    let case = &data.facts.case;
    format!(
        "Evidence bundle of Poortwacht: {id}, vendor {vendor}. Made {made} by {program}.\n\
         All of it speaks of what was seen on monitored networks.\n\
         \n\
         report.en.html       the report, for people (a browser; no network is needed)\n\
         report.nl.html       the same in Dutch\n\
         bundle.json          the same for machines\n\
         entries.tsv          the ledger's entries: number, kind, hour, check, salt, text\n\
         sealed-keys.json     shares of data keys that stand in no entry (if there are such)\n\
         witnessed            earlier checkpoints that a witness signed (if there are such)\n\
         manifest.txt         SHA-256 of each file above: `sha256sum -c manifest.txt`\n\
         export.tlog-proof    the ledger's entry of this export; it names the manifest by SHA-256\n\
         proofs.tsv           number, leaf and path to the root of each entry (RFC 6962)\n\
         growth.tsv           proofs from earlier checkpoints to this one (if there are such)\n\
         checkpoint           number of entries and root, signed by the log (C2SP tlog-checkpoint)\n\
         key.pub              the log's public key: compare it with one that you have from elsewhere\n\
         opened/              only in a bundle that officers opened: who it is, and frames\n\
         \n\
         To check it, on any machine and without a network:\n\
         \n\
         \x20   poortwacht verify BUNDLE --key log.pub\n\
         \n\
         The pseudonym {subject} can be opened by the officers together, and by nobody else.\n\
         \n\
         Bewijsbundel van Poortwacht: {id}, leverancier {vendor}. Alles erin is gezien op\n\
         bewaakte netwerken. Het verslag voor mensen staat in report.nl.html; controleren kan met\n\
         bovenstaande opdracht, zonder netwerk.\n",
        id = case.id,
        vendor = plain(&case.vendor_name),
        made = data.made,
        program = data.program,
        subject = case.subject,
    )
}

/// Without what steers a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
