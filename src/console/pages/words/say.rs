//! Members of closed sets, and what they mean, in words.

use std::borrow::Borrow;

use crate::blocklist::Stage;
use crate::cases::{AlertKind, AttributionAct, EvidenceKind};
use crate::console::words::words;
use crate::identity::SubjectKind;
use crate::organisation::Standing;
use crate::record::act::Verdict;
use crate::store::State;

words! {
    /// Names of stages, states, kinds; and sentences about them.
    pub struct Say {
        looked_up: "looked up", "opgezocht";
        visited: "visited", "bezocht";
        account_or_rights: "account or rights request", "account of rechtenverzoek";
        account_or_login: "account or log-in", "account of inlog";
        signed_up: "trial account, very likely", "proefaccount, zeer waarschijnlijk";
        searching: "in use", "in gebruik";
        integrated: "in regular use", "vast in gebruik";

        unauthorised: "not in the register", "niet in het register";
        authorised: "authorised", "toegestaan";
        out_of_scope: "outside its entry", "buiten de vermelding";
        informational: "for information", "ter informatie";

        new: "new", "nieuw";
        acknowledged: "acknowledged", "gezien";
        assigned: "assigned", "toegewezen";
        closed: "closed", "afgesloten";
        reopened: "reopened", "heropend";

        misuse: "misuse", "misbruik";
        use_authorised: "authorised use", "toegestaan gebruik";
        research: "research", "onderzoek";
        false_alarm: "false alarm", "vals alarm";
        opt_out: "opt-out visit", "opt-outbezoek";

        an_employee: "an employee", "een medewerker";
        at_device: "somebody at a device of which the user is not known",
            "iemand aan een apparaat waarvan de gebruiker niet bekend is";
        at_address: "somebody at an address of which nothing more is known",
            "iemand achter een adres waarvan verder niets bekend is";
        a_machine: "a machine", "een machine";
        behind_shared: "somebody behind a shared address of the organisation",
            "iemand achter een gedeeld adres van de organisatie";
        one_of_several: "one of several who may be meant", "een van meer mensen die bedoeld kunnen zijn";

        says_looked_up: "A name of the vendor was seen of {}.",
            "Van {} is een naam van de leverancier gezien.";
        says_visited: "The vendor's site was visited by {}.",
            "De site van de leverancier is bezocht door {}.";
        says_rights: "Account use or a rights request by {}.",
            "Accountgebruik of een rechtenverzoek door {}.";
        says_account: "An account was made or used by {}.",
            "Er is een account gemaakt of gebruikt door {}.";
        says_signed_up: "A trial account was very likely made by {}.",
            "Zeer waarschijnlijk is een proefaccount gemaakt door {}.";
        says_searching: "The service was very likely used by {}.",
            "De dienst is zeer waarschijnlijk gebruikt door {}.";
        says_integrated: "The service is used regularly by {}.",
            "De dienst wordt regelmatig gebruikt door {}.";

        open_content: "What was sent or shown: content is encrypted and not read.",
            "Wat er is verzonden of getoond: inhoud is versleuteld en wordt niet gelezen.";
        open_looked_up: "Whether anybody meant to: prefetching, previews and scanners do it too.",
            "Of iemand dat bedoelde: vooruitladen, voorvertoningen en scanners doen het ook.";
        open_visited: "Why: reading about the vendor looks the same.",
            "Waarom: lezen over de leverancier ziet er hetzelfde uit.";
        open_rights: "Whether an account was made or used, a search was run, or a data subject's rights \
            were exercised: one host carries all of it.",
            "Of een account is gemaakt of gebruikt, of is gezocht, of iemand zijn rechten als betrokkene \
            uitoefende: één host draagt dat allemaal.";
        open_account: "Whether the account is new, or was made earlier or elsewhere: one host carries \
            sign-up and log-in.",
            "Of het account nieuw is, of eerder of elders gemaakt: één host draagt aanmelden en inloggen.";
        open_signed_up: "Whether the account is personal or official, and whether the mail confirmed it; \
            a log-in that sends a code by mail, to an account made elsewhere, can look alike.",
            "Of het account privé of zakelijk is, en of de mail het bevestigde; inloggen met een code per \
            mail, op een elders gemaakt account, kan er hetzelfde uitzien.";
        open_searching: "Whose picture was searched, and what came of it.",
            "Wiens foto is gezocht, en wat daarvan kwam.";
        open_integrated: "What the machine sends, and on whose behalf.",
            "Wat de machine verzendt, en namens wie.";
        proof_reaches: "More than this vendor's traffic can prove: at most “{}”.",
            "Meer dan het verkeer van deze leverancier kan bewijzen: hoogstens “{}”.";

        person: "person", "persoon";
        device: "device", "apparaat";
        address: "address", "adres";
        machine: "machine", "machine";
        organisation: "organisation", "organisatie";
        ambiguous: "ambiguous", "niet eenduidig";

        look_up: "look-up", "opvraging";
        connection: "connection", "verbinding";
        session: "session", "sessie";
        form: "form", "formulier";
        mail: "mail", "mail";
        mail_look_up: "mail check", "mailcontrole";
        first_contact: "first contact", "eerste contact";
        sign_in: "sign-in service", "inlogdienst";
        payment: "payment host", "betaalhost";
        third_party: "third party", "derde partij";
        upload: "upload", "upload";
        use_host: "host of use", "gebruikshost";
        returned: "return", "terugkeer";
        regular: "regular", "regelmaat";

        made: "made", "gemaakt";
        raised: "raised", "verhoogd";
        split: "split", "gesplitst";
        merged: "merged", "samengevoegd";
        retracted: "retracted", "ingetrokken";
        alert_raised: "alert", "melding";
        alert_retracted: "alert taken back", "melding ingetrokken";
        alert_resolved: "alert resolved", "melding afgehandeld";

        waiting: "waiting", "wacht";
        approved: "approved", "goedgekeurd";
        was_refused: "refused", "geweigerd";
        expired: "expired", "verlopen";
        released: "released", "vrijgegeven";

        act_acknowledge: "acknowledged the case", "nam de zaak in behandeling";
        act_assign: "assigned the case to {}", "wees de zaak toe aan {}";
        act_unassign: "assigned the case to nobody", "haalde de toewijzing weg";
        act_comment: "wrote a note", "schreef een notitie";
        act_close: "closed the case as {}", "sloot de zaak af als {}";
        act_reopen: "reopened the case", "heropende de zaak";
        act_suppress: "made a suppression rule until {}", "maakte een onderdrukkingsregel tot {}";
        act_unsuppress: "ended a suppression rule", "beëindigde een onderdrukkingsregel";
        act_request: "asked for the identity", "vroeg om de identiteit";
        act_approve: "approved the request for the identity", "keurde het verzoek om de identiteit goed";
        act_refuse: "refused the request for the identity", "weigerde het verzoek om de identiteit";
        act_release: "took out the sealed records", "haalde de verzegelde gegevens op";
        act_hold: "stopped retention until {}", "zette de bewaartermijn stil tot {}";
        act_lift: "resumed retention", "hervatte de bewaartermijn";
        act_export: "exported {}", "exporteerde {}";
        act_erase: "erased a person's data", "wiste gegevens van een persoon";
        act_correct: "corrected the case", "corrigeerde de zaak";
        act_expire: "retention deleted what was over its time",
            "de bewaartermijn verwijderde wat over tijd was";
        act_account: "account {}", "account {}";
        act_list: "a list of vendors came into force", "een lijst van leveranciers is van kracht";
        act_list_refused: "a list of vendors was refused", "een lijst van leveranciers is geweigerd";
        act_start: "the program started", "het programma startte";
        act_stop: "the program stopped", "het programma stopte";
        act_loss: "something was lost", "er ging iets verloren";
        act_deleted: "payload deleted", "inhoud verwijderd";
        act_other: "an entry of another kind", "een vermelding van een andere soort";

        by_program: "the program", "het programma";
        means_console: "console", "console";
        means_api: "API", "API";
        means_command: "command line", "opdrachtregel";
        means_program: "by itself", "uit zichzelf";
    }
}

