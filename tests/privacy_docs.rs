//! The privacy documents say what is stored: held against types and schemas, and written from them.
//!
//! Enters: `docs/privacy/stored.toml`, the types of the record, the JSON schemas. Leaves: a failure
//! that names the field; with `POORTWACHT_WRITE_DOCS=1` the tables, written anew.
//!
//! What serde knows of a type is asked with a deserializer that reads nothing: it takes the list of
//! fields down and stops.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use poortwacht::cases::{Alert, AttributionEntry, Case, Exchange, Grounds, Item, Sighting, Step};
use poortwacht::config::Config;
use poortwacht::identity::{Attribution, Clear, Trace};
use poortwacht::organisation::Ruling;
use poortwacht::record::{
    Act, Acted, Actor, CaseAttribution, CaseHead, CaseStep, Coverage, Evidence, Frame, Hit, Kind,
    Life, List, Loss,
};
use poortwacht::sealing::Sealed;
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};

const WRITE: &str = "POORTWACHT_WRITE_DOCS";
const BEGIN: &str = "<!-- written from the program by tests/privacy_docs.rs: ";
const END: &str = "<!-- end -->";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    part: Vec<Part>,
    place: Vec<Place>,
}

/// A type or schema, and what its fields are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: String,
    en: String,
    nl: String,
    fields: Vec<Fields>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    names: Vec<String>,
    about: String,
    en: String,
    nl: String,
}

/// Place, content, who sees it, how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    en: [String; 4],
    nl: [String; 4],
}

#[derive(Clone, Copy, PartialEq)]
enum Tongue {
    En,
    Nl,
}

impl Tongue {
    const ALL: [Self; 2] = [Self::En, Self::Nl];

    fn of<'a>(self, en: &'a str, nl: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Nl => nl,
        }
    }

    fn word(self) -> &'static str {
        self.of("en", "nl")
    }
}

/// What `about` means, for people.
fn about(word: &str, tongue: Tongue) -> &'static str {
    match word {
        "none" => tongue.of("not about a person", "niet over een persoon"),
        "pseudonym" => tongue.of("pseudonym", "pseudoniem"),
        "seen" => tongue.of("seen of a pseudonym", "waargenomen bij een pseudoniem"),
        "sealed" => tongue.of("sealed", "verzegeld"),
        "text" => tongue.of("free text of staff", "vrije tekst van medewerkers"),
        "staff" => tongue.of("account of staff", "account van een medewerker"),
        "clear" => tongue.of("in clear, off by default", "leesbaar, standaard uit"),
        other => panic!("`about = {other:?}` is not among the words at the head of stored.toml"),
    }
}

// What the program has.

/// Takes the fields of a struct down, and reads nothing.
struct Asker<'a>(&'a mut Vec<String>);

