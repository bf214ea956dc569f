//! Cases: inputs to stages.
