//! Two network namespaces joined by a veth pair, made for one test and removed after it.
//!
//! `near` holds the interface `cap0` (10.77.0.1, fd77::1) that is captured from; `far` holds `far0`
//! (10.77.0.2, fd77::2) at the other end.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use poortwacht::capture::live::{LiveConfig, LiveSource, Via, open};
use poortwacht::capture::{Frame, LinkType, VlanTag};

pub const NEAR4: &str = "10.77.0.1";
pub const FAR4: &str = "10.77.0.2";
pub const NEAR6: &str = "fd77::1";
pub const FAR6: &str = "fd77::2";

pub struct Lab {
    pub near: String,
    pub far: String,
}

impl Lab {
    /// `None`, and a line that says so, where namespaces cannot be made.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return None;
        }
        let stem = format!(
            "pw{}n{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let lab = Self {
            near: format!("{stem}near"),
            far: format!("{stem}far"),
        };
        if !try_ip(&["netns", "add", &lab.near]) || !try_ip(&["netns", "add", &lab.far]) {
            eprintln!("skipped: `ip netns add` does not work here");
            return None;
        }
        for space in [&lab.near, &lab.far] {
            ip(&["-n", space, "link", "set", "lo", "up"]);
        }
        lab.join();
        Some(lab)
    }

    /// Makes the pair (again).
    pub fn join(&self) {
        let (near, far) = (self.near.as_str(), self.far.as_str());
        let peer = ["peer", "name", "far0", "netns", far];
        ip(&[
            &["-n", near, "link", "add", "cap0", "type", "veth"][..],
            &peer,
        ]
        .concat());
        self.address(near, "cap0", &format!("{NEAR4}/16"));
        self.address(near, "cap0", &format!("{NEAR6}/64"));
        self.address(far, "far0", &format!("{FAR4}/16"));
        self.address(far, "far0", &format!("{FAR6}/64"));
        ip(&["-n", near, "link", "set", "cap0", "up"]);
        ip(&["-n", far, "link", "set", "far0", "up"]);
    }

    pub fn address(&self, space: &str, interface: &str, address: &str) {
        let nodad: &[&str] = if address.contains(':') {
            &["nodad"]
        } else {
            &[]
        };
        ip(&[
            &["-n", space, "addr", "add", address, "dev", interface][..],
            nodad,
        ]
        .concat());
    }

    pub fn ip_near(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.near][..], arguments].concat());
    }

    pub fn ip_far(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.far][..], arguments].concat());
    }

    /// How many ask for promiscuous mode on `cap0`.
    pub fn promiscuity(&self) -> u32 {
        let arguments = ["-n", &self.near, "-d", "link", "show", "cap0"];
        let output = Command::new("ip").args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut words = text
            .split_ascii_whitespace()
            .skip_while(|word| *word != "promiscuity");
        words.nth(1).unwrap().parse().unwrap()
    }

    /// Opens sources in `near`.
    pub fn open(&self, config: &LiveConfig) -> Vec<LiveSource> {
        within(&self.near, || open(config)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// One source on `cap0`.
    pub fn one(&self, via: Via) -> LiveSource {
        self.open(&on("cap0", via)).pop().unwrap()
    }

    /// Sends a datagram for each number in `numbers`, from `far` to `near`, both families in turn.
    pub fn send(&self, port: u16, numbers: std::ops::Range<u32>) {
        within(&self.far, || {
            for number in numbers {
                send_to(NEAR4, port, &number.to_be_bytes());
                send_to(NEAR6, port, &number.to_be_bytes());
            }
        });
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        try_ip(&["netns", "del", &self.near]);
        try_ip(&["netns", "del", &self.far]);
    }
}

pub fn on(interface: &str, via: Via) -> LiveConfig {
    LiveConfig {
        interfaces: vec![interface.to_owned()],
        via,
        ..LiveConfig::default()
    }
}

pub fn send_to(address: &str, port: u16, payload: &[u8]) {
    let address: IpAddr = address.parse().unwrap();
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).unwrap();
    // Nobody listens, and an ICMP error may come back: of no interest.
    let _ = socket.send_to(payload, SocketAddr::new(address, port));
}

