//! A pcapng file (draft-ietf-opsawg-pcapng): one section, one Ethernet interface, nanoseconds.
//!
//! Enters: frames. Leaves: the file's bytes.

/// The file. `start` is in seconds since the epoch, times in microseconds after it.
pub fn file(start: u64, frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let section = [
        &0x1a2b_3c4d_u32.to_le_bytes()[..],
        &1u16.to_le_bytes(),
        &0u16.to_le_bytes(),
        &u64::MAX.to_le_bytes(),
    ];
    block(&mut out, 0x0a0d_0d0a, &section.concat());
    // LINKTYPE_ETHERNET, no snap length; if_tsresol 9, end of options.
    let interface = [1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0];
    block(&mut out, 1, &interface);
    for (at, bytes) in frames {
        let nanos = start * 1_000_000_000 + at * 1_000;
        let mut body = Vec::with_capacity(24 + bytes.len());
        let len = bytes.len() as u32;
        for word in [0, (nanos >> 32) as u32, nanos as u32, len, len] {
            body.extend(word.to_le_bytes());
        }
        body.extend(bytes);
        block(&mut out, 6, &body);
    }
    out
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let total = (12 + padded as u32).to_le_bytes();
    out.extend(kind.to_le_bytes());
    out.extend(total);
    out.extend(body);
    out.resize(out.len() + padded - body.len(), 0);
    out.extend(total);
}
