//! Mails of vendors in SMTP in clear, however the lines are cut.

use super::*;
use crate::event::{Mail, MailSource};

/// Mails and other things told, and the counters.
#[derive(Default)]
struct Post {
    mails: Vec<Mail>,
}

impl Sink for Post {
    fn hit(&mut self, _hit: Box<Hit>) {}

    fn tell(&mut self, event: Event) {
        if let Event::Mail(mail) = event {
            self.mails.push(*mail);
        }
    }
}

/// The client's side of a connection to `port`, in segments.
fn sends(port: u16, segments: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut seq = 1000u32;
    let mut frames = vec![to(port, tcp(seq, 2, b""))];
    seq += 1;
    for segment in segments {
        frames.push(to(port, tcp(seq, 24, segment)));
        seq += u32::try_from(segment.len()).unwrap();
    }
    frames
}

fn to(port: u16, mut frame: Vec<u8>) -> Vec<u8> {
    frame[36..38].copy_from_slice(&port.to_be_bytes());
    frame
}

fn mails(frames: &[Vec<u8>]) -> (Vec<(String, String)>, crate::event::Stats) {
    static LIST: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::builtin().unwrap_or_else(|p| panic!("{}", p[0])));
    let list = &*LIST;
    let mut worker = Worker::new(&small(), 0, "test");
    let mut post = Post::default();
    for (i, bytes) in (0i64..).zip(frames) {
        let frame = Frame {
            bytes,
            wire_len: u32::try_from(bytes.len()).unwrap(),
            time: Timestamp(1_700_000_000_000_000_000 + i * 1_000_000),
            vlan: None,
            link: LinkType::Ethernet,
            point: 0,
        };
        worker.frame(&frame, "test", list, &mut post);
    }
    worker.flush("test", list, &mut post);
    let told = post.mails.into_iter().map(|mail| {
        assert!(mail.source == MailSource::Wire && mail.id.is_empty() && mail.point == "test");
        (mail.name, mail.recipient)
    });
    (told.collect(), worker.stats().clone())
}

fn pair(name: &str, recipient: &str) -> (String, String) {
    (name.to_owned(), recipient.to_owned())
}

const SESSION: &[u8] = b"EHLO mail.example.net\r\nMAIL FROM:<no-reply@clearview.ai> SIZE=99\r\n\
    RCPT TO:<Anna@Corp.Example>\r\nRCPT TO:<bert@corp.example>\r\nDATA\r\n";

#[test]
fn one_mail_for_each_recipient_however_it_is_cut() {
    let expected = [
        pair("clearview.ai", "anna@corp.example"),
        pair("clearview.ai", "bert@corp.example"),
    ];
    assert_eq!(mails(&sends(25, &[SESSION])).0, expected, "pipelined");
    for cut in 1..SESSION.len() {
        let (one, other) = SESSION.split_at(cut);
        assert_eq!(mails(&sends(25, &[one, other])).0, expected, "cut at {cut}");
        let mut turned = sends(25, &[one, other]);
        turned.swap(1, 2);
        assert_eq!(mails(&turned).0, expected, "the second first, cut at {cut}");
    }
    let lines: Vec<&[u8]> = SESSION.split_inclusive(|byte| *byte == b'\n').collect();
    let (told, stats) = mails(&sends(8443, &lines));
    assert_eq!(told, expected, "another port, line by line");
    assert_eq!((stats.smtp_senders, stats.smtp_mails), (1, 2));
}

#[test]
fn a_sender_ends_with_its_mail() {
    for between in [
        "RSET\r\n",
        "EHLO again\r\n",
        "MAIL FROM:<>\r\n",
        "MAIL FROM:<a@example.net>\r\n",
        "MAIL FROM:<a@clearviewregional.edu>\r\n",
    ] {
        let text = format!(
            "EHLO x\r\nMAIL FROM:<a@pimeyes.com>\r\n{between}RCPT TO:<anna@corp.example>\r\nDATA\r\n"
        );
        let (told, stats) = mails(&sends(587, &[text.as_bytes()]));
        assert!(told.is_empty(), "{between}");
        assert!(stats.smtp_senders >= 1 && stats.smtp_mails == 0);
    }
}

