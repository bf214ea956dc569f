//! Ways round in every capture of the tree: what `ways.tsv` says, and nothing where there is none.
//!
//! Enters: `tests/data/captures/*/ways.tsv` (`kind<TAB>count`), made by hand from what was run; and
//! every capture without one, which holds ordinary traffic. Leaves: one failure with all that
//! differs.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The line `ways round` of the summary, as `kind<TAB>count` lines.
fn counted(capture: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poortwacht"));
    let output = command.arg("read").arg(capture).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("frames "), "{}: {said}", capture.display());
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("ways round"));
    let parts = line
        .map(str::trim)
        .into_iter()
        .flat_map(|line| line.split(", "));
    parts.map(|part| part.replace(' ', "\t") + "\n").collect()
}

#[test]
fn each_capture_has_the_ways_round_that_were_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let (mut wrong, mut with, mut without) = (String::new(), 0, 0);
    for folder in fs::read_dir(root).unwrap().flatten() {
        let wanted = fs::read_to_string(folder.path().join("ways.tsv")).unwrap_or_default();
        let files = fs::read_dir(folder.path()).into_iter().flatten().flatten();
        let mut files = files.map(|file| file.path());
        let Some(capture) = files.find(|file| {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            stem.starts_with("capture")
        }) else {
            continue;
        };
        *(if wanted.is_empty() {
            &mut without
        } else {
            &mut with
        }) += 1;
        let found = counted(&capture);
        if found != wanted {
            wrong += &format!("{}: {found:?}, not {wanted:?}\n", capture.display());
        }
    }
    assert!(
        with >= 2 && without >= 40,
        "{with} captures with, {without} without"
    );
    assert!(wrong.is_empty(), "{wrong}");
}
