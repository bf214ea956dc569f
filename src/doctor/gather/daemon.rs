//! A daemon that runs, and Alertmanager.
//!
//! Enters: the configuration. Leaves: what they answer. Never: sends a command; follows a redirect.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::alerts;
use crate::config::Config;
use crate::doctor::facts::{Control, Daemon};

/// Longest wait for an answer of our own pages.
const WAIT: Duration = Duration::from_secs(3);
/// Longest page that is read.
const PAGE_LEN_MAX: u64 = 8 << 20;

pub(super) fn gather(config: &Config) -> Daemon {
    let mut daemon = Daemon {
        control: control(&config.control.socket),
        ..Daemon::default()
    };
    if daemon.control != Control::Answers {
        let bound = TcpListener::bind(config.http.listen);
        daemon.address = Some(
            bound
                .map(drop)
                .map_err(|e| format!("{}: {e}", config.http.listen)),
        );
        return daemon;
    }
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(WAIT))
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .new_agent();
    let page = |path: &str| {
        let mut answer = agent
            .get(format!("http://{}{path}", config.http.listen))
            .call()
            .ok()?;
        let mut text = String::new();
        let body = answer.body_mut().as_reader().take(PAGE_LEN_MAX);
        io::BufReader::new(body).read_to_string(&mut text).ok()?;
        Some((answer.status().as_u16(), text))
    };
    daemon.ready = match page("/readyz") {
        Some((200, _)) => Some(Ok(())),
        Some((503, text)) => Some(Err(text.lines().map(str::to_owned).collect())),
        _ => None,
    };
    if let Some((200, text)) = page("/metrics") {
        (daemon.metrics, daemon.list_version) = metrics(&text);
    }
    daemon
}

/// Connects and goes: the daemon waits for a request line and gets none.
fn control(path: &Path) -> Control {
    match UnixStream::connect(path) {
        Ok(_) => Control::Answers,
        Err(e) => match e.kind() {
            io::ErrorKind::NotFound => Control::Absent,
            io::ErrorKind::PermissionDenied => Control::Forbidden,
            _ => Control::LeftOver,
        },
    }
}

/// Sums over the label values of each family, and the version of the list in force.
fn metrics(text: &str) -> (BTreeMap<String, f64>, Option<String>) {
    let (mut sums, mut version) = (BTreeMap::new(), None);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else {
            continue;
        };
        let Ok(value) = value.parse::<f64>() else {
            continue;
        };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        *sums.entry(name.to_owned()).or_default() += value;
        if name == "poortwacht_list_info" && value > 0.0 {
            version = labels
                .strip_prefix("version=\"")
                .and_then(|rest| rest.split('"').next())
                .map(str::to_owned);
        }
    }
    (sums, version)
}

/// Its version, or why it does not answer; `None` when none is named.
pub(super) fn alertmanager(config: &Config) -> Option<Result<String, String>> {
    let settings = &config.alerts.alertmanager;
    settings.is_on().then(|| alerts::ask_status(settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_summed_and_the_list_is_found() {
        let (sums, version) = metrics(
            "# HELP poortwacht_frames_total Frames seen.\n\
             poortwacht_frames_total{interface=\"a\"} 3\n\
             poortwacht_frames_total{interface=\"b\"} 4\n\
             poortwacht_list_info{version=\"0011223344556677\"} 1\n\
             poortwacht_events_dropped_total 2\n",
        );
        assert_eq!(sums.get("poortwacht_frames_total"), Some(&7.0));
        assert_eq!(sums.get("poortwacht_events_dropped_total"), Some(&2.0));
        assert_eq!(version.as_deref(), Some("0011223344556677"));
    }
}
