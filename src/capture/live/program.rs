//! The filter that the kernel runs on each frame before the ring.
//!
//! Enters: excluded prefixes and the user's expression. Leaves: classic BPF programs. Never: drops a
//! frame that is neither certainly excluded nor turned away by the expression. `net` does not see
//! past a VLAN tag that stayed in the frame, so some excluded frames pass; `decode` drops those.

use pcap::{Active, Capture};

use super::interface::Interface;
use super::{LiveConfig, LiveError};
use crate::capture::LinkType;
use crate::capture::filter::{FilterError, Instruction, exclusion, instructions, words};
use crate::capture::prefilter::Kind;

/// Which filter the kernel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelFilter {
    /// None: every frame comes in.
    None,
    /// The excluded prefixes are dropped.
    Exclusion,
    /// Only what the expression matches comes in; exclusion is left to `decode`, if there is one.
    Expression,
    /// Both.
    Both,
    /// The eBPF program: excluded prefixes and the bulk of judged flows are dropped.
    Flows,
}

impl KernelFilter {
    /// In one word, for logs and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Exclusion => "exclusion",
            Self::Expression => "expression",
            Self::Both => "both",
            Self::Flows => "flows",
        }
    }

    /// By which kind of program.
    pub const fn kind(self) -> Kind {
        match self {
            Self::None => Kind::None,
            Self::Exclusion | Self::Expression | Self::Both => Kind::Classic,
            Self::Flows => Kind::Ebpf,
        }
    }

    pub(super) const fn of(exclusion: bool, expression: bool) -> Self {
        match (exclusion, expression) {
            (false, false) => Self::None,
            (true, false) => Self::Exclusion,
            (false, true) => Self::Expression,
            (true, true) => Self::Both,
        }
    }
}

const RET_K: u16 = 0x06;
/// Most instructions of one program (BPF_MAXINSNS).
const INSTRUCTIONS_MAX: usize = 4096;

/// Ready-made programs.
pub(super) struct Program;

impl Program {
    /// Lets nothing through.
    pub(super) fn nothing() -> Vec<Instruction> {
        vec![Instruction {
            code: RET_K,
            jt: 0,
            jf: 0,
            k: 0,
        }]
    }

    /// Lets the first `snaplen` bytes of everything through.
    fn everything(snaplen: u32) -> Vec<Instruction> {
        vec![Instruction {
            code: RET_K,
            jt: 0,
            jf: 0,
            k: snaplen,
        }]
    }
}

/// The expressions that a configuration asks for, from the most wanted to the least.
pub(super) struct Expressions {
    /// Exclusion and the user's expression, whichever there are.
    pub(super) best: Option<(String, KernelFilter)>,
    /// The user's expression, where `best` also excludes.
    pub(super) without_exclusion: Option<(Option<String>, KernelFilter)>,
}

impl Expressions {
    /// The user's expression has to be compiled by itself before: then no bracket in it can reach
    /// out of the pair it is put in here. The exclusion stands first, because `vlan` in an
    /// expression moves what comes after it.
    pub(super) fn of(config: &LiveConfig) -> Self {
        let user = user_expression(config);
        let exclusion = match config.prefilter {
            Kind::None => None,
            Kind::Classic | Kind::Ebpf => exclusion(&config.excluded),
        };
        let best = match (&exclusion, user) {
            (None, None) => None,
            (Some(exclusion), None) => Some((exclusion.clone(), KernelFilter::Exclusion)),
            (None, Some(user)) => Some((user.to_owned(), KernelFilter::Expression)),
            (Some(exclusion), Some(user)) => {
                Some((format!("{exclusion} and ({user})"), KernelFilter::Both))
            }
        };
        let without_exclusion = exclusion.is_some().then(|| {
            (
                user.map(str::to_owned),
                KernelFilter::of(false, user.is_some()),
            )
        });
        Self {
            best,
            without_exclusion,
        }
    }
}

