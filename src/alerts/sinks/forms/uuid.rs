//! UUIDs from names (RFC 9562 section 5.5, version 5).
//!
//! Enters: a name. Leaves: always the same UUID of it. Never: randomness: each attempt must carry
//! the same.

use ring::digest;

/// Namespace of ours: version 5 of `poortwacht` in the namespace of URLs. The one that STIX 2.1 gives
/// (section 2.9) is for observables alone.
const NAMESPACE: [u8; 16] = [
    0xc4, 0xa9, 0xa3, 0xb2, 0xab, 0x2b, 0x52, 0x2b, 0xb1, 0x8b, 0x46, 0xf2, 0xda, 0x66, 0xd7, 0x19,
];

/// The UUID of a name of ours.
pub(super) fn of(kind: &str, name: &str) -> String {
    named(&NAMESPACE, format!("poortwacht/{kind}/{name}").as_bytes())
}

fn named(namespace: &[u8; 16], name: &[u8]) -> String {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(namespace);
    context.update(name);
    let hash = context.finish();
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf << 76) | (5 << 76);
    let number = number & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_one_of_the_standard() {
        // RFC 9562, appendix A.4: `www.example.com` in the namespace of DNS names.
        let dns = 0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8_u128.to_be_bytes();
        let uuid = named(&dns, b"www.example.com");
        assert_eq!(uuid, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
        assert_ne!(of("a", "x"), of("b", "x"));
    }
}
