//! Requests for the identity behind a case: who asked, who agreed, what was handed out.
//!
//! Enters: approvals and refusals of officers. Leaves: the page; after enough approvals the sealed
//! records, for the officers to open on their own machines. Never: a record that is not sealed.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Shared;
use super::cases::Told;
use super::lens::Lens;
use super::model::RequestLine;
use super::veil::Veil;
use super::wish::{self, Outcome, Target, Wish};
use super::words::ListTexts;
use crate::console::page::{self, Page};
use crate::console::{Refusal, Right, Visitor};
use crate::record::act::{Actor, Means};

#[derive(Template)]
#[template(path = "pages/unsealing.html")]
struct Requests {
    page: Page,
    c: Lens,
    t: &'static ListTexts,
    veiled: bool,
    help: String,
    rows: Vec<RequestLine>,
    may_decide: bool,
    may_fetch: bool,
    me: String,
}

/// `GET /unsealing`
pub async fn list(State(desk): State<Shared>, visitor: Visitor) -> Result<Response, Refusal> {
    show(&desk, &visitor, None).await
}

async fn show(desk: &Shared, visitor: &Visitor, told: Option<Told>) -> Result<Response, Refusal> {
    visitor.require(Right::SeeCases)?;
    let now = desk.now();
    let lens = Lens::of(visitor, now);
    let t = ListTexts::of(visitor.view().language);
    let veil = Veil::of(visitor, &lens);
    let terms = desk.terms();
    let found = desk.readers().ask(|it| it.requests(false)).await?;
    let rows = found
        .into_iter()
        .map(|it| RequestLine::of(it, &terms, now, &veil));
    let rows = rows.collect();
    let may_decide = visitor.may(Right::ApproveUnsealing);
    page::html(&Requests {
        page: Told::onto(told, visitor.page(t.unsealing_title)),
        veiled: !veil.is_lifted(),
        help: if terms.officers.is_empty() {
            t.unsealing_no_officers.to_owned()
        } else {
            lens.fill(t.unsealing_help, terms.threshold)
        },
        rows,
        may_decide,
        may_fetch: may_decide || visitor.may(Right::RequestUnsealing),
        me: visitor.account.clone(),
        t,
        c: lens,
    })
}

/// `POST /unsealing/{id}`
pub async fn post(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let wish = Wish::of(&fields);
    let case = fields.iter().find(|(key, _)| key == "case");
    let case = case.map(|(_, value)| value.clone()).unwrap_or_default();
    let lens = Lens::of(&visitor, desk.now());
    let target = Target::Request(id.clone(), case);
    match wish::carry_out(&*desk, &visitor, Means::Console, target, &wish).await? {
        Outcome::Done(_) => page::see(visitor.guest.shell.base(), &format!("/unsealing#{id}")),
        Outcome::Changed(_) => Err(Refusal::Changed),
        Outcome::Unfit(why) => {
            let told = Told::bad(lens.fill(lens.w.refused, why));
            show(&desk, &visitor, Some(told)).await
        }
    }
}

/// `POST /unsealing/{id}/release`: an act on the record, so no GET.
pub async fn release(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    if !visitor.may(Right::ApproveUnsealing) {
        visitor.require(Right::RequestUnsealing)?;
    }
    let by = Actor {
        name: visitor.account.clone(),
        means: Means::Console,
    };
    match desk.release(by, id.clone()).await {
        Ok(bytes) => {
            let plain = id
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '-');
            let name: String = plain.take(64).collect();
            let kind = HeaderValue::from_static("application/octet-stream");
            let place = format!("attachment; filename=\"{name}.json\"");
            let place = HeaderValue::try_from(place).map_err(|_| Refusal::Failed)?;
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_DISPOSITION, place),
            ];
            Ok((headers, bytes).into_response())
        }
        Err(why) => {
            let lens = Lens::of(&visitor, desk.now());
            let told = Told::bad(lens.fill(lens.w.refused, why));
            show(&desk, &visitor, Some(told)).await
        }
    }
}
