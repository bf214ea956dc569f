//! TLS in a TCP stream: the client's hello, and, when it tells no name, the server's certificate.
//!
//! Enters: bytes where a message may begin. Leaves: sightings to the context, and what the stream
//! tracker is to do. Never: looks at the server's side of a connection whose hello told a name;
//! reads a certificate that a client sends.

use super::Sink;
use super::tcp::StreamReader;
use crate::base::{Outcome, Seen};
use crate::flow::{Said, Verdict};
use crate::names::dns::Asked;
use crate::names::{Probe, cert, tls};

impl<S: Sink> StreamReader<'_, '_, S> {
    /// TLS, or a line of a dialogue that may lead to it.
    pub(super) fn read_tls(&mut self, bytes: &[u8], said: &mut Said) -> Verdict {
        match tls::probe(bytes, self.scratch) {
            // Come again, or read another way, it is the same.
            Probe::Found(hello) if is_told(self.context.asked, &hello, said) => {
                Verdict::Decided(Outcome::Named)
            }
            Probe::Found(hello) => match self.context.hello(&hello, Seen::TlsSni) {
                Outcome::NoSni => Verdict::Told {
                    outcome: Some(Outcome::NoSni),
                    by_client: true,
                },
                outcome => Verdict::Decided(outcome),
            },
            Probe::NeedMore => Verdict::NeedMore,
            Probe::NotForUs => self.read_server(bytes),
            Probe::Malformed(why) => {
                self.malformed(why);
                Verdict::Broken
            }
        }
    }

    /// What is no ClientHello: a server's flight, or what stands before a hello.
    fn read_server(&mut self, bytes: &[u8]) -> Verdict {
        let outcome = match cert::probe(bytes, self.scratch) {
            Probe::Found(Some(leaf)) => self.context.certificate(&leaf),
            Probe::Found(None) => None,
            Probe::NeedMore => return Verdict::NeedMore,
            Probe::NotForUs => {
                return tls::prelude(bytes).map_or(Verdict::NotHere, Verdict::Passed);
            }
            // The hello told its part; a broken certificate changes nothing about that.
            Probe::Malformed(why) => {
                self.malformed(why);
                None
            }
        };
        Verdict::Told {
            outcome,
            by_client: false,
        }
    }
}

/// Was the name of this hello told already on its connection? Notes it.
fn is_told(asked: &Asked, hello: &tls::Hello<'_>, said: &mut Said) -> bool {
    let Some(sni) = hello.sni else { return false };
    let mark = asked.mark(sni);
    std::mem::replace(&mut said.name, mark) == mark
}
