//! Random lists against random names: the fast matcher and the naive one agree.

use proptest::prelude::*;

use super::*;

fn label() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "b",
        "ab",
        "com",
        "nl",
        "x-1",
        "s3",
        "s3-b",
        "xn--bcher-kva",
    ])
    .prop_map(str::to_owned)
}

fn rule() -> impl Strategy<Value = (String, usize, bool)> {
    (
        prop::collection::vec(label(), 2..6),
        0..3usize,
        any::<bool>(),
        any::<usize>(),
    )
        .prop_map(|(mut labels, kind, dual, star)| {
            let kind = if kind == 2 && labels.len() < 3 {
                0
            } else {
                kind
            };
            if kind == 2 {
                let at = star % (labels.len() - 2);
                labels[at] = "*".into();
            }
            (labels.join("."), kind, dual)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The compiled table and the naive walk agree, on any list and any name.
    #[test]
    fn fast_is_naive(
        rules in prop::collection::vec(rule(), 1..40),
        names in prop::collection::vec(prop::collection::vec(label(), 1..8), 1..40),
    ) {
        let kinds = ["exact", "suffix", "pattern"];
        let mut seen = HashSet::new();
        let more = |(text, kind, dual): &(String, usize, bool)| {
            let not = if *kind == 2 && text.len() % 2 == 0 { "wildcard_not = [\"s3\"]\n" } else { "" };
            format!("{not}dual_use = {dual}")
        };
        let texts: Vec<(usize, &str, &str, String)> = rules
            .iter()
            .enumerate()
            .filter(|(n, rule)| seen.insert((n % 2, rule.0.clone(), rule.1)))
            .map(|(n, rule)| (n % 2, rule.0.as_str(), kinds[rule.1], more(rule)))
            .collect();
        let half = |which: usize| -> Vec<(&str, &str, &str)> {
            texts.iter().filter(|t| t.0 == which).map(|t| (t.1, t.2, t.3.as_str())).collect()
        };
        let mut vendors = vec![("v.toml", vendor_text("v", &half(0)))];
        if !half(1).is_empty() {
            vendors.push(("w.toml", vendor_text("w", &half(1))));
        }
        let catalogue = compile(&vendors, &[]);
        for labels in names {
            // `find` itself compares text, wire and naive.
            let _ = find(&catalogue, &labels.join("."));
        }
    }

    /// Any bytes: no panic, and text and wire agree on what they both can say.
    #[test]
    fn any_bytes_have_a_verdict(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..300u16) {
        let catalogue = compile(&[("v.toml", vendor_text("v", &[("a.b", "suffix", "")]))], &[]);
        let _ = catalogue.find(&RawName::Text(&bytes));
        let _ = catalogue.find(&RawName::Wire { msg: &bytes, at });
        oracle::check(&bytes);
    }

    /// Vendor files with a few bytes changed, lost or doubled keep the oracle's promises.
    #[test]
    fn damaged_vendor_files_are_refused_or_right(
        file in prop::sample::select(vec!["aws-rekognition", "pimeyes", "wix", "onfido"]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 1..6),
    ) {
        let mut bytes = file_text(file).into_bytes();
        for (at, how, byte) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len()))),
                2 => bytes.insert(at, b"\"[]=\n#.*"[usize::from(byte) % 8]),
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                break;
            }
        }
        oracle::check(&bytes);
    }
}
