//! Networks whose addresses serve the names of many owners.
//!
//! Enters: `blocklists/shared-networks.txt`, built into the program. Leaves: prefixes. Never: a
//! verdict on a name.

use ipnet::IpNet;

const TEXT: &str = include_str!("../../blocklists/shared-networks.txt");

/// The prefixes of known content delivery networks, in the order of the file.
pub fn shared_networks() -> Vec<IpNet> {
    let lines = TEXT.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_prefix_and_none_stands_twice() {
        let nets = shared_networks();
        let lines = TEXT
            .lines()
            .filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
        assert_eq!(nets.len(), lines.count());
        for (index, net) in nets.iter().enumerate() {
            assert_eq!(*net, net.trunc());
            let others = nets.iter().enumerate().filter(|(other, _)| *other != index);
            assert!(
                others.clone().all(|(_, other)| !other.contains(net)),
                "{net}"
            );
        }
        assert!(
            nets.iter()
                .any(|net| net.contains(&"104.18.1.1".parse::<std::net::IpAddr>().unwrap()))
        );
    }
}
