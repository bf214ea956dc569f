//! What every request passes: limits, host, form marks, who it is; and what every answer gets.
//!
//! Enters: a request. Leaves: an answer with its headers, a [`Guest`] and maybe a [`Visitor`] for
//! the handlers. Never: reads more than 64 KiB; takes a changing request without the sender's own
//! mark; tells a stranger more than a closed set of sentences.

use std::time::{Duration, Instant};

use askama::Template;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::door;
use super::page::{self, Page};
use super::recognise::{Known, recognise};
use super::refusal::Refusal;
use super::secret::same;
use super::shell::Shell;
use super::visitor::{Guest, Visitor};
use crate::metrics::console::Route;

/// Longest body: the longest form is a note of some thousand characters.
pub const BODY_LEN_MAX: usize = 64 * 1024;
/// Longest path with its query.
const ADDRESS_LEN_MAX: usize = 4096;
/// Longest time for a body to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Longest time for an answer to begin.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// The same of an evidence bundle: it walks through the whole record.
const EXPORT_TIME: Duration = Duration::from_secs(600);

/// The outermost layer.
pub(super) async fn gate(State(shell): State<Shell>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (mut parts, body) = request.into_parts();
    let below = below(shell.base(), parts.uri.path()).map(str::to_owned);
    // Before anybody is recognised: who is vouched for may be given a session by that.
    let head = head_of(&shell, &parts).and(below.clone().ok_or(Refusal::NotFound));
    let path = below.unwrap_or_default();
    let known = recognise(&shell, &parts, path, head.is_ok()).await;
    let program = known.guest.path.starts_with("/api/");
    let route = Route::of(&known.guest.path);
    let place = head.and_then(|path| move_to(&mut parts, &path));
    let admitted = match place {
        Ok(()) => admit(&shell, &known, &mut parts, body).await,
        Err(refusal) => Err(refusal),
    };
    let outcome = match admitted {
        Ok(body) => {
            let request = Request::from_parts(parts, body);
            let time = match known.guest.path.ends_with("/export") {
                true => EXPORT_TIME,
                false => ANSWER_TIME,
            };
            tokio::time::timeout(time, next.run(request))
                .await
                .unwrap_or_else(|_| {
                    tracing::error!("a page took longer than {time:?}");
                    Refusal::Busy.into_response()
                })
        }
        Err(refusal) => refusal.into_response(),
    };
    let mut response = in_words(outcome, &known, program);
    for cookie in known.cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    guard(response.headers_mut(), shell.settings().is_secure());
    if let Some(metrics) = shell.metrics() {
        metrics.console_answered(route, response.status().as_u16(), begun.elapsed());
        shell.count();
    }
    response
}

/// The path below the base.
fn below<'p>(base: &str, path: &'p str) -> Option<&'p str> {
    match path.strip_prefix(base)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

/// Handlers see paths below the base, whatever it is.
fn move_to(parts: &mut Parts, path: &str) -> Result<(), Refusal> {
    let query = parts
        .uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    parts.uri = format!("{path}{query}")
        .parse()
        .map_err(|_| Refusal::Malformed)?;
    Ok(())
}

/// What a head must be, whoever sent it: of a bounded address, and meant for this console.
fn head_of(shell: &Shell, parts: &Parts) -> Result<(), Refusal> {
    let address = parts.uri.path_and_query();
    let long = address.is_some_and(|all| all.as_str().len() > ADDRESS_LEN_MAX);
    let host = text(&parts.headers, &header::HOST);
    match host.is_some_and(|host| shell.settings().is_own_host(host)) && !long {
        true => Ok(()),
        false => Err(Refusal::Malformed),
    }
}

/// Checks a request, and gives back the body that may be read.
async fn admit(
    shell: &Shell,
    known: &Known,
    parts: &mut Parts,
    body: Body,
) -> Result<Body, Refusal> {
    let host = text(&parts.headers, &header::HOST).ok_or(Refusal::Malformed)?;
    let host = host.to_owned();
    let refused = known.refused.map_or(Ok(()), Err);
    parts.extensions.insert(known.guest.clone());
    parts.extensions.insert(known.carried.clone());
    if let Some(visitor) = &known.visitor {
        parts.extensions.insert(visitor.clone());
    }
    refused?;
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(Body::empty());
    }
    let length = text(&parts.headers, &header::CONTENT_LENGTH).and_then(|n| n.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_LEN_MAX as u64) {
        return Err(Refusal::TooLarge);
    }
    let by_token = known
        .visitor
        .as_ref()
        .is_some_and(|visitor| visitor.scope.is_some());
    if !by_token && !is_own_page(shell, &parts.headers, &host) {
        return Err(Refusal::Stranger);
    }
    let read = tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_LEN_MAX));
    let bytes = read
        .await
        .map_err(|_| Refusal::Slow)?
        .map_err(|_| Refusal::TooLarge)?;
    if !by_token && !is_marked(&parts.headers, &bytes, &known.guest.csrf) {
        return Err(Refusal::Stranger);
    }
    Ok(Body::from(bytes))
}

