//! Those that others vouch for: a proxy behind the Unix socket, a client certificate; and TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use axum::Router;
use poortwacht::console::{Doors, Limits, Role, Settings, Shut};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::stand::{Answer, Browser, Stand};

/// A stand that a proxy may speak for, with `eva` and `jan` known by name only.
fn behind_a_proxy() -> Stand {
    let set = |settings: &mut Settings, folder: &tempfile::TempDir| {
        settings.proxy.socket = folder.path().join("proxy.sock");
        settings.proxy.header = "Remote-User".into();
    };
    let stand = Stand::with(set, Limits::default(), |_| Router::new());
    let mut admin = stand.person("adm", &[Role::Admin]);
    let page = admin.get("/sign-in/second-factor").body;
    let code = super::stand::app_code(&page, stand.now_s());
    admin.post("/sign-in/second-factor", &[("code", &code)]);
    admin.get("/accounts");
    for name in ["eva", "jan"] {
        let form = [("name", name), ("role_analyst", "on"), ("outside", "on")];
        assert_eq!(admin.post("/accounts/invite", &form).status, 200);
    }
    drop(admin);
    stand.audits();
    stand
}

fn over_unix(stand: &Stand, lines: &str) -> Answer {
    let stream = UnixStream::connect(stand.folder.path().join("proxy.sock")).unwrap();
    let request =
        format!("GET /account HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n");
    Answer::of(stream, request.as_bytes())
}

#[test]
fn a_header_counts_over_the_unix_socket_alone() {
    let stand = behind_a_proxy();
    let socket = stand.folder.path().join("proxy.sock");
    assert_eq!(
        std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777,
        0o660
    );
    // Over TCP anybody could send it.
    let answer = Browser::new(&stand).get_with("/account", "Remote-User: eva\r\n");
    assert_eq!(answer.status, 303);
    assert!(stand.audits().is_empty());
    let answer = over_unix(&stand, "Remote-User: eva\r\n");
    assert!(answer.status == 200 && answer.body.contains("My account"));
    let told = stand.audits();
    assert_eq!(
        (&told[0]["act"], &told[0]["way"]),
        (&"signed_in".into(), &"proxy".into())
    );
    let cookie = answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let with = |user: &str| over_unix(&stand, &format!("Cookie: {cookie}\r\n{user}"));
    assert_eq!(with("Remote-User: eva\r\n").status, 200);
    assert!(stand.audits().is_empty(), "one sign-in, whatever follows");
    let answer = over_unix(&stand, "Remote-User: eva\r\nRemote-User: jan\r\n");
    assert_eq!(answer.status, 303, "two names are none");
    assert_eq!(
        over_unix(&stand, "Remote-User: zoe\r\n").status,
        303,
        "no account"
    );
    let told = stand.audits();
    assert!(told[0]["act"] == "sign_in_failed" && told[0]["account"].is_null());
    // Somebody else at the same browser.
    let answer = with("Remote-User: jan\r\n");
    assert!(answer.body.contains("<dd>jan</dd>") && !answer.body.contains("<dd>eva</dd>"));
    assert!(
        !with("Remote-User: eva\r\n").header("set-cookie").is_empty(),
        "a new one"
    );
}

#[test]
fn a_session_by_a_header_ends_without_it() {
    let stand = behind_a_proxy();
    let answer = over_unix(&stand, "Remote-User: eva\r\n");
    let cookie = answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let lines = format!("Cookie: {cookie}\r\n");
    assert_eq!(over_unix(&stand, &lines).status, 303);
    let mut tcp = Browser::new(&stand);
    assert_eq!(tcp.get_with("/account", &lines).status, 303);
    assert_eq!(
        tcp.get_with("/account", &format!("{lines}Remote-User: eva\r\n"))
            .status,
        303
    );
}

/// Lines that a browser adds to a picture of this console on a page of another site, and the like.
const EMBEDDED: [&str; 6] = [
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
    "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n",
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
    "Origin: https://evil.example\r\n",
];

