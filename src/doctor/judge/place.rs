//! What a sample says of the place: directions, the side of the translation, whose look-ups.

use super::{Say, percent};
use crate::config::Config;
use crate::doctor::finding::{Finding, Id};
use crate::doctor::traffic::TrafficFacts;

/// Conversations that must agree before a direction is called missing.
const TALKS_MIN: u64 = 2;
/// Connections that must agree before a side is called wrong.
const CONNECTIONS_MIN: u64 = 5;
/// Of fewer, that one client made them all is no wonder.
const MANY: u64 = 20;
/// Look-ups below which nothing is said of them.
const LOOKUPS_MIN: u64 = 10;

/// `forwards`: this machine is a router. Of a file it is not known, and taken to be so.
pub(super) fn place(it: &TrafficFacts, forwards: bool, config: &Config, out: &mut Vec<Finding>) {
    if it.frames == 0 {
        return;
    }
    directions(it, out);
    // On the wrong side there is nobody else to be seen: one finding is enough.
    if side(it, forwards, out) {
        others(it, config, out);
    }
    monitored(it, config, out);
    lookups(it, out);
    resolver(it, out);
}

fn others(it: &TrafficFacts, config: &Config, out: &mut Vec<Finding>) {
    if it.from_file {
        return;
    }
    if it.between_others > 0 {
        out.ok(
            Id::TrafficOthers,
            format!(
                "{} packets pass between other machines than this one",
                it.between_others
            ),
        );
    } else {
        out.warn(
            Id::TrafficOthers,
            "every packet is from or to this machine, or for everybody",
            if config.sensor.promiscuous {
                "on a mirror port: is the session on, and does it mirror this segment? On a gateway: \
                 is this the interface of the clients, and were they silent? Listen longer (--listen)"
            } else {
                "on a gateway: is this the interface of the clients, and were they silent? Listen \
                 longer (--listen). On a mirror port set `promiscuous = true`"
            },
        );
    }
}

fn directions(it: &TrafficFacts, out: &mut Vec<Finding>) {
    let both = it.talks - it.talks_one_way;
    let (queries, answers) = (it.dns_queries, it.dns_answers);
    let no_answers = queries >= LOOKUPS_MIN && answers == 0;
    let no_queries = answers >= LOOKUPS_MIN && queries == 0;
    let next = "mirror both directions (`both`, rx and tx) of the port, watch both legs of a tap, \
                or the interface that both ways of an asymmetric route share";
    if it.talks_one_way >= TALKS_MIN && both == 0 {
        let whose = if it.talks_from_client * 2 >= it.talks_one_way {
            "no answers seen: only what clients send passes here"
        } else {
            "only answers seen: what clients send passes elsewhere, and with it every hello"
        };
        out.fail(
            Id::TrafficDirections,
            format!("one direction only, in {} conversations: {whose}", it.talks),
            next,
        );
    } else if both == 0 && (no_answers || no_queries) {
        out.fail(
            Id::TrafficDirections,
            format!(
                "one direction only: {queries} DNS queries, {answers} answers, and no conversation \
                 in both directions"
            ),
            next,
        );
    } else if it.talks_one_way >= CONNECTIONS_MIN && percent(it.talks_one_way, it.talks) >= 20 {
        out.warn(
            Id::TrafficDirections,
            format!(
                "{} of {} conversations show one direction only: some routes are asymmetric",
                it.talks_one_way, it.talks
            ),
            next,
        );
    } else if no_answers && it.talks > 0 {
        out.warn(
            Id::TrafficDirections,
            format!("connections pass in both directions, but {queries} DNS queries had no answer"),
            "the answers take another way, or the resolver is out of order",
        );
    } else if both > 0 {
        out.ok(
            Id::TrafficDirections,
            format!("{both} conversations pass in both directions"),
        );
    }
}

