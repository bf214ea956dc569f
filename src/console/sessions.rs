//! Who is signed in: a bounded table in memory. A restart signs everybody out.
//!
//! Own lines rather than tower-sessions: its store keeps the token itself and has no bound; here
//! only the token's digest is kept, both expiries are checked in one place, and an account's
//! sessions can be ended together.
//!
//! Enters: marks of tokens, moments. Leaves: whose session it is. Never: holds a token.

use std::collections::HashMap;

use super::audit::Way;
use super::refusal::Refusal;
use super::secret::{Mark, Secret};
use super::totp::Seed;
use crate::base::Timestamp;

/// Sessions at a time.
pub const SESSIONS_MAX: usize = 1024;
/// Sessions of one account; a further one ends the one that rested longest.
pub const PER_ACCOUNT_MAX: usize = 8;
/// A sign-in that stops half way is forgotten after ten minutes.
const HALF_WAY_NS: u64 = 600_000_000_000;

/// How far a sign-in has come.
#[derive(Clone)]
pub enum Step {
    /// The password was right; a code is missing.
    Code,
    /// The password was right; a second factor must be set up, with this seed.
    Enrol(Seed),
    /// Signed in.
    In,
}

/// One sign-in.
#[derive(Clone)]
pub struct Session {
    /// Name of the account.
    pub account: String,
    /// How they came in.
    pub way: Way,
    /// How far.
    pub step: Step,
    /// A second factor that is being set up from within.
    pub seed: Option<Seed>,
    began: Timestamp,
    seen: Timestamp,
}

/// All of them.
pub struct Sessions {
    table: HashMap<Mark, Session>,
    life_ns: u64,
    idle_ns: u64,
}

impl Sessions {
    /// None yet. A session ends `life_ns` after its beginning, and `idle_ns` after its last request.
    pub fn new(life_ns: u64, idle_ns: u64) -> Self {
        Self {
            table: HashMap::new(),
            life_ns,
            idle_ns,
        }
    }

    /// A new session; its secret goes to the browser and nowhere else.
    ///
    /// # Errors
    /// [`Refusal::Failed`] without randomness.
    pub fn begin(
        &mut self,
        account: &str,
        (way, step): (Way, Step),
        now: Timestamp,
    ) -> Result<Secret, Refusal> {
        let secret = Secret::new()?;
        self.table
            .retain(|_, session| !over(session, now, self.life_ns, self.idle_ns));
        let own = self
            .table
            .values()
            .filter(|session| session.account == account)
            .count();
        if own >= PER_ACCOUNT_MAX {
            self.end_longest_idle(|session| session.account == account);
        } else if self.table.len() >= SESSIONS_MAX {
            self.end_longest_idle(|_| true);
        }
        let account = account.to_owned();
        let session = Session {
            account,
            way,
            step,
            seed: None,
            began: now,
            seen: now,
        };
        self.table.insert(secret.mark(), session);
        Ok(secret)
    }

    /// The session of a token, seen now. One that is over is gone.
    pub fn seen(&mut self, mark: &Mark, now: Timestamp) -> Option<Session> {
        let session = self.table.get_mut(mark)?;
        if over(session, now, self.life_ns, self.idle_ns) {
            self.table.remove(mark);
            return None;
        }
        session.seen = now.max(session.seen);
        Some(session.clone())
    }

    /// Does it still last? Asking is no sign of life.
    pub fn lasts(&self, mark: &Mark, now: Timestamp) -> bool {
        let session = self.table.get(mark);
        session.is_some_and(|session| !over(session, now, self.life_ns, self.idle_ns))
    }

    /// Keeps a seed until its code is shown.
    pub fn setting_up(&mut self, mark: &Mark, seed: Option<Seed>) {
        if let Some(session) = self.table.get_mut(mark) {
            session.seed = seed;
        }
    }

    /// Ends one.
    pub fn end(&mut self, mark: &Mark) {
        self.table.remove(mark);
    }

