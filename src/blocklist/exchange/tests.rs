//! What each form says, what it refuses, and that nothing is widened on the way out and in.

mod round_trip;

use super::*;
use crate::blocklist::schema::MatchKind;

/// Entries as `name` or `=name`, exceptions with `!` before, in the order of the list.
fn said(list: &Imported) -> Vec<String> {
    let one = |sign: &str, e: &Entry| {
        let exact = if e.kind == MatchKind::Exact { "=" } else { "" };
        format!("{sign}{exact}{}", e.name)
    };
    let entries = list.entries.iter().map(|e| one("", e));
    entries
        .chain(list.exceptions.iter().map(|e| one("!", e)))
        .collect()
}

fn unused(list: &Imported) -> Vec<(Unused, u64)> {
    list.unused().collect()
}

/// A list without a wrong line.
#[track_caller]
fn good(format: Format, text: &str) -> Imported {
    let list = read(format, "list", text);
    assert_eq!(list.problems, [], "{format}");
    list
}

#[test]
fn user_lists_tell_a_name_alone_from_a_zone() {
    let list = good(
        Format::Plain,
        "\u{feff}A.Example. # why\r\n\n= b.example\nbücher.example\n",
    );
    assert_eq!(
        said(&list),
        ["a.example", "=b.example", "xn--bcher-kva.example"]
    );
    assert_eq!(list.entries[1].line, 3);
    let list = good(Format::Domains, "a.example\na.example\n");
    assert_eq!(said(&list), ["=a.example"]);
    assert_eq!(unused(&list), [(Unused::Repeated, 1)]);
}

#[test]
fn hosts_block_with_addresses_of_nobody() {
    let text = "# x\n127.0.0.1 localhost\n::1 ip6-localhost # own\n0.0.0.0 a.example b.example\n\
        :: c.example\n127.0.0.53\td.example\n192.0.2.1 printer.example\nfe80::1%lo0 localhost\n";
    let list = good(Format::Hosts, text);
    assert_eq!(
        said(&list),
        ["=a.example", "=b.example", "=c.example", "=d.example"]
    );
    assert_eq!(
        unused(&list),
        [(Unused::OtherAddress, 1), (Unused::OwnName, 3)]
    );
}

#[test]
fn policy_zones_are_read_by_query_name() {
    let text = "$TTL 60\n$ORIGIN rpz.local.\n@ IN SOA ns. me. (\n 1 2 3 ; serial\n 4 5 )\n\
        \x20 IN NS ns.\nboth.example CNAME .\n*.both.example 300 IN CNAME .\nalone.example CNAME *.\n\
        whole.example.rpz.local. IN A 0.0.0.0\n   IN AAAA ::\n*.whole.example.rpz.local. CNAME .\n\
        ok.both.example CNAME rpz-passthru.\ndrop.example CNAME rpz-drop.\n\
        24.0.2.0.192.rpz-ip CNAME .\nns1.example.rpz-nsdname CNAME .\n\
        tcp.example CNAME rpz-tcp-only.\nwww.google.com CNAME forcesafesearch.google.com.\n\
        garden.example A 192.0.2.7\nelse.example CNAME rpz-passthru.\n";
    let list = good(Format::Rpz, text);
    let wanted = [
        "both.example",
        "=alone.example",
        "whole.example",
        "=drop.example",
        "!=ok.both.example",
    ];
    assert_eq!(said(&list), wanted);
    let wanted = [
        (Unused::Trigger, 2),
        (Unused::LocalData, 2),
        (Unused::Policy, 1),
        (Unused::IdleException, 1),
    ];
    assert_eq!(unused(&list), wanted);
    assert!(list.covers("x.both.example") && !list.covers("ok.both.example"));
    assert!(list.covers("alone.example") && !list.covers("x.alone.example"));
}

