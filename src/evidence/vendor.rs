//! What the catalogue knows of the vendor, with its sources.
//!
//! Enters: the catalogue. Leaves: [`VendorFacts`]. Never: an opinion of its own.

use serde::{Deserialize, Serialize};

use crate::blocklist::{Catalogue, Host, Stage, Vendor};

/// The vendor of a case, as the catalogue has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorFacts {
    /// Version of the catalogue that this was taken from.
    pub catalogue: String,
    /// Is it in that catalogue at all?
    pub known: bool,
    /// Vendor id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Who that is in law, where it is known.
    pub legal_entity: Option<String>,
    /// Country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// What kind of company.
    pub category: String,
    /// Does the service run?
    pub status: String,
    /// What else is known.
    pub note: Option<String>,
    /// Sources.
    pub sources: Vec<String>,
    /// Sources that nobody has looked up.
    pub unverified_sources: Vec<String>,
    /// The highest stage that metadata can prove.
    pub highest_stage: Option<Stage>,
    /// Why no more.
    pub proof_reason: String,
    /// More on that.
    pub proof_also: Vec<String>,
    /// Its hosts.
    pub hosts: Vec<HostFacts>,
    /// Who supplies it, and whom it supplies.
    pub relations: Vec<RelationFacts>,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// Its name.
    pub name: String,
    /// `exact`, `pattern` or `suffix`.
    pub covers: String,
    /// What for.
    pub role: String,
    /// How sure it is that it is the vendor's.
    pub confidence: String,
    /// `sourced` or `unverified`.
    pub provenance: String,
    /// Shared with others: never a hit by itself.
    pub dual_use: bool,
    /// When it was seen last, `2026-04-14`.
    pub seen: Option<String>,
    /// Sources.
    pub sources: Vec<String>,
    /// Sources that nobody has looked up.
    pub unverified_sources: Vec<String>,
    /// Remark.
    pub note: Option<String>,
}

/// A supply between two companies. It says nothing about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelationFacts {
    /// Who supplies.
    pub supplier: String,
    /// Who is supplied: an id of the catalogue.
    pub serves: String,
    /// With what, and how that is known.
    pub what: String,
    /// Sources of the supplier's file.
    pub sources: Vec<String>,
}

impl VendorFacts {
    /// Of this vendor; one that the catalogue does not have is named by its id alone.
    pub fn of(id: &str, catalogue: &Catalogue) -> Self {
        let version = catalogue.info().version;
        let mut facts = match catalogue.vendor(id) {
            Some(vendor) => Self::known(vendor),
            None => Self {
                id: id.to_owned(),
                name: id.to_owned(),
                ..Self::default()
            },
        };
        facts.catalogue = version;
        facts.relations = relations(id, catalogue);
        facts
    }

    fn known(vendor: &Vendor) -> Self {
        let proof = vendor.proof();
        Self {
            known: true,
            id: vendor.id.clone(),
            name: vendor.name.clone(),
            legal_entity: vendor.legal_entity.clone(),
            country: vendor.country.clone(),
            category: vendor.category.to_string(),
            status: vendor.status.to_string(),
            note: vendor.note.clone(),
            sources: vendor.sources.clone(),
            unverified_sources: vendor.unverified_sources.clone(),
            highest_stage: Some(proof.highest()),
            proof_reason: proof.reason.clone(),
            proof_also: proof.also.clone(),
            hosts: vendor.hosts.iter().map(host).collect(),
            ..Self::default()
        }
    }
}

fn host(host: &Host) -> HostFacts {
    HostFacts {
        name: host.name.clone(),
        covers: host.kind.to_string(),
        role: host.role.to_string(),
        confidence: host.confidence.to_string(),
        provenance: host.provenance.to_string(),
        dual_use: host.dual_use,
        seen: host.seen.clone(),
        sources: host.sources.clone(),
        unverified_sources: host.unverified_sources.clone(),
        note: host.note.clone(),
    }
}

/// Who supplies this vendor, then whom it supplies itself.
fn relations(id: &str, catalogue: &Catalogue) -> Vec<RelationFacts> {
    let mut all: Vec<RelationFacts> = Vec::new();
    for vendor in catalogue.vendors() {
        for relation in &vendor.relations {
            if relation.serves == id || vendor.id == id {
                all.push(RelationFacts {
                    supplier: vendor.name.clone(),
                    serves: relation.serves.clone(),
                    what: relation.what.clone(),
                    sources: vendor.sources.clone(),
                });
            }
        }
    }
    all.sort_by(|a, b| {
        let order = |it: &RelationFacts| (it.serves != id, it.supplier.clone(), it.serves.clone());
        order(a).cmp(&order(b))
    });
    all
}