/// Is it another side than that of the translation?
fn side(it: &TrafficFacts, forwards: bool, out: &mut Vec<Finding>) -> bool {
    let (all, own) = (it.connections, it.connections_own);
    let next = "watch the inside interface: behind the translation every client has one address. \
                If the clients were just silent, listen longer (--listen)";
    if all >= CONNECTIONS_MIN && percent(own, all) >= 95 {
        if forwards {
            out.fail(
                Id::TrafficSide,
                format!(
                    "clients all carry the gateway's own address ({own} of {all} connections): you \
                     are on the wrong side of the NAT"
                ),
                next,
            );
        } else {
            out.warn(
                Id::TrafficSide,
                format!("{own} of {all} connections are this machine's own"),
                "this machine does not forward: watch on the gateway, or on a mirror port of it",
            );
        }
        return false;
    }
    if all >= MANY && it.clients == 1 && !it.client_shared {
        out.warn(
            Id::TrafficClients,
            format!(
                "all {all} connections come from one address: a NAT, a proxy or a terminal server \
                 stands in front"
            ),
            "watch on its other side; or name it in the map of the organisation (`translator`, \
             `proxy`, `shared`), so that nobody is taken for it",
        );
    } else if all > 0 {
        out.ok(
            Id::TrafficClients,
            format!("{all} connections come from {}", addresses(it.clients)),
        );
    }
    if all > 0 && !it.from_file {
        out.ok(
            Id::TrafficSide,
            format!("{own} of {all} connections are this machine's own"),
        );
    }
    true
}

fn monitored(it: &TrafficFacts, config: &Config, out: &mut Vec<Finding>) {
    if config.sensor.monitored.is_empty() || it.connections == 0 {
        return;
    }
    let (all, inside) = (it.connections, it.connections_monitored);
    if inside == 0 && all >= CONNECTIONS_MIN {
        out.fail(
            Id::TrafficMonitored,
            format!(
                "not one of {all} connections goes from a monitored network to the outside: the \
                 coverage counts nothing"
            ),
            "mend `monitored` under [sensor], or the place of the watch",
        );
    } else {
        out.ok(
            Id::TrafficMonitored,
            format!("{inside} of {all} connections go from monitored networks to the outside"),
        );
    }
}

fn lookups(it: &TrafficFacts, out: &mut Vec<Finding>) {
    let (asked, hellos) = (it.dns_queries.max(it.dns_answers), it.hellos);
    if asked >= LOOKUPS_MIN && hellos == 0 && it.talks == 0 {
        out.warn(
            Id::TrafficLookups,
            format!("{asked} look-ups pass here, but no connection: those take another way"),
            "watch the interface that carries the connections too: a look-up alone is no visit",
        );
    } else if hellos >= LOOKUPS_MIN && asked == 0 {
        out.warn(
            Id::TrafficLookups,
            format!("{hellos} hellos pass here, but no look-up: names are looked up elsewhere"),
            "an internal resolver (mirror the link to it, or follow its log as a feed), or DNS over \
             HTTPS, which nobody can read",
        );
    } else if asked + hellos > 0 {
        out.ok(
            Id::TrafficLookups,
            format!("{asked} look-ups and {hellos} hellos"),
        );
    }
}

fn resolver(it: &TrafficFacts, out: &mut Vec<Finding>) {
    if it.dns_queries < LOOKUPS_MIN {
        return;
    }
    if it.dns_clients == 1 && it.clients >= 3 && !it.dns_from_resolver {
        out.warn(
            Id::TrafficResolver,
            format!(
                "all {} look-ups come from one address, connections from {}: it looks like a \
                 resolver, and the map does not say so",
                it.dns_queries, it.clients
            ),
            "name it as a `resolver` in the map of the organisation, so that nobody is taken for \
             it, and follow its query log as a feed",
        );
    } else if it.dns_clients == 1 && it.dns_from_resolver {
        out.info(
            Id::TrafficResolver,
            format!(
                "all {} look-ups come from a resolver that the map names: they are the \
                 organisation's",
                it.dns_queries
            ),
            "follow its query log as a feed to know whose they are",
        );
    } else {
        out.ok(
            Id::TrafficResolver,
            format!("look-ups come from {}", addresses(it.dns_clients)),
        );
    }
}

fn addresses(count: u64) -> String {
    match count {
        1 => "one address".to_owned(),
        many => format!("{many} addresses"),
    }
}
