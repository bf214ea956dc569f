//! Does an interface carry the host's own or forwarded traffic?
//!
//! Enters: its name. Leaves: the reason not to take its frames away. Never: says "no" of what it
//! could not find out about addresses and routes: then it is a reason too.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// Why AF_XDP would cut somebody off here; `None` where it is a mirror or tap port by all that the
/// system says.
pub(super) fn carries(name: &str) -> Option<String> {
    let all = pnet::datalink::interfaces();
    let own = all.iter().filter(|interface| interface.name == name);
    let addresses = own.flat_map(|interface| interface.ips.iter());
    let reachable = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    if addresses.map(|net| net.ip()).any(|ip| reachable(&ip)) {
        return Some("it has an address".to_owned());
    }
    let routes = (
        fs::read_to_string("/proc/thread-self/net/route"),
        fs::read_to_string("/proc/thread-self/net/ipv6_route"),
    );
    match routes {
        (Ok(four), six) => {
            if let Some(why) = routed(name, &four, six.as_deref().unwrap_or_default()) {
                return Some(why);
            }
        }
        (Err(_), _) => return Some("its routes cannot be read".to_owned()),
    }
    above(&Path::new("/sys/class/net").join(name))
}

/// A route over it, in the tables of /proc/net/route and /proc/net/ipv6_route.
fn routed(name: &str, four: &str, six: &str) -> Option<String> {
    let lines = four.lines().skip(1).map(str::split_ascii_whitespace);
    for mut words in lines {
        if words.next() == Some(name) {
            return Some(match words.next() {
                Some("00000000") => "the default route leads over it".to_owned(),
                _ => "a route leads over it".to_owned(),
            });
        }
    }
    for line in six.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [to, bits, .., device] = words.as_slice() else {
            continue;
        };
        // Link-local and multicast routes come with the interface itself.
        if *device == name && !to.starts_with("fe80") && !to.starts_with("ff") {
            return Some(match *bits {
                "00" => "the default route leads over it".to_owned(),
                _ => "a route leads over it".to_owned(),
            });
        }
    }
    None
}

/// A bridge, bond or other interface that gets its frames.
fn above(folder: &Path) -> Option<String> {
    if folder.join("bridge").exists() {
        return Some("it is a bridge".to_owned());
    }
    if let Ok(master) = fs::read_link(folder.join("master")) {
        let master = master.file_name().unwrap_or_default().to_string_lossy();
        return Some(format!("it belongs to `{master}`"));
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let upper = names
        .filter_map(|name| name.strip_prefix("upper_").map(str::to_owned))
        .next();
    upper.map(|upper| format!("`{upper}` stands on it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth1\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
    const SIX: &str = "\
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 tap0
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 tap0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth2
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth3
";

    #[test]
    fn routes_are_found_by_the_whole_name() {
        let of = |name| routed(name, FOUR, SIX);
        assert_eq!(of("eth0").unwrap(), "the default route leads over it");
        assert_eq!(of("eth1").unwrap(), "a route leads over it");
        assert_eq!(of("eth2").unwrap(), "the default route leads over it");
        assert_eq!(of("eth3").unwrap(), "a route leads over it");
        assert_eq!(of("tap0"), None);
        assert_eq!(of("eth"), None);
        assert_eq!(of("eth01"), None);
    }

    #[test]
    fn what_stands_above_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(above(folder.path()), None);
        fs::create_dir(folder.path().join("upper_eth0.5")).unwrap();
        assert_eq!(above(folder.path()).unwrap(), "`eth0.5` stands on it");
        std::os::unix::fs::symlink("../br0", folder.path().join("master")).unwrap();
        assert_eq!(above(folder.path()).unwrap(), "it belongs to `br0`");
        fs::create_dir(folder.path().join("bridge")).unwrap();
        assert_eq!(above(folder.path()).unwrap(), "it is a bridge");
    }
}
