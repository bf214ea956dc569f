//! Exchange's message tracking log (CSV behind `#Fields:`).
//!
//! Enters: lines. Leaves: a mail for each recipient of a vendor's message, once, though the log has
//! it at every step. Never: takes a column by its place: `#Fields:` names them.
//!
//! `RECEIVE` and `DELIVER` count. The sender is `sender-address` (what people see), or
//! `return-path` (the envelope).

use super::assigned::csv;
use super::mail::{Sender, is_ours, message, message_text};
use super::read::{At, Foreign, Read};
use super::recent::Recent;
use super::stamp::{Zone, moment};
use crate::base::DomainName;
use crate::event::Event;

const HEADER: Foreign = Foreign("`#Fields: date-time,...` of a message tracking log");
const ROW: Foreign = Foreign("a row of a message tracking log with the fields of its header");

/// Deliveries remembered, to tell each once: between this number and twice as many.
const TOLD_MAX: usize = 4096;

/// Reads tracking rows.
pub struct Exchange {
    columns: Vec<String>,
    told: Recent<(u64, String), ()>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            told: Recent::new(TOLD_MAX),
        }
    }
}

impl Exchange {
    /// One line.
    ///
    /// # Errors
    /// [`Foreign`] for what is no row.
    pub fn line(
        &mut self,
        line: &str,
        domains: &[DomainName],
        at: &At<'_>,
        out: &mut Vec<Event>,
    ) -> Read {
        let line = line.trim_start_matches('\u{feff}');
        if let Some(fields) = line.strip_prefix("#Fields:") {
            self.columns = fields.split(',').map(|f| f.trim().to_owned()).collect();
            return Ok(());
        }
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if self.columns.is_empty() {
            return Err(HEADER);
        }
        let fields = csv(line).ok_or(ROW)?;
        if fields.len() != self.columns.len() {
            return Err(ROW);
        }
        let field = |name: &str| {
            let at = self.columns.iter().position(|column| column == name);
            at.and_then(|at| fields.get(at)).map(String::as_str)
        };
        if !matches!(field("event-id").ok_or(ROW)?, "RECEIVE" | "DELIVER") {
            return Ok(());
        }
        let time = field("date-time").and_then(|t| moment(t, at.learned, &Zone::default()));
        let time = time.ok_or(ROW)?;
        let senders = [field("sender-address"), field("return-path")];
        let mut senders = senders.into_iter().flatten();
        let Some(sender) = senders.find_map(|address| Sender::find(address, time, at)) else {
            return Ok(());
        };
        let recipients = field("recipient-address").ok_or(ROW)?;
        let id = field("message-id").and_then(message).unwrap_or(0);
        for recipient in recipients.split(';').filter(|to| is_ours(to, domains)) {
            let key = (id, recipient.trim().to_ascii_lowercase());
            if id != 0 && self.told.peek(&key).is_some() {
                continue;
            }
            self.told.put(key, ());
            let id = if id == 0 {
                String::new()
            } else {
                message_text(id)
            };
            out.push(sender.mail(recipient, time, id, at));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
