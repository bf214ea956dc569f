//! The texts of the console in English and Dutch, side by side.
//!
//! Enters: a language. Leaves: texts. Never: a key in one language alone: each line below gives both,
//! or the program does not compile. Pages have catalogues of their own, made by the same macro.

use super::accounts::Refused;
use super::password::Weak;
use super::rights::{Right, Role};

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
        language: "Language", "Taal";
        time_zone: "Time", "Tijd";
        local_time: "local", "lokaal";
        theme: "Colours", "Kleuren";
        theme_auto: "automatic", "automatisch";
        theme_dark: "dark", "donker";
        theme_light: "light", "licht";
        on_monitored_networks: "What is shown here is known of monitored networks only.",
            "Wat hier staat is alleen bekend van de bewaakte netwerken.";
        your_roles: "Roles", "Rollen";
        what_you_may: "What you may do here", "Wat u hier mag";
        go_on: "Go on", "Verder";
        refused: "Refused", "Geweigerd";
        to_start: "To the start page", "Naar de beginpagina";

        name: "Name", "Naam";
        name_hint: "Lower-case letters, digits and . _ - @",
            "Kleine letters, cijfers en . _ - @";
        shown_as: "Shown as", "Getoond als";
        password: "Password", "Wachtwoord";
        current_password: "Current password", "Huidig wachtwoord";
        new_password: "New password", "Nieuw wachtwoord";
        again: "The same again", "Nogmaals hetzelfde";
        password_hint: "At least 12 characters. A sentence is easier to remember than a riddle.",
            "Ten minste 12 tekens. Een zin onthoudt makkelijker dan een raadsel.";
        sign_in_failed: "Name and password do not belong together.",
            "Naam en wachtwoord horen niet bij elkaar.";
        sign_in_other: "Sign in with the organisation's account",
            "Aanmelden met het account van de organisatie";
        sign_in_other_failed: "The provider's answer did not lead to an account here.",
            "Het antwoord van de aanbieder leidde niet naar een account hier.";
        code: "Code", "Code";
        code_title: "Second factor", "Tweede factor";
        code_hint: "The six digits that your app shows now.",
            "De zes cijfers die uw app nu toont.";
        code_failed: "That code is not right, or was used before. Wait for the next one.",
            "Die code klopt niet, of is al gebruikt. Wacht op de volgende.";
        seed_title: "Set up the second factor", "De tweede factor instellen";
        seed_scan: "Scan this with an authenticator app, or type the key.",
            "Scan dit met een authenticator-app, of typ de sleutel.";
        seed_picture: "QR code with the key below", "QR-code met de sleutel hieronder";
        seed_key: "Key", "Sleutel";
        seed_needed: "Your roles need a second factor.", "Uw rollen vragen om een tweede factor.";
        set_up: "Set up", "Instellen";
        confirm: "Confirm", "Bevestigen";

        weak_short: "The password is too short: use at least 12 characters.",
            "Het wachtwoord is te kort: gebruik ten minste 12 tekens.";
        weak_long: "The password is too long: use at most 256 bytes.",
            "Het wachtwoord is te lang: gebruik ten hoogste 256 bytes.";
        weak_guessable: "The password holds your name, or too few different characters.",
            "Het wachtwoord bevat uw naam, of te weinig verschillende tekens.";
        weak_differs: "The two passwords are not the same.",
            "De twee wachtwoorden zijn niet gelijk.";
        wrong_password: "The current password is not right.",
            "Het huidige wachtwoord klopt niet.";
        bad_name: "That is not a name that can be used here.",
            "Die naam kan hier niet worden gebruikt.";
        taken: "There is one of that name already.", "Die naam is er al.";
        unknown: "There is no such thing any more.", "Dat is er niet meer.";
        last_admin: "There must be an administrator: nothing was changed.",
            "Er moet een beheerder zijn: er is niets gewijzigd.";
        no_role: "Choose at least one role.", "Kies ten minste één rol.";
        full: "There are as many as there may be.", "Er zijn er zoveel als er mogen zijn.";

        welcome_title: "Welcome", "Welkom";
        first_title: "The first administrator", "De eerste beheerder";
        link_gone: "This link was used before, was replaced by a newer one, or has expired.",
            "Deze link is al gebruikt, door een nieuwere vervangen, of verlopen.";
        link_for: "Account {}", "Account {}";
        reset_title: "Set a new password", "Een nieuw wachtwoord instellen";
        make_account: "Make the account", "Account maken";

        password_set: "The password is set. Other sessions have ended.",
            "Het wachtwoord is ingesteld. Andere sessies zijn beëindigd.";
        change_password: "Change the password", "Wachtwoord wijzigen";
        keep_tokens: "Keep these tokens", "Deze tokens behouden";
        keep_tokens_hint: "A new password revokes the tokens of your programs:",
            "Een nieuw wachtwoord trekt de tokens van uw programma's in:";
        vouched: "Others vouch for this account: it has no password here.",
            "Anderen staan in voor dit account: het heeft hier geen wachtwoord.";
        second_on: "A second factor is set up.", "Een tweede factor is ingesteld.";
        second_off: "There is no second factor.", "Er is geen tweede factor.";
        second_set: "The second factor is set up.", "De tweede factor is ingesteld.";
        second_gone: "The second factor is taken away.", "De tweede factor is verwijderd.";
        remove: "Take away", "Verwijderen";
        replace: "Set up anew", "Opnieuw instellen";
        sessions: "Sessions", "Sessies";
        sessions_open: "Open sessions: {}", "Open sessies: {}";
        sessions_end: "End all others", "Alle andere beëindigen";
        sessions_ended: "All other sessions have ended.", "Alle andere sessies zijn beëindigd.";
        tokens: "Tokens for programs", "Tokens voor programma's";
        tokens_hint: "A token does what its scopes and your roles both allow.",
            "Een token mag wat zijn bereik en uw rollen beide toestaan.";
        no_tokens: "There are none.", "Er zijn er geen.";
        token_new: "New token", "Nieuw token";
        token_made: "Copy the token now: it is shown this one time.",
            "Kopieer het token nu: het wordt alleen deze keer getoond.";
        label: "Label", "Naam";
        scopes: "Scopes", "Bereik";
        days: "Days", "Dagen";
        expires: "Expires", "Verloopt";
        created: "Since", "Sinds";
        revoke: "Revoke", "Intrekken";
        revoked: "The token is revoked.", "Het token is ingetrokken.";
        make: "Make", "Maken";

        last_sign_in: "Last sign-in", "Laatst aangemeld";
        never: "never", "nooit";
        state: "State", "Toestand";
        open: "open", "open";
        closed: "closed", "gesloten";
        invited: "invited", "uitgenodigd";
        reset_sent: "reset under way", "herstel onderweg";
        yes: "yes", "ja";
        no: "no", "nee";
        close: "Close", "Sluiten";
        reopen: "Open again", "Weer openen";
        reset: "Link for a new password", "Link voor een nieuw wachtwoord";
        withdraw: "Withdraw the link", "Link intrekken";
        set_roles: "Set roles", "Rollen instellen";
        change_of: "Change {}", "{} wijzigen";
        invite: "Invite somebody", "Iemand uitnodigen";
        invite_button: "Make the invitation", "Uitnodiging maken";
        invite_outside: "Others vouch for this person (proxy, certificate, identity provider): no \
            password here",
            "Anderen staan in voor deze persoon (proxy, certificaat, identiteitsaanbieder): geen \
            wachtwoord hier";
        link_made: "Give this link to {} by a safe way. It works once and is shown this one time.",
            "Geef deze link langs een veilige weg aan {}. Hij werkt één keer en staat alleen nu hier.";
        done: "Done. Open sessions of that account have ended.",
            "Gedaan. Open sessies van dat account zijn beëindigd.";
        withdrawn: "The link is withdrawn.", "De link is ingetrokken.";

        role_analyst: "Analyst", "Analist";
        role_lead: "Lead", "Teamleider";
        role_officer: "Privacy officer", "Functionaris gegevensbescherming";
        role_auditor: "Auditor", "Toezichthouder";
        role_admin: "Administrator", "Beheerder";
        may_see_cases: "See cases, hits and coverage", "Zaken, treffers en dekking zien";
        may_see_persons: "See pseudonyms, units and notes",
            "Pseudoniemen, afdelingen en aantekeningen zien";
        may_triage: "Acknowledge, assign, comment and close cases",
            "Zaken bevestigen, toewijzen, van commentaar voorzien en sluiten";
        may_suppress: "Silence by rule, with an expiry", "Stil maken met een regel die verloopt";
        may_request: "Ask for an identity", "Om een identiteit vragen";
        may_approve: "Approve the release of an identity",
            "Vrijgave van een identiteit goedkeuren";
        may_export: "Export evidence", "Bewijs uitvoeren";
        may_hold: "Stop retention for a case", "Bewaartermijn van een zaak stilzetten";
        may_erase: "Erase or correct what is kept of somebody",
            "Wissen of verbeteren wat van iemand bewaard is";
        may_read_audit: "Read the audit trail", "Het controlespoor lezen";
        may_see_health: "See the health of the watch", "De gezondheid van de wacht zien";
        may_manage: "Invite people, change their roles, close accounts",
            "Mensen uitnodigen, hun rollen wijzigen, accounts sluiten";
    }
}

