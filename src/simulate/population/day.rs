//! A week in an office, day by day.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::organisation::{MACHINES, STAFF, map};
use super::{CONFOUNDERS, DAYS, Kind, Office, Person, Reached, SIGNUPS, Truth};
use crate::simulate::behaviour::browser::Browser;
use crate::simulate::behaviour::course::{Actor, Site, WITH_SIGNUP, WITHOUT_SIGNUP};
use crate::simulate::chance::Chance;
use crate::simulate::plan::{Client, Plan, SECOND, Session, Transport, What};
use crate::simulate::sessions::Act;

const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// Monday 2 March 2026, 00:00 UTC.
const START: u64 = 1_772_409_600;

/// Confounder days and how many of a hundred are such; the list repeats what stands in the design.
const SHARES: [(Kind, u64); 29] = [
    (Kind::Visit, 12),
    (Kind::SearchOnly, 6),
    (Kind::Article, 6),
    (Kind::Prefetch, 4),
    (Kind::PreviewBot, 3),
    (Kind::MailScanner, 4),
    (Kind::Research, 3),
    (Kind::Proxy, 3),
    (Kind::TerminalServer, 4),
    (Kind::Nat, 3),
    (Kind::ChangedHands, 5),
    (Kind::Visitor, 3),
    (Kind::Login, 9),
    (Kind::CodeLogin, 5),
    (Kind::LinkLogin, 4),
    (Kind::NewDevice, 4),
    (Kind::Reset, 5),
    (Kind::Change, 4),
    (Kind::Receipt, 4),
    (Kind::Demo, 6),
    (Kind::Newsletter, 5),
    (Kind::Invitation, 4),
    (Kind::Redeemed, 2),
    (Kind::Rights, 4),
    (Kind::FaceUnlock, 1),
    (Kind::Egates, 1),
    (Kind::IdentityCheck, 4),
    (Kind::LookAlike, 3),
    (Kind::Supplier, 2),
];

/// An office being made.
pub struct Week {
    seed: u64,
    /// Does log-in send mail?
    login_mail: bool,
    chance: Chance,
    plan: Plan,
    people: Vec<Person>,
    machines: BTreeMap<&'static str, usize>,
    /// Through whom look-ups are seen: nobody's own when the office has a resolver.
    resolver: Option<usize>,
    radius: bool,
    days: BTreeMap<Kind, u32>,
    others: BTreeMap<&'static str, u32>,
    /// The day on which each signer-up does, and at which vendor.
    signups: Vec<(usize, usize)>,
}

/// A person's place on one day.
struct Seat {
    client: usize,
    person: usize,
    /// When work can begin and must end.
    from: u64,
    until: u64,
}

impl Week {
    /// Nobody has come in yet.
    pub fn new(seed: u64, login_mail: bool, mut chance: Chance) -> Self {
        let mut plan = Plan::new(START);
        let mut machines = BTreeMap::new();
        for (index, (name, [c, d], _)) in MACHINES.iter().enumerate() {
            let mac = [2, 0, 0, 1, 0, index as u8 + 1];
            machines.insert(*name, plan.client(client(name, [*c, *d], mac)));
        }
        let people = (0..CONFOUNDERS + SIGNUPS).map(|number| person(seed, number));
        let resolver = chance.happens(0.5).then(|| machines["resolver"]);
        let radius = chance.happens(0.5);
        let signups = (0..SIGNUPS).map(|nth| {
            let day = chance.between(0, DAYS as u64 - 2) as usize;
            (day, (seed as usize * SIGNUPS + nth) % WITH_SIGNUP.len())
        });
        let signups = signups.collect();
        Self {
            seed,
            login_mail,
            people: people.collect(),
            plan,
            machines,
            resolver,
            radius,
            days: BTreeMap::new(),
            others: BTreeMap::new(),
            signups,
            chance,
        }
    }