/// The configured expression; an empty one is none.
pub(super) fn user_expression(config: &LiveConfig) -> Option<&str> {
    config
        .filter
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// The programs for one interface, compiled once for all its workers.
pub(super) struct Programs {
    best: (Vec<Instruction>, KernelFilter),
    without_exclusion: Option<(Vec<Instruction>, KernelFilter)>,
}

impl Programs {
    pub(super) fn compile(interface: &Interface, config: &LiveConfig) -> Result<Self, LiveError> {
        let snaplen = if config.snaplen == 0 {
            u32::MAX
        } else {
            config.snaplen
        };
        let user = user_expression(config);
        let handle = match user {
            Some(text) if mentions_vlan(text) && interface.link == LinkType::Ethernet => {
                Some(tag_aware_handle(interface, text)?)
            }
            _ => None,
        };
        let compile = |text: &str| {
            instructions(text, interface.link, handle.as_ref())
                .map(|program| with_snaplen(program, snaplen))
        };
        if let Some(text) = user {
            compile(text)?;
        }
        let expressions = Expressions::of(config);
        let without_exclusion = match expressions.without_exclusion {
            None => None,
            Some((None, filter)) => Some((Program::everything(snaplen), filter)),
            Some((Some(text), filter)) => Some((compile(&text)?, filter)),
        };
        let Some((text, filter)) = expressions.best else {
            let best = (Program::everything(snaplen), KernelFilter::None);
            return Ok(Self {
                best,
                without_exclusion,
            });
        };
        match (compile(&text), without_exclusion) {
            (Ok(program), without_exclusion) if program.len() <= INSTRUCTIONS_MAX => Ok(Self {
                best: (program, filter),
                without_exclusion,
            }),
            // More prefixes than libpcap or the kernel can hold in one program.
            (_, Some(smaller)) => Ok(Self {
                best: smaller,
                without_exclusion: None,
            }),
            (Ok(program), None) => Err(LiveError::FilterTooLong {
                name: interface.name.clone(),
                instructions: program.len(),
            }),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// Everything that was asked for, as far as one program can hold it.
    pub(super) fn best(&self) -> (&[Instruction], KernelFilter) {
        (&self.best.0, self.best.1)
    }

    /// For a kernel that has no room for `best`.
    pub(super) fn without_exclusion(&self) -> Option<(&[Instruction], KernelFilter)> {
        self.without_exclusion
            .as_ref()
            .map(|(program, filter)| (program.as_slice(), *filter))
    }
}

/// What a program returns is how many bytes to keep; libpcap writes 65,535, which would cut frames
/// that offloads have joined.
fn with_snaplen(mut program: Vec<Instruction>, snaplen: u32) -> Vec<Instruction> {
    for instruction in &mut program {
        if instruction.code == RET_K && instruction.k != 0 {
            instruction.k = snaplen;
        }
    }
    program
}

fn mentions_vlan(expression: &str) -> bool {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == "vlan")
}

/// The kernel takes the tag out of the frame, so `vlan` must ask for the tag's metadata. libpcap
/// writes that only for an open capture; this one is closed as soon as the expression is compiled.
fn tag_aware_handle(interface: &Interface, expression: &str) -> Result<Capture<Active>, LiveError> {
    Capture::from_device(interface.name.as_str())
        .and_then(|handle| handle.snaplen(64).buffer_size(1 << 16).open())
        .map_err(|error| {
            let message = format!(
                "`vlan` can be compiled only while `{}` is up ({})",
                interface.name,
                words(&error)
            );
            FilterError::new(expression, message).into()
        })
}

#[cfg(test)]
mod tests {
    use super::super::interface::look_up;
    use super::*;

    fn config(excluded: &[&str], filter: Option<&str>) -> LiveConfig {
        LiveConfig {
            excluded: excluded.iter().map(|net| net.parse().unwrap()).collect(),
            filter: filter.map(str::to_owned),
            ..LiveConfig::default()
        }
    }

    fn compile(config: &LiveConfig) -> Result<Programs, LiveError> {
        Programs::compile(&look_up("lo", 0).unwrap(), config)
    }

    #[test]
    fn what_is_in_force_is_what_was_asked_for() {
        let cases = [
            (&[][..], None, KernelFilter::None),
            (&[], Some("  "), KernelFilter::None),
            (&["10.0.0.0/8"], None, KernelFilter::Exclusion),
            (&[], Some("tcp"), KernelFilter::Expression),
            (
                &["10.0.0.0/8", "2001:db8::/32"],
                Some("tcp or udp"),
                KernelFilter::Both,
            ),
        ];
        for (excluded, filter, expected) in cases {
            assert_eq!(
                compile(&config(excluded, filter)).unwrap().best().1,
                expected
            );
        }
    }

    #[test]
    fn no_expression_reaches_out_of_its_brackets() {
        let Err(LiveError::Filter(error)) = compile(&config(&["10.0.0.0/8"], Some("tcp) or (udp")))
        else {
            panic!("accepted");
        };
        assert_eq!(error.expression, "tcp) or (udp");
    }

    #[test]
    fn the_length_to_keep_is_ours() {
        let accepted = |snaplen| {
            let config = LiveConfig {
                snaplen,
                ..config(&["10.0.0.0/8"], Some("tcp or arp"))
            };
            let programs = compile(&config).unwrap();
            let returns: Vec<u32> = programs
                .best()
                .0
                .iter()
                .filter(|i| i.code == RET_K)
                .map(|i| i.k)
                .collect();
            assert!(returns.len() >= 2 && returns.contains(&0), "{returns:?}");
            returns.into_iter().max().unwrap()
        };
        assert_eq!(accepted(0), u32::MAX);
        assert_eq!(accepted(256), 256);
    }

    #[test]
    fn more_prefixes_than_a_program_holds_are_left_to_decode() {
        let many: Vec<String> = (0..2000u32)
            .map(|n| format!("10.{}.{}.0/25", n >> 8, n & 255))
            .chain((0..1000).map(|n| format!("2001:db8:{n:x}::/49")))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let programs = compile(&config(&many, Some("udp"))).unwrap();
        assert_eq!(programs.best().1, KernelFilter::Expression);
        assert!(programs.best().0.len() < 20);
        let some = compile(&config(&many[..100], Some("udp"))).unwrap();
        assert_eq!(some.best().1, KernelFilter::Both);
        assert_eq!(
            some.without_exclusion().unwrap().1,
            KernelFilter::Expression
        );
    }

    #[test]
    fn vlan_is_recognised_as_a_word() {
        assert!(mentions_vlan("vlan 5 and ip"));
        assert!(mentions_vlan("not(vlan)"));
        assert!(!mentions_vlan("host vlanhost.example"));
    }
}