/// Was it sent from a page of this console? Browsers say so themselves.
fn is_own_page(shell: &Shell, headers: &HeaderMap, host: &str) -> bool {
    let site = headers
        .get("sec-fetch-site")
        .map(|site| site == "same-origin");
    let origin = headers.get(header::ORIGIN).map(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        shell.settings().is_own_origin(origin, host)
    });
    // Who sends neither is no browser, and has tokens.
    site != Some(false) && origin != Some(false) && (site.is_some() || origin.is_some())
}

/// Did a person go to this page, from a page of this console or by typing? What another site embeds
/// or fetches is no reason to let somebody in. Browsers that do not say so send no cookie either:
/// what they may begin is bounded by the brake.
pub(super) fn is_visit(shell: &Shell, headers: &HeaderMap) -> bool {
    let said = |name: &str, among: &[&str]| {
        let value = headers.get(name);
        value.is_none_or(|value| among.iter().any(|it| value == it))
    };
    let host = text(headers, &header::HOST).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        shell.settings().is_own_origin(origin, host)
    });
    origin
        && said("sec-fetch-site", &["same-origin", "none"])
        && said("sec-fetch-mode", &["navigate"])
        && said("sec-fetch-dest", &["document"])
}

/// Does it carry the mark of its sender's own pages?
fn is_marked(headers: &HeaderMap, bytes: &Bytes, csrf: &str) -> bool {
    if csrf.is_empty() {
        return false;
    }
    let kind = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let mut pairs = form_urlencoded::parse(bytes);
        return pairs.any(|(key, value)| key == "csrf" && same(&value, csrf));
    }
    headers
        .get("x-csrf-token")
        .is_some_and(|mark| mark.to_str().is_ok_and(|mark| same(mark, csrf)))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The layer around pages that are for visitors only.
pub(super) async fn signed_in_only(guest: Guest, request: Request, next: Next) -> Response {
    if request.extensions().get::<Visitor>().is_some() {
        return next.run(request).await;
    }
    let page = request.method() == Method::GET && !guest.path.starts_with("/api/");
    if !page {
        return Refusal::SignIn.into_response();
    }
    let query = request
        .uri()
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let asked = format!("{}{query}", guest.path);
    // A link in a mail comes from another site, and the session's cookie stays at home. Asked again
    // from a page of ours, it comes along.
    let site = request.headers().get("sec-fetch-site");
    if site.is_some_and(|site| site == "cross-site" || site == "same-site") {
        let to = format!("{}{}", guest.shell.base(), door::safe(&asked));
        return page::html(&Again {
            page: guest.page("Poortwacht"),
            to,
        })
        .into_response();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", &asked);
    page::see(guest.shell.base(), &format!("/sign-in?{}", query.finish())).into_response()
}

#[derive(Template)]
#[template(path = "again.html")]
struct Again {
    page: Page,
    to: String,
}

#[derive(Template)]
#[template(path = "error.html")]
struct Told {
    page: Page,
    status: u16,
    sentence: String,
}

/// Makes a page, or JSON for a program, of a refusal and of what axum itself refuses.
fn in_words(response: Response, known: &Known, program: bool) -> Response {
    let status = response.status();
    let refusal = response
        .extensions()
        .get::<Refusal>()
        .copied()
        .or_else(|| foreign(&response));
    let Some(refusal) = refusal else {
        return response;
    };
    let view = known.guest.view;
    let sentence = refusal.sentence(view.language);
    let status = if refusal.status() == status {
        status
    } else {
        refusal.status()
    };
    let mut told = if program {
        let body = super::api::problem::body(status, "refused", &sentence);
        let kind = HeaderValue::from_static("application/problem+json");
        ([(header::CONTENT_TYPE, kind)], body.to_string()).into_response()
    } else {
        let title = view.words().refused;
        let page = match &known.visitor {
            Some(visitor) => visitor.page(title),
            None => known.guest.page(title),
        };
        let told = Told {
            page,
            status: status.as_u16(),
            sentence,
        };
        page::html(&told).unwrap_or_else(|_| status.into_response())
    };
    *told.status_mut() = status;
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            told.headers_mut().insert(name, value.clone());
        }
    }
    if matches!(refusal, Refusal::TooLarge | Refusal::Slow) {
        told.headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    told
}

/// Refusals of axum's extractors and router are bare text that may quote what came in.
fn foreign(response: &Response) -> Option<Refusal> {
    let status = response.status();
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes);
    let bare = kind.is_none_or(|kind| kind.starts_with(b"text/plain"));
    if !bare || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    Some(match status {
        StatusCode::NOT_FOUND => Refusal::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Refusal::Method,
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        status if status.is_client_error() => Refusal::Malformed,
        _ => Refusal::Failed,
    })
}

/// What scripts, frames and addresses a page may use: our own, and nothing inside the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Nothing to others. "no-referrer" would take the Origin from our own forms too.
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

fn guard(headers: &mut HeaderMap, secure: bool) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
}
