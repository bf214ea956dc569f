//! `[console]`: where it listens and who vouches for visitors.
//!
//! Enters: the configuration. Leaves: [`Settings`], checked. Never: opens what it names.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::rights::Role;

/// `[console]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address of the console, `127.0.0.1:9468` for one. Empty: none is served. Default: empty.
    pub listen: String,
    /// Folder of accounts and tokens; only this user may read it. Default `console`.
    pub folder: PathBuf,
    /// Address as browsers see it, `https://console.example.org`; needed when it is a name and not
    /// an address in digits or `localhost`. Default: empty.
    pub origin: String,
    /// Prefix of every path, kept by the proxy in front: `/poortwacht`. Default: empty.
    pub base_path: String,
    /// Certificate chain (PEM). Empty: no TLS. Default: empty.
    pub certificate: PathBuf,
    /// Its private key (PEM), readable by this user alone. Default: empty.
    pub key: PathBuf,
    /// Serve without TLS beyond this machine. Default false.
    pub insecure: bool,
    /// A session ends after so many hours, whatever happens. Default 10.
    pub session_hours: u16,
    /// A session ends after so many minutes without a request. Default 30.
    pub idle_minutes: u16,
    /// Roles that need a second factor (TOTP). Default `["officer", "admin"]`.
    pub second_factor: Vec<Role>,
    /// Time zone of "local time", `Europe/Amsterdam`. Empty: that of this machine. Default: empty.
    pub zone: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: String::new(),
            folder: "console".into(),
            origin: String::new(),
            base_path: String::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            insecure: false,
            session_hours: 10,
            idle_minutes: 30,
            second_factor: vec![Role::Officer, Role::Admin],
            zone: String::new(),
        }
    }
}

impl Settings {
    /// Where to listen; `None` when no console is served.
    ///
    /// # Errors
    /// When it is no address.
    pub fn address(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let address = self.listen.parse().map_err(|_| {
            format!(
                "listen = \"{}\" is no address with port: write 127.0.0.1:9468",
                self.listen
            )
        })?;
        Ok(Some(address))
    }
}
