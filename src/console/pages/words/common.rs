//! What several pages share.

use crate::console::words::words;

words! {
    /// What several pages share.
    pub struct Texts {
        nav_cases: "Cases", "Zaken";
        nav_hits: "Hits", "Treffers";
        nav_coverage: "Coverage", "Dekking";
        nav_vendors: "Vendors", "Leveranciers";
        nav_register: "Register", "Register";
        nav_unsealing: "Unsealing", "Ontzegelen";
        nav_suppressions: "Suppressions", "Onderdrukken";
        nav_audit: "Audit trail", "Controlespoor";
        nav_health: "Health", "Toestand";

        filter: "Filter", "Filter";
        apply: "Apply", "Toepassen";
        clear: "Clear", "Wissen";
        filter_wrong: "This filter cannot be read", "Dit filter is niet te lezen";
        filter_help: "How filters work", "Zo werken filters";
        filter_help_text: "Words apart are all needed: field:value, or -field:value to exclude. \
            Several values with commas: stage:visited,signed-up. Quotation marks keep words together.",
            "Losse voorwaarden gelden samen: veld:waarde, of -veld:waarde om uit te sluiten. \
            Meer waarden met komma's: stage:visited,signed-up. Aanhalingstekens houden woorden bijeen.";
        fields: "Fields", "Velden";
        saved_views: "Saved views", "Bewaarde weergaven";
        save_view: "Save this filter", "Dit filter bewaren";
        view_name: "Name", "Naam";
        save: "Save", "Bewaren";
        delete: "Delete", "Verwijderen";
        view_kept: "The view is kept.", "De weergave is bewaard.";
        view_deleted: "The view is deleted.", "De weergave is verwijderd.";

        more: "Older", "Ouder";
        first: "Newest", "Nieuwste";
        of_total: "{} in all", "{} in totaal";
        more_than: "more than {}", "meer dan {}";
        nothing: "nothing", "niets";
        none: "none", "geen";
        unknown: "not known", "niet bekend";
        yes: "yes", "ja";
        no: "no", "nee";
        back: "Back", "Terug";
        time: "Time", "Tijd";
        when: "When", "Wanneer";
        who: "Who", "Wie";
        what: "What", "Wat";
        why: "Why", "Waarom";
        until: "Until", "Tot";
        from: "From", "Van";
        reason: "Reason", "Reden";
        note: "Note", "Notitie";
        vendor: "Vendor", "Leverancier";
        stage: "Stage", "Fase";
        standing: "Standing", "Status";
        state: "State", "Stand van het werk";
        confidence: "Confidence", "Zekerheid";
        of_100: "{} of 100 points", "{} van 100 punten";
        subject: "Subject", "Betrokkene";
        subject_label: "subject {}", "betrokkene {}";
        unit: "Unit", "Afdeling";
        site: "Site", "Locatie";
        grade: "grade {}", "graad {}";
        opened: "First evidence", "Eerste aanwijzing";
        updated: "Newest evidence", "Nieuwste aanwijzing";
        age: "Age", "Ouderdom";
        ago: "{} ago", "{} geleden";
        in_future: "in {}", "over {}";
        now: "now", "nu";
        name: "Name", "Naam";
        host: "Host", "Host";
        role: "Role", "Rol";
        seen: "How seen", "Hoe gezien";
        point: "Point", "Meetpunt";
        rule: "Rule", "Regel";
        severity: "Severity", "Ernst";
        case_word: "Case", "Zaak";
        hit_word: "Hit", "Treffer";
        assignee: "Assigned to", "Toegewezen aan";
        nobody: "nobody", "niemand";
        unassigned: "unassigned", "niet toegewezen";
        withheld: "withheld: it may tell persons apart", "afgeschermd: dit kan personen onderscheiden";
        withheld_text: "[text withheld from your role: it may name a person]",
            "[tekst afgeschermd voor uw rol: er kan een persoon in staan]";
        auditor_note: "You see everything but persons: subjects carry labels that hold until you sign out; \
            units and free text about cases are withheld.",
            "U ziet alles behalve personen: betrokkenen dragen labels die gelden tot u zich afmeldt; \
            afdelingen en vrije tekst over zaken zijn afgeschermd.";

        live_new: "{} new", "{} nieuw";
        live_reload: "show", "tonen";
        live_off: "Live updates are interrupted.", "Live bijwerken is onderbroken.";
        case_changed: "This case changed while you were looking.", "Deze zaak is gewijzigd terwijl u keek.";

        done: "Done: {}", "Gedaan: {}";
        changed_first: "Somebody was first. {} Look again before you decide.",
            "Iemand was u voor. {} Kijk opnieuw voordat u beslist.";
        your_text: "What you had written, not saved:", "Wat u had geschreven, niet opgeslagen:";
        refused: "Refused: {}", "Geweigerd: {}";
        not_read: "The record cannot be read at this moment. The log of the program says why.",
            "Het dossier is nu niet te lezen. Het logboek van het programma zegt waarom.";
        missing: "{} is missing: it stands in the record.", "{} ontbreekt: het hoort in het dossier.";
        too_long: "{} is too long.", "{} is te lang.";

        keys: "Keyboard", "Toetsenbord";
        keys_hint: "Press ? for the keys", "Druk op ? voor de toetsen";
        key_next: "next row", "volgende rij";
        key_previous: "previous row", "vorige rij";
        key_open: "open", "openen";
        key_select: "select", "selecteren";
        key_close: "close the case", "zaak afsluiten";
        key_suppress: "suppress by rule", "onderdrukken met een regel";
        key_acknowledge: "acknowledge", "in behandeling nemen";
        key_mine: "assign to me", "aan mij toewijzen";
        key_comment: "write a note", "notitie schrijven";
        key_search: "filter", "filter";
        key_back: "back to the list", "terug naar de lijst";
        key_reload: "show what is new", "tonen wat nieuw is";
        key_help: "these keys", "deze toetsen";
        key_go: "then: go to", "daarna: ga naar";
        key_leave: "leave a field or dialog", "veld of venster verlaten";
        close_dialog: "Close", "Sluiten";
        enter_or: "or", "of";
    }
}