fn ip(arguments: &[&str]) {
    assert!(try_ip(arguments), "ip {}", arguments.join(" "));
}

fn try_ip(arguments: &[&str]) -> bool {
    Command::new("ip")
        .args(arguments)
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `work` on a thread of its own in the network namespace `space`.
pub fn within<T: Send>(space: &str, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let namespace = File::open(format!("/run/netns/{space}")).unwrap();
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A frame, copied out of the ring.
#[derive(Clone)]
pub struct Kept {
    pub bytes: Vec<u8>,
    pub wire_len: u32,
    pub vlan: Option<VlanTag>,
    pub link: LinkType,
    pub point: u16,
    /// Nanoseconds from the kernel's timestamp to here.
    pub age_ns: i64,
}

impl Kept {
    pub fn of(frame: &Frame<'_>) -> Self {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Self {
            bytes: frame.bytes.to_vec(),
            wire_len: frame.wire_len,
            vlan: frame.vlan,
            link: frame.link,
            point: frame.point,
            age_ns: now.as_nanos() as i64 - frame.time.nanos(),
        }
    }

    /// The IP packet in it, where there is one.
    pub fn ip(&self) -> Option<Ip<'_>> {
        let packet = match self.link {
            LinkType::RawIp => self.bytes.as_slice(),
            _ => match self.bytes.get(12..14)? {
                [0x08, 0x00] | [0x86, 0xdd] => self.bytes.get(14..)?,
                [0x81, 0x00] => self.bytes.get(18..)?,
                _ => return None,
            },
        };
        Ip::of(packet)
    }

    /// The number in a datagram to `port` as [`Lab::send`] writes it.
    pub fn number(&self, port: u16) -> Option<(bool, u32)> {
        let ip = self.ip()?;
        if ip.protocol != 17 || ip.payload.get(2..4)? != port.to_be_bytes() {
            return None;
        }
        let number = u32::from_be_bytes(*ip.payload.get(8..)?.first_chunk()?);
        Some((ip.src.is_ipv6(), number))
    }
}

pub struct Ip<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    pub payload: &'a [u8],
}

impl<'a> Ip<'a> {
    fn of(packet: &'a [u8]) -> Option<Self> {
        let v4 = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<4>()?));
        let v6 = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<16>()?));
        match packet.first()? >> 4 {
            4 => Some(Self {
                src: v4(12)?,
                dst: v4(16)?,
                protocol: packet[9],
                payload: packet.get(20..)?,
            }),
            6 => Some(Self {
                src: v6(8)?,
                dst: v6(24)?,
                protocol: packet[6],
                payload: packet.get(40..)?,
            }),
            _ => None,
        }
    }
}

/// Reads until `enough` says so, and then a little longer for what should not come.
pub fn collect(source: &mut LiveSource, enough: impl Fn(&[Kept]) -> bool) -> Vec<Kept> {
    let mut kept = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !enough(&kept) && Instant::now() < deadline {
        read(source, Duration::from_millis(100), &mut kept);
    }
    let linger = Instant::now() + Duration::from_millis(60);
    while Instant::now() < linger {
        read(source, Duration::from_millis(20), &mut kept);
    }
    kept
}

fn read(source: &mut LiveSource, timeout: Duration, kept: &mut Vec<Kept>) {
    let before = kept.len();
    let frames = source
        .next_batch(timeout, &mut |frame: Frame<'_>| kept.push(Kept::of(&frame)))
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(frames, kept.len() - before);
}

/// Numbers of the datagrams to `port`, sorted: one list for each family.
pub fn numbers(kept: &[Kept], port: u16) -> (Vec<u32>, Vec<u32>) {
    let of = |six: bool| {
        let mut numbers: Vec<u32> = kept
            .iter()
            .filter_map(|frame| frame.number(port))
            .filter_map(|(is_six, number)| (is_six == six).then_some(number))
            .collect();
        numbers.sort_unstable();
        numbers
    };
    (of(false), of(true))
}