    /// One day: everybody comes in, does one thing, and leaves.
    pub fn day(&mut self, day: usize) {
        let midnight = day as u64 * DAY;
        let count = self.people.len();
        let mut held_over: Option<IpAddr> = None;
        for person in 0..count {
            // Everybody's address was somebody else's the day before.
            let number = ((person * 7 + day * 11) % count) as u8 + 10;
            let kind = self.kind_of(person, day);
            let mut seat = match held_over.take() {
                Some(address) => self.comes_in(person, address, midnight + 12 * HOUR + HOUR / 5),
                None => {
                    let address = IpAddr::from([STAFF[0], STAFF[1], 1, number]);
                    let at = self.chance.between(7 * 60 + 30, 9 * 60 + 30) * 60 * SECOND;
                    self.comes_in(person, address, midnight + at)
                }
            };
            if kind == Kind::ChangedHands && person + 1 < count {
                held_over = Some(self.plan.clients[seat.client].address);
                seat.until = seat.until.min(midnight + 12 * HOUR);
                if seat.from >= seat.until {
                    // Came in after noon already: the address has changed hands once, that is enough.
                    held_over = None;
                    seat.until = midnight + 17 * HOUR;
                }
            }
            self.leaves(&seat);
            *self.days.entry(kind).or_default() += 1;
            self.does(&seat, kind, day);
        }
    }

    fn kind_of(&mut self, person: usize, day: usize) -> Kind {
        if let Some((on, _)) = person.checked_sub(CONFOUNDERS).map(|nth| self.signups[nth]) {
            // Who signs up does nothing else that week but use it.
            return if on == day {
                Kind::SignUp
            } else {
                Kind::Supplier
            };
        }
        let total: u64 = SHARES.iter().map(|(_, share)| share).sum();
        let mut drawn = self.chance.between(0, total - 1);
        let mut kinds = SHARES.iter();
        let kind = kinds.find_map(|&(kind, share)| match drawn.checked_sub(share) {
            Some(rest) => {
                drawn = rest;
                None
            }
            None => Some(kind),
        });
        match kind.unwrap_or(Kind::Visit) {
            Kind::CodeLogin | Kind::LinkLogin | Kind::NewDevice if !self.login_mail => Kind::Login,
            kind => kind,
        }
    }

    fn comes_in(&mut self, number: usize, address: IpAddr, at: u64) -> Seat {
        let person = &self.people[number];
        let client = self.plan.client(Client {
            key: person.user.clone(),
            address,
            mac: person.mac,
            host: Some(person.host.clone()),
            user: Some(person.user.clone()),
            mail: Some(person.mail.clone()),
        });
        let (act, lease) = (Session::Start, 10 * 3_600);
        self.plan.push(at, client, What::Dhcp { act, lease });
        let later = at + self.chance.between(1, 30) * SECOND;
        let proof = if self.radius {
            What::Radius { act }
        } else {
            What::Kerberos
        };
        self.plan.push(later, client, proof);
        Seat {
            client,
            person: number,
            from: at + 120 * SECOND,
            until: at / DAY * DAY + 17 * HOUR + HOUR / 2,
        }
    }

    fn leaves(&mut self, seat: &Seat) {
        let act = Session::Stop;
        if self.radius {
            self.plan
                .push(seat.until, seat.client, What::Radius { act });
        }
        let release = What::Dhcp { act, lease: 0 };
        self.plan.push(seat.until + SECOND, seat.client, release);
    }

    /// A moment to begin, with two hours to spare where the day has them.
    fn moment(&mut self, seat: &Seat) -> u64 {
        let last = seat.until.saturating_sub(2 * HOUR).max(seat.from + 1);
        self.chance.between(seat.from, last)
    }

    fn actor(&mut self, client: usize, asks: Option<usize>) -> (Browser, Chance) {
        let transport = if self.chance.happens(0.33) {
            Transport::H3
        } else {
            Transport::H2
        };
        let asks = self.resolver.or(asks);
        let browser = Browser::new(client, transport).asking_through(asks);
        (browser, Chance::new(self.chance.next()))
    }

    /// Plays `course` as somebody at `client`.
    fn play(
        &mut self,
        client: usize,
        site: &Site,
        course: impl FnOnce(&mut Actor<'_>) -> u64,
    ) -> u64 {
        let (mut browser, mut chance) = self.actor(client, Some(client));
        if site.front != site.account && chance.happens(1.0 / 7.0) {
            browser.coalesce(site.account, site.front);
        }
        course(&mut Actor {
            plan: &mut self.plan,
            chance: &mut chance,
            browser,
            client,
        })
    }

    fn site(&mut self) -> &'static Site {
        if self.chance.happens(0.7) {
            self.chance.one_of(&WITH_SIGNUP)
        } else {
            self.chance.one_of(&WITHOUT_SIGNUP)
        }
    }

