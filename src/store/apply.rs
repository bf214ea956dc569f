//! x
use super::{Numbered, Store};
pub(super) fn apply(_: &mut Store, _: &[Numbered]) -> Result<(), String> {
    Err("not yet".into())
}