#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("asked enough")
    }
}
impl std::error::Error for Stop {}
impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Asker<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Stop> {
        self.0.extend(fields.iter().map(|it| (*it).to_owned()));
        Err(Stop)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: DeserializeOwned>() -> Vec<String> {
    let mut found = Vec::new();
    let _ = T::deserialize(Asker(&mut found));
    assert!(
        !found.is_empty(),
        "{} is no struct",
        std::any::type_name::<T>()
    );
    found
}

/// The words between backquotes of serde's complaint about a wrong word.
fn expected(complaint: &str) -> Vec<String> {
    let (_, after) = complaint.split_once("expected").unwrap_or_default();
    let words = after.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// Each act and its fields, as serde complains about an act and a field that there are not.
fn acts() -> BTreeMap<String, Vec<String>> {
    let complaint = |value: serde_json::Value| match serde_json::from_value::<Act>(value) {
        Ok(_) => panic!("there is no such act"),
        Err(error) => error.to_string(),
    };
    let kinds = expected(&complaint(serde_json::json!({"act": "?"})));
    assert!(kinds.len() >= 18, "{kinds:?}");
    let of = |kind: &String| {
        let asked = serde_json::json!({"act": kind, "?": 0});
        expected(&complaint(asked))
    };
    kinds
        .iter()
        .map(|kind| (format!("act: {kind}"), of(kind)))
        .collect()
}

/// The leaves of a JSON schema, as dotted paths.
fn leaves(schema: &str) -> Vec<String> {
    fn walk(node: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        let Some(properties) = node.get("properties").and_then(|it| it.as_object()) else {
            found.push(path.to_owned());
            return;
        };
        for (name, below) in properties {
            let dot = if path.is_empty() { "" } else { "." };
            walk(below, &format!("{path}{dot}{name}"), found);
        }
    }
    let text = fs::read_to_string(docs().join(schema)).unwrap();
    let mut found = Vec::new();
    walk(&serde_json::from_str(&text).unwrap(), "", &mut found);
    found
}

/// The type behind each kind of entry. A new kind does not compile here before it is described.
fn of_kind(kind: Kind) -> (&'static str, Vec<String>) {
    match kind {
        Kind::Hit => ("Hit", fields::<Hit>()),
        Kind::Case => ("CaseHead", fields::<CaseHead>()),
        Kind::Evidence => ("Evidence", fields::<Evidence>()),
        Kind::Step => ("CaseStep", fields::<CaseStep>()),
        Kind::Attribution => ("CaseAttribution", fields::<CaseAttribution>()),
        Kind::Alert => ("Alert", fields::<Alert>()),
        Kind::Coverage => ("Coverage", fields::<Coverage>()),
        Kind::List => ("List", fields::<List>()),
        Kind::Life => ("Life", fields::<Life>()),
        Kind::Loss => ("Loss", fields::<Loss>()),
        Kind::Sealed => ("Sealed", fields::<Sealed>()),
        Kind::Frame => ("Frame", fields::<Frame>()),
        Kind::Triage
        | Kind::Unsealing
        | Kind::Export
        | Kind::Hold
        | Kind::Deletion
        | Kind::Account => ("Acted", fields::<Acted>()),
    }
}

/// Everything that the program stores, by name of its part.
fn program() -> BTreeMap<String, Vec<String>> {
    let mut all = acts();
    for kind in Kind::ALL {
        let (name, fields) = of_kind(*kind);
        all.insert(name.into(), fields);
    }
    let parts = [
        ("Item", fields::<Item>()),
        ("Step", fields::<Step>()),
        ("AttributionEntry", fields::<AttributionEntry>()),
        ("Attribution", fields::<Attribution>()),
        ("Trace", fields::<Trace>()),
        ("Ruling", fields::<Ruling>()),
        ("Actor", fields::<Actor>()),
        ("Clear", fields::<Clear>()),
        ("Case", fields::<Case>()),
        ("Grounds", fields::<Grounds>()),
        ("Sighting", fields::<Sighting>()),
        ("Exchange", fields::<Exchange>()),
        ("hit.schema.json", leaves("hit.schema.json")),
        ("case.schema.json", leaves("case.schema.json")),
    ];
    all.extend(parts.map(|(name, fields)| (name.to_owned(), fields)));
    all
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

fn stored() -> Stored {
    let text = fs::read_to_string(docs().join("privacy/stored.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

#[test]
fn every_stored_field_is_described_once_and_nothing_else_is() {
    let stored = stored();
    let program = program();
    let mut wrong = Vec::new();
    for part in &stored.part {
        let Some(have) = program.get(&part.name) else {
            wrong.push(format!(
                "`{}` is described, and there is no such part",
                part.name
            ));
            continue;
        };
        let said: Vec<&String> = part.fields.iter().flat_map(|it| &it.names).collect();
        for (n, name) in said.iter().enumerate() {
            if !have.contains(name) {
                wrong.push(format!(
                    "{}.{name} is described, and is not stored",
                    part.name
                ));
            }
            if said[..n].contains(name) {
                wrong.push(format!("{}.{name} is described twice", part.name));
            }
        }
        for name in have.iter().filter(|name| !said.contains(name)) {
            wrong.push(format!("{}.{name} is stored, and not described", part.name));
        }
    }
    for name in program
        .keys()
        .filter(|name| !stored.part.iter().any(|it| it.name == **name))
    {
        wrong.push(format!("`{name}` is stored, and not described"));
    }
    assert!(
        wrong.is_empty(),
        "docs/privacy/stored.toml:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_asker_sees_a_field_that_serde_sees() {
    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Sample {
        one: u8,
        #[serde(default, rename = "second")]
        two: Option<String>,
    }
    assert_eq!(fields::<Sample>(), ["one", "second"]);
    assert!(acts()["act: close"].contains(&"verdict".to_owned()));
}

// What the documents say.

fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// `{key}`: its default.
fn filled(text: &str) -> String {
    let config = toml::Value::try_from(Config::default()).unwrap();
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (key, after) = after.split_once('}').unwrap();
        let value = key.split('.').try_fold(&config, |at, part| at.get(part));
        let value = value.unwrap_or_else(|| panic!("the configuration has no key {key}"));
        out += &format!("{before}{value}");
        rest = after;
    }
    out + rest
}

/// Where what stands, who sees it, how long.
fn places(stored: &Stored, tongue: Tongue) -> String {
    let head = match tongue {
        Tongue::En => ["where", "what", "who can read it", "how long (defaults)"],
        Tongue::Nl => [
            "waar",
            "wat",
            "wie kan het lezen",
            "hoe lang (standaardwaarden)",
        ],
    };
    let mut out = row(&head) + &row(&["---"; 4]);
    for place in &stored.place {
        let cells = match tongue {
            Tongue::En => &place.en,
            Tongue::Nl => &place.nl,
        };
        let cells = cells.each_ref().map(|it| filled(it));
        out += &row(&cells.each_ref().map(String::as_str));
    }
    out
}

/// What each kind of entry is, and whether it is about a person.
fn kinds(stored: &Stored, tongue: Tongue) -> String {
    let head = match tongue {
        Tongue::En => [
            "kind of entry",
            "what it tells",
            "personal data in it",
            "kept (defaults)",
        ],
        Tongue::Nl => [
            "soort",
            "wat het zegt",
            "persoonsgegevens erin",
            "bewaard (standaard)",
        ],
    };
    let mut out = row(&head) + &row(&["---"; 4]);
    for kind in Kind::ALL {
        let (name, _) = of_kind(*kind);
        let acts = stored
            .part
            .iter()
            .filter(|it| act_kind(&it.name) == Some(*kind));
        let parts: Vec<&Part> = match name {
            "Acted" => acts.collect(),
            _ => stored.part.iter().filter(|it| it.name == name).collect(),
        };
        let what: Vec<&str> = parts.iter().map(|it| tongue.of(&it.en, &it.nl)).collect();
        let mut words: Vec<&str> = Vec::new();
        let fields = parts.iter().flat_map(|it| &it.fields);
        for word in fields
            .map(|it| it.about.as_str())
            .filter(|it| *it != "none")
        {
            let word = about(word, tongue);
            if !words.contains(&word) {
                words.push(word);
            }
        }
        if name == "Acted" && !words.contains(&about("staff", tongue)) {
            words.push(about("staff", tongue));
        }
        if words.is_empty() {
            words.push(tongue.of("none", "geen"));
        }
        let kept = filled(&kept(*kind, tongue));
        out += &row(&[
            &format!("`{kind}`"),
            &what.join("; "),
            &words.join(", "),
            &kept,
        ]);
    }
    out
}

/// How long entries of a kind are kept.
fn kept(kind: Kind, tongue: Tongue) -> String {
    let key = match kind {
        Kind::Hit => "hits_days",
        Kind::Frame => "frames_days",
        Kind::Coverage | Kind::List | Kind::Life | Kind::Loss => "coverage_days",
        Kind::Account => "accounts_days",
        Kind::Triage | Kind::Unsealing | Kind::Export | Kind::Hold | Kind::Deletion => "acts_days",
        Kind::Case
        | Kind::Evidence
        | Kind::Step
        | Kind::Attribution
        | Kind::Alert
        | Kind::Sealed => {
            let en =
                "with its case: {cases.closed_days} days after the newest evidence of a closed one";
            let nl = "met de zaak: {cases.closed_days} dagen na het nieuwste bewijs van een gesloten zaak";
            return tongue.of(en, nl).into();
        }
    };
    let case = match kind {
        Kind::Hit | Kind::Frame | Kind::Triage | Kind::Unsealing | Kind::Export | Kind::Hold => {
            tongue.of("; of a case: with the case", "; van een zaak: met de zaak")
        }
        _ => "",
    };
    let days = tongue.of("days", "dagen");
    format!("{{ledger.retention.{key}}} {days} (`{key}`){case}")
}

/// Under which kind an act stands.
fn act_kind(part: &str) -> Option<Kind> {
    Some(match part.strip_prefix("act: ")? {
        "request-unsealing" | "approve-unsealing" | "refuse-unsealing" | "release-unsealing" => {
            Kind::Unsealing
        }
        "hold" | "lift-hold" => Kind::Hold,
        "export" => Kind::Export,
        "erase" | "expire" => Kind::Deletion,
        "account" => Kind::Account,
        _ => Kind::Triage,
    })
}

/// Every field of every part.
fn everything(stored: &Stored, tongue: Tongue) -> String {
    let mut out = String::new();
    for part in &stored.part {
        out += &format!("### {}: {}\n\n", part.name, tongue.of(&part.en, &part.nl));
        out += &row(&[
            tongue.of("fields", "velden"),
            tongue.of("what", "wat"),
            tongue.of("about a person?", "over een persoon?"),
        ]);
        out += &row(&["---"; 3]);
        for it in &part.fields {
            let names: Vec<String> = it.names.iter().map(|name| format!("`{name}`")).collect();
            let what = tongue.of(&it.en, &it.nl);
            out += &row(&[&names.join(", "), what, about(&it.about, tongue)]);
        }
        out.push('\n');
    }
    out.trim_end().to_owned() + "\n"
}

/// The document with its tables as they should be.
fn written(text: &str, stored: &Stored, tongue: Tongue) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (which, after) = after.split_once(" -->").expect("a mark without its end");
        let (_, after) = after.split_once(END).expect("a table without its end mark");
        let table = match which {
            "places" => places(stored, tongue),
            "kinds" => kinds(stored, tongue),
            "everything" => everything(stored, tongue),
            other => panic!("there is no table `{other}`"),
        };
        out += &format!("{before}{BEGIN}{which} -->\n\n{table}\n{END}");
        rest = after;
    }
    out + rest
}

#[test]
fn the_tables_of_the_documents_are_those_of_the_program() {
    let stored = stored();
    let mut tables = 0;
    for tongue in Tongue::ALL {
        let ending = format!(".{}.md", tongue.word());
        for entry in fs::read_dir(docs().join("privacy")).unwrap().flatten() {
            if !entry.file_name().to_string_lossy().ends_with(&ending) {
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap();
            tables += text.matches(BEGIN).count();
            let right = written(&text, &stored, tongue);
            if std::env::var_os(WRITE).is_some() {
                fs::write(entry.path(), right).unwrap();
            } else {
                assert!(
                    text == right,
                    "{} is not what the program stores: run `{WRITE}=1 cargo test --test \
                     privacy_docs`, and read what changed",
                    entry.path().display()
                );
            }
        }
    }
    assert!(tables >= 8, "{tables} tables");
}

#[test]
fn each_document_stands_there_in_both_languages_with_the_same_headings_and_blanks() {
    for name in [
        "impact-assessment",
        "notice",
        "works-council",
        "processing",
        "stored-data",
        "requests",
    ] {
        let read = |tongue: Tongue| {
            let file = format!("privacy/{name}.{}.md", tongue.word());
            fs::read_to_string(docs().join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"))
        };
        let [en, nl] = Tongue::ALL.map(read);
        for mark in ["\n## ", "\n| ", "[…"] {
            let count = |text: &str| text.matches(mark).count();
            assert_eq!(count(&en), count(&nl), "{name}: {mark:?}");
        }
    }
}
