//! Which worker of an interface gets a frame: a classic BPF program for PACKET_FANOUT_CBPF.
//!
//! Both addresses of the IP header, and nothing else, choose the worker. So both directions of a
//! flow, all fragments of a packet (the kernel's own hash sends fragments by address and the rest of
//! the flow by port, and PACKET_FANOUT_FLAG_DEFRAG knows IPv4 only) and a client that changes its
//! port all stay with one worker. The price: everything between two hosts, a tunnel say, is the
//! work of one worker. What is not IP goes to the first.

use super::super::filter::Instruction;

const fn code(parts: u32) -> u16 {
    parts as u16
}

const LD_W_ABS: u16 = code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS);
const LD_H_ABS: u16 = code(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS);
const LD_W_IND: u16 = code(libc::BPF_LD | libc::BPF_W | libc::BPF_IND);
const LD_H_IND: u16 = code(libc::BPF_LD | libc::BPF_H | libc::BPF_IND);
const LD_MEM: u16 = code(libc::BPF_LD | libc::BPF_MEM);
const LDX_IMM: u16 = code(libc::BPF_LDX | libc::BPF_IMM);
const LDX_MEM: u16 = code(libc::BPF_LDX | libc::BPF_MEM);
const ST: u16 = code(libc::BPF_ST);
const STX: u16 = code(libc::BPF_STX);
const TAX: u16 = code(libc::BPF_MISC | libc::BPF_TAX);
const TXA: u16 = code(libc::BPF_MISC | libc::BPF_TXA);
const ADD_K: u16 = code(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K);
const MUL_K: u16 = code(libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K);
const RSH_K: u16 = code(libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K);
const XOR_X: u16 = code(libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X);
const JA: u16 = code(libc::BPF_JMP | libc::BPF_JA);
const JEQ_K: u16 = code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K);
const RET_K: u16 = code(libc::BPF_RET | libc::BPF_K);
const RET_A: u16 = code(libc::BPF_RET | libc::BPF_A);

/// The EtherType after the tag that the kernel took out.
const PROTOCOL: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL) as u32;
/// Arriving or leaving.
const KIND: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE) as u32;

/// Memory cell for the offset at which the network header begins.
const OFFSET: u32 = 0;
/// Memory cell for what has been folded so far.
const FOLDED: u32 = 1;

