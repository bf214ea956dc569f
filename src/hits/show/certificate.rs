//! A server's certificate for a person (RFC 5280 section 4.1), read by `x509-parser`.

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::time::ASN1Time;

use super::{Lines, hex, quoted};
use crate::base::Timestamp;

/// Most names written out; the rest is counted.
const NAMES_MAX: usize = 100;

pub(super) fn describe(evidence: &[u8], lines: &mut Lines) {
    let Ok((_, certificate)) = X509Certificate::from_der(evidence) else {
        lines.add(
            "certificate",
            format!("{} bytes that cannot be read", evidence.len()),
        );
        return;
    };
    let version = certificate.version().0.saturating_add(1);
    lines.add(
        "certificate",
        format!(
            "X.509 version {version}, {} bytes, as the server showed it",
            evidence.len()
        ),
    );
    lines.add("subject", certificate.subject().to_string());
    lines.add("issuer", certificate.issuer().to_string());
    lines.add("serial", hex(certificate.raw_serial()));
    let validity = certificate.validity();
    lines.add("valid from", date(validity.not_before));
    lines.add("valid until", date(validity.not_after));
    match certificate.subject_alternative_name() {
        Ok(Some(names)) => alt_names(&names.value.general_names, lines),
        Ok(None) => lines.add("alternative names", "none"),
        Err(_) => lines.add("alternative names", "(broken)"),
    }
    lines.add(
        "note",
        "the name of who holds the server's key; which host was asked for, it does not say. \
         No signature was checked",
    );
}

fn date(time: ASN1Time) -> String {
    let nanos = time.timestamp().checked_mul(1_000_000_000);
    nanos.map_or_else(
        || "(out of range)".into(),
        |nanos| Timestamp(nanos).to_string(),
    )
}

fn alt_names(names: &[GeneralName<'_>], lines: &mut Lines) {
    for name in names.iter().take(NAMES_MAX) {
        let text = match name {
            GeneralName::DNSName(name) => quoted(name.as_bytes()),
            GeneralName::IPAddress(bytes) => format!("address {}", hex(bytes)),
            GeneralName::URI(uri) => format!("URI {}", quoted(uri.as_bytes())),
            GeneralName::RFC822Name(_) => "a mail address".into(),
            _ => "a name of another kind".into(),
        };
        lines.add("alternative name", text);
    }
    if names.len() > NAMES_MAX {
        let more = names.len().saturating_sub(NAMES_MAX);
        lines.add("", format!("(and {more} more names)"));
    }
}
