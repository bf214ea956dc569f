//! The texts of the console in English and Dutch, side by side.
//!
//! Enters: a language. Leaves: texts. Never: a key in one language alone: each line below gives both,
//! or the program does not compile. Pages have catalogues of their own, made by the same macro.

/// Makes a catalogue: `key: "English", "Nederlands";` a line. It becomes a struct with one text per
/// key, and `of(language)`. Texts with a gap hold `{}`; see [`fill`].
#[macro_export]
#[doc(hidden)]
macro_rules! console_words {
    ($(#[$about:meta])* $vis:vis struct $name:ident {
        $($key:ident: $english:literal, $dutch:literal;)*
    }) => {
        $(#[$about])*
        #[allow(missing_docs)]
        $vis struct $name { $(pub $key: &'static str,)* }

        #[allow(dead_code)]
        impl $name {
            /// The texts in one language.
            pub const fn of(language: $crate::console::Language) -> &'static Self {
                match language {
                    $crate::console::Language::English => &Self { $($key: $english,)* },
                    $crate::console::Language::Dutch => &Self { $($key: $dutch,)* },
                }
            }

            /// Key, English, Dutch.
            pub const ALL: &'static [(&'static str, &'static str, &'static str)] =
                &[$((stringify!($key), $english, $dutch),)*];
        }
    };
}
pub use crate::console_words as words;

/// The text with its first `{}` filled. What is filled in is escaped by the template, as any text.
pub fn fill(text: &str, value: impl std::fmt::Display) -> String {
    match text.split_once("{}") {
        Some((before, after)) => format!("{before}{value}{after}"),
        None => text.to_owned(),
    }
}

words! {
    /// What every page shares, and the pages of the shell itself.
    pub struct Words {
        skip: "Skip to the content", "Naar de inhoud";
        main_menu: "Main menu", "Hoofdmenu";
        home: "Start", "Begin";
        sign_in: "Sign in", "Aanmelden";
        sign_out: "Sign out", "Afmelden";
        own_account: "My account", "Mijn account";
        accounts: "Accounts", "Accounts";
        audit: "Audit trail", "Controlespoor";
        language: "Language", "Taal";
        time_zone: "Time", "Tijd";
        local_time: "local", "lokaal";
        theme: "Colours", "Kleuren";
        theme_auto: "automatic", "automatisch";
        theme_dark: "dark", "donker";
        theme_light: "light", "licht";
        on_monitored_networks: "What is shown here is known of monitored networks only.",
            "Wat hier staat is alleen bekend van de bewaakte netwerken.";
        welcome: "Signed in as {}", "Aangemeld als {}";
        your_roles: "Roles", "Rollen";
        what_you_may: "What you may do here", "Wat u hier mag";
    }
}