const fn does(code: u16, k: u32) -> Instruction {
    Instruction {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

const fn jumps(k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction {
        code: JEQ_K,
        jt,
        jf,
        k,
    }
}

/// The program, for an interface whose frames begin with an Ethernet header or with IP.
pub(super) fn by_address_pair(ethernet: bool) -> Vec<Instruction> {
    // An arriving packet stands at its network header here, a leaving one at its link header.
    let mut program = if ethernet {
        vec![
            does(LD_W_ABS, KIND),
            jumps(u32::from(libc::PACKET_OUTGOING), 0, 3),
            does(LDX_IMM, 14),
            does(LD_H_ABS, 12),
            does(JA, 2),
            does(LDX_IMM, 0),
            does(LD_W_ABS, PROTOCOL),
        ]
    } else {
        vec![does(LDX_IMM, 0), does(LD_W_ABS, PROTOCOL)]
    };
    // Here: A the EtherType, X the offset of what follows it. Up to two tags are stepped over.
    for _ in 0..2 {
        program.extend([
            jumps(0x8100, 1, 0),
            jumps(0x88a8, 0, 6),
            does(LD_H_IND, 2),
            does(ST, FOLDED),
            does(TXA, 0),
            does(ADD_K, 4),
            does(TAX, 0),
            does(LD_MEM, FOLDED),
        ]);
    }
    // The lower half of the /64 and of the host part tell IPv6 hosts apart well enough.
    let ipv4 = fold(&[12, 16]);
    let ipv6 = fold(&[12, 20, 28, 36]);
    program.push(jumps(0x0800, 0, ipv4.len() as u8));
    program.extend(ipv4);
    program.push(jumps(0x86dd, 0, ipv6.len() as u8));
    program.extend(ipv6);
    program.push(does(RET_K, 0));
    program
}

/// XOR of the words at these offsets of the network header, mixed, as the answer. XOR gives both
/// directions the same; the multiplication spreads neighbouring addresses over the workers (the
/// kernel takes the answer modulo their number).
fn fold(words: &[u32]) -> Vec<Instruction> {
    let mut program = vec![does(STX, OFFSET)];
    for (nth, at) in words.iter().enumerate() {
        program.push(does(LD_W_IND, *at));
        if nth > 0 {
            program.extend([does(LDX_MEM, FOLDED), does(XOR_X, 0)]);
        }
        program.extend([does(ST, FOLDED), does(LDX_MEM, OFFSET)]);
    }
    program.extend([
        does(LD_MEM, FOLDED),
        does(MUL_K, 0x9e37_79b1),
        does(RSH_K, 16),
        does(RET_A, 0),
    ]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would answer. `kind` and `protocol` are the packet's metadata.
    fn run(program: &[Instruction], data: &[u8], kind: u8, protocol: u16) -> u32 {
        let (mut a, mut x, mut memory, mut at) = (0u32, 0u32, [0u32; 16], 0usize);
        let load = |offset: u32, len: usize| {
            let bytes = data.get(offset as usize..offset as usize + len)?;
            Some(
                bytes
                    .iter()
                    .fold(0u32, |value, byte| value << 8 | u32::from(*byte)),
            )
        };
        loop {
            let i = program[at];
            at += 1;
            let loaded = match i.code {
                LD_W_ABS if i.k == KIND => Some(u32::from(kind)),
                LD_W_ABS if i.k == PROTOCOL => Some(u32::from(protocol)),
                LD_W_ABS => load(i.k, 4),
                LD_H_ABS => load(i.k, 2),
                LD_W_IND => load(x + i.k, 4),
                LD_H_IND => load(x + i.k, 2),
                _ => None,
            };
            match i.code {
                LD_W_ABS | LD_H_ABS | LD_W_IND | LD_H_IND => match loaded {
                    Some(value) => a = value,
                    None => return 0,
                },
                LDX_IMM => x = i.k,
                LDX_MEM => x = memory[i.k as usize],
                LD_MEM => a = memory[i.k as usize],
                ST => memory[i.k as usize] = a,
                STX => memory[i.k as usize] = x,
                TAX => x = a,
                TXA => a = x,
                ADD_K => a = a.wrapping_add(i.k),
                MUL_K => a = a.wrapping_mul(i.k),
                RSH_K => a >>= i.k,
                XOR_X => a ^= x,
                JA => at += i.k as usize,
                JEQ_K => at += usize::from(if a == i.k { i.jt } else { i.jf }),
                RET_K => return i.k,
                RET_A => return a,
                other => panic!("no such instruction: {other:#x}"),
            }
        }
    }

    fn ipv4(src: u32, dst: u32) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
        bytes.extend(src.to_be_bytes());
        bytes.extend(dst.to_be_bytes());
        bytes.extend([0; 20]);
        bytes
    }

    fn ipv6(src: u128, dst: u128) -> Vec<u8> {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, 6, 64];
        bytes.extend(src.to_be_bytes());
        bytes.extend(dst.to_be_bytes());
        bytes
    }

    fn ethernet(tags: &[u16], ethertype: u16, network: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 12];
        for tag in tags {
            bytes.extend(tag.to_be_bytes());
            bytes.extend([0, 5]);
        }
        bytes.extend(ethertype.to_be_bytes());
        bytes.extend(network);
        bytes
    }

    const LEAVING: u8 = libc::PACKET_OUTGOING;

    #[test]
    fn every_form_of_one_conversation_gets_one_answer() {
        let program = by_address_pair(true);
        let (client, server) = (0x0a00_0005, 0xc633_6407);
        let there = ipv4(client, server);
        let back = ipv4(server, client);
        let answer = run(&program, &there, 0, 0x0800);
        assert_ne!(answer, 0);
        assert_eq!(run(&program, &back, 3, 0x0800), answer);
        assert_eq!(
            run(&program, &ethernet(&[], 0x0800, &there), LEAVING, 0x0800),
            answer
        );
        // One tag left in the bytes: the inner one of two, or a leaving one put in by software.
        let tagged = ethernet(&[0x8100], 0x0800, &back);
        assert_eq!(run(&program, &tagged[14..], 0, 0x8100), answer);
        assert_eq!(run(&program, &tagged, LEAVING, 0x8100), answer);
        let twice = ethernet(&[0x88a8, 0x8100], 0x0800, &back);
        assert_eq!(run(&program, &twice, LEAVING, 0x88a8), answer);
        assert_eq!(
            run(&by_address_pair(false), &there, LEAVING, 0x0800),
            answer
        );

        let (client, server) = (
            0x2001_0db8_0001_0002_0000_0000_0000_0005,
            0x2001_0db8 << 96 | 7,
        );
        let answer = run(&program, &ipv6(client, server), 0, 0x86dd);
        assert_ne!(answer, 0);
        let back = ethernet(&[], 0x86dd, &ipv6(server, client));
        assert_eq!(run(&program, &back, LEAVING, 0x86dd), answer);
        assert_eq!(run(&by_address_pair(false), &back[14..], 0, 0x86dd), answer);
    }

    #[test]
    fn neighbouring_clients_are_spread() {
        let program = by_address_pair(true);
        let mut shares = [0u32; 4];
        for host in 0..1000u32 {
            let four = run(&program, &ipv4(0x0a00_0000 + host, 0xc633_6407), 0, 0x0800);
            let six = run(
                &program,
                &ipv6(0x2001_0db8 << 96 | u128::from(host), 7),
                0,
                0x86dd,
            );
            shares[four as usize % 4] += 1;
            shares[six as usize % 4] += 1;
        }
        assert!(
            shares.iter().all(|share| (400..=600).contains(share)),
            "{shares:?}"
        );
    }

    #[test]
    fn what_is_not_ip_or_cut_goes_to_the_first() {
        let program = by_address_pair(true);
        assert_eq!(run(&program, &[0; 28], 0, 0x0806), 0);
        assert_eq!(run(&program, &ipv4(1, 2)[..18], 0, 0x0800), 0);
        assert_eq!(run(&program, &[], LEAVING, 0x0800), 0);
        assert_eq!(
            run(
                &program,
                &ethernet(&[0x8100; 3], 0x0800, &ipv4(1, 2)),
                LEAVING,
                0
            ),
            0
        );
    }
}
