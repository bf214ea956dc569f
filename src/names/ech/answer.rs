//! What an answer to a question for HTTPS records says of ECH (RFC 9460, RFC 9848).
//!
//! Enters: a DNS response. Leaves: each configuration in it, or that there is none. Never: reads a
//! response that is cut, refused or about something else.

use super::super::dns::message::{Header, Name, Question, Record, Steps, rtype};
use super::super::reader::Reader;
use crate::base::RawName;

/// SvcParamKey `ech` (RFC 9848 section 3).
const KEY_ECH: u16 = 5;
/// ECHConfig version (RFC 9849 section 4).
const CONFIG_VERSION: u16 = 0xfe0d;
/// Names followed in one message; the question's is the only one.
const STEPS_MAX: u32 = 256;
const NXDOMAIN: u16 = 3;

/// One thing an answer says. No `Debug`: the name has matched nothing.
#[derive(Clone, Copy)]
pub enum Answer<'f> {
    /// A configuration: the outer name of hellos that use it, and its id. Seconds to live.
    Config {
        /// public_name.
        public_name: RawName<'f>,
        /// config_id.
        id: u8,
        /// TTL of the record.
        ttl_s: u32,
    },
    /// The name asked for has no configuration. Seconds to live, 0 when no record says.
    None {
        /// The question.
        name: RawName<'f>,
        /// Lowest TTL among its HTTPS records.
        ttl_s: u32,
    },
}

/// Reads a whole response to a question for HTTPS records; calls `each` for what it says.
pub fn read_answer<'f>(message: &'f [u8], each: &mut impl FnMut(Answer<'f>)) {
    let _ = read(message, each);
}

fn read<'f>(message: &'f [u8], each: &mut impl FnMut(Answer<'f>)) -> Option<()> {
    let header = Header::read(message)?;
    let code = header.flags & 15;
    let truncated = header.flags & 0x0200 != 0;
    if !header.is_response() || header.questions != 1 || truncated || ![0, NXDOMAIN].contains(&code)
    {
        return None;
    }
    let question = Question::read(message, Header::LEN, &mut Steps(STEPS_MAX)).ok()?;
    if question.qtype != rtype::HTTPS || question.name.is_root {
        return None;
    }
    let (mut at, mut configs, mut ttl_min) = (question.end, 0usize, None);
    for _ in 0..header.answers {
        let record = Record::read(message, at).ok()?;
        at = record.data.end;
        if record.rtype != rtype::HTTPS {
            continue;
        }
        let ttl_s = record.ttl;
        ttl_min = Some(ttl_min.map_or(ttl_s, |min: u32| min.min(ttl_s)));
        let target_end = Name::skip(message, record.data.start.saturating_add(2)).ok()?;
        let mut params = Reader::new(message.get(target_end..record.data.end)?);
        while !params.is_empty() {
            let key = params.u16()?;
            let value = params.vec16()?;
            if key == KEY_ECH {
                configs = configs.saturating_add(list(value, ttl_s, each)?);
            }
        }
    }
    if configs == 0 {
        each(Answer::None {
            name: RawName::Wire {
                msg: message,
                at: u16::try_from(question.name.at).ok()?,
            },
            ttl_s: ttl_min.unwrap_or(0),
        });
    }
    Some(())
}

/// An ECHConfigList; how many configurations of the known version are in it.
fn list<'f>(value: &'f [u8], ttl_s: u32, each: &mut impl FnMut(Answer<'f>)) -> Option<usize> {
    let mut list = Reader::new(Reader::new(value).vec16()?);
    let mut configs = 0usize;
    while !list.is_empty() {
        let version = list.u16()?;
        let mut config = Reader::new(list.vec16()?);
        // One of another version is a configuration too, only not one that can be compared.
        configs = configs.saturating_add(1);
        if version != CONFIG_VERSION {
            continue;
        }
        let id = config.u8()?;
        let _kem = config.u16()?;
        let _public_key = config.vec16()?;
        let _suites = config.vec16()?;
        let _name_len_max = config.u8()?;
        each(Answer::Config {
            public_name: RawName::Text(config.vec8()?),
            id,
            ttl_s,
        });
    }
    Some(configs)
}