/// What stands in a text is no bracket and no comment.
#[test]
fn texts_in_a_policy_zone_hide_no_entry() {
    let text = "@ IN SOA ns. me. (1 2\n (3 ; in (here\n 4) 5 )\n\
        a.example TXT \"smile :( and; so\" ; see (1\nb.example CNAME .\n\
        c.example TXT a\\(b \"q\\\"(\"\nd.example CNAME . ; )\n\
        e.example TXT \"two\nx.example CNAME .\"\nf.example CNAME .\n";
    let list = good(Format::Rpz, text);
    assert_eq!(said(&list), ["=b.example", "=d.example", "=f.example"]);
    assert_eq!(unused(&list), [(Unused::LocalData, 3)]);
}

#[test]
fn filter_lists_give_whole_names_only() {
    let text = "[Adblock Plus 2.0]\n! Title: x\n||a.example^\n||b.example^$important\n\
        ||c.example^$third-party\n||d.example/path\n||*.e.example^\n/banner[0-9]/\n\
        example.org##.ad\n@@||ok.a.example^\n@@||b.example^$all\n||f.example^\n@@||example^$document\n\
        ||g.com^\n@@||x.g.com^|\n";
    let list = read(Format::Adblock, "list", text);
    // `@@||example^` is no name of a host, so it is told.
    assert_eq!(list.bad, 1);
    assert!(
        list.problems[0]
            .to_string()
            .starts_with("list:13: `example` has one label only")
    );
    assert_eq!(
        said(&list),
        [
            "a.example",
            "b.example",
            "f.example",
            "g.com",
            "!ok.a.example"
        ]
    );
    let wanted = [
        (Unused::Cosmetic, 1),
        (Unused::PartOfUrl, 4),
        (Unused::Conditional, 1),
    ];
    assert_eq!(unused(&list), wanted);
    // An exception wins over what lies below it, important rules over exceptions.
    let text = "||a.com^\n@@||b.a.com^\n||c.b.a.com^\n||d.b.a.com^$important\n";
    let list = good(Format::Adblock, text);
    assert_eq!(said(&list), ["a.com", "d.b.a.com", "!b.a.com"]);
    assert_eq!(unused(&list), [(Unused::Excepted, 1)]);
}

#[test]
fn resolvers_are_read_by_what_they_refuse() {
    let text = "# x\naddress=/a.example/\naddress=/b.example/c.example/0.0.0.0\nlocal=/d.example/\n\
        server=/e.example/\nserver=/ok.a.example/#\naddress=/garden.example/192.0.2.1\n\
        server=/corp.example/10.0.0.1\nserver=9.9.9.9\ncache-size=150\nno-resolv\n\
        address=/h.example/# # comment\n";
    let list = good(Format::Dnsmasq, text);
    let wanted = [
        "a.example",
        "b.example",
        "c.example",
        "d.example",
        "e.example",
        "h.example",
        "!ok.a.example",
    ];
    assert_eq!(said(&list), wanted);
    assert_eq!(
        unused(&list),
        [(Unused::LocalData, 1), (Unused::Setting, 4)]
    );

    let text = "server:\n  verbosity: 1\n  local-zone: \"a.example.\" always_nxdomain # x\n\
        local-zone: b.example refuse\nlocal-zone: \"ok.a.example\" always_transparent\n\
        local-zone: \"c.example\" transparent\nlocal-data: \"c.example. 60 IN A 0.0.0.0\"\n\
        local-zone: \"d.example\" redirect\nlocal-data: \"d.example A 192.0.2.1\"\n";
    let list = good(Format::Unbound, text);
    assert_eq!(
        said(&list),
        ["a.example", "b.example", "=c.example", "!ok.a.example"]
    );
    let wanted = [
        (Unused::LocalData, 2),
        (Unused::Setting, 1),
        (Unused::IdleException, 1),
    ];
    assert_eq!(unused(&list), wanted);
}

