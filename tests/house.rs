//! The rules of the house, checked on the source text.
//!
//! Enters: the tree. Leaves: a failure that names file and line. Each check is a function of text
//! and is tried on bad samples below, so that it is known to be able to fail.

use std::fs;
use std::path::{Path, PathBuf};

/// Files that may hold `unsafe`, each for a reason that its head gives (rings, maps, system calls).
const UNSAFE_FILES: &[&str] = &[
    "src/capture/live/mapping.rs",
    "src/capture/live/socket.rs",
    "src/capture/live/xdp/socket.rs",
    "src/doctor/gather/timex.rs",
];

#[test]
fn no_arrow_runs_back() {
    let order = order_of_modules(&read("src/lib.rs"));
    assert!(order.len() >= 8, "lib.rs lists no modules: {order:?}");
    report(rust_files("src").iter().flat_map(|path| {
        let module = module_of(path);
        arrows_back(&order, &module, &read(path))
            .into_iter()
            .map(move |what| format!("{path}: {what}"))
    }));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let files = ["src", "tests", "benches"].into_iter().flat_map(rust_files);
    report(files.filter(|path| !opens_with_doc(&read(path))).map(|path| {
        format!("{path}: does not open with `//!` (what enters, what leaves, what it never does)")
    }));
}

#[test]
fn unsafe_only_where_it_is_named_and_proved() {
    report(rust_files("src").iter().flat_map(|path| {
        unsafe_complaints(path, &read(path), UNSAFE_FILES)
            .into_iter()
            .map(move |what| format!("{path}: {what}"))
    }));
}

#[test]
fn no_file_speaks_of_a_machine() {
    let mut files = Vec::new();
    walk(&root(), &mut files);
    let files = files
        .iter()
        .filter_map(|path| Some((path, fs::read_to_string(path).ok()?)));
    report(files.flat_map(|(path, text)| {
        let path = path.display().to_string();
        machine_paths(&text)
            .into_iter()
            .map(move |what| format!("{path}: {what}"))
    }));
}

/// The modules in the order of the `pub mod` lines.
fn order_of_modules(lib: &str) -> Vec<String> {
    let lines = lib.lines().filter_map(|line| line.strip_prefix("pub mod "));
    lines
        .filter_map(|rest| rest.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

/// `src/names/dns.rs` belongs to `names`.
fn module_of(path: &str) -> String {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let first = inside.split('/').next().unwrap_or(inside);
    first.strip_suffix(".rs").unwrap_or(first).to_owned()
}

/// Uses of a module that stands below `module` in the order.
fn arrows_back(order: &[String], module: &str, text: &str) -> Vec<String> {
    // The roots: of the product, of its program, of what `benches/plane` builds.
    if ["lib", "main", "plane"].contains(&module) {
        return Vec::new();
    }
    let place = |name: &str| order.iter().position(|m| m == name);
    let Some(own) = place(module) else {
        return vec![format!("`{module}` is not in lib.rs")];
    };
    let mut found = Vec::new();
    for (line, name) in used_modules(text) {
        if place(&name).is_some_and(|used| used > own) {
            found.push(format!(
                "line {line}: `{module}` uses `{name}`, which stands below it"
            ));
        }
    }
    found
}

/// Every `crate::X`, `crate::{X, Y::..}` and `super::super::X` outside comments, with its line.
fn used_modules(text: &str) -> Vec<(usize, String)> {
    let code = without_comments(text);
    let mut found = Vec::new();
    for prefix in ["crate::", "super::super::"] {
        for (at, _) in code.match_indices(prefix) {
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + prefix.len()..];
            let names = match rest.strip_prefix('{') {
                Some(group) => first_words(group),
                None => vec![word(rest)],
            };
            found.extend(names.into_iter().map(|name| (line, name)));
        }
    }
    found
}

/// The first identifier of each item at the top level of a `{...}` group.
fn first_words(group: &str) -> Vec<String> {
    let (mut depth, mut item, mut found) = (0usize, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(word(std::mem::take(&mut item).trim())),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    found.push(word(item.trim()));
    found
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The text with what follows `//` blanked. A `//` inside a string goes too, which can hide
/// nothing but a path that is no code.
fn without_comments(text: &str) -> String {
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

fn opens_with_doc(text: &str) -> bool {
    text.starts_with("//! ")
}

/// `unsafe` in a file that is not named, without the attribute at its head, or without a proof.
fn unsafe_complaints(path: &str, text: &str, named: &[&str]) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let opens = ["unsafe {", "unsafe fn ", "unsafe impl ", "unsafe extern "];
        if !opens.iter().any(|word| code.contains(word)) {
            continue;
        }
        if !named.contains(&path) {
            found.push(format!(
                "line {}: `unsafe` in a file that may not hold it",
                number + 1
            ));
        }
        let before = lines[number.saturating_sub(12)..=number].iter();
        if !before
            .rev()
            .any(|line| line.contains("// SAFETY:") || line.contains("# Safety"))
        {
            found.push(format!(
                "line {}: `unsafe` without a `// SAFETY:` proof",
                number + 1
            ));
        }
    }
    if !found.is_empty() || named.contains(&path) {
        let head = text.lines().take(60);
        if !head
            .into_iter()
            .any(|line| line == "#![allow(unsafe_code)]")
        {
            found.push("holds `unsafe` without `#![allow(unsafe_code)]` at its head".into());
        }
    }
    found
}

/// Paths that mean something on one machine only.
fn machine_paths(text: &str) -> Vec<String> {
    let places = ["work", "root", "home"].map(|word| format!("/{word}/"));
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for place in &places {
            let starts = line.match_indices(place.as_str()).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                before.is_none_or(|c| !(c.is_alphanumeric() || "._-~}$*/".contains(c)))
            });
            if starts {
                found.push(format!("line {}: names `{place}`", number + 1));
            }
        }
    }
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file below `folder`, without build results and version control.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let skipped = ["target", ".git", "artifacts", "corpus", "__pycache__"];
        if skipped.iter().any(|skip| name == *skip) {
            continue;
        }
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Rust files below `folder`, relative to the package, in order.
fn rust_files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    let inside = files
        .iter()
        .filter_map(|path| path.strip_prefix(root()).ok());
    let mut names: Vec<_> = inside
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|path| path.display().to_string())
        .collect();
    names.sort();
    names
}

