//! A small HTTP server that can misbehave: endless bodies, silence, redirects in a circle.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What a path answers.
pub enum Answer {
    /// These bytes.
    Body(Vec<u8>),
    /// A redirect.
    Moved(String),
    /// 404.
    Missing,
    /// A body without end.
    Endless,
    /// Nothing, for long.
    Silent,
}

/// Serves until the test ends; gives the address, `http://127.0.0.1:PORT`.
pub fn serve(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A client that has seen enough hangs up: that is no failure of the test.
            thread::spawn(move || drop(one(socket, &*answer)));
        }
    });
    address
}

fn one(mut socket: TcpStream, answer: &dyn Fn(&str) -> Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or("/");
    let head =
        |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n");
    match answer(path) {
        Answer::Body(body) => {
            let length = format!("Content-Length: {}\r\n", body.len());
            socket.write_all(head("200 OK", &length).as_bytes())?;
            socket.write_all(&body)
        }
        Answer::Moved(to) => {
            let to = format!("Location: {to}\r\nContent-Length: 0\r\n");
            socket.write_all(head("302 Found", &to).as_bytes())
        }
        Answer::Missing => {
            socket.write_all(head("404 Not Found", "Content-Length: 0\r\n").as_bytes())
        }
        Answer::Endless => {
            socket.write_all(head("200 OK", "").as_bytes())?;
            let piece = vec![b'a'; 1 << 20];
            loop {
                socket.write_all(&piece)?;
            }
        }
        Answer::Silent => {
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
    }
}
