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
        matches!(self, Self::TlsSni | Self::QuicSni)
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
    /// Encrypted Client Hello (RFC 9849) as far as the outside can tell.
    EchVerdict {
        /// No extension 65037.
        None = "none",
        /// Outer name is a known ECH public name.
        Real = "real",
        /// Extension present; GREASE and real look alike.
        Unknown = "unknown",
    }
}