    fn truth(&mut self, person: usize, vendor: &'static str, reached: Reached, kind: Kind) {
        let truth = self.people[person].truth.entry(vendor).or_default();
        truth.reached = truth.reached.max(Some(reached));
        truth.searched |= reached == Reached::Searched;
        truth.kinds.insert(kind);
    }

    fn does(&mut self, seat: &Seat, kind: Kind, day: usize) {
        let site = self.site();
        let at = self.moment(seat);
        let (who, vendor, client) = (seat.person, site.vendor, seat.client);
        match kind {
            Kind::SignUp => self.signs_up(seat, at, day),
            Kind::Visit | Kind::ChangedHands => {
                self.play(client, site, |actor| actor.visit(at, site));
                self.truth(who, vendor, Reached::Visited, kind);
            }
            Kind::SearchOnly => {
                // PimEyes, FaceCheck and Lenso search without an account.
                let site = &WITHOUT_SIGNUP[1 + self.chance.between(0, 2) as usize];
                self.play(client, site, |actor| {
                    let at = actor.visit(at, site);
                    let times = actor.chance.between(1, 5);
                    actor.searches(at, site, times)
                });
                self.truth(who, site.vendor, Reached::Searched, kind);
            }
            Kind::Article | Kind::Prefetch => {
                self.play(client, site, |actor| {
                    actor.only(at, "www.newspaper.example", Act::PageVisit);
                    actor.browser.look_up(actor.plan, at + SECOND, site.front);
                    if kind == Kind::Article {
                        actor.only(at + SECOND, site.front, Act::Preconnect);
                    }
                    at
                });
                self.truth(who, vendor, Reached::LookedUp, kind);
            }
            Kind::CodeLogin | Kind::LinkLogin | Kind::NewDevice | Kind::Change | Kind::Receipt => {
                self.play(client, site, |actor| match kind {
                    Kind::CodeLogin => actor.logs_in_with_code(at, site),
                    Kind::LinkLogin => actor.logs_in_by_link(at, site),
                    Kind::NewDevice => actor.logs_in_from_new_device(at, site),
                    Kind::Change => actor.changes_account(at, site),
                    _ => actor.gets_receipt(at, site),
                });
                self.truth(who, vendor, Reached::Account, kind);
            }
            Kind::Redeemed => {
                self.play(client, site, |actor| actor.redeems_invitation(at, site));
                self.truth(who, vendor, Reached::Account, kind);
                let truth = self.people[who].truth.entry(vendor).or_default();
                truth.redeemed = true;
            }
            Kind::Login | Kind::Reset | Kind::Demo | Kind::Newsletter | Kind::Rights => {
                self.play(client, site, |actor| match kind {
                    Kind::Login => actor.logs_in(at, site),
                    Kind::Reset => actor.resets(at, site),
                    Kind::Demo => actor.asks_for_a_demo(at, site),
                    Kind::Newsletter => actor.subscribes(at, site),
                    _ => actor.asks_for_rights(at, site),
                });
                let reached = match kind {
                    Kind::Login | Kind::Reset => Reached::Account,
                    _ => Reached::Visited,
                };
                self.truth(who, vendor, reached, kind);
            }
            Kind::Invitation => {
                self.play(client, site, |actor| actor.is_invited(at, site));
                self.truth(who, vendor, Reached::Nothing, kind);
            }
            Kind::IdentityCheck => {
                self.play(client, site, |actor| {
                    actor.only(at, "www.bank.example", Act::PageVisit);
                    actor.only(at + 40 * SECOND, "api.eu.onfido.com", Act::IdentityCheck)
                });
                self.truth(who, "onfido", Reached::Visited, kind);
            }
            Kind::FaceUnlock => self.elsewhere(client, at, &["face-unlock.phone.example"]),
            Kind::LookAlike => {
                let names = ["clearviewregional.edu", "cloudwalk.io", "www.delaware.com"];
                self.elsewhere(client, at, &names);
            }
            Kind::Supplier => {
                let names = [
                    "forms.hsforms.com",
                    "cdn.auth0.com",
                    "consent.cookiebot.com",
                ];
                self.elsewhere(client, at, &names);
            }
            _ => self.others(seat, at, kind, site),
        }
    }

