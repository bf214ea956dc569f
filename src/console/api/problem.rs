//! What a program is told that gets nothing: problem details (RFC 9457).
//!
//! Enters: a reason. Leaves: `application/problem+json`. Never: the cause of a failure of ours.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::console::Refusal;
use crate::console::pages::filterbox::Wrong;
use crate::console::pages::model::Deed;

/// Why a program gets nothing.
pub enum Problem {
    /// As on a page; the shell's outermost layer writes it.
    Refusal(Refusal),
    /// A filter that cannot be read.
    Filter(Wrong),
    /// Somebody else was first.
    Changed(Option<Box<Deed>>),
    /// It does not fit; why, in a sentence.
    Unfit(String),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self {
            Self::Refusal(refusal) => refusal.into_response(),
            Self::Filter(wrong) => {
                let mut body = body(StatusCode::BAD_REQUEST, "filter", &wrong.why);
                body["position"] = json!(wrong.place);
                told(StatusCode::BAD_REQUEST, &body)
            }
            Self::Changed(deed) => {
                let next = "somebody else changed this first: read it again, then decide";
                let mut body = body(StatusCode::CONFLICT, "changed", next);
                body["changed_by"] = serde_json::to_value(deed).unwrap_or(Value::Null);
                told(StatusCode::CONFLICT, &body)
            }
            Self::Unfit(why) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                told(status, &body(status, "unfit", &why))
            }
        }
    }
}

/// The members of RFC 9457 section 3.1.
pub fn body(status: StatusCode, kind: &str, detail: &str) -> Value {
    json!({
        "type": format!("urn:poortwacht:problem:{kind}"),
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    })
}

fn told(status: StatusCode, body: &Value) -> Response {
    let kind = HeaderValue::from_static("application/problem+json");
    (status, [(header::CONTENT_TYPE, kind)], body.to_string()).into_response()
}
