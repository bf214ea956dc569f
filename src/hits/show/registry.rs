//! Names of code points, for people: the common ones of IANA's registries (DNS Parameters, TLS
//! Parameters, TLS ExtensionType Values). What is not here is written as its number.

/// Is it a GREASE value (RFC 8701): both bytes alike and ending in `a`?
fn is_grease(code: u16) -> bool {
    let [high, low] = code.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn tls_name(code: u16, table: &[(u16, &str)]) -> String {
    match table.iter().find(|row| row.0 == code) {
        Some(row) => row.1.to_owned(),
        None if is_grease(code) => format!("GREASE ({code:#06x})"),
        None => format!("{code:#06x}"),
    }
}

pub(super) fn tls_version(code: u16) -> String {
    tls_name(
        code,
        &[
            (0x0300, "SSL 3.0"),
            (0x0301, "TLS 1.0"),
            (0x0302, "TLS 1.1"),
            (0x0303, "TLS 1.2"),
            (0x0304, "TLS 1.3"),
            (0xfeff, "DTLS 1.0"),
            (0xfefd, "DTLS 1.2"),
            (0xfefc, "DTLS 1.3"),
        ],
    )
}

pub(super) fn cipher(code: u16) -> String {
    tls_name(code, CIPHERS)
}

const CIPHERS: &[(u16, &str)] = &[
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x5600, "TLS_FALLBACK_SCSV"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
];

pub(super) fn extension(code: u16) -> String {
    tls_name(code, EXTENSIONS)
}

const EXTENSIONS: &[(u16, &str)] = &[
    (0, "server_name"),
    (1, "max_fragment_length"),
    (5, "status_request"),
    (10, "supported_groups"),
    (11, "ec_point_formats"),
    (13, "signature_algorithms"),
    (14, "use_srtp"),
    (15, "heartbeat"),
    (16, "alpn"),
    (18, "signed_cert_timestamp"),
    (19, "client_certificate_type"),
    (20, "server_certificate_type"),
    (21, "padding"),
    (22, "encrypt_then_mac"),
    (23, "extended_master_secret"),
    (27, "compress_certificate"),
    (28, "record_size_limit"),
    (34, "delegated_credential"),
    (35, "session_ticket"),
    (41, "pre_shared_key"),
    (42, "early_data"),
    (43, "supported_versions"),
    (44, "cookie"),
    (45, "psk_key_exchange_modes"),
    (47, "certificate_authorities"),
    (49, "post_handshake_auth"),
    (50, "signature_algs_cert"),
    (51, "key_share"),
    (57, "quic_transport_params"),
    (17513, "application_settings"),
    (17613, "application_settings"),
    (51764, "trust_anchors (draft)"),
    (65037, "encrypted_client_hello"),
    (65281, "renegotiation_info"),
    (0xffa5, "quic_transport_params (draft)"),
];

pub(super) fn group(code: u16) -> String {
    tls_name(
        code,
        &[
            (0x0017, "secp256r1"),
            (0x0018, "secp384r1"),
            (0x0019, "secp521r1"),
            (0x001d, "x25519"),
            (0x001e, "x448"),
            (0x0100, "ffdhe2048"),
            (0x0101, "ffdhe3072"),
            (0x0102, "ffdhe4096"),
            (0x0103, "ffdhe6144"),
            (0x0104, "ffdhe8192"),
            (0x0200, "MLKEM512"),
            (0x0201, "MLKEM768"),
            (0x0202, "MLKEM1024"),
            (0x11eb, "SecP256r1MLKEM768"),
            (0x11ec, "X25519MLKEM768"),
            (0x11ed, "SecP384r1MLKEM1024"),
            (0x6399, "X25519Kyber768Draft00"),
        ],
    )
}

pub(super) fn signature(code: u16) -> String {
    tls_name(
        code,
        &[
            (0x0201, "rsa_pkcs1_sha1"),
            (0x0203, "ecdsa_sha1"),
            (0x0401, "rsa_pkcs1_sha256"),
            (0x0403, "ecdsa_secp256r1_sha256"),
            (0x0501, "rsa_pkcs1_sha384"),
            (0x0503, "ecdsa_secp384r1_sha384"),
            (0x0601, "rsa_pkcs1_sha512"),
            (0x0603, "ecdsa_secp521r1_sha512"),
            (0x0804, "rsa_pss_rsae_sha256"),
            (0x0805, "rsa_pss_rsae_sha384"),
            (0x0806, "rsa_pss_rsae_sha512"),
            (0x0807, "ed25519"),
            (0x0808, "ed448"),
            (0x0809, "rsa_pss_pss_sha256"),
            (0x080a, "rsa_pss_pss_sha384"),
            (0x080b, "rsa_pss_pss_sha512"),
            (0x0904, "mldsa44"),
            (0x0905, "mldsa65"),
            (0x0906, "mldsa87"),
        ],
    )
}

pub(super) fn dns_type(code: u16) -> String {
    let own = match code {
        24 => "SIG",
        25 => "KEY",
        29 => "LOC",
        35 => "NAPTR",
        37 => "CERT",
        39 => "DNAME",
        43 => "DS",
        44 => "SSHFP",
        46 => "RRSIG",
        48 => "DNSKEY",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        61 => "OPENPGPKEY",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        _ => "",
    };
    if !own.is_empty() {
        return own.into();
    }
    // dns-parser knows the types of RFC 1035 and a few more, by the names of their variants.
    match (
        dns_parser::QueryType::parse(code),
        dns_parser::Type::parse(code),
    ) {
        (Ok(known), _) => format!("{known:?}"),
        (_, Ok(known)) => format!("{known:?}"),
        _ => format!("TYPE{code}"),
    }
}

pub(super) fn dns_class(code: u16) -> String {
    match code {
        1 => "IN".into(),
        3 => "CH".into(),
        4 => "HS".into(),
        254 => "NONE".into(),
        255 => "ANY".into(),
        _ => format!("CLASS{code}"),
    }
}

pub(super) fn dns_opcode(code: u8) -> String {
    match code {
        0 => "QUERY".into(),
        1 => "IQUERY".into(),
        2 => "STATUS".into(),
        4 => "NOTIFY".into(),
        5 => "UPDATE".into(),
        6 => "DSO".into(),
        _ => format!("{code}"),
    }
}

pub(super) fn dns_rcode(code: u16) -> String {
    match code {
        0 => "NOERROR".into(),
        1 => "FORMERR".into(),
        2 => "SERVFAIL".into(),
        3 => "NXDOMAIN".into(),
        4 => "NOTIMP".into(),
        5 => "REFUSED".into(),
        _ => format!("RCODE {code}"),
    }
}

pub(super) fn edns_option(code: u16) -> String {
    match code {
        3 => "NSID".into(),
        8 => "client subnet".into(),
        9 => "EXPIRE".into(),
        10 => "COOKIE".into(),
        11 => "TCP keepalive".into(),
        12 => "padding".into(),
        15 => "extended error".into(),
        _ => format!("option {code}"),
    }
}

pub(super) fn svc_param(key: u16) -> String {
    match key {
        0 => "mandatory".into(),
        1 => "alpn".into(),
        2 => "no-default-alpn".into(),
        3 => "port".into(),
        4 => "ipv4hint".into(),
        5 => "ech".into(),
        6 => "ipv6hint".into(),
        7 => "dohpath".into(),
        _ => format!("key{key}"),
    }
}
