//! Texts of the report, English and Dutch side by side.
//!
//! Enters: a language. Leaves: texts. Never: names a stage as guilt, or a use as a breach of a law.

use crate::base::Outcome;
use crate::blocklist::Stage;
use crate::console::words::words;
use crate::identity::Grade;

words! {
    /// The report.
    pub struct ReportTexts {
        title: "Evidence in case {}", "Bewijs in zaak {}";
        bundle: "Evidence bundle of Poortwacht", "Bewijsbundel van Poortwacht";
        monitored: "on monitored networks", "op bewaakte netwerken";
        made: "made", "gemaakt";
        by_program: "with {}", "met {}";
        why: "Exported because", "Uitgevoerd omdat";
        pseudonymous: "People are pseudonyms here. Who is behind one can be told by the officers \
            together, and by \
            nobody else.",
            "Personen zijn hier pseudoniemen. Wie erachter zit kunnen alleen de functionarissen \
            samen openen.";

        summary: "In short", "In het kort";
        stage: "Stage reached", "Bereikte fase";
        means: "That means", "Dat betekent";
        means_not: "It does not mean", "Het betekent niet";
        vendor: "Vendor", "Leverancier";
        subject: "Subject", "Betrokkene";
        grade: "grade {}", "graad {}";
        period: "First and newest evidence", "Eerste en nieuwste aanwijzing";
        points: "{} of 100 points", "{} van 100 punten";
        points_meaning: "a sum of weights, no probability", "een som van gewichten, geen kans";
        confidence: "Confidence", "Zekerheid";
        standing: "Register", "Register";
        uploads: "Estimate of search-like uploads", "Schatting van uploads die op zoeken lijken";
        ended: "Closed", "Afgesloten";
        unit: "Unit", "Afdeling";
        site: "Site", "Vestiging";
        units: "Units", "Afdelingen";
        sites: "Sites", "Vestigingen";
        unknown: "not known", "niet bekend";
        none: "none", "geen";

        cannot: "What cannot be concluded", "Wat niet kan worden geconcludeerd";
        method: "Method and limits", "Werkwijze en grenzen";

        course: "Course of the case", "Verloop van de zaak";
        course_help: "Each stage with the pieces of evidence that carry it, and how its points \
            came about.",
            "Elke fase met de aanwijzingen die haar dragen, en hoe de punten tot stand kwamen.";
        carried: "carried by", "gedragen door";
        no_step: "No stage is on record here.", "Er staat hier geen fase geregistreerd.";
        evidence: "Evidence", "Aanwijzingen";
        number: "No.", "Nr.";
        time: "Time (UTC)", "Tijd (UTC)";
        kind: "Kind", "Soort";
        shows: "What it shows", "Wat het laat zien";
        weight: "Weight", "Gewicht";
        speaks_for: "Speaks for", "Spreekt voor";
        rule: "rule", "regel";
        frames: "frames", "frames";
        entry: "Entry", "Vermelding";
        withdrawn: "Withdrawn since: pieces {}", "Sindsdien ingetrokken: aanwijzingen {}";
        missing: "No entry is here of pieces {}: retention or erasure deleted them, or they were \
            withheld.",
            "Van aanwijzingen {} is hier geen vermelding: de bewaartermijn of een wissing \
            verwijderde ze, of ze \
            zijn achtergehouden.";
        left_out: "{} more pieces came than a case keeps.", "Er kwamen {} aanwijzingen meer dan \
            een zaak bewaart.";
        english: "Sentences of the rules are in English, as they stand in the record.",
            "Zinnen van de regels zijn in het Engels, zoals ze in het dossier staan.";

        names: "Names that were seen", "Namen die zijn gezien";
        name: "Name", "Naam";
        role: "Role", "Rol";
        seen: "Seen as", "Gezien als";
        hits: "Hits", "Treffers";
        first: "First", "Eerst";
        last: "Last", "Laatst";
        no_names: "No hit is here: retention may have deleted them.",
            "Hier staat geen treffer: de bewaartermijn kan ze hebben verwijderd.";

        periods: "Affected periods and units", "Betrokken perioden en afdelingen";
        day: "Day", "Dag";
        no_unit: "No source told a unit.", "Geen bron noemde een afdeling.";

        attribution: "Whom it is about", "Over wie het gaat";
        attribution_help: "Who it is about is a claim of its own, with its source and grade.",
            "Over wie het gaat is een bewering op zich, met bron en graad.";
        sources: "sources", "bronnen";
        other_case: "other case", "andere zaak";

        coverage: "What could be read", "Wat kon worden gelezen";
        coverage_none: "No entry tells how much could be read while the case went on.",
            "Geen vermelding zegt hoeveel er tijdens de zaak kon worden gelezen.";
        coverage_span: "From {} to", "Van {} tot";
        connections: "New outbound connections", "Nieuwe uitgaande verbindingen";
        named: "of the new outbound connections could be named",
            "van de nieuwe uitgaande verbindingen had een naam";
        hours_without: "{} hours of the case are covered by no entry: of those nothing can be \
            said.",
            "Over {} uren van de zaak is er geen vermelding: daarover kan niets worden gezegd.";
        chart: "Share of connections that could be named, hour by hour",
            "Aandeel verbindingen met naam, uur voor uur";
        fate: "What became of them", "Wat ervan werd";
        count: "Number", "Aantal";
        ways_round: "Ways round the monitor", "Omwegen om de bewaking heen";
        lost: "Lost before it could be read", "Verloren voor het kon worden gelezen";
        points_heard: "Observation points", "Meetpunten";
        seconds: "seconds heard of", "seconden gehoord";
        device_hours: "Device-hours seen / known", "Apparaat-uren gezien / bekend";
        excluded: "Networks excluded from monitoring", "Van bewaking uitgesloten netwerken";
        clock: "Greatest step of the clock", "Grootste sprong van de klok";
        losses: "Lost of the record itself", "Verloren van het dossier zelf";

        in_force: "In force meanwhile", "Tijdens de zaak van kracht";
        list: "List of vendors", "Lijst van leveranciers";
        since: "since {}", "sinds {}";
        configuration: "Configuration (SHA-256)", "Configuratie (SHA-256)";
        program: "Program", "Programma";

        about_vendor: "What is known of the vendor", "Wat van de leverancier bekend is";
        catalogue: "From the catalogue, version", "Uit de catalogus, versie";
        catalogue_other: "The list in force during the case was another version.",
            "Tijdens de zaak was een andere versie van de lijst van kracht.";
        not_in_list: "The catalogue at hand does not have this vendor.",
            "De catalogus die voorhanden is heeft deze leverancier niet.";
        legal_entity: "Legal entity", "Rechtspersoon";
        country: "Country", "Land";
        category: "Category", "Categorie";
        status: "Status", "Status";
        provable: "Metadata can prove at most", "Metadata kan hoogstens bewijzen";
        host: "Host", "Host";
        sureness: "Confidence", "Zekerheid";
        source: "Sources", "Bronnen";
        unverified: "not verified", "niet nagegaan";
        relations: "Who supplies this vendor", "Wie deze leverancier levert";
        relations_help: "A relation between companies. It says nothing about staff.",
            "Een relatie tussen bedrijven. Ze zegt niets over medewerkers.";
        relations_none: "The catalogue knows of none.", "De catalogus kent er geen.";
        supplies: "supplies", "levert";

        work: "Work on the case, and alerts", "Werk aan de zaak, en meldingen";
        work_none: "Nobody has done anything with it.", "Niemand heeft er iets mee gedaan.";
        who: "Who", "Wie";
        what: "What", "Wat";
        until: "until {}", "tot {}";

        proof: "What this rests on", "Waar dit op rust";
        proof_count: "{} entries of the ledger are in the bundle", "De bundel bevat {} \
            vermeldingen van het dossier";
        proof_without: "of these without their text", "waarvan zonder tekst";
        proof_more: "{} more without text were not put in", "Nog {} zonder tekst zijn niet \
            opgenomen";
        deleted: "deleted: retention or erasure", "verwijderd: bewaartermijn of wissing";
        withheld: "withheld on purpose", "bewust achtergehouden";
        may_be: "An entry whose text is deleted shows its kind and hour. Whether one of these \
            belonged to this case \
            cannot be told any more.",
            "Een vermelding waarvan de tekst is verwijderd toont soort en uur. Of zo'n \
            vermelding bij deze zaak \
            hoorde is niet meer te zeggen.";
        proof_help: "Every entry stands, with a proof, under a checkpoint that the log signed. \
            Check it on any machine, \
            without a network:",
            "Elke vermelding staat, met een bewijs, onder een door het logboek ondertekend \
            controlepunt. \
            Controleren kan op elke machine, zonder netwerk:";
        proof_key: "The key must come from elsewhere: one that lies in the bundle only shows \
            that the bundle agrees \
            with itself.",
            "De sleutel moet van elders komen: een sleutel uit de bundel toont alleen dat de \
            bundel met zichzelf klopt.";
        proof_limits: "It is proved that these entries were in the ledger and were not changed \
            since. It is not proved \
            that no entry was left out of the bundle, nor that what the sensor wrote down was \
            complete.",
            "Bewezen is dat deze vermeldingen in het logboek stonden en sindsdien niet zijn \
            veranderd. Niet bewezen \
            is dat geen vermelding uit de bundel is weggelaten, of dat de sensor alles opschreef.";
        sealed: "Under seal, for the officers: frames {},", "Verzegeld, voor de functionarissen: \
            frames {},";
        sealed_records: "records of who the subject is {}.", "registraties van wie de betrokkene \
            is {}.";
        sealed_elsewhere: "{} more frames are under the seal of an earlier subject of the case; \
            they are not in here.",
            "Nog {} frames zijn verzegeld voor een eerdere betrokkene van de zaak; die zitten \
            hier niet in.";

        m_networks: "Everything here was seen on monitored networks. What happened elsewhere, on \
            a private phone, on \
            another network or inside a tunnel, is not in it; that it is not in it proves nothing.",
            "Alles hier is gezien op bewaakte netwerken. Wat elders gebeurde, op een \
            privételefoon, op een ander \
            netwerk of in een tunnel, staat er niet in; dat het er niet in staat bewijst niets.";
        m_names: "Names were read, and nothing else: in DNS messages, in the first message of \
            encrypted connections \
            (TLS, QUIC, DTLS), in certificates, in requests in clear and in the envelopes of \
            mail. No page, picture, \
            password or message was read. What is encrypted was not decrypted.",
            "Er zijn namen gelezen, en verder niets: in DNS-berichten, in het eerste bericht van \
            versleutelde \
            verbindingen (TLS, QUIC, DTLS), in certificaten, in onversleutelde verzoeken en op \
            de envelop van mail. \
            Geen pagina, foto, wachtwoord of bericht is gelezen. Wat versleuteld is, is niet \
            ontsleuteld.";
        m_sizes: "Of exchanges with the vendor's hosts sizes and times were counted. They show a \
            course of events, not \
            what was sent.",
            "Van uitwisselingen met hosts van de leverancier zijn omvang en tijd geteld. Die \
            tonen een verloop, niet \
            wat is verzonden.";
        m_account: "“Account or log-in” means: a form was sent to a host that serves \
            registration, log-in and use \
            alike. It does not tell whether the account is new, whether it was made here, or \
            whether a face was searched.",
            "“Account of inlog” betekent: er is een formulier gestuurd naar een host die \
            registreren, inloggen en \
            gebruiken tegelijk draagt. Dat zegt niet of het account nieuw is, of het hier is \
            gemaakt, of dat een \
            gezicht is gezocht.";
        m_rights: "“Account or rights request” means: the same host also takes requests of \
            people who use their \
            privacy rights, with a photograph and a mail address. Metadata cannot tell the two \
            apart.",
            "“Account of rechtenverzoek” betekent: dezelfde host neemt ook verzoeken aan van \
            mensen die hun \
            privacyrechten uitoefenen, met foto en mailadres. Metadata kan die twee niet \
            onderscheiden.";
        m_points: "Points are a sum of weights that the rules give. They are no probability, and \
            no threshold of a law.",
            "Punten zijn een som van gewichten die de regels geven. Ze zijn geen kans, en geen \
            drempel uit een wet.";
        m_attribution: "The subject is a pseudonym. How an address led to it stands with each \
            claim; where sources \
            contradict each other the answer is “ambiguous”, never a guess.",
            "De betrokkene is een pseudoniem. Hoe een adres daartoe leidde staat bij elke \
            bewering; waar bronnen \
            elkaar tegenspreken is het antwoord “niet eenduidig”, nooit een gok.";
        m_law: "Whether a use was allowed is for people to judge. This is no finding on a law.",
            "Of een gebruik was toegestaan is aan mensen. Dit is geen oordeel over een wet.";
        m_list: "A name that the list in force did not have could not be seen.",
            "Een naam die de geldende lijst niet had, kon niet worden gezien.";
        m_share: "While the case went on {} % of the connections could be named. What the others \
            led to is not known.",
            "Tijdens de zaak had {} % van de verbindingen een naam. Waarheen de andere leidden \
            is niet bekend.";
        m_no_share: "How much could be read while the case went on is not on record here.",
            "Hoeveel er tijdens de zaak kon worden gelezen staat hier niet geregistreerd.";

        s_looked_up: "a name was seen, no human session", "een naam is gezien, geen sessie van \
            een mens";
        s_looked_up_not: "that anybody meant to: prefetching, previews and mail scanners do it too",
            "dat iemand dat bedoelde: vooruitladen, voorvertoningen en mailscanners doen het ook";
        s_visited: "pages, both ways, at a person's pace", "pagina's, heen en weer, in het tempo \
            van een mens";
        s_visited_not: "that anything was used: a reader of news does this",
            "dat iets is gebruikt: wie nieuws leest doet dit ook";
        s_rights: "a form or a photograph on a host that also takes privacy requests",
            "een formulier of foto naar een host die ook privacyverzoeken aanneemt";
        s_rights_not: "that an account exists", "dat er een account is";
        s_account: "a form on a host for accounts", "een formulier naar een host voor accounts";
        s_account_not: "that the account is new: it may have been made elsewhere",
            "dat het account nieuw is: het kan elders zijn gemaakt";
        s_signed_up: "a form and a mail of the vendor, in the order and at the pace of a \
            registration",
            "een formulier en een mail van de leverancier, in de volgorde en het tempo van een \
            registratie";
        s_signed_up_not: "certainty: a slow log-in by a mailed link looks the same",
            "zekerheid: traag inloggen met een link per mail ziet er hetzelfde uit";
        s_searching: "image-sized uploads with a larger answer, or a host that is contacted for \
            nothing else",
            "uploads zo groot als een foto met een groter antwoord, of een host die nergens \
            anders voor dient";
        s_searching_not: "whose face, and why", "wiens gezicht, en waarom";
        s_integrated: "uploads in a machine's rhythm", "uploads in het ritme van een machine";
        s_integrated_not: "who set it up", "wie het heeft ingericht";

        g_a: "an authenticated session of the person", "een geauthenticeerde sessie van de persoon";
        g_b: "a Kerberos reply", "een Kerberos-antwoord";
        g_c: "a lease with a host name", "een lease met een hostnaam";
        g_d: "a link-layer address alone", "alleen een link-layer-adres";
        g_none: "no source told who it was", "geen bron vertelde wie het was";

        o_named: "a name was read", "een naam is gelezen";
        o_no_sni: "the hello had no name", "het eerste bericht had geen naam";
        o_ech: "the name was hidden (ECH)", "de naam was verborgen (ECH)";
        o_truncated: "the capture cut the frames short", "de opname kapte de frames af";
        o_midstream: "begun before the watch", "begonnen voor de bewaking";
        o_gap: "bytes before the name never arrived", "bytes voor de naam kwamen nooit aan";
        o_reassembly: "the hello was too long, or no room was free",
            "het eerste bericht was te lang, of er was geen ruimte";
        o_malformed: "broken", "kapot";
        o_quic: "QUIC that could not be read", "QUIC dat niet te lezen was";
        o_quic_version: "QUIC of an unknown version", "QUIC van een onbekende versie";
        o_other: "something that carries no name", "iets dat geen naam draagt";
        o_no_payload: "nothing was sent", "er is niets verzonden";
        o_evicted: "given up for want of room", "opgegeven wegens ruimtegebrek";
    }
}

