//! Acts by JSON: the same as by the forms of the pages, through the same door.
//!
//! Enters: `{"act": "close", "verdict": "research", "reason": "...", "revision": 7}`. Leaves: the
//! number of the entry that tells of it. Never: an act that a page would refuse.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::console::pages::wish::{Outcome, Target, Wish, carry_out};
use crate::console::pages::{Bundle, Shared, export as bundle};
use crate::console::{Refusal, Right, Visitor};
use crate::record::act::Means;

/// It is on the record.
#[derive(Serialize)]
pub struct Done {
    /// Number of its entry in the ledger.
    entry: u64,
}

type Answer = Result<(StatusCode, Json<Done>), Problem>;

/// `POST /cases/{id}/acts`
pub async fn on_case(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
    Json(wish): Json<Wish>,
) -> Answer {
    done(&desk, &visitor, Target::Case(id), wish).await
}

/// What a program says of a bundle that it wants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    reason: String,
}

/// `POST /cases/{id}/export`: never with what is sealed.
pub async fn export(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    visitor.require(Right::Export)?;
    let read = serde_json::from_slice(&body);
    let Export { reason } = read.map_err(|_| Problem::Unfit("{\"reason\": \"...\"}".into()))?;
    let what = Bundle {
        case: id.clone(),
        reason,
        sealed: false,
    };
    match bundle::make(&desk, &visitor, Means::Api, what).await? {
        Ok(bytes) => Ok(bundle::file(&id, bytes)?),
        Err(why) => Err(Problem::Unfit(why)),
    }
}

/// `POST /suppressions`
pub async fn suppress(
    State(desk): State<Shared>,
    visitor: Visitor,
    Json(mut wish): Json<Wish>,
) -> Answer {
    "suppress".clone_into(&mut wish.act);
    done(&desk, &visitor, Target::Rule(String::new()), wish).await
}

/// `POST /suppressions/{rule}/acts`
pub async fn on_rule(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(rule): Path<String>,
    Json(wish): Json<Wish>,
) -> Answer {
    done(&desk, &visitor, Target::Rule(rule), wish).await
}

/// `POST /requests/{id}/acts`
pub async fn on_request(
    State(desk): State<Shared>,
    visitor: Visitor,
    Path(id): Path<String>,
    Json(wish): Json<Wish>,
) -> Answer {
    // Nobody learns of a request by asking whether it can be decided.
    if !visitor.may(Right::ApproveUnsealing) {
        visitor.require(Right::RequestUnsealing)?;
    }
    let all = desk.readers().ask(|it| it.requests(false)).await?;
    let found = all.into_iter().find(|it| it.id == id);
    let case = found.ok_or(Refusal::NotFound)?.case;
    done(&desk, &visitor, Target::Request(id, case), wish).await
}

async fn done(desk: &Shared, visitor: &Visitor, target: Target, wish: Wish) -> Answer {
    match carry_out(&**desk, visitor, Means::Api, target, &wish).await? {
        Outcome::Done(entry) => Ok((StatusCode::CREATED, Json(Done { entry }))),
        Outcome::Changed(deed) => Err(Problem::Changed(deed)),
        Outcome::Unfit(why) => Err(Problem::Unfit(why)),
    }
}