impl Say {
    /// A stage.
    pub fn stage(&self, stage: impl Borrow<Stage>) -> &'static str {
        match stage.borrow() {
            Stage::LookedUp => self.looked_up,
            Stage::Visited => self.visited,
            Stage::AccountOrRightsRequest => self.account_or_rights,
            Stage::AccountOrLogin => self.account_or_login,
            Stage::SignedUp => self.signed_up,
            Stage::Searching => self.searching,
            Stage::Integrated => self.integrated,
        }
    }

    /// How a use stands to the register.
    pub fn standing(&self, standing: impl Borrow<Standing>) -> &'static str {
        match standing.borrow() {
            Standing::Unauthorised => self.unauthorised,
            Standing::Authorised => self.authorised,
            Standing::OutOfScope => self.out_of_scope,
            Standing::Informational => self.informational,
        }
    }

    /// Where the work on a case stands.
    pub fn state(&self, state: impl Borrow<State>) -> &'static str {
        match state.borrow() {
            State::New => self.new,
            State::Acknowledged => self.acknowledged,
            State::Assigned => self.assigned,
            State::Closed => self.closed,
            State::Reopened => self.reopened,
        }
    }

    /// As what a case is closed.
    pub fn verdict(&self, verdict: impl Borrow<Verdict>) -> &'static str {
        match verdict.borrow() {
            Verdict::Misuse => self.misuse,
            Verdict::Authorised => self.use_authorised,
            Verdict::Research => self.research,
            Verdict::FalseAlarm => self.false_alarm,
            Verdict::OptOut => self.opt_out,
        }
    }

    /// What a subject is.
    pub fn kind(&self, kind: impl Borrow<SubjectKind>) -> &'static str {
        match kind.borrow() {
            SubjectKind::Person => self.person,
            SubjectKind::Device => self.device,
            SubjectKind::Address => self.address,
            SubjectKind::Machine => self.machine,
            SubjectKind::Organisation => self.organisation,
            SubjectKind::Ambiguous => self.ambiguous,
        }
    }

    /// A kind of evidence.
    pub fn evidence(&self, kind: impl Borrow<EvidenceKind>) -> &'static str {
        match kind.borrow() {
            EvidenceKind::LookUp => self.look_up,
            EvidenceKind::Connection => self.connection,
            EvidenceKind::Session => self.session,
            EvidenceKind::Form => self.form,
            EvidenceKind::Mail => self.mail,
            EvidenceKind::MailLookUp => self.mail_look_up,
            EvidenceKind::FirstContact => self.first_contact,
            EvidenceKind::SignIn => self.sign_in,
            EvidenceKind::Payment => self.payment,
            EvidenceKind::ThirdParty => self.third_party,
            EvidenceKind::Upload => self.upload,
            EvidenceKind::UseHost => self.use_host,
            EvidenceKind::Return => self.returned,
            EvidenceKind::Regular => self.regular,
        }
    }

    /// What happened to an attribution.
    pub fn attribution(&self, act: impl Borrow<AttributionAct>) -> &'static str {
        match act.borrow() {
            AttributionAct::Made => self.made,
            AttributionAct::Raised => self.raised,
            AttributionAct::Split => self.split,
            AttributionAct::Merged => self.merged,
            AttributionAct::Retracted => self.retracted,
        }
    }

    /// What an alert says.
    pub fn alert(&self, kind: impl Borrow<AlertKind>) -> &'static str {
        match kind.borrow() {
            AlertKind::Raised => self.alert_raised,
            AlertKind::Retracted => self.alert_retracted,
            AlertKind::Resolved => self.alert_resolved,
        }
    }

    /// The sentence about a stage, with a gap for whom; no stronger than the evidence.
    pub fn about(&self, stage: impl Borrow<Stage>, kind: impl Borrow<SubjectKind>) -> String {
        let who = match kind.borrow() {
            SubjectKind::Person => self.an_employee,
            SubjectKind::Device => self.at_device,
            SubjectKind::Address => self.at_address,
            SubjectKind::Machine => self.a_machine,
            SubjectKind::Organisation => self.behind_shared,
            SubjectKind::Ambiguous => self.one_of_several,
        };
        let text = match stage.borrow() {
            Stage::LookedUp => self.says_looked_up,
            Stage::Visited => self.says_visited,
            Stage::AccountOrRightsRequest => self.says_rights,
            Stage::AccountOrLogin => self.says_account,
            Stage::SignedUp => self.says_signed_up,
            Stage::Searching => self.says_searching,
            Stage::Integrated => self.says_integrated,
        };
        crate::console::words::fill(text, who)
    }

    /// What a stage leaves open.
    pub fn open(&self, stage: impl Borrow<Stage>) -> &'static str {
        match stage.borrow() {
            Stage::LookedUp => self.open_looked_up,
            Stage::Visited => self.open_visited,
            Stage::AccountOrRightsRequest => self.open_rights,
            Stage::AccountOrLogin => self.open_account,
            Stage::SignedUp => self.open_signed_up,
            Stage::Searching => self.open_searching,
            Stage::Integrated => self.open_integrated,
        }
    }
}
