//! The Huffman code of header fields (RFC 7541 appendix B).
//!
//! The code is canonical: symbols of one length are numbered upwards in the order of their values,
//! so the lengths alone say all of it.

/// Length of each symbol's code, in bits. The end-of-string symbol, the last of 30 bits, is not
/// among them: it must not occur (section 5.2).
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

const LEN_MIN: u32 = 5;
const LEN_MAX: u32 = 30;

/// By length: where its symbols begin in `symbols`, its first code, and the code behind its last.
struct Code {
    from: [u16; 31],
    first: [u32; 31],
    end: [u32; 31],
    symbols: [u8; 256],
}

// Evaluated by the compiler: an index out of bounds would be an error there.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
const fn code() -> Code {
    let mut it = Code {
        from: [0; 31],
        first: [0; 31],
        end: [0; 31],
        symbols: [0; 256],
    };
    let (mut next, mut number, mut len) = (0u32, 0usize, 1usize);
    while len <= LEN_MAX as usize {
        next <<= 1;
        it.from[len] = number as u16;
        it.first[len] = next;
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] as usize == len {
                it.symbols[number] = symbol as u8;
                number += 1;
                next += 1;
            }
            symbol += 1;
        }
        it.end[len] = next;
        len += 1;
    }
    it
}

static CODE: Code = code();

/// Gives the decoded bytes one by one; their number, or `None` when the code is broken.
pub(super) fn decode(bytes: &[u8], mut put: impl FnMut(u8)) -> Option<usize> {
    let (mut held, mut bits, mut count) = (0u64, 0u32, 0usize);
    let mut rest = bytes.iter();
    loop {
        while bits <= 56 {
            let Some(byte) = rest.next() else { break };
            held = held << 8 | u64::from(*byte);
            bits = bits.saturating_add(8);
        }
        match symbol(held, bits) {
            Some((symbol, len)) => {
                put(symbol);
                count = count.saturating_add(1);
                bits = bits.saturating_sub(len);
            }
            // Padding: the first bits of the end-of-string symbol, all ones, less than a byte.
            None => {
                let ones = 1u64.checked_shl(bits)?.wrapping_sub(1);
                return (bits < 8 && held & ones == ones).then_some(count);
            }
        }
    }
}

/// The symbol whose code stands in the highest of the lowest `bits` bits of `held`.
fn symbol(held: u64, bits: u32) -> Option<(u8, u32)> {
    let mut len = LEN_MIN;
    while len <= LEN_MAX && len <= bits {
        let mask = 1u64.wrapping_shl(len).wrapping_sub(1);
        let code = (held.wrapping_shr(bits.wrapping_sub(len)) & mask) as u32;
        let at = len as usize;
        if code < *CODE.end.get(at)? {
            let place = code.wrapping_sub(*CODE.first.get(at)?) as usize;
            let place = place.saturating_add(usize::from(*CODE.from.get(at)?));
            return Some((*CODE.symbols.get(place)?, len));
        }
        len = len.saturating_add(1);
    }
    None
}

/// The coded form of `bytes`, padded with ones; for tests.
#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
pub(super) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    for byte in bytes {
        let len = usize::from(LENGTHS[usize::from(*byte)]);
        let (from, end) = (usize::from(CODE.from[len]), CODE.end[len] - CODE.first[len]);
        let symbols = &CODE.symbols[from..from + end as usize];
        let place = symbols.iter().position(|symbol| symbol == byte);
        let code = CODE.first[len] + place.map_or(0, |place| place as u32);
        bits.extend((0..len).rev().map(|bit| code >> bit & 1 == 1));
    }
    while !bits.len().is_multiple_of(8) {
        bits.push(true);
    }
    let byte = |bits: &[bool]| bits.iter().fold(0, |sum, bit| sum << 1 | u8::from(*bit));
    bits.chunks(8).map(byte).collect()
}
