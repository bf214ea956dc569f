//! Names in HTTP/2 without TLS.

use super::*;

/// A SETTINGS frame, then header blocks as a client library writes them.
pub fn http2(requests: &[&[(&str, &str)]], split: usize) -> Vec<u8> {
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    };
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    out.extend(frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]));
    let mut encoder = loona_hpack::Encoder::new();
    for (number, fields) in (0u32..).zip(requests) {
        let stream = number * 2 + 1;
        let pairs = fields.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes()));
        let block = encoder.encode(pairs);
        let mut parts = block.chunks(split).peekable();
        let mut kind = 1;
        while let Some(part) = parts.next() {
            let last = if parts.peek().is_none() { 4 } else { 0 };
            out.extend(frame(kind, last, stream, part));
            kind = 9;
        }
        out.extend(frame(
            0,
            1,
            stream,
            b"GET / HTTP/1.1\r\nHost: facecheck.id\r\n\r\n",
        ));
    }
    out
}

#[test]
fn http_2_with_prior_knowledge() {
    let get = [
        (":method", "GET"),
        (":path", "/pimeyes.com"),
        (":authority", "App.clearview.ai"),
        ("cookie", "lenso.ai"),
    ];
    let post = [
        (":method", "POST"),
        (":authority", "api.example:8080"),
        ("x-host", "pimeyes.com"),
    ];
    let connect = [(":method", "CONNECT"), (":authority", "pimeyes.com:443")];
    let host = [(":method", "GET"), ("host", "lenso.ai")];
    let expected = [
        (Seen::Http2Authority, "app.clearview.ai"),
        (Seen::Http2Authority, "api.example"),
        // This library writes an authority out each time.
        (Seen::Http2Authority, "app.clearview.ai"),
        (Seen::HttpConnect, "pimeyes.com"),
        (Seen::Http2Authority, "lenso.ai"),
    ];
    for split in [1000, 7] {
        always(
            &http2(&[&get, &post, &get, &connect, &host], split),
            &expected,
        );
    }
    let (seeing, stats) = run(&sends(80, &[&http2(&[&get], 1000)]));
    assert_eq!(seeing.hits[0].evidence, b"App.clearview.ai");
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    // After an upgrade.
    let upgrade =
        b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    let whole = [upgrade.as_slice(), &http2(&[&get], 1000)].concat();
    let both = list(&[
        (Seen::HttpHost, "a.example"),
        (Seen::Http2Authority, "app.clearview.ai"),
    ]);
    assert_eq!(names(&[&whole]), both);
}

#[test]
fn broken_http_2_is_left_and_counted() {
    let get = [(":method", "GET"), (":authority", "a.example")];
    let mut stream = http2(&[&get], 1000);
    // Index 126: no such entry.
    stream.extend([0, 0, 1, 1, 4, 0, 0, 0, 3, 0xfe]);
    stream.extend(
        &http2(
            &[&[(":method", "GET"), (":authority", "pimeyes.com")]],
            1000,
        )[24..],
    );
    let (seeing, stats) = run(&sends(80, &[&stream]));
    assert_eq!(seeing.names, list(&[(Seen::Http2Authority, "a.example")]));
    assert_eq!(
        stats
            .names_malformed
            .at(crate::names::Malformed::Http2Block.index()),
        1
    );
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    let mut stream = http2(&[&get], 1000);
    stream.extend([0, 0, 1, 9, 4, 0, 0, 0, 3, 0x82]);
    let (_, stats) = run(&sends(80, &[&stream]));
    assert_eq!(
        stats
            .names_malformed
            .at(crate::names::Malformed::Http2Frame.index()),
        1
    );
}
