//! Lists that are packed with gzip or zstd, by their first bytes.
//!
//! Enters: bytes. Leaves: text. Never: more than [`LEN_MAX`] bytes, whatever a small file claims to
//! unpack to.

use std::io::{BufReader, Read};

use super::problem::ListProblem;

/// Longest text of a list that was packed, in bytes.
pub const LEN_MAX: u64 = 256 << 20;
/// Largest window of zstd, as a power of two: what `zstd --ultra` may use without `--long`.
const WINDOW_LOG_MAX: u32 = 27;

/// The text of `file`.
///
/// # Errors
/// It unpacks to more than allowed, is cut short or broken, or is no UTF-8.
pub fn unpack(file: &str, bytes: Vec<u8>) -> Result<String, ListProblem> {
    let bytes = match bytes.get(..4) {
        Some([0x1f, 0x8b, ..]) => bounded(
            file,
            "gzip",
            flate2::read::MultiGzDecoder::new(bytes.as_slice()),
        )?,
        Some([0x28, 0xb5, 0x2f, 0xfd]) => {
            let broken = |e: std::io::Error| broken(file, "zstd", &e);
            let reader = BufReader::new(bytes.as_slice());
            let mut decoder = zstd::Decoder::with_buffer(reader).map_err(broken)?;
            decoder.window_log_max(WINDOW_LOG_MAX).map_err(broken)?;
            bounded(file, "zstd", decoder)?
        }
        _ => bytes,
    };
    String::from_utf8(bytes).map_err(|error| {
        let good = error
            .as_bytes()
            .get(..error.utf8_error().valid_up_to())
            .unwrap_or_default();
        let line = good.iter().filter(|&&b| b == b'\n').count() + 1;
        ListProblem {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            ..ListProblem::of_file(file, "the text is not UTF-8", "save the file as UTF-8")
        }
    })
}

fn bounded(file: &str, how: &str, from: impl Read) -> Result<Vec<u8>, ListProblem> {
    let mut bytes = Vec::new();
    from.take(LEN_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| broken(file, how, &e))?;
    if bytes.len() as u64 > LEN_MAX {
        let what = format!("unpacks to more than {} MiB", LEN_MAX >> 20);
        return Err(ListProblem::of_file(
            file,
            what,
            "check what it is, or unpack it yourself",
        ));
    }
    Ok(bytes)
}

fn broken(file: &str, how: &str, error: &std::io::Error) -> ListProblem {
    let what = format!("cannot be unpacked as {how}: {error}");
    ListProblem::of_file(file, what, "it is cut short or broken: get it again")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(pieces: usize, piece: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        (0..pieces).for_each(|_| to.write_all(piece).unwrap());
        to.finish().unwrap()
    }

    #[test]
    fn each_packing_is_known_by_its_first_bytes() {
        let text = b"a.example\n".to_vec();
        assert_eq!(unpack("x", text.clone()).unwrap(), "a.example\n");
        assert_eq!(
            unpack("x", gzip(2, &text)).unwrap(),
            "a.example\na.example\n"
        );
        let zst = zstd::encode_all(text.as_slice(), 1).unwrap();
        assert_eq!(unpack("x", zst.clone()).unwrap(), "a.example\n");
        for cut in [gzip(1, &text), zst] {
            let said = unpack("l.zst", cut[..cut.len() - 3].to_vec())
                .unwrap_err()
                .to_string();
            assert!(said.contains("l.zst: cannot be unpacked"), "{said}");
        }
        let said = unpack("l", b"a\n\xff".to_vec()).unwrap_err().to_string();
        assert!(said.starts_with("l:2: the text is not UTF-8"), "{said}");
    }

    #[test]
    fn a_bomb_is_refused_at_the_bound() {
        let piece = vec![b'a'; 1 << 20];
        let pieces = (LEN_MAX >> 20) as usize + 1;
        let bomb = gzip(pieces, &piece);
        assert!(bomb.len() < 8 << 20, "{}", bomb.len());
        let said = unpack("b.gz", bomb).unwrap_err().to_string();
        assert!(
            said.contains("b.gz: unpacks to more than 256 MiB"),
            "{said}"
        );
    }
}