#[test]
fn what_another_site_embeds_lets_nobody_in() {
    let stand = behind_a_proxy();
    for lines in EMBEDDED {
        for _ in 0..50 {
            let answer = over_unix(&stand, &format!("Remote-User: eva\r\n{lines}"));
            let session = |it: &str| it.starts_with("poortwacht=");
            assert!(!answer.all("set-cookie").any(session), "{lines}");
            assert!(!answer.body.contains("My account"), "{lines}");
        }
    }
    assert!(stand.audits().is_empty(), "nothing was recorded");
    // A head that is refused lets nobody in either.
    let stream = UnixStream::connect(stand.folder.path().join("proxy.sock")).unwrap();
    let foreign = "GET /account HTTP/1.1\r\nHost: evil.example\r\nRemote-User: eva\r\n\
        Connection: close\r\n\r\n";
    assert_eq!(Answer::of(stream, foreign.as_bytes()).status, 400);
    assert!(stand.audits().is_empty());
    // A step from another site goes by a page of ours, and then in.
    let answer = over_unix(&stand, &format!("Remote-User: eva\r\n{}", EMBEDDED[2]));
    assert!(answer.status == 200 && answer.body.contains("/account"));
    let own = "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n\
        Sec-Fetch-Dest: document\r\nRemote-User: eva\r\n";
    assert!(over_unix(&stand, own).body.contains("My account"));
    assert_eq!(stand.audits().len(), 1);
}

#[test]
fn who_keeps_no_cookie_is_slowed_down() {
    let stand = behind_a_proxy();
    let eva = "Remote-User: eva\r\n";
    let first = over_unix(&stand, eva);
    let cookie = first.header("set-cookie").split(';').next().unwrap();
    let status: Vec<u16> = (0..40).map(|_| over_unix(&stand, eva).status).collect();
    let inside = status.iter().filter(|it| **it == 200).count();
    assert!((5..9).contains(&inside), "{status:?}");
    assert!(status.ends_with(&[429]), "{status:?}");
    assert_eq!(stand.audits().len(), inside + 1, "as much is on the record");
    let own = over_unix(&stand, &format!("{eva}Cookie: {cookie}\r\n"));
    assert_eq!(own.status, 200, "a session that there is goes on");
    let sessions = over_unix(&stand, "Remote-User: jan\r\n");
    assert_eq!(sessions.status, 200, "a colleague is not held up");
    assert!(!over_unix(&stand, eva).header("retry-after").is_empty());
    stand.later(std::time::Duration::from_secs(30));
    assert_eq!(over_unix(&stand, eva).status, 200, "nobody is locked out");
}

