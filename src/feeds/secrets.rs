//! Shared secrets of RADIUS clients, by prefix.
//!
//! Enters: a file that nobody else may read. Leaves: the secret for an address. Never: shows a
//! secret, in a message or otherwise.

use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use super::read::net;
use crate::hits::guarded::{self, Unfit};

/// Longest file, in bytes.
const FILE_LEN_MAX: u64 = 256 * 1024;

/// Secrets, the most specific prefix first. No `Debug`: it holds secrets.
pub struct Secrets(Vec<(IpNet, Vec<u8>)>);

impl Secrets {
    /// Reads the file: lines `PREFIX SECRET`; `#` begins a remark line.
    ///
    /// # Errors
    /// A sentence with file, line and a way out.
    pub fn load(path: &Path) -> Result<Self, String> {
        let name = path.display();
        let bytes = guarded::read(path, FILE_LEN_MAX).map_err(|unfit| match unfit {
            Unfit::Unreadable(error) => format!(
                "cannot read the file of shared secrets {name}: {error}; it needs lines `PREFIX \
                 SECRET`, and must belong to the user of the daemon"
            ),
            Unfit::NotAFile => format!("the file of shared secrets {name} is not a regular file"),
            Unfit::WrongOwner(owner, own) => format!(
                "the file of shared secrets {name} belongs to user {owner}, and this is user {own}; \
                 hand it over with `chown {own} {name}`"
            ),
            Unfit::Exposed(mode) => format!(
                "others can reach the file of shared secrets {name} (mode {mode:04o}); shut it with \
                 `chmod 600 {name}`"
            ),
            Unfit::TooLong => format!("the file of shared secrets {name} is longer than 256 KiB"),
        })?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).map_err(|(line, why)| format!("{name}, line {line}: {why}"))
    }

    fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let mut secrets = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parts = line.split_once(char::is_whitespace);
            let wrong = |why| (number + 1, why);
            let (prefix, secret) = parts.ok_or(wrong("write `PREFIX SECRET`"))?;
            let prefix = net(prefix).ok_or(wrong("the first word is no address or prefix"))?;
            secrets.push((prefix, secret.trim().as_bytes().to_vec()));
        }
        if secrets.is_empty() {
            return Err((1, "there is no secret in it; write lines `PREFIX SECRET`"));
        }
        secrets.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        Ok(Self(secrets))
    }

    /// The secret shared with a client, and the prefix that it stands behind.
    pub fn of(&self, client: IpAddr) -> Option<(IpNet, &[u8])> {
        let client = client.to_canonical();
        let found = self.0.iter().find(|(net, _)| net.contains(&client));
        found.map(|(net, secret)| (*net, secret.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_most_specific_prefix_counts() {
        let text = "# clients\n10.0.0.0/8 wide\n10.7.0.0/16\tnarrow one\n2001:db8::/32 six\n";
        let secrets = Secrets::parse(text).ok().unwrap();
        let of = |client: &str| {
            secrets
                .of(client.parse().unwrap())
                .map(|(_, secret)| secret)
        };
        assert_eq!(of("10.1.0.1"), Some(&b"wide"[..]));
        assert_eq!(of("10.7.0.1"), Some(&b"narrow one"[..]));
        assert_eq!(of("::ffff:10.7.0.1"), Some(&b"narrow one"[..]));
        assert_eq!(of("192.0.2.1"), None);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_and_no_message_holds_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let refused = |text: &str, mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            Secrets::load(&path).err().unwrap_or_default()
        };
        assert!(refused("10.0.0.0/8 hush-hush\n", 0o640).contains("chmod 600"));
        let wrong = refused("10.0.0.0/8 hush-hush\nhush-hush\n", 0o600);
        assert!(
            wrong.contains("line 2") && !wrong.contains("hush"),
            "{wrong}"
        );
        assert!(refused("nonsense hush-hush\n", 0o600).contains("line 1"));
        assert!(refused("", 0o600).contains("no secret"));
        assert_eq!(refused("10.0.0.0/8 hush-hush\n", 0o600), "");
    }
}
