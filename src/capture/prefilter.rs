//! The kernel prefilter: the bulk of a flow that the sensor has judged stays in the kernel.
//!
//! Enters: what the sensor says of a flow ([`Verdict`]). Leaves: fewer frames in the ring. Never:
//! judges a flow by itself; touches a packet on its way, for it is a filter of our own copy; is
//! needed: where the kernel refuses it, a classic filter does what it can, or none.
//!
//! The program is `prefilter/prefilter.bpf.c`; the object beside it is built from it by clang, so
//! that building this program needs no clang, and a test compares the two. One map belongs to each
//! worker: a flow that passes two interfaces is judged at each.

mod load;
mod verdict;

pub use load::{Prefilter, Refused, Wanted};
pub use verdict::{Again, Fate, Verdict, Verdicts};

/// The program as clang built it.
#[doc(hidden)]
pub static OBJECT: &[u8] = include_bytes_aligned!("prefilter/prefilter.bpf.o");

use aya::include_bytes_aligned;

/// Declares why less than a whole frame was kept, in the order of the program.
macro_rules! reasons {
    ($($name:ident = $text:literal $what:literal;)+) => {
        /// Why the kernel kept less than the whole of our copy of a frame.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Shedding {
            $(#[doc = $what] $name,)+
        }

        impl Shedding {
            /// All, in the order of the program's counters.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// In one word, for labels.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

reasons! {
    Settled = "settled" "Its flow is settled: nothing more is read of it.";
    ReadOut = "read-out" "Nothing more is read of what its sender says on this flow.";
    Watched = "watched" "Its flow is watched: the headers were kept.";
    Excluded = "excluded" "Its source or destination may not be watched.";
}

/// What the kernel kept back, along [`Shedding::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shed {
    /// Frames.
    pub frames: [u64; Shedding::ALL.len()],
    /// Bytes of them that did not come.
    pub bytes: [u64; Shedding::ALL.len()],
}

/// What stands between the interface and the ring.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing: every frame comes in.
    None,
    /// Classic BPF: what is excluded, or not matched by the expression, stays out.
    Classic,
    /// The eBPF program: the bulk of judged flows stays out too.
    #[default]
    Ebpf,
}

impl Kind {
    /// All, from the least.
    pub const ALL: &'static [Self] = &[Self::None, Self::Classic, Self::Ebpf];

    /// In one word, for logs and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Classic => "classic",
            Self::Ebpf => "ebpf",
        }
    }
}
