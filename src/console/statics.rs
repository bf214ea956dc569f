//! Style, script and icon: inside the program, at addresses that change with their content.
//!
//! Enters: a path. Leaves: bytes that a browser may keep for ever. Never: a file from disk.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use super::Refusal;

const CSS: &[u8] = include_bytes!("static/console.css");
const JS: &[u8] = include_bytes!("static/console.js");
const PAGES_CSS: &[u8] = include_bytes!("static/pages.css");
const PAGES_JS: &[u8] = include_bytes!("static/pages.js");
const ICON: &[u8] = include_bytes!("static/icon.svg");

/// One file, and its name with a piece of its digest in it.
pub(super) struct Static {
    name: String,
    kind: &'static str,
    bytes: &'static [u8],
}

impl Static {
    fn new(stem: &str, end: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let sum = digest(&SHA256, bytes);
        let mark: String = sum
            .as_ref()
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            name: format!("{stem}-{mark}.{end}"),
            kind,
            bytes,
        }
    }

    /// Path below the console's base.
    pub(super) fn path(&self) -> String {
        format!("/static/{}", self.name)
    }
}

pub(super) static STYLE: LazyLock<Static> =
    LazyLock::new(|| Static::new("console", "css", "text/css; charset=utf-8", CSS));
pub(super) static SCRIPT: LazyLock<Static> =
    LazyLock::new(|| Static::new("console", "js", "text/javascript; charset=utf-8", JS));
pub(super) static PAGES_STYLE: LazyLock<Static> =
    LazyLock::new(|| Static::new("pages", "css", "text/css; charset=utf-8", PAGES_CSS));
pub(super) static PAGES_SCRIPT: LazyLock<Static> =
    LazyLock::new(|| Static::new("pages", "js", "text/javascript; charset=utf-8", PAGES_JS));
pub(super) static SIGN: LazyLock<Static> =
    LazyLock::new(|| Static::new("icon", "svg", "image/svg+xml", ICON));

/// `GET /static/{name}`
pub(super) async fn get(Path(name): Path<String>) -> Result<Response, Refusal> {
    let all = [&*STYLE, &*SCRIPT, &*PAGES_STYLE, &*PAGES_SCRIPT, &*SIGN];
    let found = all
        .into_iter()
        .find(|one| one.name == name)
        .ok_or(Refusal::NotFound)?;
    let forever = "public, max-age=31536000, immutable";
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(found.kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(forever)),
    ];
    Ok((headers, found.bytes).into_response())
}
