//! The map of a made-up office.

/// Network of the staff.
pub const STAFF: [u8; 2] = [10, 20];
/// Machines of the office, by the last two bytes of their address and their kind on the map.
pub const MACHINES: [(&str, [u8; 2], &str); 8] = [
    ("resolver", [200, 53], "resolver"),
    ("proxy", [200, 8], "proxy"),
    ("terminal", [200, 10], "shared"),
    ("nat", [200, 11], "translator"),
    ("mailhost", [200, 25], "mail-server"),
    ("chat", [200, 30], "server"),
    ("egate", [200, 40], "camera"),
    ("research", [200, 66], "research"),
];

/// The map as TOML.
pub fn map() -> String {
    let [a, b] = STAFF;
    let mut text = String::from(
        "name = \"The made-up agency\"\nrealms = [\"AGENCY.EXAMPLE\"]\n\
         mail_domains = [\"agency.example\"]\nmail_local_part_is_user = true\n\n\
         [[site]]\nname = \"main\"\n\n[[unit]]\nname = \"agency\"\n\n",
    );
    let mut network = |prefix: String, kind: &str| {
        text +=
            &format!("[[network]]\nprefix = \"{prefix}\"\nkind = \"{kind}\"\nsite = \"main\"\n\n");
    };
    network(format!("{a}.{b}.0.0/17"), "staff");
    network(format!("{a}.{b}.150.0/24"), "visitors");
    for (_, [c, d], kind) in MACHINES {
        network(format!("{a}.{b}.{c}.{d}/32"), kind);
    }
    text
}
