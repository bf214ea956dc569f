//! What alerts say to people, in English and Dutch.
//!
//! Enters: an [`Alert`]. Leaves: its summary and description. Never: a pseudonym; a word on guilt or
//! on a law; more than the English words of the case say (`cases::tell` is where they come from).
//!
//! English is what the case itself says. The Dutch text is made from the same closed sets: stage,
//! standing, kind of subject. The evidence is listed in English alone: `cases explain` shows it.

use super::notice::Folded;
use crate::base::seen::closed_set;
use crate::blocklist::Stage;
use crate::cases::{Alert, AlertKind};
use crate::organisation::Standing;

closed_set! {
    /// A language of texts.
    Language {
        /// English.
        En = "en",
        /// Dutch.
        Nl = "nl",
    }
}

/// One line.
pub(super) fn summary(alert: &Alert, language: Language) -> String {
    match language {
        Language::En => alert.summary.clone(),
        Language::Nl => {
            let vendor = &alert.vendor_name;
            let says = says_nl(alert);
            match alert.kind {
                AlertKind::Raised => format!(
                    "{vendor}: {says} ({}, {} van 100 punten)",
                    standing_nl(alert.standing),
                    alert.confidence
                ),
                AlertKind::Retracted => format!("{vendor}: ingetrokken: {says}"),
                AlertKind::Resolved => format!("{vendor}: gesloten: {says}"),
            }
        }
    }
}

/// What is known, what is not, what to do next.
pub(super) fn description(alert: &Alert, language: Language) -> String {
    match (language, alert.kind) {
        (Language::En, _) => alert.description.clone(),
        (Language::Nl, AlertKind::Retracted) => format!(
            "Een eerdere melding is ingetrokken: zij gaat niet meer op.\nWaarop zij rustte staat \
             in het dossier: poortwacht cases explain {}",
            alert.case
        ),
        (Language::Nl, AlertKind::Resolved) => format!(
            "De zaak is gesloten.\nWaarop zij rustte staat in het dossier: poortwacht cases \
             explain {}",
            alert.case
        ),
        (Language::Nl, AlertKind::Raised) => raised_nl(alert),
    }
}

