//! Officers with keys of their own, a sensor, and a seal between them.
//!
//! Enters: captures. Leaves: hits with their frames as they came out of the seal.

use std::path::Path;

use age::secrecy::ExposeSecret;
use poortwacht::blocklist::Catalogue;
use poortwacht::capture::FileSource;
use poortwacht::event::{Event, Hit};
use poortwacht::hits::frame::FrameFate;
use poortwacht::hits::{Frame, Key, SubjectId};
use poortwacht::identity::Clear;
use poortwacht::sealing::{Officer, Release, Sealer};
use poortwacht::sensor::{Settings, Sink, Worker};

/// Names of the officers; two of them must act together.
pub const OFFICERS: [&str; 3] = ["privacy", "security", "legal"];

/// A hit, and what became of its frame.
pub struct Played {
    pub hit: Hit,
    /// As the hit log would name it.
    pub id: String,
    pub frame: Result<Frame, FrameFate>,
}

struct Hits(Vec<Hit>);

impl Sink for Hits {
    fn hit(&mut self, hit: Box<Hit>) {
        self.0.push(*hit);
    }

    fn tell(&mut self, _: Event) {}
}

/// The daemon's side and the officers' keys.
pub struct Bench {
    pub sealer: Sealer,
    pub keys: Vec<String>,
    pseudonyms: Key,
}

impl Bench {
    pub fn new() -> Self {
        let keys = OFFICERS.map(|_| age::x25519::Identity::generate());
        let officers: Vec<Officer> = OFFICERS
            .iter()
            .zip(&keys)
            .map(|(name, key)| Officer {
                name: (*name).into(),
                recipient: key.to_public().to_string(),
            })
            .collect();
        Self {
            sealer: Sealer::new(&officers, 2).unwrap(),
            keys: keys
                .map(|key| key.to_string().expose_secret().to_owned())
                .into(),
            pseudonyms: Key::from_secret(&(0..32).collect::<Vec<u8>>()).unwrap(),
        }
    }

    fn subject(&self, hit: &Hit) -> SubjectId {
        let address = self.pseudonyms.ip(hit.ends.src);
        SubjectId::new(address.replace("ip-", "address-"))
    }

    /// The releases of each subject of these hits, in the order in which they came.
    pub fn releases(&mut self, hits: &[Hit]) -> Vec<Release> {
        let mut releases: Vec<Release> = Vec::new();
        for (number, hit) in hits.iter().enumerate() {
            let Ok(frame) = Frame::of(hit) else { continue };
            let subject = self.subject(hit);
            let known = releases.iter().position(|it| it.subject == subject);
            let at = known.unwrap_or_else(|| {
                let mut release =
                    Release::new("case-1", subject.clone(), "a test", "2026-01-02T03:04:05Z");
                let mut clear = Clear::default();
                clear.addresses.push(hit.ends.src.to_string());
                let sealed = self.sealer.seal(&subject, &clear).unwrap();
                assert!(release.add(&sealed));
                releases.push(release);
                releases.len() - 1
            });
            let id = id(number);
            let (sealed, key) = self.sealer.seal_frame(&subject, &id, &frame).unwrap();
            assert_eq!(key.is_some(), known.is_none(), "the key comes once");
            if let Some(key) = key {
                releases[at].add_key(key);
            }
            releases[at].add_frame(sealed);
        }
        releases
    }

    /// Plays a capture, seals each frame, writes the releases down, reads them again and opens them.
    pub fn play(&mut self, capture: &Path) -> Vec<Played> {
        let hits = hits(capture);
        let releases = self.releases(&hits);
        let mut opened = Vec::new();
        for release in &releases {
            let release = Release::read(&release.write().unwrap()).unwrap();
            let shares = [0, 2].map(|n| release.shares(None, &self.keys[n]).unwrap());
            let shares: Vec<_> = shares.into_iter().flatten().collect();
            let all = release.open(&shares).unwrap();
            assert!(all.closed.is_empty() && all.identities.len() == 1);
            opened.extend(all.frames);
        }
        let played = |(number, hit): (usize, Hit)| {
            let id = id(number);
            let found: Vec<_> = opened.iter().filter(|(hit, _)| *hit == id).collect();
            assert!(found.len() <= 1, "a frame belongs to one subject");
            let frame = match (Frame::of(&hit), found.first()) {
                (Ok(made), Some((_, frame))) => {
                    assert!(made == *frame, "what was sealed is what is opened");
                    Ok(made)
                }
                (made, _) => made.map(|_| panic!("{id} was not sealed")),
            };
            Played { hit, id, frame }
        };
        hits.into_iter().enumerate().map(played).collect()
    }
}

fn id(number: usize) -> String {
    format!("hit-{number}")
}

/// The hits of a capture, by the built-in list.
pub fn hits(path: &Path) -> Vec<Hit> {
    let list = Catalogue::builtin().unwrap_or_else(|problems| panic!("{}", problems[0]));
    let settings = Settings {
        flows: 4096,
        buffers: 64,
        seed: Some(1),
        ..Settings::default()
    };
    let mut worker = Worker::new(&settings, 0, "test");
    let mut sink = Hits(Vec::new());
    let mut source = FileSource::open(&[path.to_owned()]).unwrap();
    // One capture is cut short on purpose: what comes before the end counts.
    while let Ok(Some(frame)) = source.next_frame() {
        worker.frame(&frame, "test", &list, &mut sink);
    }
    worker.flush("test", &list, &mut sink);
    sink.0
}

/// Does the name stand in the bytes, as text or as labels of DNS?
pub fn holds(bytes: &[u8], name: &str) -> bool {
    let mut labels = Vec::new();
    for label in name.split('.') {
        labels.push(label.len() as u8);
        labels.extend(label.bytes());
    }
    let low = bytes.to_ascii_lowercase();
    let found = |part: &[u8]| low.windows(part.len()).any(|it| it == part);
    found(name.as_bytes()) || found(&labels.to_ascii_lowercase())
}
