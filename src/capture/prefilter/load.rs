//! The program into the kernel, and out of it what it kept back.
//!
//! Enters: what is wanted of it. Leaves: [`Prefilter`], or [`Refused`] with the kernel's reason.
//! Never: believes a version number: each right that is needed later is tried now, without the
//! privileges that will be gone then.

use std::fmt;
use std::os::fd::AsFd;

use aya::maps::lpm_trie::Key as Prefix;
use aya::maps::{HashMap, LpmTrie, MapData, PerCpuArray};
use aya::programs::SocketFilter;
use aya::{Ebpf, EbpfLoader};
use caps::CapSet;
use ipnet::IpNet;

use super::verdict::{Flows, KEY_LEN, VERDICT_LEN, Verdicts};
use super::{OBJECT, Shed, Shedding};

/// What the program is to do.
#[derive(Clone, Debug)]
pub struct Wanted<'c> {
    /// Frames begin with an Ethernet header, else with that of IP.
    pub ethernet: bool,
    /// Most bytes kept of a frame.
    pub keep: u32,
    /// Prefixes that may not be watched.
    pub excluded: &'c [IpNet],
    /// Judged flows that it can hold; the one unseen for longest gives way.
    pub flows: u32,
}

/// Why the kernel does not run the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was being done, and the kernel's words.
    pub why: String,
    /// Would a right that the process lacks help?
    pub permission: bool,
}

impl Refused {
    /// Not the kernel's doing.
    pub fn because(why: &str) -> Self {
        Self {
            why: why.to_owned(),
            permission: false,
        }
    }

