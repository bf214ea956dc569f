//! HTTP and SOCKS in clear, however the requests are cut, and what must never pass for one.

use super::*;

/// The client's side of a connection to `port`, in segments.
fn sends(port: u16, segments: &[&[u8]]) -> Vec<Vec<u8>> {
    let to = |mut frame: Vec<u8>| {
        frame[36..38].copy_from_slice(&port.to_be_bytes());
        frame
    };
    let mut seq = 1000u32;
    let mut frames = vec![to(tcp(seq, 2, b""))];
    seq += 1;
    for segment in segments {
        frames.push(to(tcp(seq, 24, segment)));
        seq += u32::try_from(segment.len()).unwrap();
    }
    frames
}

/// From the server.
fn answers(segments: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut seq = 5000u32;
    let mut frames = Vec::new();
    for segment in segments {
        let mut body = vec![0; 20 + segment.len()];
        let mut tcp = MutableTcpPacket::new(&mut body).unwrap();
        tcp.set_source(8443);
        tcp.set_destination(40_000);
        tcp.set_sequence(seq);
        tcp.set_data_offset(5);
        tcp.set_flags(24);
        tcp.set_payload(segment);
        frames.push(frame_of(IpNextHeaderProtocols::Tcp, true, &body));
        seq += u32::try_from(segment.len()).unwrap();
    }
    frames
}

type Names = Vec<(Seen, String)>;

fn names(segments: &[&[u8]]) -> Names {
    run(&sends(8080, segments)).0.names
}

fn list(expected: &[(Seen, &str)]) -> Names {
    let owned = |(seen, name): &(Seen, &str)| (*seen, (*name).to_owned());
    expected.iter().map(owned).collect()
}

/// The same names whole, cut anywhere, and cut anywhere with the pieces turned.
fn always(stream: &[u8], expected: &[(Seen, &str)]) {
    let expected = list(expected);
    assert_eq!(names(&[stream]), expected, "whole");
    for cut in 1..stream.len() {
        let (one, other) = stream.split_at(cut);
        assert_eq!(names(&[one, other]), expected, "cut at {cut}");
        let mut turned = sends(8080, &[one, other]);
        turned.swap(1, 2);
        assert_eq!(run(&turned).0.names, expected, "turned at {cut}");
    }
}

#[test]
fn requests_one_after_the_other() {
    always(
        b"GET /search?q=pimeyes.com HTTP/1.1\r\nUser-Agent: app.clearview.ai\r\nhost: WWW.Example.com:8080\r\n\
          Cookie: h=facecheck.id\r\nReferer: http://lenso.ai/\r\n\r\n\
          POST / HTTP/1.1\r\nHost: app.clearview.ai\r\nContent-Length: 43\r\n\r\n\
          GET / HTTP/1.1\r\nHost: www.pimeyes.com\r\n\r\nxx\
          GET http://user:secret@pimeyes.com:80/x HTTP/1.1\r\nHost: other.example\r\n\r\n\
          GET / HTTP/1.0\r\n\r\n\
          GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\nGET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n\
          OPTIONS * HTTP/1.1\r\nHost:\r\n lenso.ai\r\n\r\n",
        &[
            (Seen::HttpHost, "www.example.com"),
            (Seen::HttpHost, "app.clearview.ai"),
            (Seen::HttpHost, "pimeyes.com"),
            (Seen::HttpHost, "lenso.ai"),
        ],
    );
}

#[test]
fn chunks_are_stepped_over() {
    always(
        b"PUT /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n\
          27;x=y\r\nGET / HTTP/1.1\r\nHost: pimeyes.com\r\n\r\n..\r\n0\r\nHost: facecheck.id\r\n\r\n\
          GET / HTTP/1.1\r\nHost: b.example\r\n\r\n",
        &[(Seen::HttpHost, "a.example"), (Seen::HttpHost, "b.example")],
    );
}

