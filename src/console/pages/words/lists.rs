//! Pages of lists: inbox, hits, coverage, vendors, register, requests, rules, audit, health.

use crate::console::words::words;

words! {
    /// Pages of lists.
    pub struct ListTexts {
        cases_title: "Cases", "Zaken";
        to_do: "To do", "Te doen";
        new: "New", "Nieuw";
        mine: "Mine", "Van mij";
        trial: "Trial account or more", "Proefaccount of meer";
        not_in_register: "Not in the register", "Niet in het register";
        suppressed: "Suppressed", "Onderdrukt";
        closed: "Closed", "Afgesloten";
        held: "On hold", "Stilgezet";
        all: "All", "Alle";
        sort: "Sort", "Sorteren";
        sort_updated: "newest evidence", "nieuwste aanwijzing";
        sort_opened: "first evidence", "eerste aanwijzing";
        sort_stage: "stage", "fase";
        sort_confidence: "confidence", "zekerheid";
        select: "Select", "Selecteren";
        select_all: "Select all on this page", "Alles op deze pagina selecteren";
        selected: "{} selected", "{} geselecteerd";
        bulk: "With the selected cases", "Met de geselecteerde zaken";
        bulk_nothing: "Select at least one case.", "Selecteer ten minste één zaak.";
        bulk_done: "Cases changed: {}.", "Zaken gewijzigd: {}.";
        bulk_failed: "{} not changed: {}", "{} niet gewijzigd: {}";
        table_cases: "Cases", "Zaken";
        empty_cases: "No case in this view", "Geen zaak in deze weergave";
        empty_cases_all: "No case was opened on monitored networks.",
            "Op de bewaakte netwerken is geen zaak geopend.";
        empty_means: "It means: no name of a listed vendor was read, in the traffic that passed a sensor and \
            could be read.",
            "Dat betekent: in verkeer dat een sensor passeerde en te lezen was, is geen naam van een \
            leverancier op de lijst gelezen.";
        empty_not: "It does not mean that nobody used such a service: other networks, private phones, ways \
            round and unread connections are not in it. The coverage page says how much that is.",
            "Het betekent niet dat niemand zo'n dienst gebruikte: andere netwerken, eigen telefoons, \
            omwegen en ongelezen verbindingen tellen niet mee. De dekkingspagina zegt hoeveel dat is.";
        empty_filter: "Other filters may show more.", "Andere filters tonen misschien meer.";
        see_coverage: "See the coverage", "Bekijk de dekking";
        more_rows: "Next page", "Volgende pagina";
        previous_rows: "Previous page", "Vorige pagina";

        hits_title: "Hits", "Treffers";
        hits_help: "A hit is a vendor's name that was seen. It is no case by itself.",
            "Een treffer is een gelezen naam van een leverancier. Het is op zichzelf geen zaak.";
        tail_on: "Follow live", "Live volgen";
        tail_off: "Stop following", "Niet meer volgen";
        empty_hits: "No hit in this view", "Geen treffer in deze weergave";
        repeats: "{} repeats", "{} herhalingen";
        hit_title: "One hit", "Eén treffer";
        hit_decoded: "What carried the name", "Wat de naam droeg";
        hit_no_message: "No message was kept with this hit.", "Bij deze treffer is geen bericht bewaard.";
        hit_deleted: "Its payload was deleted by retention or erasure.",
            "De inhoud is verwijderd door de bewaartermijn of een wissing.";
        hit_withheld: "The message is withheld: its fingerprint may tell devices apart.",
            "Het bericht is afgeschermd: de vingerafdruk kan apparaten onderscheiden.";
        hit_redacted: "Cut where it could tell the client.", "Gekort waar het de client kon verraden.";
        entry_number: "Entry of the ledger", "Vermelding in het grootboek";
        list_version: "List in force", "Lijst van kracht";
        other_end: "Other end", "Andere kant";
        client: "Client", "Client";
        evidence_of: "Evidence {} of", "Aanwijzing {} van";

        coverage_title: "Coverage", "Dekking";
        coverage_help: "How much of the traffic could be judged, on monitored networks. Without it, \
            “nothing found” says nothing.",
            "Hoeveel van het verkeer te beoordelen was, op bewaakte netwerken. Zonder dat zegt \
            “niets gevonden” niets.";
        day: "Day", "Dag";
        week: "Week", "Week";
        month: "30 days", "30 dagen";
        share_named: "Connections that could be named", "Verbindingen met een naam";
        connections: "Connections", "Verbindingen";
        named: "named", "met naam";
        hours_kept: "Hours with coverage", "Uren met dekking";
        hours_of: "{} of {}", "{} van {}";
        chart: "Share that could be named", "Aandeel met een naam";
        chart_alt: "The same as a table", "Hetzelfde als tabel";
        hour: "Hour", "Uur";
        causes: "Why the others had no name", "Waarom de andere geen naam hadden";
        share: "Share", "Aandeel";
        count: "Count", "Aantal";
        points: "Points", "Meetpunten";
        heard: "Heard of", "Gehoord";
        sites: "Sites and device-hours", "Locaties en apparaaturen";
        device_hours: "Device-hours seen", "Geziene apparaaturen";
        devices_known: "Devices the map says", "Apparaten volgens de kaart";
        sites_none: "The map names no sites.", "De kaart noemt geen locaties.";
        ways_round: "Ways round", "Omwegen";
        ways_none: "None was seen.", "Er is geen gezien.";
        lost: "Lost", "Verloren";
        lost_none: "Nothing was lost.", "Er ging niets verloren.";
        frames: "Frames", "Frames";
        excluded: "Excluded prefixes", "Uitgesloten netwerken";
        empty_coverage: "No hour of coverage is kept for this period.",
            "Voor deze periode is geen uur dekking bewaard.";
        no_data: "no data", "geen gegevens";
        clock_stepped: "The clock stepped by up to {} ms.", "De klok versprong tot {} ms.";

        vendors_title: "Vendors", "Leveranciers";
        vendors_help: "The catalogue in force. Who supplies whom is a relation for the regulator, never a hit.",
            "De catalogus die van kracht is. Wie aan wie levert is een relatie voor de toezichthouder, \
            nooit een treffer.";
        category: "Category", "Soort";
        provable: "Highest provable stage", "Hoogste bewijsbare fase";
        provable_why: "Why no more", "Waarom niet meer";
        cases_open: "Open cases", "Open zaken";
        cases_all: "Cases", "Zaken";
        hosts: "Hosts", "Hosts";
        match_kind: "Covers", "Dekt";
        provenance: "Knowledge", "Herkomst";
        dual_use: "dual use: never a hit", "tweeërlei gebruik: nooit een treffer";
        sources: "Sources", "Bronnen";
        unverified: "Sources that nobody can open", "Bronnen die niemand kan openen";
        relations: "Relations", "Relaties";
        relations_none: "No relation is known.", "Er is geen relatie bekend.";
        legal_entity: "Company", "Bedrijf";
        country: "Country", "Land";
        aliases: "Also known as", "Ook bekend als";
        status: "Status", "Status";
        suppliers: "Suppliers", "Toeleveranciers";
        list_of: "List version {}, {} rules", "Lijstversie {}, {} regels";

        register_title: "Register of authorised systems", "Register van toegestane systemen";
        register_help: "A use inside an entry is authorised: no alert. It is read from the organisation's map.",
            "Gebruik binnen een vermelding is toegestaan: geen melding. Het komt uit de kaart van de organisatie.";
        register_none: "The register has no entry: every use counts as not in the register.",
            "Het register is leeg: elk gebruik geldt als niet in het register.";
        reference: "Reference", "Kenmerk";
        owner: "Owner", "Eigenaar";
        purpose: "Purpose", "Doel";
        legal_basis: "Legal basis", "Grondslag";
        review: "Review", "Toets";
        impact: "Impact assessment", "Effectbeoordeling";
        valid: "Valid", "Geldig";
        valid_now: "in force", "van kracht";
        valid_over: "over", "verlopen";
        valid_later: "not yet", "nog niet";
        scope: "Scope", "Reikwijdte";
        networks: "networks: {}", "netwerken: {}";
        subjects: "subjects: {}", "betrokkenen: {}";
        units: "units: {}", "afdelingen: {}";

        unsealing_title: "Unsealing requests", "Verzoeken tot ontzegelen";
        unsealing_help: "An analyst asks with a reason; {} of the officers must agree; they open the records on \
            their own machines. This program cannot.",
            "Een analist vraagt met reden; {} van de functionarissen moeten instemmen; zij openen de gegevens \
            op hun eigen machine. Dit programma kan dat niet.";
        unsealing_none: "Nobody has asked for an identity.", "Niemand heeft om een identiteit gevraagd.";
        unsealing_no_officers: "There are no officers in the configuration: nothing is sealed, so nothing \
            can be unsealed.",
            "Er zijn geen functionarissen ingesteld: er is niets verzegeld, dus er valt niets te ontzegelen.";
        request: "Request", "Verzoek";
        asked_by: "Asked by", "Gevraagd door";
        approvals: "Approvals", "Goedkeuringen";
        approvals_of: "{} of {}", "{} van {}";
        approve: "Approve", "Goedkeuren";
        refuse: "Refuse", "Weigeren";
        withdraw: "Withdraw", "Intrekken";
        release: "Download the sealed records", "Verzegelde gegevens ophalen";
        release_help: "For the officers: `poortwacht officer open`, or stock age.",
            "Voor de functionarissen: `poortwacht officer open`, of gewoon age.";
        remark: "Remark", "Opmerking";
        ends: "Ends", "Eindigt";
        decided: "Decided", "Beslist";

        suppressions_title: "Suppression rules", "Onderdrukkingsregels";
        suppressions_help: "Cases under a rule leave the inbox until it ends. They are kept, and their alerts \
            still go out.",
            "Zaken onder een regel verdwijnen uit de werkvoorraad tot die eindigt. Ze blijven bewaard, en hun \
            meldingen gaan nog uit.";
        suppressions_none: "There is no rule.", "Er is geen regel.";
        suppression_new: "New rule", "Nieuwe regel";
        suppression_filter: "Cases that match", "Zaken die voldoen aan";
        suppression_lift: "End now", "Nu beëindigen";
        in_force: "in force", "van kracht";
        over: "over", "voorbij";
        lifted_by: "ended by {}", "beëindigd door {}";
        broken: "matches nothing: {}", "treft niets: {}";
        made_by: "Made by", "Gemaakt door";

        audit_title: "Audit trail", "Controlespoor";
        audit_help: "What people did and what the program did to its own record, from the ledger.",
            "Wat mensen deden en wat het programma met zijn eigen dossier deed, uit het grootboek.";
        audit_none: "No entry matches.", "Geen vermelding voldoet.";
        audit_kind: "Kind", "Soort";
        audit_by: "By", "Door";
        audit_case: "Case id", "Zaaknummer";
        any: "any", "alle";
        detail: "Detail", "Toelichting";

        health_title: "Health", "Toestand";
        health_good: "The watch is awake: nothing stands against it.", "De wacht is wakker: er is niets op aan te merken.";
        health_bad: "Something stands against it:", "Er is iets aan de hand:";
        health_part: "Part", "Onderdeel";
        health_state: "State", "Stand";
        ok: "in order", "in orde";
        bad: "not in order", "niet in orde";
        sensor: "Sensor", "Sensor";
    }
}
