//! Bytes from a file or an address.
//!
//! Enters: a path, an `https://` address, or `http://` of this machine. Leaves: at most
//! [`BYTES_MAX`] bytes. Never: goes on past its time, follows more than [`REDIRECTS_MAX`] redirects,
//! follows one from https to http. A proxy named in the environment (`https_proxy`, `no_proxy`) is
//! used.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::Settings;
use crate::alerts::trusted_by;

/// Most bytes of one file, packed.
pub const BYTES_MAX: u64 = 64 << 20;
/// Most redirects.
pub const REDIRECTS_MAX: usize = 3;

/// Is it an address rather than a path?
pub fn is_address(from: &str) -> bool {
    from.contains("://")
}

/// Reads a file or fetches an address.
///
/// # Errors
/// What failed, and what to do.
pub fn fetch(from: &str, settings: &Settings, insecure_http: bool) -> Result<Vec<u8>, String> {
    if is_address(from) {
        Fetcher::new(settings, insecure_http)?.get(from)
    } else {
        read(Path::new(from))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let at = path.display();
    let file = File::open(path).map_err(|e| format!("cannot read {at}: {e}; check the path"))?;
    bounded(file, &at.to_string())
}

/// All of it, or an error when it is longer than allowed.
fn bounded(from: impl Read, name: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| format!("{name} broke off: {e}; try again"))?;
    if bytes.len() as u64 > BYTES_MAX {
        let most = BYTES_MAX >> 20;
        return Err(format!(
            "{name} is longer than {most} MiB: is it a list at all?"
        ));
    }
    Ok(bytes)
}

struct Fetcher {
    agent: ureq::Agent,
    insecure_http: bool,
}

impl Fetcher {
    fn new(settings: &Settings, insecure_http: bool) -> Result<Self, String> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(settings.timeout_seconds.into())))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("poortwacht/", env!("CARGO_PKG_VERSION")))
            .tls_config(trusted_by(&settings.ca_file, "[lists.update]")?)
            .build();
        Ok(Self {
            agent: config.new_agent(),
            insecure_http,
        })
    }

    fn get(&self, from: &str) -> Result<Vec<u8>, String> {
        let mut url = from.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            self.may_use(&url, from)?;
            let mut answer = self.agent.get(&url).call().map_err(|e| {
                format!("cannot fetch {url}: {e}; check the address and the way to it")
            })?;
            let status = answer.status();
            if status.is_redirection() {
                let to = answer
                    .headers()
                    .get("location")
                    .and_then(|to| to.to_str().ok());
                url = moved(&url, to.unwrap_or_default())?;
                continue;
            }
            if !status.is_success() {
                return Err(format!("{url} answered {status}; check the address"));
            }
            return bounded(answer.body_mut().as_reader(), &url);
        }
        Err(format!(
            "{from} redirects more than {REDIRECTS_MAX} times: give the last address itself"
        ))
    }

    /// https always; http to this machine, or when a person allowed it, unless https led there.
    fn may_use(&self, url: &str, from: &str) -> Result<(), String> {
        if url.starts_with("https://") {
            return Ok(());
        }
        let began_safe = from.starts_with("https://");
        let Some(host) = url.strip_prefix("http://").map(host_of) else {
            return Err(format!(
                "{url} is neither https nor http: give another address or a file"
            ));
        };
        let loopback = host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if !began_safe && (loopback || self.insecure_http) {
            return Ok(());
        }
        let led = if began_safe {
            format!("{from} leads to {url}, which")
        } else {
            url.to_owned()
        };
        Err(format!(
            "{led} is not https: who sits between could hold back updates; use https, or \
             --insecure-http if that is known"
        ))
    }
}

/// The host of what stands behind `http://`.
fn host_of(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Where a redirect leads: a whole address, or a path of the same host.
fn moved(url: &str, to: &str) -> Result<String, String> {
    if is_address(to) {
        return Ok(to.to_owned());
    }
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url
        .get(start..)
        .and_then(|rest| rest.find('/'))
        .map_or(url.len(), |at| start + at);
    let host = url.get(..end).unwrap_or(url);
    if to.starts_with('/') && !to.starts_with("//") {
        return Ok(format!("{host}{to}"));
    }
    Err(format!(
        "{url} redirects to `{}`: give the last address itself",
        to.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_what_is_connected_to() {
        for (rest, host) in [
            ("127.0.0.1:80/x", "127.0.0.1"),
            ("127.0.0.1@evil.example/x", "evil.example"),
            ("[::1]:80/", "::1"),
            ("evil.example?@127.0.0.1", "evil.example"),
            ("evil.example#@127.0.0.1", "evil.example"),
        ] {
            assert_eq!(host_of(rest), host, "{rest}");
        }
    }

    #[test]
    fn https_never_becomes_http() {
        let fetcher = Fetcher {
            agent: ureq::Agent::new_with_defaults(),
            insecure_http: true,
        };
        let from = "https://lists.example/c.json";
        assert!(
            fetcher
                .may_use("http://127.0.0.1/c.json", from)
                .unwrap_err()
                .contains("not https")
        );
        assert!(
            fetcher
                .may_use("http://lists.example/c.json", "http://lists.example/")
                .is_ok()
        );
        assert!(fetcher.may_use("ftp://lists.example/c.json", from).is_err());
        let careful = Fetcher {
            insecure_http: false,
            ..fetcher
        };
        let plain = "http://lists.example/";
        assert!(
            careful
                .may_use(plain, plain)
                .unwrap_err()
                .contains("--insecure-http")
        );
        assert!(
            careful
                .may_use("http://[::1]:8/x", "http://[::1]:8/x")
                .is_ok()
        );
    }

    #[test]
    fn redirects_keep_to_whole_addresses_and_paths() {
        let url = "https://a.example/x/y";
        assert_eq!(moved(url, "/z").unwrap(), "https://a.example/z");
        assert_eq!(
            moved(url, "https://b.example/").unwrap(),
            "https://b.example/"
        );
        assert!(moved(url, "//b.example/z").is_err());
        assert!(moved(url, "").is_err());
    }
}