#[test]
fn what_stands_in_a_mail_is_not_read() {
    for begins in ["DATA\r\n", "BDAT 90 LAST\r\n"] {
        let text = format!(
            "EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@corp.example>\r\n{begins}\
             MAIL FROM:<a@clearview.ai>\r\nRCPT TO:<anna@corp.example>\r\n"
        );
        let lines: Vec<&[u8]> = text
            .as_bytes()
            .split_inclusive(|byte| *byte == b'\n')
            .collect();
        assert!(mails(&sends(25, &lines)).0.is_empty(), "{begins}");
        assert!(
            mails(&sends(25, &[text.as_bytes()])).0.is_empty(),
            "{begins}"
        );
    }
}

#[test]
fn a_recipient_belongs_to_its_own_connection() {
    let mut frames = sends(25, &[b"MAIL FROM:<bounce+x=1@mg.pimeyes.com>\r\n"]);
    let mut other = sends(
        25,
        &[b"EHLO y\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@corp.example>\r\n"],
    );
    for frame in &mut other {
        frame[34..36].copy_from_slice(&41_234u16.to_be_bytes());
    }
    frames.append(&mut other);
    let first = sends(
        25,
        &[
            b"MAIL FROM:<bounce+x=1@mg.pimeyes.com>\r\n",
            b"RCPT TO:<anna@corp.example>\r\n",
        ],
    );
    frames.push(first[2].clone());
    assert_eq!(
        mails(&frames).0,
        [pair("mg.pimeyes.com", "anna@corp.example")]
    );
}

/// After STARTTLS comes a hello, and it is read as ever.
#[test]
fn starttls_gives_way_to_tls() {
    let frames = sends(587, &[b"EHLO x\r\n", b"STARTTLS\r\n", HELLO]);
    let (seeing, _) = run(&frames);
    assert_eq!(seeing.names, [(Seen::TlsSni, HELLO_NAME.to_owned())]);
    // Even cut within its first bytes.
    let frames = sends(25, &[b"EHLO x\r\nSTARTTLS\r\n", &HELLO[..1], &HELLO[1..]]);
    assert_eq!(run(&frames).0.names.len(), 1);
}

fn names(frames: &[Vec<u8>]) -> Vec<(Seen, String)> {
    run(frames).0.names
}

/// Every mail of a session, whatever stands in the mails.
#[test]
fn one_mail_after_the_other() {
    let stream = b"EHLO x\r\nMAIL FROM:<a@one.example>\r\nRCPT TO:<anna@two.example>\r\nDATA\r\n\
        From: a\r\n\r\nMAIL FROM:<a@clearview.ai>\r\nRCPT TO:<anna@pimeyes.com>\r\n..\r\n.x\r\n\r\r\n.\n\r\n.\r\n\
        MAIL FROM:<no-reply@clearview.ai>\r\nRCPT TO:<bert@corp.example>\r\nBDAT 43\r\n\
        RCPT TO:<anna@pimeyes.com>\r\nMAIL FROM:<>.\r\nBDAT 0 LAST\r\n\
        MAIL FROM:<>\r\nRCPT TO:<privacy@clearview.ai>\r\nDATA\r\n.\r\nQUIT\r\n";
    let expected = [
        "one.example",
        "two.example",
        "clearview.ai",
        "corp.example",
        "clearview.ai",
    ]
    .map(|name| (Seen::SmtpDomain, name.to_owned()));
    assert_eq!(names(&sends(25, &[stream])), expected);
    for cut in 1..stream.len() {
        let (one, other) = stream.split_at(cut);
        assert_eq!(names(&sends(25, &[one, other])), expected, "cut at {cut}");
    }
    let frames = sends(25, &[stream]);
    assert_eq!(
        mails(&frames).0,
        [pair("clearview.ai", "bert@corp.example")]
    );
    // A sender makes no hit, a recipient does; its mailbox is not kept.
    let (seeing, stats) = run(&frames);
    assert_eq!(seeing.hits.len(), 1);
    assert_eq!(seeing.hits[0].seen, Seen::SmtpDomain);
    assert_eq!(seeing.hits[0].evidence, b"clearview.ai");
    assert_eq!(stats.smtp_senders, 3);
    assert_eq!(stats.connections.at(Outcome::Named.index()), 1);
}

/// A hit of a mail server brings no support with it.
#[test]
fn a_letter_is_no_occasion_for_support() {
    let letter = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<privacy@clearview.ai>\r\n";
    let mut frames = sends(25, &[letter]);
    frames.push(udp(false, 53, &query("signin.aws.amazon.com", 1)));
    let (seeing, stats) = run(&frames);
    assert_eq!((seeing.hits.len(), stats.context.total()), (1, 1));
    assert_eq!(stats.support.total(), 0);
}
