//! What a configuration may be: values against each other, and what should be said of them.
//!
//! Enters: a [`Config`] as it was read. Leaves: the first fault with its key and a way out, and
//! warnings. Never: opens what it names.

use ipnet::IpNet;

use super::{Addresses, Config, Ledger, Prefilter, Require, Via};
use crate::feeds::Feed;
use crate::sealing::Sealer;

/// Longest `clear_reason`: it stands in every record.
const REASON_LEN_MAX: usize = 2000;

impl Config {
    /// What no single key can tell.
    ///
    /// # Errors
    /// A sentence with the key and a way out.
    pub fn check(&self) -> Result<(), String> {
        let s = &self.sensor;
        if !s.interfaces.is_empty() && !s.read.is_empty() {
            return Err("[sensor] has both `interfaces` and `read`: keep one of them".into());
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = s.interfaces.iter().find(|i| !seen.insert(*i)) {
            return Err(format!(
                "[sensor] interfaces names {twice} twice: keep it once"
            ));
        }
        let other = s.coverage.iter().find(|it| !s.interfaces.contains(it));
        if let Some(other) = other.filter(|_| !s.interfaces.is_empty()) {
            return Err(format!(
                "[sensor] coverage names {other}, which is not among `interfaces`: its connections \
                 are not seen"
            ));
        }
        self.check_capture()?;
        bounds("sensor.workers", s.workers.into(), 1, 64)?;
        bounds("sensor.ring_mib", s.ring_mib.into(), 1, 4096)?;
        bounds("sensor.flows_max", s.flows_max.into(), 64, 1 << 26)?;
        bounds("sensor.buffers_max", s.buffers_max.into(), 8, 1 << 17)?;
        bounds("sensor.queue_max", s.queue_max.into(), 16, 1 << 24)?;
        bounds(
            "hits.fold_seconds",
            self.hits.fold_seconds.into(),
            0,
            86_400,
        )?;
        bounds("hits.rotate_keep", self.hits.rotate_keep.into(), 1, 1000)?;
        self.lists.update.check()?;
        self.check_people()?;
        if self.privacy.addresses == Addresses::Clear && self.privacy.clear_reason.trim().is_empty()
        {
            return Err(
                "[privacy] addresses = \"clear\" needs a `clear_reason`: it is recorded \
                        with every start; or leave `addresses` at \"pseudonym\""
                    .into(),
            );
        }
        let reason = &self.privacy.clear_reason;
        if reason.len() > REASON_LEN_MAX || reason.chars().any(char::is_control) {
            return Err(format!(
                "[privacy] clear_reason is longer than {REASON_LEN_MAX} bytes or holds a line \
                 break or other control character: write it as one short line"
            ));
        }
        Ok(())
    }

    /// What is required of the capture can be had with what else stands there.
    fn check_capture(&self) -> Result<(), String> {
        let s = &self.sensor;
        let against = match (s.require, s.via) {
            (Require::Ebpf, Via::Pcap) => "via = \"pcap\", which knows classic filters only",
            (Require::Ebpf, _) if !s.filter.trim().is_empty() => {
                "a `filter`, which takes the prefilter's place"
            }
            (Require::Ebpf, _) if s.prefilter != Prefilter::Ebpf => "another `prefilter`",
            (Require::Ebpf, Via::Xdp) => "via = \"xdp\", which hands over every frame",
            (Require::Xdp, Via::Ring | Via::Pcap) => "a `via` other than \"xdp\"",
            _ => return Ok(()),
        };
        let what = if s.require == Require::Xdp {
            "xdp"
        } else {
            "ebpf"
        };
        Err(format!(
            "[sensor] require = \"{what}\" stands against {against}: leave out one of the two"
        ))
    }

    fn check_people(&self) -> Result<(), String> {
        let who = &self.identity;
        bounds("identity.keep_hours", who.keep_hours.into(), 1, 48)?;
        bounds("identity.request_days", who.request_days.into(), 1, 90)?;
        bounds(
            "identity.intervals_max",
            who.intervals_max.into(),
            64,
            1 << 24,
        )?;
        self.cases
            .settings()
            .check()
            .map_err(|why| format!("[cases] {why}"))?;
        self.ledger
            .check()
            .map_err(|why| format!("[ledger] {why}"))?;
        self.alerts.check()?;
        crate::alerts::sinks::check_all(&self.sinks)?;
        self.console
            .check()
            .map_err(|why| format!("[console] {why}"))?;
        if !who.officers.is_empty() {
            Sealer::new(&who.officers, who.threshold).map_err(|why| format!("[identity] {why}"))?;
        }
        Feed::check_all(&self.feeds)
    }

    /// Is there anything to watch or to read?
    ///
    /// # Errors
    /// A sentence with a way out.
    pub fn check_sources(&self) -> Result<(), String> {
        if self.sensor.interfaces.is_empty() && self.sensor.read.is_empty() {
            return Err(
                "nothing to watch: give --interface IF (or --read FILE), or set `interfaces` \
                 under [sensor] in the config"
                    .into(),
            );
        }
        Ok(())
    }

    /// What is allowed but should be said.
    pub fn warnings(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.sensor.read.is_empty() && self.privacy.impact_assessment.trim().is_empty() {
            out.push(
                "no impact assessment is named: monitoring of employees needs one (GDPR art. 35); \
                 set `impact_assessment` under [privacy] to its reference"
                    .into(),
            );
        }
        if self.privacy.addresses == Addresses::Clear {
            out.push(format!(
                "client addresses are written in clear, because: {}",
                self.privacy.clear_reason.trim()
            ));
        }
        out.extend(self.alerts.warnings());
        out.extend(self.sinks.iter().flat_map(|sink| sink.warnings()));
        out.extend(self.console.warnings());
        if self.identity.officers.is_empty() {
            out.push(
                "no officers are named: no user name is kept, cases are of devices; list \
                 `officers` under [identity] to have persons under seal"
                    .into(),
            );
        }
        if !self.ledger.is_kept() {
            out.push(
                "no record is kept: [ledger] folder is empty; cases cannot be worked on, and nothing \
                 can be proved later"
                    .into(),
            );
        }
        if !self.sensor.excluded.is_empty() {
            let nets: Vec<String> = self.sensor.excluded.iter().map(IpNet::to_string).collect();
            out.push(format!("excluded from monitoring: {}", nets.join(", ")));
        }
        out
    }
}

impl Ledger {
    fn check(&self) -> Result<(), String> {
        if self.is_kept() {
            self.settings().check()?;
            if self.store.as_os_str().is_empty() {
                return Err("`store` is empty: name a file for it".into());
            }
        }
        let days = &self.retention;
        for (key, value) in [
            ("hits_days", days.hits_days),
            ("frames_days", days.frames_days),
            ("coverage_days", days.coverage_days),
            ("accounts_days", days.accounts_days),
            ("acts_days", days.acts_days),
        ] {
            bounds(&format!("retention.{key}"), value.into(), 0, 36_500)?;
        }
        Ok(())
    }
}

fn bounds(key: &str, value: u64, low: u64, high: u64) -> Result<(), String> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(format!(
            "{key} = {value} is out of bounds: use {low} to {high}"
        ))
    }
}
