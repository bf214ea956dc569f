//! The shell: settings and tables that all pages share, and the router around theirs.
//!
//! Enters: settings, a router of pages. Leaves: a router that can be served. Never: reads the record.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum::http::HeaderValue;
use axum::middleware;
use axum::routing::get;
use jiff::tz::TimeZone;

use super::accounts::{Accounts, Book, Link, LinkKind, Refused};
use super::audit::{Act, Audit, Way};
use super::brake::Brake;
use super::oidc::Oidc;
use super::page::NavEntry;
use super::pages::live::Listeners;
use super::password::Passwords;
use super::refusal::Refusal;
use super::rights::{Right, Role, Roles};
use super::secret::{Mark, Secret};
use super::sessions::{Sessions, Step};
use super::settings::Settings;
use super::words::Words;
use super::{door, gate, statics};
use crate::base::Timestamp;
use crate::metrics::Metrics;
use crate::metrics::console::NotIn;

/// An invitation holds for three days, the link of the first start and a reset for one.
const INVITE_HOURS: i64 = 72;
const LINK_HOURS: i64 = 24;
const HOUR_NS: i64 = 3_600_000_000_000;

/// What all pages share. Cheap to clone.
#[derive(Clone)]
pub struct Shell(Arc<Inner>);

struct Inner {
    settings: Settings,
    nav: Vec<NavEntry>,
    zone: TimeZone,
    accounts: Accounts,
    passwords: Passwords,
    sessions: Mutex<Sessions>,
    brake: Mutex<Brake>,
    listeners: Listeners,
    metrics: OnceLock<Arc<Metrics>>,
    oidc: Option<Oidc>,
    /// Of this run: forms do not outlive it.
    form_key: Secret,
    audit: SyncSender<Audit>,
    clock: Clock,
}

/// Gives the present moment.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

impl Shell {
    /// Opens the accounts. `nav` is the main menu of the pages; every act on accounts goes to
    /// `audit`, and is refused when that is full or gone.
    ///
    /// # Errors
    /// A sentence about what cannot be used, and what to do.
    pub fn open(
        settings: Settings,
        nav: Vec<NavEntry>,
        audit: SyncSender<Audit>,
    ) -> Result<Self, String> {
        Self::open_at(settings, nav, audit, Box::new(wall_clock))
    }