    /// Ends all of an account, except `but`.
    pub fn end_of(&mut self, account: &str, but: Option<&Mark>) {
        self.table
            .retain(|mark, session| session.account != account || but == Some(mark));
    }

    /// How many of an account are in, expired ones aside.
    pub fn count_of(&self, account: &str, now: Timestamp) -> usize {
        let all = self.table.values();
        let all = all.filter(|session| session.account == account);
        all.filter(|session| !over(session, now, self.life_ns, self.idle_ns))
            .count()
    }

    /// How many there are, expired ones aside.
    pub fn count(&self, now: Timestamp) -> usize {
        let all = self.table.values();
        all.filter(|session| !over(session, now, self.life_ns, self.idle_ns))
            .count()
    }

    fn end_longest_idle(&mut self, among: impl Fn(&Session) -> bool) {
        let all = self.table.iter().filter(|(_, session)| among(session));
        let eldest = all
            .min_by_key(|(_, session)| session.seen)
            .map(|(mark, _)| *mark);
        if let Some(mark) = eldest {
            self.table.remove(&mark);
        }
    }
}

fn over(session: &Session, now: Timestamp, life_ns: u64, idle_ns: u64) -> bool {
    let life_ns = if matches!(session.step, Step::In) {
        life_ns
    } else {
        HALF_WAY_NS
    };
    now.since_ns(session.began) >= life_ns || now.since_ns(session.seen) >= idle_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * SECOND)
    }

    fn begin(all: &mut Sessions, who: &str, seconds: i64) -> Mark {
        all.begin(who, (Way::Password, Step::In), at(seconds))
            .unwrap()
            .mark()
    }

    #[test]
    fn a_session_ends_by_age_by_rest_and_by_hand() {
        let mut all = Sessions::new(100 * SECOND as u64, 10 * SECOND as u64);
        let mark = begin(&mut all, "eva", 0);
        for second in (0..100).step_by(9) {
            assert!(all.seen(&mark, at(second)).is_some(), "{second}");
        }
        assert!(all.seen(&mark, at(100)).is_none(), "by age");
        let mark = begin(&mut all, "eva", 200);
        assert!(all.lasts(&mark, at(209)) && !all.lasts(&mark, at(210)));
        assert!(all.seen(&mark, at(210)).is_none(), "by rest");
        let mark = begin(&mut all, "eva", 300);
        all.end(&mark);
        assert!(all.seen(&mark, at(300)).is_none(), "by hand");
    }

    #[test]
    fn half_a_sign_in_does_not_last() {
        let hours = 36_000 * SECOND as u64;
        let mut all = Sessions::new(hours, hours);
        let mark = all
            .begin("eva", (Way::Password, Step::Code), at(0))
            .unwrap()
            .mark();
        assert!(all.seen(&mark, at(599)).is_some());
        assert!(all.seen(&mark, at(600)).is_none());
    }

    #[test]
    fn an_account_has_so_many_and_the_table_too() {
        let mut all = Sessions::new(u64::MAX, u64::MAX);
        let first = begin(&mut all, "eva", 0);
        for n in 1..=PER_ACCOUNT_MAX as i64 {
            begin(&mut all, "eva", n);
        }
        assert!(all.seen(&first, at(20)).is_none());
        assert_eq!(all.count_of("eva", at(20)), PER_ACCOUNT_MAX);
        for n in 0..2 * SESSIONS_MAX {
            begin(&mut all, &format!("person{n}"), 30);
        }
        assert!(all.table.len() <= SESSIONS_MAX);
    }

    #[test]
    fn all_of_an_account_end_together() {
        let mut all = Sessions::new(u64::MAX, u64::MAX);
        let (one, two) = (begin(&mut all, "eva", 0), begin(&mut all, "eva", 0));
        let other = begin(&mut all, "jan", 0);
        all.end_of("eva", Some(&two));
        assert!(all.seen(&one, at(1)).is_none());
        assert!(all.seen(&two, at(1)).is_some() && all.seen(&other, at(1)).is_some());
    }
}
