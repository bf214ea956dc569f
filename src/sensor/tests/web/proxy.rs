//! Hellos behind requests to proxies; segments that the capture lost.

use super::*;

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
