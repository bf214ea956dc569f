//! Who held what, as it goes in an office. Times in minutes after eight on a Monday.

mod confounders;
mod doors;
mod erased;
mod order;
mod places;
mod sessions;

use super::*;
use crate::base::Transport;
use crate::event::FactAct;
use crate::organisation::PlaceKind;

/// Monday 2 March 2026, 08:00 UTC.
const EIGHT: i64 = 1_772_438_400_000_000_000;
const MINUTE: i64 = 60_000_000_000;

const DESK: &str = "10.20.1.7";
const OTHER: &str = "10.20.1.8";
const DESK6: &str = "2001:db8:20::7";
const M1: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 1];
const M2: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 2];

const MAP: &str = r#"
realms = ["CORP.EXAMPLE", "CORP"]
mail_domains = ["corp.example"]
service_accounts = ["svc-*"]
[[unit]]
name = "lab"
[[site]]
name = "Main Hall"
[[network]]
prefix = "10.30.0.0/16"
kind = "visitors"
[[network]]
prefix = "10.1.0.53/32"
kind = "resolver"
site = "Main Hall"
[[network]]
prefix = "10.1.7.0/24"
kind = "shared"
[[network]]
prefix = "198.51.100.1/32"
kind = "translator"
[[network]]
prefix = "10.40.0.0/24"
kind = "camera"
[[router]]
mac = "00:00:5e:00:01:01"
"#;

fn at(minutes: i64) -> Timestamp {
    Timestamp(EIGHT + minutes * MINUTE)
}

/// The table under test, and short words for what happens.
struct Office {
    it: Identity,
}

fn office() -> Office {
    with(true)
}

fn with(people: bool) -> Office {
    let key = Key::from_secret(&(0u8..32).collect::<Vec<_>>()).unwrap();
    let map = Organisation::parse(MAP, "map").unwrap();
    let csv = "user,mail,unit\nanna,a.jansen@corp.example,lab\n";
    let map = map.with_people(csv, "people").unwrap();
    let settings = Settings {
        people,
        ..Settings::default()
    };
    Office {
        it: Identity::new(settings, key, Arc::new(map)),
    }
}

fn fact(source: FactSource, minutes: i64, address: &str) -> Fact {
    Fact {
        time: at(minutes),
        until: None,
        source,
        origin: source.label().into(),
        act: FactAct::Holds,
        net: Some(net(address)),
        mac: None,
        client_id: None,
        circuit: None,
        clock: None,
        host: None,
        user: None,
        session: None,
    }
}

fn net(text: &str) -> IpNet {
    text.parse()
        .unwrap_or_else(|_| IpNet::from(text.parse::<IpAddr>().unwrap()))
}

fn kerberos(minutes: i64, address: &str, user: &str) -> Fact {
    Fact {
        user: Some(user.into()),
        until: Some(at(minutes + 600)),
        ..fact(FactSource::Kerberos, minutes, address)
    }
}

fn radius(minutes: i64, address: &str, user: &str, session: &str) -> Fact {
    Fact {
        user: Some(user.into()),
        session: Some(session.into()),
        ..fact(FactSource::Radius, minutes, address)
    }
}

fn lease(minutes: i64, address: &str, mac: [u8; 6], length: i64) -> Fact {
    Fact {
        mac: Some(mac),
        until: Some(at(minutes + length)),
        ..fact(FactSource::Dhcp4, minutes, address)
    }
}

fn arp(minutes: i64, address: &str, mac: [u8; 6]) -> Fact {
    Fact {
        mac: Some(mac),
        ..fact(FactSource::Arp, minutes, address)
    }
}

/// The same, but over.
fn over(minutes: i64, fact: Fact) -> Fact {
    Fact {
        time: at(minutes),
        until: None,
        act: FactAct::Ends,
        ..fact
    }
}

fn ends(address: &str) -> Endpoints {
    Endpoints {
        src: address.parse().unwrap(),
        dst: "203.0.113.9".parse().unwrap(),
        sport: 50_000,
        dport: 443,
        transport: Transport::Tcp,
    }
}

impl Office {
    /// Learned as it happens.
    fn now(&mut self, fact: Fact) -> bool {
        let learned = fact.time;
        self.it.learn(&fact, learned)
    }

    fn late(&mut self, fact: Fact, learned: i64) -> bool {
        self.it.learn(&fact, at(learned))
    }

    fn who(&mut self, address: &str, minutes: i64) -> Attribution {
        let trace = self.it.trace(&ends(address), None, at(minutes));
        self.it.who(&trace)
    }

    /// `anna A`, `device D`, `ambiguous`, `address` and so on.
    fn says(&mut self, address: &str, minutes: i64) -> String {
        let who = self.who(address, minutes);
        self.word(&who)
    }

    fn word(&self, who: &Attribution) -> String {
        match who.kind {
            SubjectKind::Person => {
                let name = ["anna", "bert", "cora", "dirk"]
                    .into_iter()
                    .find(|name| self.it.key.person(name) == who.subject);
                format!("{} {}", name.unwrap_or("stranger"), who.grade)
            }
            SubjectKind::Device => format!("device {}", who.grade),
            kind => kind.to_string(),
        }
    }

    fn refused(&self, why: Refusal) -> u64 {
        self.it.state().refused.at(why.index())
    }
}

/// The text of a fact on a table of what is asked when.
fn table(office: &mut Office, cases: &[(&str, i64, &str)]) {
    for (address, minutes, said) in cases {
        assert_eq!(
            office.says(address, *minutes),
            *said,
            "{address} at {minutes}"
        );
    }
}
