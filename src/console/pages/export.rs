//! A case as an evidence bundle, for whoever may export: leads and officers.
//!
//! Enters: a case, a reason. Leaves: the bundle, once its export is on the record. Never: a bundle for
//! an auditor, whose right it is not: it holds pseudonyms, units and what people wrote. Never what is
//! sealed, but for an officer who asks for it: a bundle must be no way round a request.

use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::cases::Told;
use super::desk::Bundle;
use super::lens::Lens;
use super::wish::{self, Wish};
use super::{Shared, case};
use crate::console::{Refusal, Right, Visitor};
use crate::record::act::{Actor, Means};

/// Makes one. Inside: why there is none, in a sentence.
///
/// # Errors
/// [`Refusal::Forbidden`] without the right, [`Refusal::NotFound`] without such a case.
pub async fn make(
    desk: &Shared,
    visitor: &Visitor,
    means: Means,
    what: Bundle,
) -> Result<Result<Vec<u8>, String>, Refusal> {
    visitor.require(Right::Export)?;
    if what.sealed {
        visitor.require(Right::ApproveUnsealing)?;
    }
    let lens = Lens::of(visitor, desk.now());
    let reason = match wish::written(&what.reason, lens.w.reason, &lens) {
        Ok(reason) => reason,
        Err(why) => return Ok(Err(why)),
    };
    let (id, now) = (what.case.clone(), desk.now());
    let found = desk.readers().ask(move |it| it.case(&id, now)).await?;
    found.ok_or(Refusal::NotFound)?;
    let by = Actor {
        name: visitor.account.clone(),
        means,
    };
    Ok(desk.export(by, Bundle { reason, ..what }).await)
}

/// A bundle as a file; `id` is that of a case that there is.
pub fn file(id: &str, bytes: Vec<u8>) -> Result<Response, Refusal> {
    let kind = HeaderValue::from_static("application/x-tar");
    let place = format!("attachment; filename=\"{id}.tar\"");
    let place = HeaderValue::try_from(place).map_err(|_| Refusal::Failed)?;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, place),
    ];
    Ok((headers, bytes).into_response())
}

/// `POST /cases/{id}/export`: an act on the record, so no GET.
pub async fn post(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let mut wish = Wish::of(&fields);
    "export".clone_into(&mut wish.act);
    let what = Bundle {
        case: id.clone(),
        reason: wish.text.clone(),
        sealed: fields.iter().any(|(key, _)| key == "sealed"),
    };
    match make(&desk, &visitor, Means::Console, what).await? {
        Ok(bytes) => file(&id, bytes),
        Err(why) => {
            let lens = Lens::of(&visitor, desk.now());
            let told = Some(Told::bad(lens.fill(lens.w.refused, why)));
            let shown = case::show(&desk, &visitor, &id, told, wish).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}
