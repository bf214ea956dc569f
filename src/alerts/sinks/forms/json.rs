//! Our own JSON, as `docs/notice.schema.json` describes it.
//!
//! Enters: a notice. Leaves: all of it, one object. Never: a field that the schema does not name.

use serde_json::json;

use super::{Notice, line, object};

/// The name of this form and its version.
pub const FORMAT: &str = "poortwacht.notice/1";

/// One object.
pub fn notice(of: &Notice) -> Vec<u8> {
    line(&object([
        ("format", json!(FORMAT)),
        ("id", json!(of.id)),
        ("kind", json!(of.kind)),
        ("name", json!(of.name)),
        ("severity", json!(of.severity)),
        ("time", json!(of.time.to_string())),
        ("taken", json!(of.taken.to_string())),
        ("case", json!(of.case)),
        ("vendor", json!({"id": of.vendor, "name": of.vendor_name})),
        ("stage", json!(of.stage)),
        ("standing", json!(of.standing)),
        ("confidence", json!(of.confidence)),
        ("grade", json!(of.grade)),
        ("unit", json!(of.unit)),
        ("site", json!(of.site)),
        ("count", json!(of.count)),
        ("summary", json!(of.summary)),
        ("description", json!(of.description)),
        ("observer", json!(of.observer)),
    ]))
}
