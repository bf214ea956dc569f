//! What the outside can tell of Encrypted Client Hello (RFC 9849).
//!
//! Enters: the outer name and whether extension 65037 is there. Leaves: [`EchVerdict`]. Never:
//! takes the extension alone for a sign: browsers send it as GREASE to every server (RFC 9849
//! section 6.2), made so that it cannot be told from the real one.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::base::EchVerdict;

/// Public names: the outer name that every site of a provider shares. A name belongs here when
/// its provider says so, or its published ECHConfig carries it, and no ordinary site lives there.
const PUBLIC_NAMES: &[&[u8]] = &[
    // Cloudflare: developers.cloudflare.com/ssl/edge-certificates/ech
    b"cloudflare-ech.com",
    // DEfO project (test servers): github.com/defo-project, ECHConfig of defo.ie
    b"cover.defo.ie",
    // tls-ech.dev (test server of the BoringSSL people): ECHConfig of tls-ech.dev
    b"public.tls-ech.dev",
];

/// Is the true name hidden? `Real` needs both the extension and a known public name; the
/// extension with any other name stays `Unknown`.
pub fn verdict(outer_sni: Option<&[u8]>, extension: bool) -> EchVerdict {
    if !extension {
        return EchVerdict::None;
    }
    let Some(outer) = outer_sni else {
        return EchVerdict::Unknown;
    };
    let outer = outer.strip_suffix(b".").unwrap_or(outer);
    if PUBLIC_NAMES
        .iter()
        .any(|name| name.eq_ignore_ascii_case(outer))
    {
        EchVerdict::Real
    } else {
        EchVerdict::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_extension_and_public_name_together_are_real() {
        let cases: [(Option<&[u8]>, bool, EchVerdict); 8] = [
            (Some(b"cloudflare-ech.com"), true, EchVerdict::Real),
            (Some(b"Cloudflare-ECH.com."), true, EchVerdict::Real),
            (Some(b"cover.defo.ie"), true, EchVerdict::Real),
            (Some(b"cloudflare-ech.com"), false, EchVerdict::None),
            (Some(b"www.cloudflare-ech.com"), true, EchVerdict::Unknown),
            (Some(b"app.clearview.ai"), true, EchVerdict::Unknown),
            (None, true, EchVerdict::Unknown),
            (None, false, EchVerdict::None),
        ];
        for (outer, extension, want) in cases {
            assert_eq!(verdict(outer, extension), want);
        }
    }
}
