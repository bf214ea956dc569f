//! Where things stand in the folder of a ledger.
//!
//! Enters: numbers. Leaves: paths. Never: touches a file.
//!
//! ```text
//! lock                       held by the daemon
//! key                        the private key of the log; its public half in `key.pub`
//! checkpoint                 the newest signed checkpoint
//! checkpoints                earlier ones, oldest first, the far past thinned out
//! witnessed                  checkpoints that witnesses signed too, put there by hand
//! tile/0/x001/234            tiles of 256 hashes, level 0: of leaves
//! tile/0/x001/235.p/17       the last tile while it is not full
//! tile/entries/x001/234      the leaves themselves, 256 in a bundle
//! payload/x001/234           salts and payloads of the same 256 entries
//! torn/1700000000-x001.234   what a crash left behind the last whole entry
//! ```
//!
//! C2SP tlog-tiles.

use std::path::PathBuf;

/// Entries in a full bundle, and in a payload file.
pub const BUNDLE_WIDTH: u64 = 256;

/// The newest checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// Earlier checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
/// Checkpoints that bear a witness's signature.
pub const WITNESSED: &str = "witnessed";
/// The private key.
pub const KEY: &str = "key";
/// The public key.
pub const PUBLIC_KEY: &str = "key.pub";
/// Folder of tiles.
pub const TILE: &str = "tile";
/// Folder of payload files.
pub const PAYLOAD: &str = "payload";
/// Folder of what crashes left.
pub const TORN: &str = "torn";

/// 1234067 is `x001/x234/067`.
fn numbered(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// `NAME` or, when not full, `NAME.p/WIDTH`.
fn with_width(name: String, width: u64) -> PathBuf {
    if width >= BUNDLE_WIDTH {
        name.into()
    } else {
        format!("{name}.p/{width}").into()
    }
}

/// A tile with `width` hashes.
pub fn tile(level: u8, index: u64, width: u64) -> PathBuf {
    with_width(format!("{TILE}/{level}/{}", numbered(index)), width)
}

/// A bundle of `width` leaves.
pub fn bundle(index: u64, width: u64) -> PathBuf {
    with_width(format!("{TILE}/entries/{}", numbered(index)), width)
}

/// The folder of the versions of a tile or bundle from before it was full.
pub fn partials(full: &std::path::Path) -> PathBuf {
    let mut name = full.as_os_str().to_owned();
    name.push(".p");
    name.into()
}

/// A payload file.
pub fn payload(index: u64) -> PathBuf {
    format!("{PAYLOAD}/{}", numbered(index)).into()
}

/// Where the torn end of a payload file is kept.
pub fn torn(seconds: i64, index: u64) -> PathBuf {
    let name = numbered(index).replace('/', ".");
    format!("{TORN}/{seconds}-{name}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_standard() {
        let of = |path: PathBuf| path.display().to_string();
        assert_eq!(of(tile(0, 1_234_067, 256)), "tile/0/x001/x234/067");
        assert_eq!(of(tile(2, 0, 17)), "tile/2/000.p/17");
        assert_eq!(of(bundle(999, 256)), "tile/entries/999");
        assert_eq!(of(bundle(1000, 1)), "tile/entries/x001/000.p/1");
        assert_eq!(of(partials(&tile(0, 5, 256))), "tile/0/005.p");
        assert_eq!(of(payload(1234)), "payload/x001/234");
    }
}