/// An authority, a certificate for the server, and one for a person.
fn certificates(folder: &Path, name: &str) {
    let script = r#"set -e
cd "$1"
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; chmod 600 "$1"; }
key ca.key; key server.key; key person.key
openssl req -x509 -new -key ca.key -subj "/CN=Test authority" -days 2 -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
openssl req -new -key server.key -subj "/CN=console" | openssl x509 -req -CA ca.pem -CAkey ca.key \
    -days 2 -out server.pem -extfile <(printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE')
openssl req -new -key person.key -subj "/O=Office/CN=$2" | openssl x509 -req -CA ca.pem -CAkey ca.key \
    -days 2 -out person.pem -extfile <(printf 'extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE')
"#;
    let made = Command::new("bash")
        .args(["-c", script, "-", folder.to_str().unwrap(), name])
        .output();
    let made = made.unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn with_tls(set: impl FnOnce(&mut Settings)) -> Stand {
    let all = |settings: &mut Settings, folder: &tempfile::TempDir| {
        certificates(folder.path(), "Eva");
        settings.certificate = folder.path().join("server.pem");
        settings.key = folder.path().join("server.key");
        settings.client_ca = folder.path().join("ca.pem");
        set(settings);
    };
    Stand::with(all, Limits::default(), |_| Router::new())
}

/// One request over TLS, with or without the person's certificate.
fn over_tls(stand: &Stand, person: bool, lines: &str) -> Answer {
    let folder = stand.folder.path();
    let pem = |name: &str| CertificateDer::from_pem_file(folder.join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(pem("ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if person {
        let key = PrivateKeyDer::from_pem_file(folder.join("person.key")).unwrap();
        config
            .with_client_auth_cert(vec![pem("person.pem")], key)
            .unwrap()
    } else {
        config.with_no_client_auth()
    };
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = StreamOwned::new(client, TcpStream::connect(stand.at).unwrap());
    let at = stand.at;
    let request =
        format!("GET /account HTTP/1.1\r\nHost: {at}\r\n{lines}Connection: close\r\n\r\n");
    Answer::of(stream, request.as_bytes())
}

#[test]
fn tls_makes_cookies_and_links_its_own() {
    let stand = with_tls(|_| {});
    let answer = over_tls(&stand, false, "");
    assert_eq!(answer.status, 303);
    assert_eq!(
        answer.header("strict-transport-security"),
        "max-age=31536000"
    );
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-poortwacht-form="), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"),
        "{cookie}"
    );
    assert!(
        stand
            .shell
            .first_link()
            .unwrap()
            .unwrap()
            .starts_with("https://127.0.0.1")
    );
    // Whoever speaks plainly is told nothing.
    let mut stream = TcpStream::connect(stand.at).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    assert!(!String::from_utf8_lossy(&bytes).contains("HTTP/"));
}

#[test]
fn a_client_certificate_lets_its_account_in() {
    let stand = with_tls(|_| {});
    assert_eq!(over_tls(&stand, true, "").status, 303, "no such account");
    let told = stand.audits();
    assert!(
        told[0]["act"] == "sign_in_failed" && told[0]["way"] == "certificate",
        "{told:?}"
    );
    // The account comes to be in the file, as an administrator would make it.
    let file = stand.folder.path().join("console/accounts.json");
    let link = stand
        .shell
        .invite(None, "eva", [Role::Analyst].into_iter().collect())
        .unwrap();
    let path = super::stand::path_of(&link).to_owned();
    assert!(path.starts_with("/link/") && file.exists());
    let form =
        "display=Eva&password=a+long+sentence+about+nothing&again=a+long+sentence+about+nothing";
    post_tls(&stand, &path, form);
    let answer = over_tls(&stand, true, "");
    assert!(
        answer.status == 200 && answer.body.contains("<dd>eva</dd>"),
        "{}",
        answer.body
    );
    let cookie = answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let lines = format!("Cookie: {cookie}\r\n");
    assert_eq!(over_tls(&stand, true, &lines).status, 200);
    assert_eq!(
        over_tls(&stand, false, &lines).status,
        303,
        "the certificate must be there"
    );
}

/// Follows a link without the person's certificate.
fn post_tls(stand: &Stand, path: &str, form: &str) {
    let at = stand.at;
    let folder = stand.folder.path();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let ask = |request: String| {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let client = ClientConnection::new(Arc::clone(&config), name).unwrap();
        Answer::of(
            StreamOwned::new(client, TcpStream::connect(at).unwrap()),
            request.as_bytes(),
        )
    };
    let page = ask(format!(
        "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"
    ));
    let csrf = page
        .body
        .split_once("data-csrf=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    let cookie = page.header("set-cookie").split(';').next().unwrap();
    let body = format!("csrf={csrf}&{form}");
    let answer = ask(format!(
        "POST {path} HTTP/1.1\r\nHost: {at}\r\nOrigin: https://{at}\r\nCookie: {cookie}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(answer.status, 303, "{}", answer.body);
}

#[test]
fn a_broken_certificate_is_refused_at_the_start_and_kept_out_later() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path(), "eva");
    let settings = Settings {
        listen: "127.0.0.1:0".into(),
        certificate: folder.path().join("server.pem"),
        key: folder.path().join("server.key"),
        ..Settings::default()
    };
    let doors = Doors::open(&settings).unwrap().unwrap();
    let tls = doors.tls().unwrap();
    tls.reload().unwrap();
    let refused = |settings: &Settings| match Doors::open(settings) {
        Err(Shut::Unfit(why)) => why,
        _ => panic!("it was taken"),
    };
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&settings.key, open).unwrap();
    assert!(refused(&settings).contains("chmod 600"));
    assert!(tls.reload().unwrap_err().contains("chmod 600"));
    let other = Settings {
        key: folder.path().join("person.key"),
        ..settings.clone()
    };
    assert!(refused(&other).contains("do they belong together?"));
    std::fs::write(&settings.certificate, "nonsense").unwrap();
    assert!(refused(&settings).contains("-----BEGIN CERTIFICATE-----"));
    let bare = Settings {
        listen: "0.0.0.0:0".into(),
        ..Settings::default()
    };
    assert!(refused(&bare).contains("insecure = true"));
}
