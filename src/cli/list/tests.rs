//! The subcommand from its arguments to its lines.

use std::fs;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    list: ListArgs,
}

/// Runs `list ARGS` and gives what it wrote, or the error as it would be shown.
fn list(args: &[&str], input: &str) -> Result<String, String> {
    let args = std::iter::once(&"list").chain(args);
    let parsed = Program::try_parse_from(args).map_err(|error| error.to_string())?;
    let look = Look {
        json: parsed.list.json,
        terminal: false,
    };
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    match execute(
        &parsed.list,
        look,
        &mut input.as_bytes(),
        &mut out,
        &mut notes,
    ) {
        Ok(()) => Ok(String::from_utf8(out).unwrap() + std::str::from_utf8(&notes).unwrap()),
        Err(error) => {
            report(&error, &mut notes).unwrap();
            Err(String::from_utf8(notes).unwrap())
        }
    }
}

#[test]
fn test_writes_one_line_a_name_as_given() {
    let out = list(
        &["test", "App.Clearview.AI.", "nos.nl", "-", "wixstatic.com"],
        "rekognition.eu-west-1.api.aws\r\n\nhttps://x.clearview.ai\na b.clearview.ai\n\tx\n",
    );
    let wanted = "App.Clearview.AI.\thit\tclearview-ai\tapp.clearview.ai\texact\tapp\n\
        nos.nl\tnone\t-\t-\t-\t-\n\
        rekognition.eu-west-1.api.aws\tdual-use\taws-rekognition\trekognition.*.api.aws\t\
        pattern\tapi\n\
        \tnone\t-\t-\t-\t-\n\
        https://x.clearview.ai\tnone\t-\t-\t-\t-\n\
        a b.clearview.ai\tnone\t-\t-\t-\t-\n\
        \\x09x\tnone\t-\t-\t-\t-\n\
        wixstatic.com\tsupplier\twix\twixstatic.com\tsuffix\tcdn\n";
    assert_eq!(out.unwrap(), wanted);
}

#[test]
fn test_knows_user_lists_allowances_and_json() {
    let dir = tempfile::tempdir().unwrap();
    let (own, allow) = (dir.path().join("own.txt"), dir.path().join("allow.toml"));
    fs::write(&own, "bücher.example\n").unwrap();
    let text = "[[allow]]\nname = \"facecheck.id\"\nreason = \"r\"\nexpires = 2999-01-01\n";
    fs::write(&allow, text).unwrap();
    let own = own.to_str().unwrap();
    let out = list(&["test", "--user-list", own, "www.BÜCHER.example"], "").unwrap();
    assert_eq!(
        out,
        "www.BÜCHER.example\thit\town\txn--bcher-kva.example\tsuffix\t-\n"
    );
    let allow = allow.to_str().unwrap();
    let out = list(&["--allow", allow, "test", "--json", "facecheck.id"], "").unwrap();
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&value["verdict"], &value["allowed"]),
        (&"none".into(), &true.into())
    );
    assert_eq!(value["vendor"], "facecheck-id");
}

#[test]
fn lint_of_the_builtin_list_has_warnings_only() {
    let out = list(&["lint"], "").unwrap();
    assert!(out.contains("no errors"), "{out}");
    assert!(
        out.lines().count() > 100,
        "sources nobody can open are many"
    );
    for unexpected in [
        "public suffix",
        "stands in",
        "takes names",
        "low confidence but",
    ] {
        assert!(!out.contains(unexpected), "{out}");
    }
}

#[test]
fn a_broken_list_is_an_error_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own.txt");
    fs::write(&path, "ok.example\nno good\n").unwrap();
    let said = list(&["lint", "--user-list", path.to_str().unwrap()], "").unwrap_err();
    assert!(
        said.contains("own.txt:2:1: `no good` is not a domain name"),
        "{said}"
    );
    let said = list(&["stats", "--lists", "/nonexistent"], "").unwrap_err();
    assert!(said.contains("/nonexistent: cannot be read"), "{said}");
    let said = list(&["stats", "--lists", dir.path().to_str().unwrap()], "").unwrap_err();
    assert!(said.contains("holds no vendor file"), "{said}");
}

#[test]
fn show_finds_by_id_name_and_alias() {
    let out = list(&["show", "AnyVision"], "").unwrap();
    assert!(out.starts_with("id\toosto\n"), "{out}");
    let out = list(&["show", "clearview-ai"], "").unwrap();
    assert!(out.contains("\nhighest_stage\taccount-or-login\n"), "{out}");
    assert!(out.contains("\nserved_by\twix: marketing site\n"), "{out}");
    let host = "\nhost\tprivacycompliance.clearview.ai\texact\trights\tinformational\tlow\thit\t\
        unverified\t-\t";
    assert!(out.contains(host), "{out}");
    let json = list(&["--json", "show", "clearview-ai"], "").unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["hosts"][2]["also_roles"][0], "auth");
    let said = list(&["show", "clearvew"], "").unwrap_err();
    assert!(said.contains("near: clear-me, clearview-ai"), "{said}");
}

#[test]
fn stats_count_the_catalogue() {
    let out = list(&["stats"], "").unwrap();
    for line in [
        "list\tvendors\t176\n",
        "list\trules\t321\n",
        "vendors-by-category\tsupplier\t24\n",
        "rules-by-match\tpattern\t15\n",
        "rules-by-role\trights\t1\n",
    ] {
        assert!(out.contains(line), "{line} in {out}");
    }
    let value: serde_json::Value =
        serde_json::from_str(&list(&["stats", "--json"], "").unwrap()).unwrap();
    assert_eq!(value["counts"]["rules-by-class"]["hit"], 226);
}

#[test]
fn diff_tells_added_removed_and_changed() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old.txt"), dir.path().join("new.txt"));
    fs::write(&old, "a.example\nb.example\n").unwrap();
    fs::write(&new, "b.example\nc.example\n").unwrap();
    let out = list(&["diff", old.to_str().unwrap(), new.to_str().unwrap()], "").unwrap();
    assert_eq!(
        out,
        "removed\tlist\ta.example\tsuffix\t-\nadded\tlist\tc.example\tsuffix\t-\n"
    );

    let folder = dir.path().join("lists");
    fs::create_dir(&folder).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("blocklists");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    let folder_name = folder.to_str().unwrap();
    assert_eq!(list(&["diff", "builtin", folder_name], "").unwrap(), "");
    let file = folder.join("facetrue.toml");
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("marketing", "app");
    fs::write(&file, text).unwrap();
    let said = list(&["diff", "builtin", folder_name], "").unwrap();
    assert_eq!(
        said,
        "changed\tfacetrue\tfacetrue.app\tsuffix\trole: marketing -> app\n"
    );
}

#[test]
fn usage_errors_are_claps() {
    assert!(list(&["test"], "").is_err());
    assert!(list(&["frob"], "").unwrap_err().contains("frob"));
}
