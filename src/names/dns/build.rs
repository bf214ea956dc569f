//! Writes DNS messages for tests, with compression or without.

use std::collections::HashMap;

/// A name as its labels, any bytes.
pub type Labels = Vec<Vec<u8>>;

/// Dotted text to labels; `.` and the empty text are the root.
pub fn labels(text: &str) -> Labels {
    text.split('.')
        .filter(|l| !l.is_empty())
        .map(|l| l.as_bytes().to_vec())
        .collect()
}

/// Flags of a query with RD.
pub const QUERY: u16 = 0x0100;
/// Flags of a response with RD and RA.
pub const RESPONSE: u16 = 0x8180;

/// A message under construction. Parts must be added in the order of the sections.
#[derive(Clone)]
pub struct Build {
    pub bytes: Vec<u8>,
    compress: bool,
    known: HashMap<Labels, u16>,
}

impl Build {
    pub fn new(flags: u16) -> Self {
        let mut bytes = vec![0x12, 0x34];
        bytes.extend(flags.to_be_bytes());
        bytes.extend([0; 8]);
        Self {
            bytes,
            compress: false,
            known: HashMap::new(),
        }
    }

    pub fn compressed(mut self) -> Self {
        self.compress = true;
        self
    }

    /// Sets one of the four counts (0 questions, 1 answers, 2 authorities, 3 additionals).
    pub fn count(mut self, section: usize, value: u16) -> Self {
        self.bytes[4 + 2 * section..6 + 2 * section].copy_from_slice(&value.to_be_bytes());
        self
    }

    fn bump(&mut self, section: usize) {
        let at = 4 + 2 * section;
        let count = u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]) + 1;
        self.bytes[at..at + 2].copy_from_slice(&count.to_be_bytes());
    }

    fn name(&mut self, name: &[Vec<u8>], compress: bool) {
        for index in 0..name.len() {
            let suffix = name[index..].to_vec();
            if let Some(at) = self.known.get(&suffix).filter(|_| compress) {
                self.bytes.extend((0xc000 | at).to_be_bytes());
                return;
            }
            if self.bytes.len() < 0x4000 {
                self.known.entry(suffix).or_insert(self.bytes.len() as u16);
            }
            self.bytes.push(name[index].len() as u8);
            self.bytes.extend(&name[index]);
        }
        self.bytes.push(0);
    }

    pub fn question(mut self, name: &[Vec<u8>], qtype: u16, class: u16) -> Self {
        self.bump(0);
        self.name(name, self.compress);
        self.bytes.extend(qtype.to_be_bytes());
        self.bytes.extend(class.to_be_bytes());
        self
    }

    /// A question by its dotted text, class IN.
    pub fn ask(self, name: &str, qtype: u16) -> Self {
        self.question(&labels(name), qtype, 1)
    }

    /// A record whose data is the parts in turn.
    pub fn record(mut self, section: usize, owner: &[Vec<u8>], rtype: u16, data: &[Part]) -> Self {
        self.bump(section);
        self.name(owner, self.compress);
        self.bytes.extend(rtype.to_be_bytes());
        self.bytes.extend(1u16.to_be_bytes());
        self.bytes.extend(300u32.to_be_bytes());
        let len_at = self.bytes.len();
        self.bytes.extend([0, 0]);
        for part in data {
            match part {
                Part::Bytes(bytes) => self.bytes.extend(bytes),
                Part::Name(name) => self.name(name, self.compress),
                Part::PlainName(name) => self.name(name, false),
            }
        }
        let len = (self.bytes.len() - len_at - 2) as u16;
        self.bytes[len_at..len_at + 2].copy_from_slice(&len.to_be_bytes());
        self
    }

    pub fn cname(self, owner: &str, target: &str) -> Self {
        self.record(1, &labels(owner), 5, &[Part::Name(labels(target))])
    }

    pub fn https(self, owner: &str, priority: u16, target: &str) -> Self {
        let data = [
            Part::Bytes(priority.to_be_bytes().to_vec()),
            Part::PlainName(labels(target)),
            // alpn = h2
            Part::Bytes(if priority == 0 {
                vec![]
            } else {
                b"\0\x01\0\x03\x02h2".to_vec()
            }),
        ];
        self.record(1, &labels(owner), 65, &data)
    }

    pub fn a(self, owner: &str) -> Self {
        self.record(1, &labels(owner), 1, &[Part::Bytes(vec![192, 0, 2, 1])])
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }
}

/// A piece of record data.
#[derive(Clone, Debug)]
pub enum Part {
    Bytes(Vec<u8>),
    Name(Labels),
    PlainName(Labels),
}