#[test]
fn what_hides_a_request_from_others() {
    for (text, name) in [
        (
            "GET / HTTP/1.1\r\nhoSt: app.clearview.ai\r\n\r\n",
            "app.clearview.ai",
        ),
        (
            "GET / HTTP/1.1\r\nHost:app.clearview.ai\r\n\r\n",
            "app.clearview.ai",
        ),
        (
            "GET / HTTP/1.1\r\nHost:\tapp.clearview.ai\t \r\n\r\n",
            "app.clearview.ai",
        ),
        (
            "GET / HTTP/1.1\r\nHost : app.clearview.ai\r\n\r\n",
            "app.clearview.ai",
        ),
        (
            "GET  /  HTTP/1.1\r\nHost: APP.cLearView.ai.\r\n\r\n",
            "app.clearview.ai",
        ),
        (
            "\nGET / HTTP/1.1\nHost: app.clearview.ai\n\n",
            "app.clearview.ai",
        ),
        (
            "\r\nGET / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n",
            "app.clearview.ai",
        ),
        (
            "PROPFIND /a HTTP/1.1\r\nX: y\r\nHost: app.clearview.ai\r\n\r\n",
            "app.clearview.ai",
        ),
        (
            "GET HTTPS://APP.clearview.ai?x HTTP/1.1\r\n\r\n",
            "app.clearview.ai",
        ),
        (
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 80\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "a.example",
        ),
    ] {
        assert_eq!(
            names(&[text.as_bytes()]),
            list(&[(Seen::HttpHost, name)]),
            "{text}"
        );
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(
            names(&bytes),
            list(&[(Seen::HttpHost, name)]),
            "byte by byte: {text}"
        );
    }
}

