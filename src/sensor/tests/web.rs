//! HTTP and SOCKS in clear, however the requests are cut, and what must never pass for one.

use super::*;

mod http2;
mod proxy;

use http2::http2;

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
