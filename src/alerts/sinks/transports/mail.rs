//! Mail: SMTP (RFC 5321), with STARTTLS (RFC 3207) or under TLS (RFC 8314).
//!
//! Enters: a parcel: title and body. Leaves: one message to all recipients, with the alert's id as
//! `Message-ID`, so that a second copy is known as one. Never: a header made of what an alert says
//! without encoding; a password over a line without TLS.

use std::io;

use lettre::message::header::{
    ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
};
use lettre::message::{Mailbox, Message, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address as MailAddress, SmtpTransport, Transport as _};

use super::super::settings::SinkSettings;
use super::address::{Address, Host};
use super::{Parcel, Reason, Sent, Verdict, tls, wait};
use crate::alerts::post::printable;

/// A way to a mail server.
pub struct Mail {
    transport: SmtpTransport,
    from: MailAddress,
    to: Vec<MailAddress>,
}

impl Mail {
    pub(super) fn new(settings: &SinkSettings, address: &Address) -> Result<Self, String> {
        let (host, tls) = match address {
            Address::StartTls(host) => (host, Tls::Required(parameters(settings, host)?)),
            Address::Smtps(host) => (host, Tls::Wrapper(parameters(settings, host)?)),
            Address::Smtp(host) => (host, Tls::None),
            _ => return Err("no mail server is there".into()),
        };
        let parse = |text: &String| {
            let parsed: Result<MailAddress, _> = text.parse();
            parsed.map_err(|e| format!("{text:?} is no mail address ({e})"))
        };
        let from = parse(&settings.from)?;
        let mut builder = SmtpTransport::builder_dangerous(&host.name)
            .port(host.port)
            .tls(tls)
            .hello_name(ClientId::Domain(from.domain().to_owned()))
            .timeout(Some(wait(settings)));
        if !settings.user.is_empty() {
            let password = tls::secret(&settings.password_file)?;
            let pair = Credentials::new(settings.user.clone(), password.to_string());
            builder = builder.credentials(pair);
        }
        Ok(Self {
            transport: builder.build(),
            to: settings.to.iter().map(parse).collect::<Result<_, _>>()?,
            from,
        })
    }

    pub(super) fn send(&self, parcels: &[Parcel]) -> Sent {
        let mut sent = Sent::all(0);
        for parcel in parcels {
            let message = match self.message(parcel) {
                Ok(message) => message,
                Err(e) => {
                    sent.then = Some(Verdict::Rejected(0, e.to_string()));
                    break;
                }
            };
            match self.transport.send(&message) {
                Ok(_) => sent.taken += 1,
                Err(e) => {
                    sent.then = Some(verdict(&e));
                    break;
                }
            }
        }
        sent
    }

    fn message(&self, parcel: &Parcel) -> Result<Message, lettre::error::Error> {
        let id = format!("<{}@{}>", plain(&parcel.id), self.from.domain());
        let mut builder = Message::builder()
            .from(Mailbox::new(Some("Poortwacht".into()), self.from.clone()))
            .message_id(Some(id))
            .subject(format!("[Poortwacht] {}", parcel.title))
            .header(AutoSubmitted)
            .header(AlertId(plain(&parcel.id)));
        for to in &self.to {
            builder = builder.to(Mailbox::new(None, to.clone()));
        }
        // Quoted-printable: a long line of evidence must not become a line that SMTP forbids.
        builder.singlepart(
            SinglePart::builder()
                .header(ContentType::TEXT_PLAIN)
                .header(ContentTransferEncoding::QuotedPrintable)
                .body(String::from_utf8_lossy(&parcel.bytes).into_owned()),
        )
    }
}

fn parameters(settings: &SinkSettings, host: &Host) -> Result<TlsParameters, String> {
    let mut builder =
        TlsParameters::builder(host.name.clone()).certificate_store(CertificateStore::None);
    for root in tls::authorities(&settings.ca_file)? {
        let root = Certificate::from_der(root.to_vec()).map_err(|e| format!("ca_file: {e}"))?;
        builder = builder.add_root_certificate(root);
    }
    builder
        .build_rustls()
        .map_err(|e| format!("TLS cannot be set up: {e}"))
}

fn verdict(e: &lettre::transport::smtp::Error) -> Verdict {
    let why = printable(e.to_string().as_bytes());
    if e.is_permanent() {
        let status = e.status().map_or(0, u16::from);
        return match status {
            // Who we are, or may send to: our settings, not this alert.
            530..=535 | 538 | 550 | 551 | 553 => Verdict::Later(
                Reason::Settings,
                format!("{why} (are user, password, `from` and `to` right?)"),
            ),
            _ => Verdict::Rejected(status, why),
        };
    }
    let reason = if e.is_transient() {
        Reason::Unavailable
    } else if is_timeout(e) {
        Reason::Timeout
    } else if e.is_tls() {
        Reason::Tls
    } else if e.is_client() || e.is_response() {
        Reason::Settings
    } else {
        Reason::Unreachable
    };
    Verdict::Later(reason, why)
}

/// A read that took too long comes as "would block".
fn is_timeout(e: &lettre::transport::smtp::Error) -> bool {
    let mut source = std::error::Error::source(e);
    while let Some(inner) = source {
        if let Some(e) = inner.downcast_ref::<io::Error>() {
            return matches!(
                e.kind(),
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
            );
        }
        source = inner.source();
    }
    false
}

/// For a header: an id is hex as a rule.
fn plain(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect()
}

/// RFC 3834: no auto-reply is to answer.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// The alert's id, for filters.
#[derive(Clone)]
struct AlertId(String);

impl Header for AlertId {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Poortwacht-Id")
    }
    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.into()))
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_an_alert_becomes_a_header_or_a_second_message() {
        let mail = Mail {
            transport: SmtpTransport::unencrypted_localhost(),
            from: "gate@example.org".parse().unwrap(),
            to: vec!["soc@example.org".parse().unwrap()],
        };
        let parcel = Parcel {
            id: "alert-1\r\nBcc: evil@example.net".into(),
            title: "Acme\r\nBcc: evil@example.net\r\n\r\n<b>é".into(),
            bytes: "one\n.\nMAIL FROM:<x>\ntwo".into(),
        };
        let message = mail.message(&parcel).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert!(!names.contains(&"Bcc"), "{head}");
        assert!(head.contains("Message-ID: <alert-1Bccevilexample.net@example.org>"));
        assert!(head.contains("Auto-Submitted: auto-generated"));
        assert!(body.contains("one\r\n.\r\nMAIL"), "{body}");
        let recipients: Vec<_> = message
            .envelope()
            .to()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(recipients, ["soc@example.org"]);
    }
}
