//! Too large, too slow, too many.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use axum::Router;
use poortwacht::console::{Limits, Role};

use super::stand::{Answer, Browser, PASSWORD, Stand};

#[test]
fn a_hundred_megabytes_are_refused_before_they_are_sent() {
    let stand = Stand::new();
    let mut guest = Browser::new(&stand);
    guest.get("/sign-in");
    let (at, cookies) = (stand.at, guest.cookies());
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\nCookie: {cookies}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n"
    );
    let begun = Instant::now();
    let mut stream = TcpStream::connect(at).unwrap();
    stream
        .write_all(format!("{head}Content-Length: 104857600\r\n\r\n").as_bytes())
        .unwrap();
    // Not one byte of the body is sent: the answer does not wait for it.
    let answer = Answer::read(&stream);
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("larger than any form here"));
    assert!(begun.elapsed() < Duration::from_secs(3));

    // Without a length: the reading ends at the bound.
    let mut stream = TcpStream::connect(at).unwrap();
    stream
        .write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes())
        .unwrap();
    let chunk = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
    let mut sent = 0;
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || Answer::read(&mut reader));
    while sent < 100 << 20 && stream.write_all(chunk.as_bytes()).is_ok() {
        sent += 0x4000;
    }
    // What the kernel's buffers on both sides take is sent, and no more.
    assert!(sent < 20 << 20, "{sent} bytes were taken");
    assert!(matches!(reading.join().unwrap().status, 413 | 0));
    assert_eq!(guest.get("/sign-in").status, 200, "and it lives");
}

#[test]
fn heads_have_a_bound() {
    let stand = Stand::new();
    let at = stand.at;
    let get = |path: &str, lines: &str| {
        stand.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: {at}\r\n{lines}Connection: close\r\n\r\n"
        ))
    };
    assert_eq!(
        get(&format!("/{}", "a".repeat(5000)), "").status,
        400,
        "a long address"
    );
    assert_eq!(
        get("/", &format!("X: {}\r\n", "a".repeat(40_000))).status,
        431,
        "a long header"
    );
    assert_eq!(
        get("/", &"X: a\r\n".repeat(100)).status,
        431,
        "many headers"
    );
    assert_eq!(
        stand
            .ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .status,
        400,
        "no host"
    );
    let foreign = "GET /sign-in HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let answer = stand.ask(foreign);
    assert!(answer.status == 400 && !answer.body.contains("name=\"password\""));
    assert_eq!(stand.ask("nonsense\r\n\r\n").status, 400);
}

#[test]
fn who_sends_slowly_is_left() {
    let limits = Limits {
        head_time_max: Duration::from_millis(300),
        ..Limits::default()
    };
    let stand = Stand::with(|_, _| {}, limits, |_| Router::new());
    let begun = Instant::now();
    let mut stream = TcpStream::connect(stand.at).unwrap();
    stream
        .write_all(b"GET /sign-in HTTP/1.1\r\nHost: ")
        .unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let took = begun.elapsed();
    assert!(
        (Duration::from_millis(250)..Duration::from_secs(5)).contains(&took),
        "{took:?}"
    );

    // A body that stops half way: ten seconds, then a word about it.
    let mut guest = Browser::new(&stand);
    guest.get("/sign-in");
    let (at, cookies) = (stand.at, guest.cookies());
    let begun = Instant::now();
    let answer = stand.ask(&format!(
        "POST /sign-in HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\nCookie: {cookies}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=eva"
    ));
    assert_eq!(answer.status, 408);
    let took = begun.elapsed();
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(20)).contains(&took),
        "{took:?}"
    );
}

#[test]
fn connections_have_a_bound() {
    let limits = Limits {
        per_address_max: 5,
        ..Limits::default()
    };
    let stand = Stand::with(|_, _| {}, limits, |_| Router::new());
    let mut held: Vec<_> = (0..5)
        .map(|_| TcpStream::connect(stand.at).unwrap())
        .collect();
    // One request on each shows that it was accepted.
    for stream in &mut held {
        write!(
            stream,
            "GET /static/none HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        .unwrap();
        stream.read_exact(&mut [0; 12]).unwrap();
    }
    let get = "GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(stand.ask(get).status, 0, "the sixth is closed");
    drop(held.pop());
    let begun = Instant::now();
    while stand.ask(get).status != 200 {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "its place was not given back"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn guessing_becomes_slow_and_locks_nobody_out() {
    let stand = Stand::new();
    stand.person("eva", &[Role::Analyst]);
    let mut guess = Browser::new(&stand);
    for n in 0..5 {
        assert_eq!(guess.sign_in("eva", "a wrong password").status, 403, "{n}");
    }
    let answer = guess.sign_in("eva", "a wrong password");
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(answer.body.contains("Wait 1 seconds"), "{}", answer.body);
    assert_eq!(
        guess.sign_in("eva", PASSWORD).status,
        429,
        "not even the right one"
    );
    stand.later(Duration::from_secs(1));
    assert_eq!(guess.sign_in("eva", "a wrong password").status, 403);
    assert_eq!(guess.sign_in("eva", PASSWORD).header("retry-after"), "2");
    stand.later(Duration::from_secs(2));
    assert_eq!(guess.sign_in("eva", PASSWORD).status, 303);
    // The same name in vain, as often: no other answer for a name that is nobody's.
    let mut nobody = Browser::new(&stand);
    for _ in 0..5 {
        assert_eq!(nobody.sign_in("zoe", "a wrong password").status, 403);
    }
    assert_eq!(nobody.sign_in("zoe", "a wrong password").status, 429);
}

#[test]
fn codes_cannot_be_guessed() {
    let stand = Stand::new();
    let mut eva = stand.person("eva", &[Role::Analyst]);
    eva.get("/account");
    eva.post("/account/second-factor", &[("password", PASSWORD)]);
    let page = eva.get("/account/second-factor").body;
    let code = super::stand::app_code(&page, stand.now_s());
    eva.post("/account/second-factor/confirm", &[("code", &code)]);
    let mut thief = Browser::new(&stand);
    thief.sign_in("eva", PASSWORD);
    thief.get("/sign-in/code");
    let mut refused = 0;
    for n in 0..50 {
        let code = format!("{n:06}");
        refused += u32::from(thief.post("/sign-in/code", &[("code", &code)]).status == 429);
    }
    assert!(refused >= 45, "{refused} of 50 were refused unread");
    assert!(!thief.is_in());
}
