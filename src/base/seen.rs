//! Closed sets that travel through the stages: how a name was seen, what became of a connection.

/// Declares a closed set: `ALL` in order, the label used in metrics and output, and `index()`.
macro_rules! closed_set {
    ($(#[$m:meta])* $name:ident { $($(#[$vm:meta])* $v:ident = $label:literal),+ $(,)? }) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vm])* #[serde(rename = $label)] $v),+ }
        impl $name {
            /// Every member, in declaration order; `index()` counts along it.
            pub const ALL: &'static [$name] = &[$($name::$v),+];
            /// The text used in labels, logs and output.
            pub const fn label(self) -> &'static str {
                match self { $($name::$v => $label),+ }
            }
            /// Position in [`Self::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.label())
            }
        }
    };
}
pub(crate) use closed_set;

closed_set! {
    /// How a name was seen. The closed set of the `seen` column and of every label with that name.
    Seen {
        /// Question of a DNS message (RFC 1035 section 4.1.2), UDP or TCP; of a response only when its
        /// query was not seen.
        DnsQuery = "dns-query",
        /// Target of a CNAME in an answer.
        DnsCname = "dns-cname",
        /// Target of an HTTPS or SVCB record (RFC 9460).
        DnsSvcb = "dns-svcb",
        /// server_name of a TLS ClientHello over TCP (RFC 6066 section 3).
        TlsSni = "tls-sni",
        /// server_name of a ClientHello inside a QUIC Initial (RFC 9001).
        QuicSni = "quic-sni",
        /// server_name of a DTLS ClientHello (RFC 9147, RFC 6347).
        DtlsSni = "dtls-sni",
        /// A name in the certificate that a server sent in clear, up to TLS 1.2 (RFC 5246 section
        /// 7.4.2), when the hello told none.
        TlsCert = "tls-cert",
        /// Host or absolute URI of an HTTP/1 request in clear (RFC 9112 section 3.2).
        HttpHost = "http-host",
        /// Target of an HTTP CONNECT (RFC 9110 section 9.3.6).
        HttpConnect = "http-connect",
        /// `:authority` of an HTTP/2 request in clear (RFC 9113 section 8.3.1).
        Http2Authority = "http2-authority",
        /// Target name of a SOCKS request (SOCKS4a, RFC 1928).
        SocksConnect = "socks-connect",
        /// Domain of a sender or recipient in SMTP in clear (RFC 5321).
        SmtpDomain = "smtp-domain",
        /// No name on the connection itself: the one that the same client had just resolved to its
        /// address.
        DnsJoin = "dns-join",
        /// A line of a resolver's query log.
        ResolverLog = "resolver-log",
        /// A line of a proxy's access log.
        ProxyLog = "proxy-log",
    }
}

impl Seen {
    /// Was it a look-up of the name, on the wire or in a resolver's log?
    pub const fn is_lookup(self) -> bool {
        matches!(
            self,
            Self::DnsQuery | Self::DnsCname | Self::DnsSvcb | Self::ResolverLog
        )
    }

    /// Did it stand in a ClientHello?
    pub const fn is_hello(self) -> bool {
        matches!(self, Self::TlsSni | Self::QuicSni | Self::DtlsSni)
    }
}

closed_set! {
    /// What was seen at two points, or twice at one.
    Repeat {
        /// A ClientHello.
        Hello = "hello",
        /// A name in a DNS message.
        Dns = "dns",
        /// A name in something without a random or an id.
        Other = "other",
        /// Support of a hit.
        Support = "support",
        /// A mail of a vendor, in SMTP in clear.
        Mail = "mail",
        /// An exchange on a flow whose hit was a repeat.
        Burst = "burst",
        /// Told twice: the sighting near the client came too late.
        Late = "late",
    }
}

