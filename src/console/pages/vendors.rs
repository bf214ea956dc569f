//! The catalogue in force, and the register of authorised systems.
//!
//! Enters: catalogue, map, what the record has of each vendor. Leaves: pages. Never: a link that
//! leads outside: sources are text.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::Shared;
use super::lens::{Lens, Piece};
use super::words::ListTexts;
use crate::base::Timestamp;
use crate::blocklist::{Category, Proof, Stage, Vendor};
use crate::console::page::{self, Page};
use crate::console::{Refusal, Right, Visitor};
use crate::store::shown::VendorSummary;

struct Row {
    id: String,
    name: String,
    category: &'static str,
    highest: Option<Stage>,
    hosts: usize,
    seen: VendorSummary,
}

#[derive(Template)]
#[template(path = "pages/vendors.html")]
struct Vendors {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    version: String,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "pages/vendor.html")]
struct One {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    v: Vendor,
    highest: Option<Stage>,
    proof: Proof,
    seen: VendorSummary,
    relations: Vec<(String, String)>,
    suppliers: Vec<(String, String)>,
}

/// `GET /vendors`
pub async fn list(State(desk): State<Shared>, visitor: Visitor) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let lens = Lens::of(&visitor, desk.now());
    let t = ListTexts::of(visitor.view().language);
    let seen = desk.readers().ask(crate::store::Reader::vendors).await?;
    let catalogue = desk.catalogue();
    let mut rows: Vec<Row> = catalogue
        .vendors()
        .iter()
        .map(|vendor| {
            let found = seen.iter().find(|it| it.vendor == vendor.id);
            Row {
                id: vendor.id.clone(),
                name: vendor.name.clone(),
                category: vendor.category.label(),
                highest: highest(vendor),
                hosts: vendor.hosts.len(),
                seen: found.cloned().unwrap_or_default(),
            }
        })
        .collect();
    rows.sort_by(|a, b| {
        (b.seen.open, b.seen.hits)
            .cmp(&(a.seen.open, a.seen.hits))
            .then_with(|| a.name.cmp(&b.name))
    });
    let info = catalogue.info();
    page::html(&Vendors {
        page: visitor.page(t.vendors_title),
        veiled: false,
        version: lens.fill(lens.fill(t.list_of, &info.version), lens.number(info.rules)),
        rows,
        t,
        c: lens,
    })
}

fn highest(vendor: &Vendor) -> Option<Stage> {
    let tells = !matches!(vendor.category, Category::Supplier | Category::UserList);
    tells.then(|| vendor.proof().highest())
}

/// `GET /vendors/{id}`
pub async fn one(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let lens = Lens::of(&visitor, desk.now());
    let t = ListTexts::of(visitor.view().language);
    let catalogue = desk.catalogue();
    let vendor = catalogue.vendor(&id).ok_or(Refusal::NotFound)?.clone();
    let seen = desk.readers().ask(crate::store::Reader::vendors).await?;
    let serving = catalogue.vendors().iter();
    let serving = serving.filter(|it| it.relations.iter().any(|relation| relation.serves == id));
    let suppliers = serving.map(|it| (it.id.clone(), it.name.clone())).collect();
    let relations = vendor.relations.iter();
    page::html(&One {
        page: visitor.page(vendor.name.clone()),
        veiled: false,
        highest: highest(&vendor),
        proof: vendor.proof(),
        seen: seen
            .into_iter()
            .find(|it| it.vendor == id)
            .unwrap_or_default(),
        relations: relations
            .map(|it| (it.serves.clone(), it.what.clone()))
            .collect(),
        suppliers,
        v: vendor,
        t,
        c: lens,
    })
}

struct Allowed {
    reference: String,
    vendor: String,
    owner: String,
    purpose: String,
    legal_basis: String,
    review: String,
    impact: String,
    hosts: Vec<String>,
    scope: String,
    from: Timestamp,
    until: Timestamp,
    valid: Piece,
}

#[derive(Template)]
#[template(path = "pages/register.html")]
struct Register {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    rows: Vec<Allowed>,
}

/// `GET /register`
pub async fn register(State(desk): State<Shared>, visitor: Visitor) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let lens = Lens::of(&visitor, desk.now());
    let t = ListTexts::of(visitor.view().language);
    let persons = visitor.may(Right::SeePersons);
    let now = desk.now();
    let organisation = desk.organisation();
    let rows = organisation.register().iter().map(|entry| {
        let valid = match (now < entry.valid_from, now < entry.valid_to) {
            (true, _) => lens.pill("later", "…", t.valid_later),
            (_, true) => lens.pill("good", "✓", t.valid_now),
            _ => lens.pill("over", "×", t.valid_over),
        };
        let mut scope = Vec::new();
        if !entry.networks.is_empty() {
            scope.push(lens.fill(t.networks, entry.networks.len()));
        }
        if !entry.subjects.is_empty() {
            scope.push(lens.fill(t.subjects, entry.subjects.len()));
        }
        if !entry.units.is_empty() {
            // Units of an entry say who is allowed, not who did something.
            scope.push(lens.fill(t.units, entry.units.join(", ")));
        }
        Allowed {
            reference: entry.reference.clone(),
            vendor: entry.vendor.clone(),
            owner: if persons {
                entry.owner.clone()
            } else {
                "▒".into()
            },
            purpose: entry.purpose.clone(),
            legal_basis: entry.legal_basis.clone(),
            review: entry.review.clone(),
            impact: entry.impact_assessment.clone(),
            hosts: entry.hosts.clone(),
            scope: scope.join("; "),
            from: entry.valid_from,
            until: entry.valid_to,
            valid,
        }
    });
    page::html(&Register {
        page: visitor.page(t.register_title),
        veiled: !persons,
        rows: rows.collect(),
        t,
        c: lens,
    })
}
