//! Who sent a request: by session, by API token, or by what the connection vouches for.
//!
//! Enters: the head of a request, the connection it came by. Leaves: a [`Guest`], and a [`Visitor`]
//! when the account is open. Never: believes a proxy's header that did not come through the Unix
//! socket; lets a token do what its account may not.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::audit::{Act, Way};
use super::gate::is_visit;
use super::refusal::Refusal;
use super::secret::{Mark, Secret};
use super::serve::Peer;
use super::sessions::{Session, Step};
use super::shell::{FORM, SESSION, Shell, VIEW};
use super::view::View;
use super::visitor::{Guest, Visitor};
use crate::metrics::console::NotIn;

/// The session that a request carries, for the pages of the sign-in itself.
#[derive(Clone, Default)]
pub(super) struct Carried {
    /// Its mark.
    pub mark: Option<Mark>,
    /// Itself, however far it has come.
    pub session: Option<Session>,
}

/// What is known of a request's sender.
pub(super) struct Known {
    pub guest: Guest,
    pub visitor: Option<Visitor>,
    pub carried: Carried,
    /// Cookies to set.
    pub cookies: Vec<HeaderValue>,
    /// It showed something that is worth nothing.
    pub refused: Option<Refusal>,
}

/// `fits`: is the head one that may be answered? A session begins by no other.
pub(super) async fn recognise(shell: &Shell, parts: &Parts, path: String, fits: bool) -> Known {
    let headers = &parts.headers;
    let accepted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let view = cookie(headers, &shell.cookie_name(VIEW));
    let guest = Guest {
        shell: shell.clone(),
        view: View::read(view, accepted.unwrap_or_default()),
        csrf: String::new(),
        path,
        from: parts
            .extensions
            .get::<Peer>()
            .cloned()
            .unwrap_or_default()
            .address_of(headers),
    };
    let carried = Carried::default();
    let mut known = Known {
        guest,
        visitor: None,
        carried,
        cookies: Vec::new(),
        refused: None,
    };
    if known.guest.path.starts_with("/static/") {
        // The same for everybody, and kept by browsers: no cookie goes with it.
    } else if known.guest.path.starts_with("/api/") && headers.contains_key(header::AUTHORIZATION) {
        known.by_token(headers);
    } else {
        known.by_session(headers);
        known.by_connection(parts, fits).await;
        known.mark_forms(headers);
    }
    known
}

impl Known {
    fn by_token(&mut self, headers: &HeaderMap) {
        let shell = &self.guest.shell;
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let secret = shown
            .and_then(|text| text.strip_prefix("Bearer "))
            .and_then(Secret::read);
        let book = shell.book();
        let token = secret.and_then(|secret| book.token(&secret.mark(), shell.now()).cloned());
        let visitor = token.and_then(|token| {
            let account = book.open_account(&token.account)?;
            Some(Visitor {
                guest: self.guest.clone(),
                display: account.display.clone(),
                roles: account.roles,
                scope: Some(token.rights()),
                mark: token.mark,
                account: token.account,
            })
        });
        if visitor.is_none() {
            self.refused = Some(Refusal::SignIn);
        }
        self.visitor = visitor;
    }

    fn by_session(&mut self, headers: &HeaderMap) {
        let shell = &self.guest.shell;
        let secret = cookie(headers, &shell.cookie_name(SESSION)).and_then(Secret::read);
        let Some(secret) = secret else {
            return;
        };
        let mark = secret.mark();
        let Some(session) = shell.sessions().seen(&mark, shell.now()) else {
            return;
        };
        // Closed in the meantime: it ends here too.
        let Some(_) = shell.book().open_account(&session.account) else {
            shell.sessions().end(&mark);
            return;
        };
        self.carry(mark, session, &secret);
    }

    /// Takes a session as the sender's.
    fn carry(&mut self, mark: Mark, session: Session, secret: &Secret) {
        let shell = &self.guest.shell;
        self.guest.csrf = shell.form_mark(&secret.text());
        let inside = matches!(session.step, Step::In);
        let book = shell.book();
        let account = inside
            .then(|| book.open_account(&session.account))
            .flatten();
        self.visitor = account.map(|account| Visitor {
            guest: self.guest.clone(),
            account: session.account.clone(),
            display: account.display.clone(),
            roles: account.roles,
            scope: None,
            mark,
        });
        self.carried = Carried {
            mark: Some(mark),
            session: Some(session),
        };
    }

    /// A proxy's header or a client certificate: it must be there with every request of a session
    /// that began by it, and it begins one where there is none.
    async fn by_connection(&mut self, parts: &Parts, fits: bool) {
        let shell = self.guest.shell.clone();
        let peer = parts.extensions.get::<Peer>().cloned().unwrap_or_default();
        let vouched = peer.vouches(&parts.headers, shell.settings());
        if let Some(session) = &self.carried.session {
            let lasts = match (session.way, &vouched) {
                (Way::Proxy | Way::Certificate, None) => false,
                (way, Some((now, name))) => way == *now && session.account == *name,
                (_, None) => true,
            };
            if lasts {
                return;
            }
            if let Some(mark) = self.carried.mark {
                shell.sessions().end(&mark);
            }
            self.carried = Carried::default();
            self.visitor = None;
            self.guest.csrf.clear();
        }
        let page = parts.method == Method::GET && !self.guest.path.starts_with("/api/");
        let begins = fits && page && is_visit(&shell, &parts.headers);
        let Some((way, name)) = vouched.filter(|_| begins) else {
            return;
        };
        if shell.book().open_account(&name).is_none() {
            self.unknown(way, &name);
            return;
        }
        // Whoever keeps no cookie would be let in, and on the record, with every request.
        if let Err(wait_s) = shell.brake().lets_in(&name, shell.now()) {
            shell.not_in(NotIn::TooOften);
            self.refused = Some(Refusal::TooOften(wait_s));
            return;
        }
        let Ok(secret) = shell.let_in(&name, way, None).await else {
            return;
        };
        let mark = secret.mark();
        let session = shell.sessions().seen(&mark, shell.now());
        if let (Some(session), Ok(cookie)) = (session, shell.cookie(SESSION, &secret.text())) {
            self.carry(mark, session, &secret);
            self.cookies.push(cookie);
        }
    }

    /// Somebody is vouched for who has no account. Said once in a while, not with every request.
    fn unknown(&mut self, way: Way, name: &str) {
        let shell = &self.guest.shell;
        let (from, now) = (self.guest.from, shell.now());
        shell.not_in(NotIn::NoAccount);
        if shell.brake().check(from, name, now).is_ok() {
            shell.brake().failed(from, name, now);
            let account = shell.book().account(name).map(|_| name.to_owned());
            // It lets nobody in: it may be missing from a record that is behind.
            let _ = shell.tell(None, Act::SignInFailed { account, way });
        }
    }

    /// Forms of a guest are bound to a cookie of their own.
    fn mark_forms(&mut self, headers: &HeaderMap) {
        if !self.guest.csrf.is_empty() {
            return;
        }
        let shell = &self.guest.shell;
        let own = cookie(headers, &shell.cookie_name(FORM)).and_then(Secret::read);
        let secret = match own {
            Some(secret) => secret,
            None => {
                let Ok(secret) = Secret::new() else {
                    return;
                };
                self.cookies.extend(shell.cookie(FORM, &secret.text()).ok());
                secret
            }
        };
        self.guest.csrf = shell.form_mark(&secret.text());
    }
}

/// The value of a cookie.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers
        .get_all(header::COOKIE)
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|one| one.split_once('='));
    pairs
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}
