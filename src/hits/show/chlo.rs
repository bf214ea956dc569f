//! The hello of Google's own QUIC handshake for a person.
//!
//! Reads what was kept of it: the name and the version. See `names::quic`.

use super::{Lines, quoted, take};

pub(super) fn describe(evidence: &[u8], lines: &mut Lines) {
    lines.add(
        "message",
        format!("Google QUIC CHLO, {} bytes kept", evidence.len()),
    );
    if read(evidence, lines).is_none() {
        lines.add("broken", "cut off or contradictory");
    }
}

/// `CHLO`, the number of tags, two zeros; each tag with the end of its value; the values.
fn read(evidence: &[u8], lines: &mut Lines) -> Option<()> {
    let mut rest = evidence;
    take(&mut rest, 4)?;
    let count = take(&mut rest, 4)?;
    let count = usize::from(u16::from_le_bytes([*count.first()?, *count.get(1)?]));
    let mut index = take(&mut rest, count.checked_mul(8)?)?;
    let mut start = 0;
    while let Some(tag) = take(&mut index, 4) {
        let end = take(&mut index, 4)?
            .try_into()
            .ok()
            .map(u32::from_le_bytes)?;
        let end = usize::try_from(end).ok()?;
        let value = rest.get(start..end)?;
        match tag {
            b"SNI\0" => lines.add("server name", quoted(value)),
            b"VER\0" if !value.is_empty() => lines.add("version", quoted(value)),
            _ => {}
        }
        start = end;
    }
    Some(())
}
