//! One TOML file; unknown keys are errors.
