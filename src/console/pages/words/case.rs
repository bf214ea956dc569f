//! The page of one case.

use crate::console::words::words;

words! {
    /// The page of one case.
    pub struct CaseTexts {
        title: "{}: one case", "{}: één zaak";
        known: "Known, on monitored networks", "Bekend, op bewaakte netwerken";
        not_known: "Not known", "Niet bekend";
        points_meaning: "Points are a sum of weights, no probability.",
            "Punten zijn een som van gewichten, geen kans.";
        register_says: "The register says", "Het register zegt";
        band: "Estimate of search-like uploads", "Schatting van uploads die op zoeken lijken";
        ended: "The case ended by itself", "De zaak eindigde vanzelf";
        held_until: "Retention stands still until {}", "De bewaartermijn staat stil tot {}";
        suppressed: "Suppressed by a rule", "Onderdrukt door een regel";
        closed_as: "Closed as {}", "Afgesloten als {}";

        timeline: "Timeline", "Tijdlijn";
        timeline_help: "Each sign is a piece of evidence; its number leads to the table below. Flags are \
            steps. The band below tells how much could be read in that hour.",
            "Elk teken is een aanwijzing; het nummer leidt naar de tabel hieronder. Vlaggen zijn \
            stappen. De band eronder zegt hoeveel in dat uur te lezen was.";
        timeline_none: "There is no evidence that counts.", "Er is geen aanwijzing die telt.";
        lane_names: "names", "namen";
        lane_connections: "connections", "verbindingen";
        lane_exchanges: "exchanges", "uitwisselingen";
        lane_mail: "mail", "mail";
        lane_use: "use", "gebruik";
        lane_readable: "readable", "leesbaar";
        gap: "{} without evidence", "{} zonder aanwijzing";
        no_coverage: "no coverage kept", "geen dekking bewaard";
        readable_share: "{} % of connections could be named", "{} % van de verbindingen had een naam";

        evidence: "Evidence", "Aanwijzingen";
        evidence_left_out: "{} more were not kept: the bound was reached.",
            "{} meer zijn niet bewaard: de grens was bereikt.";
        kind: "Kind", "Soort";
        shows: "What it shows", "Wat het toont";
        speaks_for: "Speaks for", "Spreekt voor";
        weight: "Weight", "Gewicht";
        flow: "Flow", "Stroom";
        frames: "Frames", "Frames";
        readable: "Readable then", "Toen leesbaar";
        readable_none: "not kept", "niet bewaard";

        steps: "Steps and their sums", "Stappen en hun sommen";
        steps_none: "No stage was reached yet.", "Er is nog geen fase bereikt.";
        step_points: "{} points", "{} punten";
        carried_by: "carried by", "gedragen door";

        attribution: "Attribution", "Toeschrijving";
        attribution_help: "Who it is about is a claim of its own: it can be raised, split, merged or taken back.",
            "Over wie het gaat is een bewering op zich: die kan worden verhoogd, gesplitst, samengevoegd of \
            ingetrokken.";
        sources: "Sources", "Bronnen";
        other_case: "other case", "andere zaak";

        history: "History", "Geschiedenis";
        history_none: "Nobody has done anything with this case yet.",
            "Niemand heeft nog iets met deze zaak gedaan.";
        alerts: "Alerts sent", "Verstuurde meldingen";
        alerts_none: "No alert went out.", "Er ging geen melding uit.";
        hits: "Hits of this case", "Treffers van deze zaak";
        hits_none: "No hit is kept: retention may have deleted them.",
            "Er is geen treffer bewaard: de bewaartermijn kan ze hebben verwijderd.";
        all_hits: "in the hit log", "in het treffersoverzicht";

        work: "Work on this case", "Werk aan deze zaak";
        read_only: "Your role reads this case; it does not change it.",
            "Uw rol leest deze zaak, maar wijzigt hem niet.";
        acknowledge: "Acknowledge", "In behandeling";
        assign: "Assign", "Toewijzen";
        assign_to: "Account", "Account";
        assign_me: "Assign to me", "Aan mij toewijzen";
        assign_none: "Leave empty for nobody", "Leeg laten voor niemand";
        comment: "Add a note", "Notitie toevoegen";
        comment_help: "Plain text, no names of persons.", "Platte tekst, geen namen van personen.";
        close: "Close", "Afsluiten";
        close_as: "Close as", "Afsluiten als";
        close_help: "Closing is a judgement about the use, not about guilt.",
            "Afsluiten is een oordeel over het gebruik, niet over schuld.";
        reopen: "Reopen", "Heropenen";
        suppress: "Suppress alike", "Gelijke onderdrukken";
        hold: "Hold retention", "Bewaartermijn stilzetten";
        lift: "Resume retention", "Bewaartermijn hervatten";
        unseal: "Ask for the identity", "Om de identiteit vragen";
        export: "Download evidence bundle", "Bewijsbundel ophalen";
        export_help: "Entries with their proofs, a report in English and Dutch, what could be read. \
            Pseudonymous; the export stands in the record.",
            "Regels met hun bewijzen, een verslag in het Engels en Nederlands, wat te lezen was. \
            Pseudoniem; de uitgifte komt in het dossier.";
        export_sealed: "with the sealed records, for officers to open",
            "met de verzegelde gegevens, door functionarissen te openen";
        unseal_help: "Officers decide. Look at the evidence first; the reason stands in the record.",
            "Functionarissen beslissen. Kijk eerst naar de aanwijzingen; de reden staat in het dossier.";
        date: "Date", "Datum";
        days: "Days", "Dagen";
        requests: "Requests for the identity", "Verzoeken om de identiteit";
        filter_hint: "Filter", "Filter";
    }
}
