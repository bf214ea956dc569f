//! x
#[derive(Default)]
pub(super) struct Words {}
