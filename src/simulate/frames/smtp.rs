//! A mail delivered in clear (RFC 5321), packet by packet.

use super::wire::{Ends, Wire};

/// One delivery: greeting, envelope, a short message, end.
pub fn delivery(wire: &mut Wire, at: u64, ends: Ends, (from, to): (&str, &str)) {
    let mail = format!("From: <{from}>\r\nTo: <{to}>\r\nSubject: -\r\n\r\n-\r\n.\r\n");
    let turns: [(bool, String); 12] = [
        (false, "220 mail.agency.example ESMTP\r\n".into()),
        (true, "EHLO out.sender.example\r\n".into()),
        (
            false,
            "250-mail.agency.example\r\n250 SIZE 10240000\r\n".into(),
        ),
        (true, format!("MAIL FROM:<{from}> SIZE={}\r\n", mail.len())),
        (false, "250 2.1.0 Ok\r\n".into()),
        (true, format!("RCPT TO:<{to}>\r\n")),
        (false, "250 2.1.5 Ok\r\n".into()),
        (true, "DATA\r\n".into()),
        (false, "354 End data with <CR><LF>.<CR><LF>\r\n".into()),
        (true, mail),
        (false, "250 2.0.0 Ok: queued as 4F2A1B\r\n".into()),
        (true, "QUIT\r\n".into()),
    ];
    let pieces: Vec<(u64, bool, Vec<u8>)> = turns
        .into_iter()
        .enumerate()
        .map(|(turn, (up, text))| (20_000 * (turn as u64 + 1), up, text.into_bytes()))
        .collect();
    wire.dialogue(at, ends, &pieces);
}
