//! Lists of static assignments.

use super::super::probe::Probe;

fn list() -> Probe {
    Probe::new("static", "")
}

#[test]
fn csv_and_json_say_the_same() {
    let csv = "\u{feff}Address,User,MAC,host,from,to\r\n\
        # the first floor\r\n\
        10.77.0.8,\"Jansen, J.\",02-00-00-00-77-01,desk-8,2026-11-22,2026-11-22T12:00:00+01:00\r\n\
        2001:db8:77:8::/64,devries,,,,\r\n";
    let json = r#"{"address":"10.77.0.8","user":"Jansen, J.","mac":"0200.0000.7701","host":"desk-8","from":"2026-11-22T00:00:00Z","to":"2026-11-22T11:00:00Z"}
{"address":"2001:db8:77:8::/64","user":"devries"}
"#;
    let want = [
        "holds 00:00:00 ..11:00:00 10.77.0.8/32 mac=020000007701 host=desk-8 user=Jansen, J.",
        "holds 1970-01-01T00:00:00.000000000Z 2001:db8:77:8::/64 user=devries",
    ];
    assert_eq!(list().file(csv).all(), want);
    assert_eq!(list().file(json).all(), want);
}

#[test]
fn each_error_has_its_line_and_the_rest_counts() {
    let mut probe = list().file(
        "address,user,mac,from\n10.0.0.1,a,,\n10.0.0.300,b,,\n10.0.0.2,c,02:00,\n10.0.0.3,d,,soon\n\
         10.0.0.4,\n10.0.0.5,,,\n10.0.0.6,\"open,,\n{\"address\":\"10.0.0.7\",\"salary\":\"1\"}\n10.0.0.8,e,,\n",
    );
    assert_eq!(probe.told().len(), 2);
    let faults: Vec<_> = probe
        .desk
        .faults
        .iter()
        .map(|(line, what)| (*line, *what))
        .collect();
    let lines: Vec<_> = faults.iter().map(|f| f.0).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9]);
    for (n, word) in [
        "address or prefix",
        "link-layer",
        "a time",
        "as many fields",
        "at least one",
        "as many fields",
        "JSON",
    ]
    .iter()
    .enumerate()
    {
        assert!(faults[n].1.contains(word), "{:?}", faults[n]);
    }
    for header in ["user,mac\n", "address,shoe-size\n", "10.0.0.1,a\n"] {
        assert!(
            list().file(header).desk.faults[0].1.contains("header"),
            "{header}"
        );
    }
}

#[test]
fn an_edit_ends_what_is_gone_and_keeps_what_stays() {
    let head = "address,user\n10.0.0.1,a\n";
    let mut probe = list().file(format!("{head}10.0.0.1,b\n10.0.0.2,c\n"));
    probe.told();
    probe.begin(format!("{head}10.0.0.2,d\n"));
    let mut told = probe.told();
    told.sort();
    assert_eq!(
        told,
        [
            "ends 06:40:00 10.0.0.1/32",
            "ends 06:40:00 10.0.0.2/32",
            "holds 06:40:00 10.0.0.1/32 user=a",
            "holds 1970-01-01T00:00:00.000000000Z 10.0.0.2/32 user=d",
        ]
    );
    // A slip of the pen ends nothing.
    probe.begin("address,user\n10.0.0.1\n10.0.0.2,d\n");
    assert_eq!(probe.told(), <[String; 0]>::default());
}