    /// The same, with a clock of one's own: tests let hours pass with it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_at(
        settings: Settings,
        nav: Vec<NavEntry>,
        audit: SyncSender<Audit>,
        clock: Clock,
    ) -> Result<Self, String> {
        settings.check()?;
        let zone = settings.time_zone()?;
        let accounts = Accounts::open(&settings.folder)?;
        let mut nav = nav;
        nav.push(NavEntry {
            path: "/accounts",
            label: |language| Words::of(language).accounts,
            right: Right::ManageAccounts,
            key: None,
        });
        let no_chance = |_| "the system gives no randomness".to_owned();
        let life_ns = u64::from(settings.session_hours) * HOUR_NS.unsigned_abs();
        let idle_ns = u64::from(settings.idle_minutes) * (HOUR_NS / 60).unsigned_abs();
        let oidc = Oidc::new(&settings)?;
        Ok(Self(Arc::new(Inner {
            oidc,
            nav,
            zone,
            accounts,
            passwords: Passwords::new().map_err(no_chance)?,
            sessions: Mutex::new(Sessions::new(life_ns, idle_ns)),
            brake: Mutex::default(),
            listeners: Listeners::default(),
            metrics: OnceLock::new(),
            form_key: Secret::new().map_err(no_chance)?,
            audit,
            clock,
            settings,
        })))
    }

    /// The pages with everything around them. A route of `pages` is met by signed-in visitors
    /// only; what they may there is for the handler to ask ([`Visitor::require`]).
    ///
    /// [`Visitor::require`]: super::Visitor::require
    pub fn router(&self, pages: Router) -> Router {
        let inside = door::inside(self).merge(pages);
        let inside = inside.route_layer(middleware::from_fn(gate::signed_in_only));
        let all = inside
            .merge(door::outside(self))
            .route("/static/{name}", get(statics::get))
            .fallback(async || Refusal::NotFound);
        // The gate takes the prefix off, so it must stand before anything is routed.
        let gated = middleware::from_fn_with_state(self.clone(), gate::gate);
        Router::new().fallback_service(all).layer(gated)
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Prefix of every address: empty, or `/poortwacht`.
    pub fn base(&self) -> &str {
        &self.0.settings.base_path
    }

    /// The main menu, all of it.
    pub fn nav(&self) -> &[NavEntry] {
        &self.0.nav
    }

    /// The zone of "local time".
    pub fn zone(&self) -> &TimeZone {
        &self.0.zone
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// The accounts as they are now.
    pub fn book(&self) -> Arc<Book> {
        self.0.accounts.book()
    }

    pub(super) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(super) fn oidc(&self) -> Option<&Oidc> {
        self.0.oidc.as_ref()
    }

    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn brake(&self) -> MutexGuard<'_, Brake> {
        self.0.brake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts from now on; the first call counts.
    pub fn measure(&self, metrics: Arc<Metrics>) {
        let _ = self.0.metrics.set(metrics);
    }

    pub(super) fn metrics(&self) -> Option<&Metrics> {
        self.0.metrics.get().map(|it| &**it)
    }

    /// How many are in. Sessions end by themselves, so somebody asks now and then.
    pub fn count(&self) {
        if let Some(metrics) = self.metrics() {
            let sessions = self.sessions().count(self.now());
            metrics.console_now(sessions, self.listeners().count());
        }
    }

    /// Counts somebody who was not let in.
    pub(super) fn not_in(&self, why: NotIn) {
        if let Some(metrics) = self.metrics() {
            metrics.console_not_in(why);
        }
    }

    /// Pages that listen for what changes.
    pub(super) fn listeners(&self) -> &Listeners {
        &self.0.listeners
    }

    pub(super) fn form_mark(&self, cookie: &str) -> String {
        self.0.form_key.form_mark(cookie)
    }

    pub(super) fn veil_key(&self, mark: &Mark) -> [u8; 32] {
        self.0.form_key.veil_key(mark)
    }

    /// Puts an act on the record.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when the record does not take it: what is not recorded is not done.
    pub fn tell(&self, by: Option<&str>, act: Act) -> Result<(), Refusal> {
        let audit = Audit {
            time: self.now(),
            by: by.map(str::to_owned),
            act,
        };
        self.0.audit.try_send(audit).map_err(|why| {
            let why = match why {
                TrySendError::Full(_) => "is behind",
                TrySendError::Disconnected(_) => "has ended",
            };
            tracing::error!("an act in the console was refused: the audit trail {why}");
            Refusal::Busy
        })
    }

    /// Changes the accounts, off the threads that serve pages. The act is on the record before the
    /// change is on the disk, and the change is on the disk before it counts.
    ///
    /// # Errors
    /// Outside what is the program's fault, inside what `change` refuses.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        by: Option<&str>,
        change: impl FnOnce(&mut Book) -> Result<(T, Act), Refused> + Send + 'static,
    ) -> Result<Result<T, Refused>, Refusal> {
        let (shell, by) = (self.clone(), by.map(str::to_owned));
        let work = move || shell.change_here(by.as_deref(), change);
        match tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Refusal::Failed)?
        {
            Err(Refused::Unwritten) => Err(Refusal::Failed),
            Err(Refused::Unrecorded) => Err(Refusal::Busy),
            done => Ok(done),
        }
    }

    fn change_here<T>(
        &self,
        by: Option<&str>,
        change: impl FnOnce(&mut Book) -> Result<(T, Act), Refused>,
    ) -> Result<T, Refused> {
        self.0.accounts.change(|book| {
            let (done, act) = change(book)?;
            self.tell(by, act).map_err(|_| Refused::Unrecorded)?;
            Ok(done)
        })
    }

    /// Lets somebody in whose way was checked: a new token, and an end to `old`.
    pub(super) async fn let_in(
        &self,
        account: &str,
        way: Way,
        old: Option<Mark>,
    ) -> Result<Secret, Refusal> {
        let (name, now) = (account.to_owned(), self.now());
        let seen = move |book: &mut Book| {
            book.open_account(&name).ok_or(Refused::Unknown)?;
            book.edit(&name, |account| account.last_sign_in = Some(now))?;
            Ok(((), Act::SignedIn { way }))
        };
        self.change(Some(account), seen)
            .await?
            .map_err(|_| Refusal::Forbidden)?;
        self.step(account, (way, Step::In), old)
    }

    /// A session that has come so far; a new token each time.
    pub(super) fn step(
        &self,
        account: &str,
        how: (Way, Step),
        old: Option<Mark>,
    ) -> Result<Secret, Refusal> {
        let mut sessions = self.sessions();
        if let Some(old) = old {
            sessions.end(&old);
        }
        sessions.begin(account, how, self.now())
    }

    /// The link for the first administrator; `None` when there is one already.
    ///
    /// # Errors
    /// A sentence about what failed.
    pub fn first_link(&self) -> Result<Option<String>, String> {
        if self.book().has_admin() {
            return Ok(None);
        }
        self.link(None, LinkKind::First)
            .map(Some)
            .map_err(|why| format!("the link for the first administrator cannot be made: {why:?}"))
    }

    /// Invites somebody; the link goes to them by a way outside this program.
    ///
    /// # Errors
    /// Why not.
    pub fn invite(&self, by: Option<&str>, account: &str, roles: Roles) -> Result<String, Refused> {
        self.link(
            by,
            LinkKind::Invite {
                account: account.to_owned(),
                roles,
            },
        )
    }

    /// A link to set a new password.
    ///
    /// # Errors
    /// Why not.
    pub fn reset(&self, by: Option<&str>, account: &str) -> Result<String, Refused> {
        self.link(
            by,
            LinkKind::Reset {
                account: account.to_owned(),
            },
        )
    }

    /// Makes a link and waits for the disk. Its address is told this one time.
    fn link(&self, by: Option<&str>, kind: LinkKind) -> Result<String, Refused> {
        let secret = Secret::new().map_err(|_| Refused::Unwritten)?;
        let now = self.now();
        let (hours, act) = match &kind {
            LinkKind::First => (LINK_HOURS, Act::FirstLinkMade),
            LinkKind::Reset { account } => (
                LINK_HOURS,
                Act::ResetMade {
                    account: account.clone(),
                },
            ),
            LinkKind::Invite { account, roles } => (
                INVITE_HOURS,
                Act::Invited {
                    account: account.clone(),
                    roles: *roles,
                },
            ),
        };
        let expires = Timestamp(now.nanos().saturating_add(hours * HOUR_NS));
        let link = Link {
            mark: secret.mark(),
            kind,
            expires,
        };
        self.change_here(by, |book| book.add_link(link, now).map(|()| ((), act)))?;
        Ok(format!(
            "{}{}/link/{}",
            self.0.settings.address_for_people(),
            self.base(),
            secret.text()
        ))
    }

    /// Must somebody with these roles have a second factor?
    pub(super) fn needs_second_factor(&self, roles: Roles) -> bool {
        let needing: &[Role] = &self.0.settings.second_factor;
        needing.iter().any(|role| roles.has(*role))
    }

    /// Name of a cookie: bound to this host alone where that can be had.
    pub(super) fn cookie_name(&self, name: &str) -> String {
        if self.0.settings.is_secure() {
            format!("__Host-{name}")
        } else {
            name.to_owned()
        }
    }

    /// `Set-Cookie`. An empty value takes it away.
    pub(super) fn cookie(&self, name: &str, value: &str) -> Result<HeaderValue, Refusal> {
        let name = self.cookie_name(name);
        let secure = if self.0.settings.is_secure() {
            "; Secure"
        } else {
            ""
        };
        // The provider's answer is a step from another site: only a lax cookie comes along.
        let site = if name.ends_with(OTHER) {
            "Lax"
        } else {
            "Strict"
        };
        let age = match value {
            "" => "; Max-Age=0",
            _ if name.ends_with(VIEW) => "; Max-Age=31536000",
            _ if name.ends_with(OTHER) => "; Max-Age=600",
            _ => "",
        };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={site}{secure}{age}");
        HeaderValue::try_from(text).map_err(|_| Refusal::Failed)
    }
}

/// The cookie of a session.
pub(super) const SESSION: &str = "poortwacht";
/// The cookie that binds forms to a guest's browser.
pub(super) const FORM: &str = "poortwacht-form";
/// The cookie of language, time and colours.
pub(super) const VIEW: &str = "poortwacht-view";

/// The cookie of a sign-in that is at the identity provider.
pub(super) const OTHER: &str = "poortwacht-other";

fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