impl ReportTexts {
    /// What a stage means, and what it does not.
    pub const fn stage(&self, stage: &Stage) -> (&'static str, &'static str) {
        match stage {
            Stage::LookedUp => (self.s_looked_up, self.s_looked_up_not),
            Stage::Visited => (self.s_visited, self.s_visited_not),
            Stage::AccountOrRightsRequest => (self.s_rights, self.s_rights_not),
            Stage::AccountOrLogin => (self.s_account, self.s_account_not),
            Stage::SignedUp => (self.s_signed_up, self.s_signed_up_not),
            Stage::Searching => (self.s_searching, self.s_searching_not),
            Stage::Integrated => (self.s_integrated, self.s_integrated_not),
        }
    }

    /// What a grade rests on.
    pub const fn grade(&self, grade: &Grade) -> &'static str {
        match grade {
            Grade::A => self.g_a,
            Grade::B => self.g_b,
            Grade::C => self.g_c,
            Grade::D => self.g_d,
            Grade::None => self.g_none,
        }
    }

    /// What became of connections; a label of [`Outcome`] in words.
    pub fn outcome(&self, label: &str) -> String {
        let known = Outcome::ALL.iter().find(|it| it.label() == label);
        let words = match known {
            None => return label.to_owned(),
            Some(Outcome::Named) => self.o_named,
            Some(Outcome::NoSni) => self.o_no_sni,
            Some(Outcome::Ech) => self.o_ech,
            Some(Outcome::Truncated) => self.o_truncated,
            Some(Outcome::Midstream) => self.o_midstream,
            Some(Outcome::Gap) => self.o_gap,
            Some(Outcome::ReassemblyLimit) => self.o_reassembly,
            Some(Outcome::Malformed) => self.o_malformed,
            Some(Outcome::QuicUndecryptable) => self.o_quic,
            Some(Outcome::QuicVersion) => self.o_quic_version,
            Some(Outcome::OtherProtocol) => self.o_other,
            Some(Outcome::NoPayload) => self.o_no_payload,
            Some(Outcome::Evicted) => self.o_evicted,
        };
        words.to_owned()
    }
}