    /// While `doing` that, with the words of `error` and of what caused it.
    pub fn new(doing: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut why = doing.to_owned();
        let (mut next, mut permission) = (Some(error), false);
        // The crate's own words say little without their cause; the verifier's log says too much.
        while let Some(error) = next {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            why.push_str(": ");
            why.push_str(line);
            if let Some(io) = error.downcast_ref::<std::io::Error>() {
                permission |= io.kind() == std::io::ErrorKind::PermissionDenied;
            }
            next = error.source();
        }
        if permission {
            why.push_str(" (it needs CAP_BPF)");
        }
        Self { why, permission }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refused {}

/// The program, loaded, with its maps.
pub struct Prefilter {
    program: Ebpf,
    shed: PerCpuArray<MapData, [u64; 2]>,
    verdicts: Option<Verdicts>,
}

impl Prefilter {
    /// Loads it. Needs CAP_BPF; once it has returned, no right is needed any more.
    ///
    /// # Errors
    /// [`Refused`] with what the kernel said.
    pub fn load(wanted: &Wanted<'_>) -> Result<Self, Refused> {
        let (four, six) = split(wanted.excluded);
        let some = |n: usize| u32::try_from(n.max(1)).unwrap_or(u32::MAX);
        let (ethernet, keep) = (u32::from(wanted.ethernet), wanted.keep);
        let (any4, any6) = (u32::from(!four.is_empty()), u32::from(!six.is_empty()));
        let mut program = EbpfLoader::new()
            .btf(None)
            .override_global("ethernet", &ethernet, true)
            .override_global("keep", &keep, true)
            .override_global("excluded4", &any4, true)
            .override_global("excluded6", &any6, true)
            .map_max_entries("flows", wanted.flows.max(1))
            .map_max_entries("excluded_ipv4", some(four.len()))
            .map_max_entries("excluded_ipv6", some(six.len()))
            .load(OBJECT)
            .map_err(|e| Refused::new("making its tables", &e))?;
        exclude(&mut program, "excluded_ipv4", &four)?;
        exclude(&mut program, "excluded_ipv6", &six)?;
        let filter = filter(&mut program)?;
        filter
            .load()
            .map_err(|e| Refused::new("loading the program", &e))?;
        let flows = HashMap::try_from(map(&mut program, "flows")?);
        let flows = flows.map_err(|e| Refused::new("its table of flows", &e))?;
        let shed = PerCpuArray::try_from(map(&mut program, "shed")?);
        let shed = shed.map_err(|e| Refused::new("its counters", &e))?;
        Ok(Self {
            program,
            shed,
            verdicts: Some(Verdicts::new(try_without_rights(flows)?)),
        })
    }

    /// Puts it in force on `socket`, in place of the filter before it.
    ///
    /// # Errors
    /// [`Refused`] with what the kernel said.
    pub fn attach(&mut self, socket: &impl AsFd) -> Result<(), Refused> {
        filter(&mut self.program)?
            .attach(socket)
            .map_err(|e| Refused::new("attaching it to the socket", &e))
    }

    /// The way to tell it what was judged; once.
    pub const fn take_verdicts(&mut self) -> Option<Verdicts> {
        self.verdicts.take()
    }

    /// What it kept back since it was loaded.
    pub fn shed(&self) -> Shed {
        let mut shed = Shed::default();
        for (at, (frames, bytes)) in shed.frames.iter_mut().zip(&mut shed.bytes).enumerate() {
            // It cannot fail on a map that was made; and a count is no reason to stop watching.
            let index = u32::try_from(at).unwrap_or_default();
            if let Ok(counts) = self.shed.get(&index, 0) {
                for [more, more_bytes] in counts.iter() {
                    *frames = frames.wrapping_add(*more);
                    *bytes = bytes.wrapping_add(*more_bytes);
                }
            }
        }
        shed
    }

    /// The program, for tests that run it on frames of their own.
    #[doc(hidden)]
    pub const fn program(&mut self) -> &mut Ebpf {
        &mut self.program
    }
}

fn filter(program: &mut Ebpf) -> Result<&mut SocketFilter, Refused> {
    let found = program.program_mut("prefilter").ok_or_else(missing)?;
    found
        .try_into()
        .map_err(|e| Refused::new("its kind of program", &e))
}

fn map(program: &mut Ebpf, name: &str) -> Result<aya::maps::Map, Refused> {
    program.take_map(name).ok_or_else(missing)
}

fn missing() -> Refused {
    Refused::because("the object in this program is not the one that belongs to it")
}

/// Prefixes by family, without host bits.
fn split(excluded: &[IpNet]) -> (Vec<IpNet>, Vec<IpNet>) {
    let nets: Vec<IpNet> = excluded.iter().map(IpNet::trunc).collect();
    IpNet::aggregate(&nets)
        .into_iter()
        .partition(|net| matches!(net, IpNet::V4(_)))
}

fn exclude(program: &mut Ebpf, name: &str, nets: &[IpNet]) -> Result<(), Refused> {
    let doing = "telling it what is excluded";
    let refused = |e: aya::maps::MapError| Refused::new(doing, &e);
    let map = program.map_mut(name).ok_or_else(missing)?;
    for net in nets {
        let bits = u32::from(net.prefix_len());
        match net {
            IpNet::V4(net) => LpmTrie::<_, [u8; 4], [u8; 1]>::try_from(&mut *map)
                .and_then(|mut trie| trie.insert(&Prefix::new(bits, net.addr().octets()), [1], 0)),
            IpNet::V6(net) => LpmTrie::<_, [u8; 16], [u8; 1]>::try_from(&mut *map)
                .and_then(|mut trie| trie.insert(&Prefix::new(bits, net.addr().octets()), [1], 0)),
        }
        .map_err(refused)?;
    }
    Ok(())
}

/// The sensor gives up every privilege before it tells anything. Kernels before 5.19 then let nobody
/// write to a map; a seccomp filter may forbid the call. A thread has privileges of its own.
fn try_without_rights(mut flows: Flows) -> Result<Flows, Refused> {
    let tried = std::thread::spawn(move || {
        let doing = "telling it about flows without privileges";
        caps::clear(None, CapSet::Effective).map_err(|e| Refused::new(doing, &e))?;
        let key = [0; KEY_LEN];
        flows
            .insert(key, [0; VERDICT_LEN], 0)
            .and_then(|()| flows.remove(&key))
            .map_err(|e| Refused::new(doing, &e))?;
        Ok(flows)
    });
    tried.join().unwrap_or_else(|_| Err(missing()))
}

const _: () = assert!(Shedding::ALL.len() == 4);
