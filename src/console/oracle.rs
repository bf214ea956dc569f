//! What must hold of every answer, whatever is asked and by whom.
//!
//! For fuzzing and tests only: allocates and panics, and keeps a folder of its own for one process.
//!
//! ```text
//! as auditor                     guest, analyst, lead, officer, auditor, admin, token
//! POST /cases/case-1             method and path
//! content-type: text/plain       headers; `{csrf}` stands for the mark of the session's forms
//!
//! the body, in which it does too
//! ```

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::accounts::{Account, ApiToken};
use super::audit::{Act, Audit, Scope, Way};
use super::pages::sample::{NOW, PERSON, SampleDesk, UNIT, entries};
use super::sessions::Step;
use super::{Role, Settings, Shell, api, pages};
use crate::base::Timestamp;

/// Longest input that is looked at.
const LEN_MAX: usize = 16 * 1024;
/// After so many acts on it a record is made anew.
const ACTS_MAX: usize = 200;
const TOKEN: &str = "token";

/// A console over a sample record, without a socket.
struct Stand {
    folder: PathBuf,
    shell: Shell,
    router: Router,
    desk: Arc<SampleDesk>,
    audits: Receiver<Audit>,
    runtime: tokio::runtime::Runtime,
}

static STAND: Mutex<Option<Stand>> = Mutex::new(None);
static MADE: AtomicU64 = AtomicU64::new(0);

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Stand {
    fn new() -> Self {
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("poortwacht-oracle-{process}-{number}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let settings = Settings {
            folder: folder.join("console"),
            second_factor: Vec::new(),
            ..Settings::default()
        };
        let (audit, audits) = sync_channel(1024);
        let clock = Box::new(|| NOW);
        let shell = Shell::open_at(settings, pages::nav(), audit, clock).expect("a shell");
        let desk = SampleDesk::at(&folder, entries(), Box::new(()));
        let shared: pages::Shared = Arc::<SampleDesk>::clone(&desk);
        let inside = pages::router(Arc::clone(&shared)).merge(api::router(shared));
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            router: shell.router(inside),
            runtime: runtime.enable_all().build().expect("a runtime"),
            folder,
            shell,
            desk,
            audits,
        }
    }

    /// Makes sure that there is an open account with this role: what was asked before may have
    /// closed it.
    fn account(&self, name: &str, role: Role) {
        if self
            .shell
            .book()
            .open_account(name)
            .is_some_and(|own| own.roles.has(role))
        {
            return;
        }
        let (account, roles) = (name.to_owned(), [role].into_iter().collect());
        let work = self.shell.change(None, move |book| {
            let new = Account {
                display: account.clone(),
                roles,
                password: None,
                totp: None,
                created: NOW,
                disabled: None,
                last_sign_in: None,
            };
            if book.account(&account).is_some() {
                book.edit(&account, |old| *old = new)?;
            } else {
                book.add(&account, new)?;
            }
            Ok(((), Act::AccountMade { account, roles }))
        });
        let made = self.runtime.block_on(work);
        assert!(matches!(made, Ok(Ok(()))), "an account");
    }

    /// A new secret of a session or token of this one; none for a guest.
    fn secret(&self, who: &str) -> Option<String> {
        let role = match who {
            TOKEN => Role::Analyst,
            who => Role::named(who)?,
        };
        self.account(who, role);
        if who != TOKEN {
            let way = (Way::Password, Step::In);
            let secret = self.shell.step(who, way, None).expect("randomness");
            return Some(secret.text());
        }
        let secret = super::secret::Secret::new().expect("randomness");
        let mark = secret.mark();
        let work = self.shell.change(None, move |book| {
            book.revoke_all(TOKEN);
            let token = ApiToken {
                mark,
                account: TOKEN.into(),
                label: TOKEN.into(),
                scopes: Scope::ALL.to_vec(),
                created: NOW,
                expires: Timestamp(i64::MAX),
            };
            book.add_token(token, NOW)?;
            Ok(((), Act::SignedOut))
        });
        let made = self.runtime.block_on(work);
        assert!(matches!(made, Ok(Ok(()))), "a token");
        Some(secret.text())
    }

    fn answer(&self, request: Request<Body>) -> (Response<()>, Vec<u8>) {
        let service = TowerToHyperService::new(self.router.clone());
        self.runtime.block_on(async {
            let (head, body) = match service.call(request).await {
                Ok(answer) => answer.into_parts(),
                Err(never) => match never {},
            };
            let kind = head.headers.get(header::CONTENT_TYPE);
            // That one does not end.
            let streams = kind.is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
            let body = match streams {
                true => Vec::new(),
                false => to_bytes(body, 1 << 24).await.expect("a body").to_vec(),
            };
            (Response::from_parts(head, ()), body)
        })
    }
}

