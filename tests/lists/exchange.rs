//! Lists written for other programs, as golden files say, and theirs taken over.

use super::*;

#[test]
fn every_form_is_written_as_its_golden_file_says() {
    let dir = tempfile::tempdir().unwrap();
    let from = data("catalogue.json");
    let from = from.to_str().unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(data("golden")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut args = vec!["export", "--lists", from, "--format", name];
        if name == "rpz-all" {
            args = vec![
                "export",
                "--lists",
                from,
                "--format",
                "rpz",
                "--dual-use",
                "--suppliers",
            ];
        }
        let out = done(dir.path(), &args, " written, ");
        assert_eq!(out, fs::read_to_string(&path).unwrap(), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 15);
}

#[test]
fn what_is_left_out_is_counted_and_choices_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let from = data("catalogue.json");
    let from = from.to_str().unwrap();
    let export = |more: &[&str], wanted: &str| {
        let args: Vec<&str> = ["export", "--lists", from]
            .iter()
            .chain(more)
            .copied()
            .collect();
        done(at, &args, wanted)
    };
    let said = "4 suffixes of which only the name itself is written";
    let hosts = export(&["--format", "hosts", "--dual-use", "--suppliers"], said);
    assert!(
        hosts.contains("0.0.0.0 shared.face-a.com # dual-use\n"),
        "{hosts}"
    );
    assert!(hosts.contains("0.0.0.0 cdn-c.net # supplier\n"), "{hosts}");
    assert!(!export(&["--format", "hosts"], "").contains("cdn-c"));
    let out = export(
        &[
            "--format",
            "domains",
            "--roles",
            "app,auth",
            "--vendors",
            "face-b",
        ],
        "1 rule written, ",
    );
    assert!(
        out.ends_with("\nlogin.face-b.org\n") && !out.contains("face-a"),
        "{out}"
    );
    let out = export(
        &["--format", "domains", "--severity", "informational"],
        "1 rule written, ",
    );
    assert!(out.ends_with("\nrights.face-a.com\n"), "{out}");
    let marked = "2 dual-use and supplier names: the format has no room for the mark";
    export(
        &["--format", "suricata", "--dual-use", "--suppliers"],
        marked,
    );
    let args = [
        "export",
        "--format",
        "hosts",
        "--lists",
        from,
        "--vendors",
        "face-x",
    ];
    refused(at, &args, 1, "no vendor goes by `face-x`");
    let args = [
        "export", "--format", "hosts", "--lists", from, "--roles", "payment",
    ];
    refused(at, &args, 1, "nothing is left to write");
    let args = [
        "export",
        "--format",
        "hosts",
        "--lists",
        from,
        "--output",
        "no/such/x",
    ];
    refused(at, &args, 8, "cannot write no/such/x");
    refused(at, &["export", "--format", "excel"], 2, "misp-json");
}

#[test]
fn lists_are_taken_over_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let put = |name: &str, text: &str| fs::write(at.join(name), text).unwrap();
    put(
        "filters.txt",
        "||a.example^\n@@||ok.a.example^\n||b.example^\nx.org##.ad\n",
    );
    refused(
        at,
        &["import", "filters.txt"],
        6,
        "filters.txt:2: the list has 1 exception to",
    );
    let out = done(
        at,
        &["import", "--skip-bad", "filters.txt"],
        "1 entries that have exceptions",
    );
    assert!(
        out.ends_with("\nb.example\n") && !out.contains("a.example\n"),
        "{out}"
    );
    let args = [
        "import",
        "filters.txt",
        "-o",
        "own.txt",
        "--name",
        "mine",
        "--exceptions",
        "allow.toml",
        "--until",
        "2999-01-31",
    ];
    done(
        at,
        &args,
        "2 entries and 1 exception taken over, read as adblock\nnot used: 1 cosmetic",
    );
    assert!(
        fs::read_to_string(at.join("own.txt"))
            .unwrap()
            .starts_with("# mine\n")
    );
    let args = [
        "test",
        "--user-list",
        "own.txt",
        "--allow",
        "allow.toml",
        "x.a.example",
        "ok.a.example",
        "b.example",
    ];
    let out = done(at, &args, "");
    let verdicts: Vec<&str> = out.lines().map(|l| l.split('\t').nth(1).unwrap()).collect();
    assert_eq!(verdicts, ["hit", "none", "hit"]);

    // As it is, in the configuration or on the command line; packed, too.
    put("hosts.txt", "127.0.0.1 localhost\n0.0.0.0 h.example\n");
    let packed = zstd::encode_all(&fs::read(at.join("hosts.txt")).unwrap()[..], 1).unwrap();
    fs::write(at.join("hosts2.txt.zst"), packed).unwrap();
    for name in ["hosts.txt", "hosts2.txt.zst"] {
        let out = done(
            at,
            &["test", "--user-list", name, "h.example", "x.h.example"],
            "",
        );
        assert!(out.contains("h.example\thit\thosts"), "{out}");
        assert!(
            out.contains("\nx.h.example\tnone\t"),
            "never widened: {out}"
        );
    }
    refused(
        at,
        &["test", "--user-list", "filters.txt", "x"],
        6,
        "list import --exceptions",
    );
    put("bad.txt", "0.0.0.0 a.example\nb.example\n0.0.0.0 com\n");
    refused(
        at,
        &["import", "bad.txt"],
        6,
        "bad.txt:3: `com` has one label only",
    );
    done(
        at,
        &["import", "--skip-bad", "bad.txt"],
        "not used: 2 wrong lines",
    );
    refused(
        at,
        &["import", "--format", "excel", "bad.txt"],
        2,
        "no form is called `excel`",
    );
    refused(at, &["import", "gone.txt"], 6, "gone.txt: cannot be read");
}
