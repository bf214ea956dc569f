//! One X.509 certificate: the host names it is issued to, and nothing else of it.
//!
//! Enters: DER. Leaves: [`Names`]: the dNSName entries of the subject alternative name, or, when
//! there are none, a common name that has the form of a host name. Never: allocates; follows a
//! length that runs out of its parent; takes a name that is not one (an address, a person, text
//! with a NUL in it).
//!
//! RFC 5280 sections 4.1, 4.2.1.6; RFC 6125 sections 6.4.3, 6.4.4; X.690 section 8.1.

use crate::names::reader::Reader;

/// Most dNSName entries that are read of one certificate. Public CAs issue up to 100, some to 250.
pub const NAMES_MAX: usize = 256;

/// Longest host name in text form.
const NAME_LEN_MAX: usize = 253;
const LABEL_LEN_MAX: usize = 63;

/// Tags (X.690 section 8.1.2).
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// dNSName in a GeneralName: `[2] IMPLICIT IA5String`.
const DNS_NAME: u8 = 0x82;
/// UTF8String, PrintableString, TeletexString, IA5String: one byte a character, for host names.
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// A server's certificate. No `Debug`: its names match nothing yet.
#[derive(Clone, Copy)]
pub struct Leaf<'a> {
    /// All of it, as sent.
    pub der: &'a [u8],
    subject: &'a [u8],
    /// Content of the subject alternative name.
    pub(super) alt_names: Option<&'a [u8]>,
}

/// One name that a certificate is issued to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CertName<'a> {
    /// Without the wildcard label: of `*.example.com` it is `example.com`, whose holder the
    /// certificate names. At least two labels of letters, digits, `-` and `_`.
    pub text: &'a [u8],
    /// Did `*.` stand before it?
    pub wildcard: bool,
}

impl<'a> Leaf<'a> {
    /// Reads a certificate as far as its names; what stands behind the signed part is left alone.
    pub fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(expect(&mut Reader::new(der), SEQUENCE)?);
        let mut signed = Reader::new(expect(&mut outer, SEQUENCE)?);
        if next_is(signed, VERSION) {
            element(&mut signed)?;
        }
        expect(&mut signed, INTEGER)?;
        // Signature algorithm, issuer, validity.
        for _ in 0..3 {
            expect(&mut signed, SEQUENCE)?;
        }
        let subject = expect(&mut signed, SEQUENCE)?;
        expect(&mut signed, SEQUENCE)?;
        let mut leaf = Self {
            der,
            subject,
            alt_names: None,
        };
        // Unique ids may stand before the extensions.
        while !signed.is_empty() {
            let (tag, content) = element(&mut signed)?;
            if tag == EXTENSIONS {
                leaf.alt_names = alt_names(content)?;
                break;
            }
        }
        Some(leaf)
    }

    /// The host names, as they stand. Ends early where the list is broken: see [`Names::is_whole`].
    pub fn names(&self) -> Names<'a> {
        let mut names = Names {
            list: Reader::new(self.alt_names.unwrap_or_default()),
            common: None,
            left: NAMES_MAX,
            others: 0,
            broken: false,
        };
        if !names.clone().any(|_| true) {
            names.common = common_name(self.subject);
        }
        names
    }
}

/// Walks the names of a certificate.
#[derive(Clone)]
pub struct Names<'a> {
    list: Reader<'a>,
    common: Option<&'a [u8]>,
    left: usize,
    others: usize,
    broken: bool,
}

impl Names<'_> {
    /// After the walk: was every dNSName a host name, and the list read to its end?
    pub const fn is_whole(&self) -> bool {
        self.others == 0 && !self.broken && self.list.is_empty()
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = CertName<'a>;

    fn next(&mut self) -> Option<CertName<'a>> {
        while !self.list.is_empty() && !self.broken {
            let Some((tag, text)) = element(&mut self.list) else {
                self.broken = true;
                break;
            };
            if tag != DNS_NAME {
                continue;
            }
            if self.left == 0 {
                self.broken = true;
                break;
            }
            self.left = self.left.saturating_sub(1);
            match host(text) {
                Some(name) => return Some(name),
                None => self.others = self.others.saturating_add(1),
            }
        }
        self.common.take().and_then(host)
    }
}

/// Tag and content of the element at the front. Only tags of one byte and definite lengths, as DER
/// has them.
pub(super) fn element<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let tag = reader.u8()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let len = match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16()?),
        0x83 => {
            let &[high, mid, low] = reader.take(3)?.first_chunk()?;
            u32::from_be_bytes([0, high, mid, low]) as usize
        }
        _ => return None,
    };
    Some((tag, reader.take(len)?))
}

fn expect<'a>(reader: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    element(reader).and_then(|(found, content)| (found == tag).then_some(content))
}

fn next_is(reader: Reader<'_>, tag: u8) -> bool {
    reader.rest().first() == Some(&tag)
}

/// The subject alternative name among the extensions; `None` when they are broken before it.
fn alt_names(extensions: &[u8]) -> Option<Option<&[u8]>> {
    let mut list = Reader::new(expect(&mut Reader::new(extensions), SEQUENCE)?);
    while !list.is_empty() {
        let mut extension = Reader::new(expect(&mut list, SEQUENCE)?);
        if expect(&mut extension, OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        // `critical` may stand before the value.
        let (tag, content) = element(&mut extension)?;
        let value = if tag == OCTET_STRING {
            content
        } else {
            expect(&mut extension, OCTET_STRING)?
        };
        return Some(Some(expect(&mut Reader::new(value), SEQUENCE)?));
    }
    Some(None)
}

/// The last common name of a subject: the most specific one.
fn common_name(subject: &[u8]) -> Option<&[u8]> {
    let mut names = Reader::new(subject);
    let mut common = None;
    while !names.is_empty() {
        let mut set = Reader::new(expect(&mut names, SET)?);
        while !set.is_empty() {
            let mut attribute = Reader::new(expect(&mut set, SEQUENCE)?);
            let kind = expect(&mut attribute, OID)?;
            let (tag, text) = element(&mut attribute)?;
            if kind == COMMON_NAME {
                common = TEXTS.contains(&tag).then_some(text);
            }
        }
    }
    common
}

/// The text as a host name, if it is one.
fn host(text: &[u8]) -> Option<CertName<'_>> {
    let (text, wildcard) = match text.strip_prefix(b"*.") {
        Some(base) => (base, true),
        None => (text, false),
    };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label =
        |label: &[u8]| (1..=LABEL_LEN_MAX).contains(&label.len()) && label.iter().all(plain);
    let dotless = text.strip_suffix(b".").unwrap_or(text);
    let mut labels = dotless.split(|byte| *byte == b'.');
    let last = labels.clone().next_back()?;
    let named = labels.clone().nth(1).is_some() && labels.all(label);
    // An address as a name ends in digits; no top-level domain does.
    let address = last.iter().all(u8::is_ascii_digit);
    (dotless.len() <= NAME_LEN_MAX && named && !address).then_some(CertName {
        text: dotless,
        wildcard,
    })
}
