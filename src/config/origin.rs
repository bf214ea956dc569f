//! Where each effective value came from, for `config show`.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Config, ConfigError};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The config file, at this line.
    File(usize),
    /// The command line.
    CommandLine,
}

/// One effective key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `table.key`
    pub key: String,
    /// Its value as TOML.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Config {
    /// Every key with its effective value and origin, sorted. `text` and `folder` are the config
    /// file's, if any; a value that the file does not explain and that differs from the default
    /// came from the command line.
    ///
    /// # Errors
    /// When `text` is no TOML.
    pub fn lines(
        &self,
        text: Option<&str>,
        folder: Option<&Path>,
    ) -> Result<Vec<Line>, ConfigError> {
        let from_file = text.map_or(Ok(BTreeMap::new()), key_lines)?;
        let mut file = text.map_or(Ok(Self::default()), |t| Self::parse(t, "file"))?;
        let mut plain = Self::default();
        if let Some(folder) = folder {
            file.rebase(folder);
            plain.rebase(folder);
        }
        let (now, file, plain) = (flat(self)?, flat(&file)?, flat(&plain)?);
        let origin = |key: &str, value: &String| match from_file.get(key) {
            Some(line) if file.get(key) == Some(value) => Origin::File(*line),
            None if plain.get(key) == Some(value) => Origin::Default,
            _ => Origin::CommandLine,
        };
        Ok(now
            .iter()
            .map(|(key, value)| Line {
                key: key.clone(),
                value: value.clone(),
                origin: origin(key, value),
            })
            .collect())
    }
}

/// `table.key` to its value as TOML.
fn flat(config: &Config) -> Result<BTreeMap<String, String>, ConfigError> {
    let tables = toml::Table::try_from(config).map_err(|e| ConfigError(e.to_string()))?;
    let mut out = BTreeMap::new();
    for (table, value) in &tables {
        for (key, value) in value.as_table().into_iter().flatten() {
            out.insert(format!("{table}.{key}"), value.to_string());
        }
        for (number, one) in (1..).zip(value.as_array().into_iter().flatten()) {
            out.insert(format!("{table}.{number}"), one.to_string());
        }
    }
    Ok(out)
}

/// `table.key` to the line on which it stands.
fn key_lines(text: &str) -> Result<BTreeMap<String, usize>, ConfigError> {
    let tables = toml::de::DeTable::parse(text).map_err(|e| ConfigError(e.to_string()))?;
    let mut out = BTreeMap::new();
    let line = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
    for (table, value) in tables.get_ref() {
        let table = table.get_ref();
        for (key, _) in value.get_ref().as_table().into_iter().flatten() {
            out.insert(format!("{table}.{}", key.get_ref()), line(key.span().start));
        }
        for (number, one) in (1..).zip(value.get_ref().as_array().into_iter().flatten()) {
            out.insert(format!("{table}.{number}"), line(one.span().start));
        }
    }
    Ok(out)
}