impl Words {
    /// A role.
    pub const fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Analyst => self.role_analyst,
            Role::Lead => self.role_lead,
            Role::Officer => self.role_officer,
            Role::Auditor => self.role_auditor,
            Role::Admin => self.role_admin,
        }
    }

    /// A right.
    pub const fn right(&self, right: Right) -> &'static str {
        match right {
            Right::SeeCases => self.may_see_cases,
            Right::SeePersons => self.may_see_persons,
            Right::Triage => self.may_triage,
            Right::Suppress => self.may_suppress,
            Right::RequestUnsealing => self.may_request,
            Right::ApproveUnsealing => self.may_approve,
            Right::Export => self.may_export,
            Right::Hold => self.may_hold,
            Right::Erase => self.may_erase,
            Right::ReadAudit => self.may_read_audit,
            Right::SeeHealth => self.may_see_health,
            Right::ManageAccounts => self.may_manage,
        }
    }

    /// Why a new password is not taken.
    pub(super) const fn weak(&self, weak: Weak) -> &'static str {
        match weak {
            Weak::Short => self.weak_short,
            Weak::Long => self.weak_long,
            Weak::Guessable => self.weak_guessable,
            Weak::Differs => self.weak_differs,
        }
    }

    /// Why a change of accounts is refused.
    pub(super) const fn refused_because(&self, why: Refused) -> &'static str {
        match why {
            Refused::Taken => self.taken,
            Refused::Name => self.bad_name,
            Refused::LastAdmin => self.last_admin,
            Refused::NoRole => self.no_role,
            Refused::Full => self.full,
            Refused::Used => self.code_failed,
            Refused::Unknown | Refused::Unwritten | Refused::Unrecorded => self.unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_empty_and_gaps_are_in_both() {
        for (key, english, dutch) in Words::ALL {
            assert!(
                !english.trim().is_empty() && !dutch.trim().is_empty(),
                "{key}"
            );
            assert_eq!(
                english.matches("{}").count(),
                dutch.matches("{}").count(),
                "{key}"
            );
        }
        assert_eq!(fill("a {} b", 7), "a 7 b");
        assert_eq!(fill("a b", 7), "a b");
    }
}