    fn elsewhere(&mut self, client: usize, at: u64, names: &[&str]) {
        self.play(client, &WITHOUT_SIGNUP[1], |actor| {
            let visits = names.iter().zip(0..);
            visits.fold(at, |_, (name, turn)| {
                actor.only(at + turn * 40 * SECOND, name, Act::PageVisit)
            })
        });
    }

    /// Days on which a machine, a visitor or somebody behind a shared address acts.
    fn others(&mut self, seat: &Seat, at: u64, kind: Kind, site: &'static Site) {
        *self.others.entry(site.vendor).or_default() += 1;
        let machine = match kind {
            Kind::PreviewBot => "chat",
            Kind::MailScanner => "mailhost",
            Kind::Research => "research",
            Kind::Proxy => "proxy",
            Kind::TerminalServer => "terminal",
            Kind::Nat => "nat",
            _ => "egate",
        };
        let mut client = self.machines[machine];
        if kind == Kind::Visitor {
            client = self.visitor(seat, at);
        }
        if kind == Kind::MailScanner {
            // The mail itself is the employee's; they never open it.
            self.play(seat.client, site, |actor| actor.is_invited(at, site));
            self.truth(seat.person, site.vendor, Reached::Nothing, kind);
        }
        if kind == Kind::TerminalServer {
            // Two people of one machine, at the same time.
            self.play(client, site, |actor| actor.visit(at + 7 * SECOND, site));
        }
        self.play(client, site, |actor| match kind {
            Kind::PreviewBot => actor.only(at, site.front, Act::BotFetch),
            Kind::MailScanner => actor.only(at + 45 * SECOND, site.account, Act::BotFetch),
            Kind::Research | Kind::Visitor => actor.signs_up(at, site),
            Kind::Proxy | Kind::Nat => {
                let at = actor.visit(at, site);
                actor.logs_in(at, site)
            }
            Kind::TerminalServer => actor.logs_in(at, site),
            _ => actor.only(at, "egates.airport.example", Act::ApiCall),
        });
    }

    fn visitor(&mut self, seat: &Seat, at: u64) -> usize {
        let mac = [6, 0, 0, 0, seat.person as u8, self.plan.clients.len() as u8];
        let visitor = client("visitor", [150, seat.person as u8 + 10], mac);
        let client = self.plan.client(visitor);
        let (act, lease) = (Session::Start, 3_600);
        let before = at - 60 * SECOND;
        self.plan.push(before, client, What::Dhcp { act, lease });
        client
    }

    fn signs_up(&mut self, seat: &Seat, at: u64, day: usize) {
        let nth = seat.person - CONFOUNDERS;
        let site = &WITH_SIGNUP[self.signups[nth].1];
        let uses = self.chance.happens(0.6);
        let end = self.play(seat.client, site, |actor| {
            let end = actor.signs_up(at, site);
            if uses {
                let times = actor.chance.between(1, 12);
                return actor.searches(end, site, times);
            }
            end
        });
        let truth = self.people[seat.person]
            .truth
            .entry(site.vendor)
            .or_default();
        truth.signed_up = true;
        truth.signed_up_at = end;
        let reached = if uses {
            Reached::Searched
        } else {
            Reached::SignedUp
        };
        self.truth(seat.person, site.vendor, reached, Kind::SignUp);
        debug_assert!(day < DAYS);
    }

    /// The office, its plan in order.
    pub fn finish(mut self) -> Office {
        self.plan.finish();
        Office {
            seed: self.seed,
            plan: self.plan,
            organisation: map(),
            people: self.people,
            days: self.days,
            others: self.others,
        }
    }
}

fn client(name: &str, [c, d]: [u8; 2], mac: [u8; 6]) -> Client {
    Client {
        key: name.into(),
        address: Ipv4Addr::new(STAFF[0], STAFF[1], c, d).into(),
        mac,
        host: None,
        user: None,
        mail: None,
    }
}

fn person(seed: u64, number: usize) -> Person {
    // Burnt-in addresses: people's machines, not phones that make one up.
    let [.., a, b] = (seed as u16).to_be_bytes();
    let user = format!("person{number:02}");
    Person {
        mail: format!("{user}@agency.example"),
        user,
        mac: [0, 0x16, 0x3e, a, b, number as u8],
        host: format!("wks-{number:02}"),
        truth: BTreeMap::<_, Truth>::new(),
    }
}