#[test]
fn indicators_are_names_marked_for_detection() {
    let list = good(Format::Suricata, "YS5leGFtcGxl\nb.example\n");
    assert_eq!(said(&list), ["=a.example", "=b.example"]);

    let text = "#fields\tindicator\tindicator_type\tmeta.source\n# x\na.example\tIntel::DOMAIN\ts\n\
        192.0.2.1\tIntel::ADDR\ts\n";
    let list = good(Format::Zeek, text);
    assert_eq!(said(&list), ["=a.example"]);
    assert_eq!(unused(&list), [(Unused::OtherType, 1)]);

    let text = r#"{"response":[{"Event":{"info":"x","Attribute":[
        {"type":"domain","value":"a.example","to_ids":true},
        {"type":"hostname","value":"h.example","to_ids":"1"},
        {"type":"domain","value":"not.example","to_ids":false},
        {"type":"domain","value":"gone.example","to_ids":true,"deleted":true},
        {"type":"ip-dst","value":"192.0.2.1","to_ids":true}],
        "Object":[{"Attribute":[{"type":"domain|ip","value":"o.example|192.0.2.1","to_ids":1}]}]}}]}"#;
    let list = good(Format::MispJson, text);
    assert_eq!(said(&list), ["a.example", "=h.example", "o.example"]);
    assert_eq!(
        unused(&list),
        [(Unused::OtherType, 1), (Unused::NotForDetection, 2)]
    );

    let text = "uuid,event_id,category,type,value,comment,to_ids,date\n\
        u,1,Network activity,domain,a.example,\"x, y\",1,2\nu,1,n,hostname,h.example,,0,2\n";
    let list = good(Format::MispCsv, text);
    assert_eq!(said(&list), ["a.example"]);
    assert_eq!(unused(&list), [(Unused::NotForDetection, 1)]);
}

#[test]
fn wrong_lines_are_told_with_place_and_reason() {
    for (format, text, wanted) in [
        (
            Format::Plain,
            "ok.example\nb a\n",
            "list:2:1: `b a` is not a domain name",
        ),
        (
            Format::Plain,
            "co.uk\n",
            "list:1: `co.uk` is a public suffix",
        ),
        (
            Format::Plain,
            "github.io\n",
            "list:1: `github.io` is a public suffix",
        ),
        (Format::Plain, "com\n", "list:1:1: `com` has one label only"),
        (Format::Plain, "*\n", "list:1:1: `*` is not a domain name"),
        (
            Format::Plain,
            "# nothing\n",
            "list: the list holds no name that can be used as plain",
        ),
        (Format::Domains, "*.a.example\n", "leave the `*.` out"),
        (
            Format::Hosts,
            "a.example\n",
            "list:1: `a.example` is no address",
        ),
        (
            Format::Hosts,
            "0.0.0.0\n",
            "list:1: the address has no name",
        ),
        (
            Format::Hosts,
            "0.0.0.0 a..b\n",
            "list:1: `a..b` is not a domain name",
        ),
        (
            Format::Rpz,
            "$INCLUDE x\n",
            "list:1: `$INCLUDE x` cannot be followed",
        ),
        (
            Format::Rpz,
            "*.a.example CNAME .\n",
            "list:1: `*.a.example` covers what lies below",
        ),
        (Format::Rpz, "* CNAME .\n", "list:1: `*` covers every name"),
        (
            Format::Rpz,
            "a.example. CNAME .\n",
            "list:1: `a.example.` ends with a dot, and",
        ),
        (
            Format::Rpz,
            "$ORIGIN r.\na.example. CNAME .\n",
            "list:2: `a.example.` lies outside",
        ),
        (
            Format::Rpz,
            "a.example\n",
            "list:1: `a.example` is no record",
        ),
        (
            Format::Rpz,
            "@ SOA a. b. (\n",
            "list:1: a bracket or a quote is not closed",
        ),
        (
            Format::Rpz,
            "x.example CNAME .\ny.example TXT \"cut (\n",
            "list:2: a bracket or a quote is not closed",
        ),
        (
            Format::Adblock,
            "||com^\n",
            "list:1: `com` has one label only",
        ),
        (
            Format::Adblock,
            "some words here\n",
            "list:1: `some words here` is no filter rule",
        ),
        (
            Format::Dnsmasq,
            "address=/#/0.0.0.0\n",
            "list:1: the line covers every name",
        ),
        (
            Format::Dnsmasq,
            "address=/a.example\n",
            "does not end its names with a `/`",
        ),
        (
            Format::Dnsmasq,
            "address=/*.a.example/\n",
            "list:1: `*.a.example` has a wildcard",
        ),
        (
            Format::Dnsmasq,
            "0.0.0.0 a.example\n",
            "list:1: `0.0.0.0 a.example` is no line of",
        ),
        (
            Format::Unbound,
            "local-zone: a.example block\n",
            "list:1: `block` is no type",
        ),
        (
            Format::Unbound,
            "local-zone: a.example\n",
            "is not a name and a type",
        ),
        (
            Format::Unbound,
            "a.example\n",
            "list:1: `a.example` is no line of Unbound",
        ),
        (
            Format::Unbound,
            "local-data: \"a.example\"\n",
            "is no record",
        ),
        (
            Format::Suricata,
            "!!!\n",
            "list:1: `!!!` is neither base64 of a name nor a name",
        ),
        (
            Format::SuricataRules,
            "alert x\n",
            "list: Suricata rules cannot be read",
        ),
        (
            Format::Zeek,
            "a.example\tIntel::DOMAIN\n",
            "the first line is no `#fields` line",
        ),
        (Format::Zeek, "#fields\tx\n", "does not name indicator"),
        (
            Format::Zeek,
            "#fields\tindicator\tindicator_type\na b\n",
            "list:2: `a b` has no indicator",
        ),
        (Format::MispJson, "{\n", "list:2: this is no JSON"),
        (
            Format::MispJson,
            "{\"Attribute\":[{}]}",
            "attribute 1 has no `type` and `value`",
        ),
        (
            Format::MispCsv,
            "a,b\n",
            "list:1: the first line does not name the columns",
        ),
        (
            Format::MispCsv,
            "type,value,to_ids\ndomain\n",
            "list:2: `domain` has too few columns",
        ),
    ] {
        let list = read(format, "list", text);
        let first = list
            .problems
            .first()
            .map_or(String::new(), ToString::to_string);
        assert!(first.contains(wanted), "{format}, {text:?}: {first}");
        assert_eq!(list.bad, 1, "{format}, {text:?}: {:?}", list.problems);
    }
}