/// Asserts what must hold of the answer to `data` as a request.
pub fn check(data: &[u8]) {
    let Some((who, asked)) = data.get(..LEN_MAX.min(data.len())).and_then(read) else {
        return;
    };
    let mut stand = STAND.lock().unwrap_or_else(PoisonError::into_inner);
    if stand
        .as_ref()
        .is_some_and(|it| it.desk.acts().len() > ACTS_MAX)
    {
        *stand = None;
    }
    let stand = stand.get_or_insert_with(Stand::new);
    check_with(stand, &who, &asked, data);
}

/// A request as it is written above.
struct Asked {
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, String)>,
    body: String,
}

fn read(data: &[u8]) -> Option<(String, Asked)> {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let who = lines.next()?.strip_prefix("as ")?.trim().to_owned();
    let (method, uri) = lines.next()?.split_once(' ')?;
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().parse().ok()?, value.trim().to_owned()))
    });
    let asked = Asked {
        method: method.parse().ok()?,
        uri: uri.parse().ok()?,
        headers: headers.take(64).collect(),
        body: body.to_owned(),
    };
    Some((who, asked))
}

fn check_with(stand: &Stand, who: &str, asked: &Asked, data: &[u8]) {
    // The record of accounts always has room.
    let _ = stand.audits.try_iter().count();
    let secret = stand.secret(who);
    let mark = secret
        .as_deref()
        .map(|secret| stand.shell.form_mark(secret));
    let filled = |text: &str| text.replace("{csrf}", mark.as_deref().unwrap_or_default());
    let mut request = Request::new(Body::from(filled(&asked.body)));
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = asked.uri.clone();
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    if let Some(secret) = &secret {
        let (name, value) = match who {
            TOKEN => (header::AUTHORIZATION, format!("Bearer {secret}")),
            _ => (header::COOKIE, format!("poortwacht={secret}")),
        };
        headers.insert(name, HeaderValue::try_from(value).expect("a header"));
    }
    for (name, value) in &asked.headers {
        if let Ok(value) = HeaderValue::try_from(filled(value)) {
            headers.append(name, value);
        }
    }
    let acts = stand.desk.acts().len();
    let (head, body) = stand.answer(request);
    let what = || format!("{who}: {} {}: {}", asked.method, asked.uri, head.status());
    assert!(!head.status().is_server_error(), "{}", what());
    for name in [
        "content-security-policy",
        "x-content-type-options",
        "x-frame-options",
    ] {
        assert!(head.headers().contains_key(name), "{}: no {name}", what());
    }
    let done = stand.desk.acts().len() - acts;
    let changes = !matches!(asked.method, Method::GET | Method::HEAD);
    assert!(
        done == 0 || (changes && secret.is_some()),
        "{}: it acted",
        what()
    );
    let body = String::from_utf8_lossy(&body);
    if let Some(secret) = &secret {
        assert!(!body.contains(secret.as_str()), "{}: a secret", what());
        let others = head
            .headers()
            .iter()
            .filter(|(name, _)| *name != header::SET_COOKIE);
        for (name, value) in others {
            let told = String::from_utf8_lossy(value.as_bytes());
            assert!(!told.contains(secret.as_str()), "{}: {name}", what());
        }
    }
    let said = String::from_utf8_lossy(data);
    // Who may see persons, and what somebody said themselves may be said to them again.
    for person in [&PERSON[7..], UNIT, "flow-of-a-person"] {
        let may = matches!(who, "analyst" | "lead" | "officer" | TOKEN) && secret.is_some();
        assert!(
            may || said.contains(person) || !body.contains(person),
            "{}",
            what()
        );
    }
    if secret.is_none() {
        let vendor = "Kairos &#60;script";
        assert!(
            !body.contains(vendor) && !body.contains("+30 some-rule"),
            "{}",
            what()
        );
    }
    let kind = head.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        assert!(!body.contains("<script>alert"), "{}: markup", what());
    }
}

#[cfg(test)]
mod tests;