fn report(complaints: impl Iterator<Item = String>) {
    let all: Vec<_> = complaints.collect();
    assert!(all.is_empty(), "\n{}\n", all.join("\n"));
}

mod each_check_can_fail {
    use super::*;

    fn order() -> Vec<String> {
        order_of_modules("//! x\npub mod base;\n// y\npub mod capture;\npub mod names;\nmod no;\n")
    }

    #[test]
    fn arrows() {
        assert_eq!(order(), ["base", "capture", "names"]);
        let back = |module: &str, text: &str| arrows_back(&order(), module, text).len();
        assert_eq!(
            back("names", "use crate::base::Seen;\nuse crate::names::Probe;"),
            0
        );
        assert_eq!(back("base", "use crate::names::Probe;"), 1);
        assert_eq!(back("base", "fn f(x: crate::capture::Frame) {}"), 1);
        assert_eq!(
            back("base", "use crate::{base::A, names::{B, C}, capture};"),
            2
        );
        assert_eq!(back("capture", "use super::super::names::Probe;"), 1);
        assert_eq!(
            back("base", "//! see [`crate::names::Probe`]\n// crate::names"),
            0
        );
        assert_eq!(back("stray", ""), 1);
        assert_eq!(back("lib", "use crate::names::Probe;"), 0);
        assert_eq!(module_of("src/names/dns/walk.rs"), "names");
        assert_eq!(module_of("src/names.rs"), "names");
    }

    #[test]
    fn openings() {
        assert!(opens_with_doc("//! What it is.\n"));
        assert!(!opens_with_doc("use std::fs;\n"));
        assert!(!opens_with_doc("// A comment.\n//! late\n"));
    }

    #[test]
    fn unsafe_blocks() {
        let named = &["src/a.rs"];
        let good = "//! A.\n#![allow(unsafe_code)]\n// SAFETY: checked.\nunsafe { f() }\n";
        assert!(unsafe_complaints("src/a.rs", good, named).is_empty());
        assert_eq!(unsafe_complaints("src/b.rs", good, named).len(), 1);
        let unproved = "//! A.\n#![allow(unsafe_code)]\nunsafe { f() }\n";
        assert_eq!(unsafe_complaints("src/a.rs", unproved, named).len(), 1);
        let headless = "//! A.\n// SAFETY: checked.\nunsafe { f() }\n";
        assert_eq!(unsafe_complaints("src/a.rs", headless, named).len(), 1);
        assert!(
            unsafe_complaints("src/b.rs", "// unsafe { no }\n#![deny(unsafe_code)]", &[])
                .is_empty()
        );
    }

    #[test]
    fn paths() {
        let bad = |word: &str| machine_paths(&format!("see /{word}/x")).len();
        assert_eq!(bad("work") + bad("root") + bad("home"), 3);
        assert!(machine_paths("https://example.org/work/x target/work/ ~/work/").is_empty());
        assert!(machine_paths("${GITHUB}/home/ framework/").is_empty());
    }
}