#[test]
fn a_flood_of_wrong_lines_is_bounded_and_counted() {
    let list = read(Format::Plain, "list", &"no good\n".repeat(5000));
    assert_eq!((list.bad, list.problems.len()), (5000, 51));
}

#[test]
fn the_form_is_found_out() {
    for (text, format) in [
        ("# x\n\na.example\n", Format::Plain),
        ("=a.example\n", Format::Plain),
        ("# x\n0.0.0.0 a.example\n", Format::Hosts),
        ("$TTL 60\n", Format::Rpz),
        ("; x\n@ SOA . . 1 1 1 1 1\n", Format::Rpz),
        ("a.example CNAME .\n", Format::Rpz),
        ("! x\n", Format::Adblock),
        ("||a.example^\n", Format::Adblock),
        ("# x\naddress=/a.example/\n", Format::Dnsmasq),
        ("server=/a.example/\n", Format::DnsmasqServer),
        ("server:\n local-zone: a.example static\n", Format::Unbound),
        ("YS5leGFtcGxl\n", Format::Suricata),
        ("# x\nalert dns any any\n", Format::SuricataRules),
        ("#fields\tindicator\n", Format::Zeek),
        ("{\"Event\":{\"Attribute\":[]}}", Format::MispJson),
        ("uuid,event_id,category\n", Format::MispCsv),
        ("localhost\n", Format::Plain),
        ("", Format::Plain),
    ] {
        assert_eq!(guess(text), format, "{text:?}");
    }
}

/// The seeds of the fuzz target and every form's golden file, whole and cut at each line.
#[test]
fn the_oracle_holds_on_seeds_and_their_beginnings() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["fuzz/seeds/list_import", "tests/data/lists/golden"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for cut in (0..=bytes.len()).step_by(1 + bytes.len() / 40) {
                oracle::check(&bytes[..cut]);
            }
            oracle::check(&bytes);
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