fn raised_nl(alert: &Alert) -> String {
    let mut text = format!(
        "Bekend, op gemeten netwerken: {}.\nVerhouding tot het register: {}.\nToeschrijving: \
         graad {}.\nNiet bekend:\n- Wat is verzonden of getoond: inhoud is versleuteld en wordt \
         niet gelezen.\n- {}\nZekerheid: {} van 100 punten (een som van gewichten, geen \
         kans).\nBewijs: poortwacht cases explain {}\nVolgende stap:\n",
        says_nl(alert),
        standing_nl(alert.standing),
        alert.grade,
        unknown_nl(alert.stage),
        alert.confidence,
        alert.case,
    );
    let next: &[&str] = match (alert.stage, alert.standing) {
        (_, Standing::OutOfScope) => &[
            "Vergelijk de regel in het register met eenheid, doel en geldigheid.",
            "Vraag het eerst aan de eigenaar van die regel.",
        ],
        (Stage::Visited | Stage::LookedUp, _) => &[
            "Bekijk de tijdlijn; een enkel bezoek vraagt zelden meer.",
            "Ga na of het onderzoek, perswerk of een verzoek om eigen gegevens is.",
        ],
        (Stage::Integrated, _) => &[
            "Zoek de eigenaar van de machine in de inventaris.",
            "Ga na of een systeem zonder toetsing in gebruik is genomen.",
        ],
        _ => &[
            "Kijk in het register en vraag de eenheid of het gebruik bekend is.",
            "Ontzegelen vraagt de functionarissen, een reden en hun aantal; bekijk eerst het bewijs.",
            "Vraag voordat u oordeelt: een verzoek om eigen gegevens of onderzoek kan het verklaren.",
        ],
    };
    for line in next {
        text.push_str("- ");
        text.push_str(line);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// The stage in words, no stronger than it is. What the subject is stands before the dash of its
/// pseudonym.
fn says_nl(alert: &Alert) -> String {
    let vendor = &alert.vendor_name;
    let kind = alert.subject.as_str().split('-').next().unwrap_or_default();
    let who = match kind {
        "person" => "een medewerker",
        "device" => "iemand aan een apparaat waarvan de gebruiker niet bekend is",
        "machine" => "een machine",
        "organisation" => "iemand achter een gedeeld adres van de organisatie",
        _ => "iemand aan een adres waarvan verder niets bekend is",
    };
    match alert.stage {
        Stage::LookedUp => format!("een naam van {vendor} is gezien van {who}"),
        Stage::Visited => format!("{who} bezocht de website"),
        Stage::AccountOrRightsRequest => {
            format!("gebruik van een account, of een verzoek om eigen gegevens, door {who}")
        }
        Stage::AccountOrLogin => format!("een account is gemaakt of gebruikt door {who}"),
        Stage::SignedUp => {
            format!("een proefaccount is zeer waarschijnlijk aangemaakt door {who}")
        }
        Stage::Searching => format!("de dienst is zeer waarschijnlijk gebruikt door {who}"),
        Stage::Integrated => format!("{who} gebruikt de dienst geregeld"),
    }
}

const fn standing_nl(standing: Standing) -> &'static str {
    match standing {
        Standing::Unauthorised => "niet toegestaan in het register",
        Standing::Authorised => "toegestaan in het register",
        Standing::OutOfScope => "buiten de grenzen van de regel in het register",
        Standing::Informational => "ter kennisgeving",
    }
}

const fn unknown_nl(stage: Stage) -> &'static str {
    match stage {
        Stage::LookedUp => {
            "Of iemand het bedoelde: vooraf laden, voorvertoningen en scanners doen dit ook."
        }
        Stage::Visited => "Waarom: lezen over de aanbieder ziet er net zo uit.",
        Stage::AccountOrRightsRequest => {
            "Of een account is gemaakt of gebruikt, is gezocht, of om eigen gegevens is gevraagd: \
             alles loopt over een naam."
        }
        Stage::AccountOrLogin => {
            "Of het account nieuw is, of eerder of elders is gemaakt: aanmelden en inloggen lopen \
             over een naam."
        }
        Stage::SignedUp => {
            "Of het account persoonlijk of zakelijk is, en of de mail het bevestigde; inloggen met \
             een code per mail, op een elders gemaakt account, kan er net zo uitzien."
        }
        Stage::Searching => "Wiens beeld is gezocht, en wat eruit kwam.",
        Stage::Integrated => "Wat de machine verstuurt, en namens wie.",
    }
}

/// Summary and description of a count.
pub(super) fn folded(of: &Folded<'_>, vendor: &str, language: Language) -> (String, String) {
    let (count, minutes, since) = (of.count, of.minutes, of.since);
    let cases = of.cases.join(" ");
    let more = count.saturating_sub(of.cases.len() as u64);
    match language {
        Language::En => (
            format!("{vendor}: {count} more alerts within {minutes} minutes, folded into this one"),
            format!(
                "More alerts about this vendor came since {since} than this sink takes \
                 (`throttle_alerts`).\nCases: {cases}\nAlerts beyond those listed: {more}\nNothing \
                 is lost: `poortwacht cases list` shows all."
            ),
        ),
        Language::Nl => (
            format!(
                "{vendor}: nog {count} meldingen binnen {minutes} minuten, samengevat in deze ene"
            ),
            format!(
                "Over deze aanbieder kwamen sinds {since} meer meldingen dan deze bestemming \
                 aanneemt (`throttle_alerts`).\nZaken: {cases}\nMeldingen buiten deze lijst: \
                 {more}\nEr is niets verloren: `poortwacht cases list` toont alles."
            ),
        ),
    }
}

/// Summary and description of a test.
pub(super) const fn test(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::En => (
            "Test of Poortwacht: nothing was seen",
            "Somebody typed `poortwacht sinks test`. No case stands behind this.",
        ),
        Language::Nl => (
            "Proef van Poortwacht: er is niets gezien",
            "Iemand typte `poortwacht sinks test`. Hier staat geen zaak achter.",
        ),
    }
}

#[cfg(test)]
mod tests;
