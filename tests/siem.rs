//! Sigma rules and saved searches: do they name fields and values that the log has?
//!
//! Enters: `deploy/siem`, the schemas in `docs`. Leaves: a verdict. Never: a SIEM.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Fields of the log of cases, each with the values that it can have, where these are listed.
fn fields() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = fs::read_to_string(root().join("docs/case.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut all = BTreeMap::new();
    collect(&schema, "", &mut all);
    // A sink's form has these beside (docs/sinks.md).
    let actions = all.get_mut("event.action").unwrap().as_mut().unwrap();
    actions.extend(["case-folded".to_owned(), "case-test".to_owned()]);
    all
}

fn collect(schema: &Value, path: &str, all: &mut BTreeMap<String, Option<BTreeSet<String>>>) {
    let Some(properties) = schema["properties"].as_object() else {
        let listed = schema["enum"]
            .as_array()
            .map(|values| values.iter().map(text).collect());
        let constant =
            (!schema["const"].is_null()).then(|| BTreeSet::from([text(&schema["const"])]));
        all.insert(path.into(), listed.or(constant));
        return;
    };
    for (name, inner) in properties {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        collect(inner, &path, all);
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn rules() -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("deploy/siem/sigma"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, yaml(path))
    };
    files.iter().map(read).collect()
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn sigma_rules_name_what_the_log_has() {
    let fields = fields();
    let (mut ids, mut referred, mut seen) = (BTreeSet::new(), Vec::new(), 0);
    for (name, rule) in rules() {
        seen += 1;
        for key in [
            "title",
            "id",
            "status",
            "description",
            "author",
            "date",
            "level",
        ] {
            assert!(rule[key].is_string(), "{name}: no {key}");
        }
        let levels = ["informational", "low", "medium", "high", "critical"];
        assert!(levels.contains(&rule["level"].as_str().unwrap()), "{name}");
        assert!(rule["falsepositives"].is_array(), "{name}");
        assert!(ids.insert(text(&rule["id"])), "{name}: its id stands twice");
        if !rule["correlation"].is_null() {
            let correlation = &rule["correlation"];
            referred.extend(correlation["rules"].as_array().unwrap().iter().map(text));
            let named = correlation["group-by"].as_array().unwrap().iter();
            for field in named.chain([&correlation["condition"]["field"]]).map(text) {
                assert!(fields.contains_key(&field), "{name}: no field {field}");
            }
            continue;
        }
        let selection = rule["detection"]["selection"].as_object().unwrap();
        assert_eq!(selection["event.dataset"], "poortwacht.case", "{name}");
        for (field, wanted) in selection {
            let known = fields
                .get(field)
                .unwrap_or_else(|| panic!("{name}: no field {field}"));
            let wanted = wanted
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![wanted.clone()]);
            for value in wanted.iter().map(text) {
                let known = known
                    .as_ref()
                    .unwrap_or_else(|| panic!("{name}: {field} is open"));
                assert!(known.contains(&value), "{name}: {field} is never {value}");
            }
        }
        for field in rule["fields"].as_array().unwrap().iter().map(text) {
            assert!(fields.contains_key(&field), "{name}: no field {field}");
        }
    }
    assert!(seen >= 7);
    assert!(
        referred.iter().all(|id| ids.contains(id)),
        "a correlation of no rule"
    );
}

#[test]
fn saved_searches_name_what_the_log_has() {
    let fields = fields();
    let text_of = fs::read_to_string(root().join("deploy/siem/kibana/poortwacht.ndjson")).unwrap();
    let objects: Vec<Value> = text_of
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let ids: BTreeSet<String> = objects.iter().map(|it| text(&it["id"])).collect();
    assert_eq!(ids.len(), objects.len());
    let part = regex::Regex::new(r#"([a-z.@]+) (?::|>=) (\([^)]*\)|"[^"]*"|[0-9]+)"#).unwrap();
    let quoted = regex::Regex::new(r#""([^"]*)""#).unwrap();
    let mut seen = 0;
    for search in objects.iter().filter(|it| it["type"] == "search") {
        for reference in search["references"].as_array().unwrap() {
            assert!(ids.contains(&text(&reference["id"])));
        }
        for column in search["attributes"]["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
        {
            assert!(fields.contains_key(&column), "no field {column}");
        }
        let source = text(&search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]);
        let source: Value = serde_json::from_str(&source).unwrap();
        let query = text(&source["query"]["query"]);
        let mut rest = query.clone();
        for found in part.captures_iter(&query) {
            let known = fields.get(&found[1]);
            let known = known.unwrap_or_else(|| panic!("{query}: no field {}", &found[1]));
            for value in quoted.captures_iter(&found[2]) {
                let known = known.as_ref().is_none_or(|known| known.contains(&value[1]));
                assert!(known, "{query}: {} is never {}", &found[1], &value[1]);
            }
            rest = rest.replace(&found[0], "");
            seen += 1;
        }
        let rest = rest.replace(" and ", "");
        assert!(
            rest.trim().is_empty(),
            "{query}: {rest:?} was not understood"
        );
    }
    assert!(seen >= 10);
}