closed_set! {
    /// What became of an outbound connection: named, or the reason why its name could not be told.
    /// Counted once per connection against the coverage denominator.
    Outcome {
        /// A name was read.
        Named = "named",
        /// A whole ClientHello without a usable server_name.
        NoSni = "no_sni",
        /// The outer name is a known public name of an ECH provider (RFC 9849): the true one is hidden.
        Ech = "ech",
        /// The capture cut the frames short (snap length) before the name.
        Truncated = "truncated",
        /// First seen after its start; the name had passed already.
        Midstream = "midstream",
        /// Bytes before the name never arrived.
        Gap = "gap",
        /// The hello was longer than the bound, or no buffer was free.
        ReassemblyLimit = "reassembly_limit",
        /// TLS or QUIC, but broken.
        Malformed = "malformed",
        /// QUIC whose Initial could not be decrypted: its first flight was not seen.
        QuicUndecryptable = "quic_undecryptable",
        /// A QUIC version whose Initial keys are not public.
        QuicVersion = "quic_version",
        /// Spoke something that carries no name we read.
        OtherProtocol = "other_protocol",
        /// No payload from the client (refused, filtered, a scan).
        NoPayload = "no_payload",
        /// Pushed out of the flow table before its name was told.
        Evicted = "evicted",
    }
}

closed_set! {
    /// A way round: what hides names from a monitor on the path. Counted by kind, never by person.
    WayRound {
        /// DNS over HTTPS (RFC 8484), by the resolver's name.
        Doh = "doh",
        /// DNS over TLS (RFC 7858).
        Dot = "dot",
        /// DNS over QUIC (RFC 9250).
        Doq = "doq",
        /// Oblivious DNS over HTTPS (RFC 9230).
        Odoh = "odoh",
        /// DNSCrypt, by the look-up of a resolver's certificate.
        DnsCrypt = "dnscrypt",
        /// Discovery of encrypted resolvers: RFC 9462, and a browser's question whether it may use one.
        Ddr = "ddr",
        /// iCloud Private Relay and relays of its kind (MASQUE, RFC 9298).
        Relay = "relay",
        /// Tor.
        Tor = "tor",
        /// A VPN service, by its name.
        VpnName = "vpn-name",
        /// WireGuard's handshake.
        WireGuard = "wireguard",
        /// OpenVPN's handshake.
        OpenVpn = "openvpn",
        /// IKE (RFC 7296) and IPsec behind NAT (RFC 3948).
        Ipsec = "ipsec",
        /// An open proxy or web proxy service, by its name; or a proxy request to outside.
        Proxy = "proxy",
        /// Any other tunnel that its first bytes tell (SSH, obfuscated or not, to outside).
        Tunnel = "tunnel",
    }
}

closed_set! {
    /// Encrypted Client Hello (RFC 9849) as far as the outside can tell: the reason, whose verdict
    /// is [`EchVerdict::word`].
    EchVerdict {
        /// No extension 65037. Verdict `none`.
        None = "none",
        /// The extension in its inner form, as a server that faces clients hands it on: the name
        /// beside it is the true one. Verdict `none`.
        InnerForm = "inner-form",
        /// The outer name is a known public name of an ECH provider. Verdict `real`.
        PublicName = "public-name",
        /// The same client had just received an HTTPS record whose configuration has this public
        /// name and id. Verdict `real`.
        HttpsRecord = "https-record",
        /// The same client had asked for the HTTPS record of this very name, and the answer has no
        /// configuration. Verdict `grease`.
        NoEchInDns = "no-ech-in-dns",
        /// The client received a configuration with this public name, but of another id. Verdict
        /// `unknown`.
        ConfigMismatch = "config-mismatch",
        /// No such question of this client was seen: GREASE and real look alike. Verdict `unknown`.
        DnsNotSeen = "dns-not-seen",
    }
}

impl EchVerdict {
    /// `none`, `real`, `grease` or `unknown`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None | Self::InnerForm => "none",
            Self::PublicName | Self::HttpsRecord => "real",
            Self::NoEchInDns => "grease",
            Self::ConfigMismatch | Self::DnsNotSeen => "unknown",
        }
    }

    /// Is the true name hidden?
    pub const fn is_real(self) -> bool {
        matches!(self, Self::PublicName | Self::HttpsRecord)
    }
}