/// Nobody asked for a vendor here.
#[test]
fn what_is_no_request_to_a_vendor() {
    for text in [
        "GET /https://app.clearview.ai/ HTTP/1.1\r\n\r\n",
        "GET /?u=app.clearview.ai HTTP/1.0\r\nX-Forwarded-Host: app.clearview.ai\r\nForwarded: host=pimeyes.com\r\n\r\n",
        "GET / HTTP/1.1\r\nX-Host: app.clearview.ai\r\nOrigin: http://pimeyes.com\r\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app.clear\r\n view.ai\r\n\r\n",
        "GET http://192.0.2.1/ HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n",
        "NOTIFY / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n",
        "GET / ICY/1.0\r\nHost: app.clearview.ai\r\n\r\n",
        "OPTIONS rtsp://app.clearview.ai/ RTSP/1.0\r\nHost: app.clearview.ai\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: http://app.clearview.ai/\r\nHost: app.clearview.ai\r\n\r\n",
        "get / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n",
        "GET /\r\nHost: app.clearview.ai\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app%2Eclearview.ai\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: evil.example/app.clearview.ai\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: app.clearview.ai:80@evil.example\r\n\r\n",
    ] {
        assert!(names(&[text.as_bytes()]).is_empty(), "{text}");
    }
    // A server's bytes are never read as requests.
    let mut frames = sends(8443, &[b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"]);
    frames.extend(answers(&[
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n",
    ]));
    assert_eq!(run(&frames).0.names, list(&[(Seen::HttpHost, "a.example")]));
}

/// Where nobody can tell where a request ends, nothing behind it is read.
#[test]
fn smuggled_requests_are_not_told() {
    let smuggled = "GET / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n";
    for doubtful in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: 0x10\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length : 0\r\n",
        "X: a\rContent-Length: 3\r\n",
    ] {
        let text = format!("POST / HTTP/1.1\r\nHost: a.example\r\n{doubtful}\r\n{smuggled}");
        let (seeing, stats) = run(&sends(80, &[text.as_bytes()]));
        assert_eq!(
            seeing.names,
            list(&[(Seen::HttpHost, "a.example")]),
            "{doubtful}"
        );
        assert_eq!(
            stats
                .names_malformed
                .at(crate::names::Malformed::HttpBody.index()),
            1
        );
        assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    }
    // Several hosts: servers differ, so each is told; a host twice is one.
    let text = b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: pimeyes.com\r\nHost: A.example\r\n\r\n";
    let both = list(&[
        (Seen::HttpHost, "a.example"),
        (Seen::HttpHost, "pimeyes.com"),
    ]);
    assert_eq!(names(&[text]), both);
}

#[test]
fn a_large_body_passes_unread() {
    let head = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n";
    let smuggled = b"GET / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n";
    let mut body = [smuggled.as_slice(), &[b'.'; 1000]].concat();
    body.truncate(1000);
    let mut segments: Vec<&[u8]> = vec![head];
    segments.extend(std::iter::repeat_n(body.as_slice(), 100));
    let next = b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n";
    segments.push(next);
    let expected = list(&[(Seen::HttpHost, "a.example"), (Seen::HttpHost, "b.example")]);
    let mut frames = sends(80, &segments);
    let (seeing, stats) = run(&frames);
    assert_eq!(seeing.names, expected);
    assert_eq!(stats.pool_copied_bytes, 0, "a body is not copied");
    // What the capture misses of a body changes nothing.
    frames.drain(5..60);
    assert_eq!(run(&frames).0.names, expected);
}

#[test]
fn thousands_of_requests_and_heads_without_end() {
    let many = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".repeat(3000);
    let pieces: Vec<&[u8]> = many.chunks(1400).collect();
    let (seeing, stats) = run(&sends(80, &pieces));
    assert_eq!(seeing.names.len(), 3000);
    assert_eq!(stats.connections.total(), 1);
    let mut long = b"GET / HTTP/1.1\r\nHost: a.example\r\nCookie: ".to_vec();
    long.resize(65_000, b'x');
    long.extend(b"\r\n\r\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\n");
    for len in [1000, 1460, 60_000] {
        let pieces: Vec<&[u8]> = long.chunks(len).collect();
        let (seeing, stats) = run(&sends(80, &pieces));
        assert_eq!(
            seeing.names,
            list(&[(Seen::HttpHost, "a.example")]),
            "{len}"
        );
        assert_eq!(
            stats
                .names_malformed
                .at(crate::names::Malformed::HttpHead.index()),
            1
        );
    }
    // A head whose end never comes is told by its whole lines.
    let half = b"GET / HTTP/1.1\r\nHost: app.clearview.ai\r\nCookie: a";
    let (seeing, stats) = run(&sends(80, &[half]));
    assert_eq!(seeing.names, list(&[(Seen::HttpHost, "app.clearview.ai")]));
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    assert!(names(&[b"GET / HTTP/1.1\r\nHost: app.clearvie"]).is_empty());
}

/// A server may listen on the higher port: the SYN says who asks, and only that side's request is
/// one.
#[test]
fn half_a_request_is_the_clients_whatever_the_ports() {
    let half = b"GET / HTTP/1.1\r\nHost: app.clearview.ai\r\nCookie: a";
    let (seeing, _) = run(&sends(50_000, &[half]));
    assert_eq!(seeing.names, list(&[(Seen::HttpHost, "app.clearview.ai")]));
    let mut page = answers(&[half]);
    page[0][34..36].copy_from_slice(&50_000u16.to_be_bytes());
    let frames = [sends(50_000, &[]), page].concat();
    assert!(run(&frames).0.names.is_empty());
    // Without the SYN the higher port is taken for the client's.
    assert_eq!(run(&sends(80, &[half])[1..]).0.names.len(), 1);
    assert!(run(&sends(50_000, &[half])[1..]).0.names.is_empty());
}

#[test]
fn a_hello_behind_a_proxy_request() {
    let connect = b"CONNECT app.clearview.ai:443 HTTP/1.1\r\nHost: app.clearview.ai:443\r\n\
        Proxy-Authorization: Basic c2VjcmV0\r\n\r\n";
    let asked = (Seen::HttpConnect, "app.clearview.ai");
    let expected = list(&[asked, (Seen::TlsSni, HELLO_NAME)]);
    let (seeing, stats) = run(&sends(3128, &[connect, HELLO]));
    assert_eq!(seeing.names, expected);
    assert_eq!(stats.connections.total(), 1);
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    assert_eq!(
        seeing.hits[0].evidence, b"app.clearview.ai:443",
        "and nothing else"
    );
    assert_eq!(
        stats.bursts.total(),
        1,
        "the hello behind it is watched as ever"
    );
    let together = [connect.as_slice(), HELLO].concat();
    assert_eq!(names(&[&together]), expected);
    for cut in [
        1,
        7,
        40,
        connect.len() - 1,
        connect.len() + 1,
        connect.len() + 100,
    ] {
        let (one, other) = together.split_at(cut);
        assert_eq!(names(&[one, other]), expected, "{cut}");
    }
    // Refused at first: asked again on the same connection.
    let again = list(&[asked, asked, (Seen::TlsSni, HELLO_NAME)]);
    assert_eq!(names(&[connect, connect, HELLO]), again);
    assert_eq!(
        names(&[b"CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n", HELLO]).len(),
        1
    );
}

#[test]
fn socks_of_all_versions() {
    let name = b"app.clearview.ai";
    let request = [&[5, 1, 0, 3, 16][..], name, &[1, 187]].concat();
    let asked = (Seen::SocksConnect, "app.clearview.ai");
    let greeted = [&[5, 2, 0, 2][..], &request].concat();
    always(&greeted, &[asked]);
    let password = [
        &[5, 1, 2][..],
        b"\x01\x04anna\x10facecheck.id:pw!",
        &request,
    ]
    .concat();
    always(&password, &[asked]);
    let host = b"GET / HTTP/1.1\r\nHost: pimeyes.com\r\n\r\n";
    let inside = [&greeted[..], host].concat();
    always(&inside, &[asked, (Seen::HttpHost, "pimeyes.com")]);
    let version_4a = [
        &[4, 1, 1, 187, 0, 0, 0, 1][..],
        b"anna\0",
        name,
        b"\0",
        host,
    ]
    .concat();
    always(&version_4a, &[asked, (Seen::HttpHost, "pimeyes.com")]);
    let (seeing, stats) = run(&sends(1080, &[&[5, 1, 0], &request, HELLO]));
    assert_eq!(seeing.names, list(&[asked, (Seen::TlsSni, HELLO_NAME)]));
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    assert_eq!(seeing.hits[0].evidence, name);
    // Addresses are no names; what follows is read all the same.
    for request in [
        &[5, 1, 0, 1, 192, 0, 2, 1, 1, 187][..],
        &[
            5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 187,
        ],
        b"\x05\x01\x00\x03\x09192.0.2.1\x01\xbb",
        b"\x05\x03\x00\x03\x0bpimeyes.com\x01\xbb",
    ] {
        let tls = list(&[(Seen::TlsSni, HELLO_NAME)]);
        assert_eq!(names(&[&[5, 1, 0], request, HELLO]), tls, "{request:?}");
    }
    assert_eq!(
        names(&[b"\x04\x01\x01\xbb\xc0\x00\x02\x01id\0", HELLO]).len(),
        1
    );
    // A request without a greeting is none.
    assert!(names(&[&request]).is_empty());
}

/// A SETTINGS frame, then header blocks as a client library writes them.
fn http2(requests: &[&[(&str, &str)]], split: usize) -> Vec<u8> {
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

/// A connection counts as named when it is cut off, goes on as something else, or is lost.
#[test]
fn what_was_named_stays_named() {
    let request = b"GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n";
    let mut segments: Vec<&[u8]> = vec![request];
    segments.extend(std::iter::repeat_n(&b"\x81\x85abcdefghi"[..], 40));
    let (seeing, stats) = run(&sends(80, &segments));
    assert_eq!(seeing.names.len(), 1);
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
    assert_eq!(
        stats
            .names_malformed
            .at(crate::names::Malformed::HttpLost.index()),
        1
    );
    // From the middle of a connection.
    let (seeing, stats) = run(&sends(80, &[request])[1..]);
    assert_eq!(
        (
            seeing.names.len(),
            stats.connections.at(Outcome::Named.index())
        ),
        (1, 1)
    );
}

proptest! {
    /// Any cutting and order gives the same names.
    #[test]
    fn any_segmentation(cuts in prop::collection::vec(1usize..700, 0..12), swap in 1usize..8) {
        let stream = [
            &b"POST http://a.example/ HTTP/1.1\r\nContent-Length: 300\r\n\r\n"[..],
            &[b'G'; 300],
            b"GET / HTTP/1.1\r\nHost: b.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n",
            b"CONNECT c.example:80 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: d.example\r\n\r\n",
        ].concat();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut % stream.len()).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        at.dedup();
        let pieces: Vec<&[u8]> = at.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
        let mut frames = sends(80, &pieces);
        if swap + 1 < frames.len() {
            frames.swap(swap, swap + 1);
        }
        let expected = list(&[
            (Seen::HttpHost, "a.example"),
            (Seen::HttpHost, "b.example"),
            (Seen::HttpConnect, "c.example"),
            (Seen::HttpHost, "d.example"),
        ]);
        prop_assert_eq!(run(&frames).0.names, expected);
    }
}

/// A place is taken by connections that live, not by those that ended.
#[test]
fn ended_connections_of_http_2_take_no_place() {
    let mut broken = http2(&[], 1000);
    broken.extend([0, 0, 0, 9, 4, 0, 0, 0, 1]);
    let mut frames = Vec::new();
    for port in 1000u16..2000 {
        for mut frame in [tcp(9, 2, b""), tcp(10, 16, &broken)] {
            frame[34..36].copy_from_slice(&port.to_be_bytes());
            frames.push(frame);
        }
    }
    let mut settings = small();
    settings.flows = 4096;
    let (_, stats) = run_with(&settings, &frames);
    let count = |why: crate::names::Malformed| stats.names_malformed.at(why.index());
    assert_eq!(count(crate::names::Malformed::Http2Frame), 1000);
    assert_eq!(count(crate::names::Malformed::Http2Limit), 0);
}

/// What a server sent behind a hole is kept for a while, and asked for its name when it goes.
#[test]
fn a_request_in_what_a_server_sends_behind_a_hole_is_none() {
    let text = b"GET / HTTP/1.1\r\nHost: app.clearview.ai\r\n\r\n";
    let mut frames = sends(8443, &[]);
    let mut down = answers(&[b"a page", text]);
    down.remove(0);
    frames.extend(down);
    assert!(run(&frames).0.names.is_empty());
}

/// The server has got all of the client's bytes before `number`, on the port of [`sends`].
fn acknowledges(port: u16, number: u32) -> Vec<u8> {
    let mut body = vec![0; 20];
    let mut tcp = MutableTcpPacket::new(&mut body).unwrap();
    tcp.set_source(port);
    tcp.set_destination(40_000);
    tcp.set_sequence(5000);
    tcp.set_acknowledgement(number);
    tcp.set_data_offset(5);
    tcp.set_flags(16);
    frame_of(IpNextHeaderProtocols::Tcp, true, &body)
}

/// The capture lost a segment. Once the server has got what lies behind it, nobody waits for it.
#[test]
fn a_segment_that_the_capture_lost_hides_no_later_request() {
    let request = |name: &str| format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n").into_bytes();
    let requests = ["a", "b", "c", "d"].map(|host| request(&format!("{host}.example.org")));
    let [a, b, c, d] = requests.each_ref().map(Vec::as_slice);
    let (head, tail) = b.split_at(30);
    let len = |parts: &[&[u8]]| 1001 + parts.iter().map(|p| p.len() as u32).sum::<u32>();
    let told = |lost: usize, acknowledged: bool, segments: &[&[u8]]| {
        let mut frames = sends(8080, segments);
        let last = frames.len() - 1;
        let all = segments.split_last().unwrap().1;
        frames.remove(1 + lost);
        if acknowledged {
            frames.insert(last - 1, acknowledges(8080, len(all)));
        }
        let (seen, stats) = run(&frames);
        let named: Vec<_> = seen.names.iter().map(|(_, n)| n[..1].to_owned()).collect();
        (named.concat(), stats)
    };
    // A whole request, the first one, and the second half of one, with its host.
    assert_eq!(told(1, true, &[a, b, c, d]).0, "acd");
    assert_eq!(told(0, true, &[a, b, c, d]).0, "bcd");
    assert_eq!(told(2, true, &[a, head, tail, c, d]).0, "acd");
    // Its rest may be the end of anything, and what came with it goes with it.
    assert_eq!(told(1, true, &[a, head, tail, c, d]).0, "ad");
    // While the server has not got it, it may still come.
    assert_eq!(told(1, false, &[a, b, c, d]).0, "ac");
    let mut late = sends(8080, &[a, b, c, d]);
    let held = late.remove(2);
    late.insert(3, acknowledges(8080, len(&[a])));
    late.push(held);
    let (seen, _) = run(&late);
    assert_eq!(seen.names.len(), 4);
}
