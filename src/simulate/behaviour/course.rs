//! Courses: what somebody does with a vendor, from the first look to the last, with the pauses of a
//! person. Each course carries its truth.
//!
//! Pauses are log-normal. Where their figures come from:
//! - reading a page: "a little less than a minute" on average, many leave within 10-20 seconds, a
//!   long tail (Nielsen 2011 on Liu, White and Dumais 2010): median 30 s, sigma 1.0, mean 49 s.
//! - filling a form: typing at 52 words of five letters a minute, standard deviation 20 (Dhakal and
//!   others 2018, 168,000 people), that is 0.23 s a letter with sigma 0.4; for each field 2.85 s more
//!   to think, point and change hands (Card, Moran and Newell 1980: M 1.35, P 1.1, H 0.4). A
//!   registration has five to seven fields with some 80 letters, a log-in two with some 35 (often
//!   filled by the browser), a demo form eight with some 220, a newsletter one with 25.
//! - interruptions: office workers stay some three minutes with a thing before they switch (Gonzalez and
//!   Mark 2004), and 57 % of that is interruption (Mark, Gonzalez and Harris 2005): one in 330 s. How
//!   long it keeps them from the form is our choice: median 60 s, sigma 1.0.
//! - what a browser itself takes to load a page or send a photo comes from the recorded sessions.
//! - from mail to link: delivery takes seconds (medians of public mail servers vary; here 2-40 s),
//!   and people who wait for a mail open it within the minute.

use super::browser::Browser;
use crate::simulate::chance::Chance;
use crate::simulate::plan::{Plan, SECOND, What};
use crate::simulate::sessions::Act;

/// Seconds after which somebody in an office turns to something else before they are done: three
/// minutes on average until any switch, of which somewhat more than half are interruptions.
const SWITCH_SECONDS: f64 = 330.0;

/// Where one vendor does what, and from where it writes.
pub struct Site {
    /// Vendor id.
    pub vendor: &'static str,
    /// Public site.
    pub front: &'static str,
    /// Registration and log-in.
    pub account: &'static str,
    /// The service in a browser, or (for programs) its interface.
    pub service: &'static str,
    /// Is the service spoken to by a browser? Else by a program.
    pub browsed: bool,
    /// Sender of its mail.
    pub sender: &'static str,
    /// Third parties of its pages.
    pub third: &'static [&'static str],
}

/// Vendors with a host of its own for accounts: a sign-up can be told.
pub const WITH_SIGNUP: [Site; 3] = [
    Site {
        vendor: "kairos",
        front: "www.kairos.com",
        account: "developer.kairos.com",
        service: "api.kairos.com",
        browsed: false,
        sender: "no-reply@kairos.com",
        third: &[],
    },
    Site {
        vendor: "luxand",
        front: "luxand.cloud",
        account: "dashboard.luxand.cloud",
        service: "api.luxand.cloud",
        browsed: false,
        sender: "no-reply@luxand.cloud",
        third: &[],
    },
    Site {
        vendor: "faceplusplus",
        front: "www.faceplusplus.com",
        account: "console.faceplusplus.com",
        service: "api-us.faceplusplus.com",
        browsed: false,
        sender: "no-reply@faceplusplus.com",
        third: &[],
    },
];

/// Vendors where one host does everything, or nearly.
pub const WITHOUT_SIGNUP: [Site; 4] = [
    Site {
        vendor: "clearview-ai",
        front: "www.clearview.ai",
        account: "app.clearview.ai",
        service: "app.clearview.ai",
        browsed: true,
        sender: "no-reply@clearview.ai",
        third: &["js.hs-scripts.com", "forms.hsforms.com", "cdn.userway.org"],
    },
    Site {
        vendor: "pimeyes",
        front: "pimeyes.com",
        account: "pimeyes.com",
        service: "jsc5.pimeyes.com",
        browsed: true,
        sender: "no-reply@mg.pimeyes.com",
        third: &["consent.cookiebot.com"],
    },
    Site {
        vendor: "facecheck-id",
        front: "facecheck.id",
        account: "facecheck.id",
        service: "facecheck.id",
        browsed: true,
        sender: "no-reply@facecheck.id",
        third: &[],
    },
    Site {
        vendor: "lenso-ai",
        front: "lenso.ai",
        account: "lenso.ai",
        service: "lenso.ai",
        browsed: true,
        sender: "no-reply@lenso.ai",
        third: &[],
    },
];

/// Somebody at work: plan, chance, browser, mailbox.
pub struct Actor<'p> {
    /// Where it is written down.
    pub plan: &'p mut Plan,
    /// Their chance.
    pub chance: &'p mut Chance,
    /// Their browser.
    pub browser: Browser,
    /// Index of the client.
    pub client: usize,
}

impl Actor<'_> {
    /// Reads a page: seconds, as microseconds.
    pub fn reads(&mut self) -> u64 {
        self.seconds(30.0, 1.0, 3.0, 900.0)
    }

    /// Fills a form of that many fields with that many letters; at times something comes between.
    pub fn fills(&mut self, fields: u64, letters: u64) -> u64 {
        let median = letters as f64 * 0.23 + fields as f64 * 2.85;
        let filled = self.seconds(median, 0.4, 1.5, 900.0);
        let hazard = 1.0 - (-(filled as f64) / (SWITCH_SECONDS * SECOND as f64)).exp();
        if self.chance.happens(hazard) {
            return filled + self.seconds(60.0, 1.0, 5.0, 1_200.0);
        }
        filled
    }

    fn seconds(&mut self, median: f64, sigma: f64, low: f64, high: f64) -> u64 {
        let drawn = self.chance.log_normal(median, sigma).clamp(low, high);
        (drawn * SECOND as f64) as u64
    }

    fn act(&mut self, at: u64, name: &str, act: Act) -> u64 {
        self.browser.act(self.plan, self.chance, at, name, act)
    }

    /// The front page with its third parties, and at times a second page.
    pub fn visit(&mut self, at: u64, site: &Site) -> u64 {
        let mut at = self.act(at, site.front, Act::PageVisit);
        for third in site.third {
            self.act(at + 300_000, third, Act::ThirdParty);
        }
        at += self.reads();
        if self.chance.happens(0.5) {
            at = self.act(at, site.front, Act::PageNext) + self.reads();
        }
        at
    }

    /// A mail of the vendor arrives; when it is opened.
    fn mail(&mut self, at: u64, site: &Site) -> u64 {
        let arrives = at + self.chance.between(2, 40) * SECOND;
        let to = self.plan.clients[self.client].mail.clone();
        let mail = What::Mail {
            from: site.sender.into(),
            to: to.unwrap_or_default(),
        };
        self.plan.push(arrives, self.client, mail);
        arrives + self.seconds(25.0, 0.7, 4.0, 1_800.0)
    }

    /// A trial account: front page, registration form, mail, link, the account's first page.
    pub fn signs_up(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.visit(at, site);
        let at = self.act(at, site.account, Act::AccountPage);
        let fields = self.chance.between(5, 7);
        let at = at + self.fills(fields, 80);
        let at = self.act(at, site.account, Act::SignupForm);
        let at = self.mail(at, site);
        let at = self.act(at, site.account, Act::VerifyLink) + SECOND;
        self.act(at, site.account, Act::AppOpen) + self.reads()
    }

    /// To the page where accounts are: straight there, by way of the front page, or after reading it
    /// as anybody does. Who has an account knows where it is, yet may look at prices or news first; the
    /// shares are ours.
    fn goes_to_account(&mut self, at: u64, site: &Site) -> u64 {
        let at = match self.chance.between(0, 99) {
            0..50 => at,
            50..85 => {
                let at = self.act(at, site.front, Act::PageVisit);
                at + self.seconds(5.0, 0.6, 1.5, 60.0)
            }
            _ => self.visit(at, site),
        };
        self.act(at, site.account, Act::AccountPage)
    }

    /// Address and password: by hand, or by a password manager, which types nothing.
    fn sends_login(&mut self, at: u64, site: &Site) -> u64 {
        let by_manager = self.chance.happens(0.5);
        let at = at
            + if by_manager {
                self.fills(1, 0)
            } else {
                self.fills(2, 35)
            };
        self.act(at, site.account, Act::LoginForm)
    }

    /// Log-in to an account that exists already.
    pub fn logs_in(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.act(at, site.account, Act::AccountPage);
        let at = self.sends_login(at, site) + 500_000;
        self.act(at, site.account, Act::AppOpen) + self.reads()
    }

    /// Log-in with a code of six digits that comes by mail and is typed into the page that waits. A
    /// form of one field was recorded as the one that asks for a new password. Services that say so
    /// ask for the address alone (intercom.help/maverickre, 10344320) or for a password before it
    /// (help.haasonline.com, "Email 2FA").
    pub fn logs_in_with_code(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.goes_to_account(at, site);
        let at = if self.chance.happens(0.5) {
            self.sends_login(at, site)
        } else {
            let at = at + self.fills(1, 25);
            self.act(at, site.account, Act::LoginForm)
        };
        let at = self.mail(at, site) + self.fills(1, 6);
        let at = self.act(at, site.account, Act::ResetForm) + 500_000;
        self.act(at, site.account, Act::AppOpen) + self.reads()
    }

    /// Log-in by a mailed link, without a password (support.champlinenterprises.com, "How magic-link
    /// sign in works"; laureo.io/help, "Magic links").
    pub fn logs_in_by_link(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.goes_to_account(at, site) + self.fills(1, 25);
        let at = self.act(at, site.account, Act::ResetForm);
        let at = self.mail(at, site);
        let at = self.act(at, site.account, Act::VerifyLink) + SECOND;
        self.act(at, site.account, Act::AppOpen) + self.reads()
    }

    /// Log-in from a device that the service does not know: half of the services let in and tell of
    /// it by mail (PyPI django-allauth-trusted-devices 0.1.0, `notify`), half ask to open a mailed link
    /// first (dynamic.xyz, "Device registration").
    pub fn logs_in_from_new_device(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.goes_to_account(at, site);
        let at = self.sends_login(at, site);
        if self.chance.happens(0.5) {
            let at = self.mail(at, site);
            let at = self.act(at, site.account, Act::VerifyLink) + SECOND;
            return self.act(at, site.account, Act::AppOpen) + self.reads();
        }
        self.mail(at, site);
        self.act(at + 500_000, site.account, Act::AppOpen) + self.reads()
    }

    /// A forgotten password: asked for, mailed, set anew; then they are in. Half try what they
    /// remember first.
    pub fn resets(&mut self, at: u64, site: &Site) -> u64 {
        let mut at = self.goes_to_account(at, site);
        if self.chance.happens(0.5) {
            at = self.sends_login(at, site) + SECOND;
        }
        let at = at + self.fills(1, 25);
        let at = self.act(at, site.account, Act::ResetForm);
        let at = self.mail(at, site);
        let at = self.act(at, site.account, Act::VerifyLink);
        let at = at + self.fills(2, 24);
        let at = self.act(at, site.account, Act::ResetForm) + SECOND;
        self.act(at, site.account, Act::AppOpen) + self.reads()
    }

    /// Into an account that is there already: half are still logged in, half log in now.
    fn enters(&mut self, at: u64, site: &Site) -> u64 {
        if self.chance.happens(0.5) {
            return self.act(at, site.account, Act::AppOpen) + self.reads();
        }
        let at = self.goes_to_account(at, site);
        let at = self.sends_login(at, site) + 500_000;
        self.act(at, site.account, Act::AppOpen) + self.reads()
    }

    /// Another address for mail, or the end of the account: a form with the password, then a mailed
    /// link that confirms it.
    pub fn changes_account(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.enters(at, site) + self.fills(2, 35);
        let at = self.act(at, site.account, Act::ResetForm);
        let at = self.mail(at, site);
        let at = self.act(at, site.account, Act::VerifyLink) + SECOND;
        self.act(at, site.account, Act::PageNext) + self.reads()
    }

    /// A question to the support, or an order with a card, in an account: a long form, and a mail
    /// that says it arrived. Nobody opens that.
    pub fn gets_receipt(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.enters(at, site);
        let at = at
            + if self.chance.happens(0.5) {
                self.fills(3, 200)
            } else {
                self.fills(6, 70)
            };
        let at = self.act(at, site.account, Act::ContactForm);
        self.mail(at, site);
        let at = at + self.reads();
        self.act(at, site.account, Act::PageNext) + self.reads()
    }

    /// A colleague's invitation is redeemed: the mailed link opens a form for name and password.
    pub fn redeems_invitation(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.mail(at, site);
        let at = self.act(at, site.account, Act::AccountPage);
        let at = at + self.fills(3, 45);
        let at = self.act(at, site.account, Act::SignupForm) + 500_000;
        self.act(at, site.account, Act::AppOpen) + self.reads()
    }

    /// A demo or contact form on the public site; an answer by mail.
    pub fn asks_for_a_demo(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.visit(at, site);
        let at = at + self.fills(8, 220);
        let at = self.act(at, site.front, Act::ContactForm);
        if self.chance.happens(0.7) {
            self.mail(at, site);
        }
        at
    }

    /// A newsletter: one field, a mail that asks to confirm, its link, then issues.
    pub fn subscribes(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.visit(at, site);
        let at = at + self.fills(1, 25);
        let at = self.act(at, site.front, Act::NewsletterForm);
        let opened = self.mail(at, site);
        if self.chance.happens(0.6) {
            return self.act(opened, site.front, Act::VerifyLink);
        }
        at
    }

    /// An invitation comes by mail; nobody opens it.
    pub fn is_invited(&mut self, at: u64, site: &Site) -> u64 {
        self.mail(at, site)
    }

    /// Uses the service: `searches` pictures, with pauses.
    pub fn searches(&mut self, at: u64, site: &Site, searches: u64) -> u64 {
        let mut at = at;
        for _ in 0..searches {
            if site.browsed {
                let host = if site.service == site.front {
                    site.service
                } else {
                    site.account
                };
                // Results of another host were recorded from the upload's begin.
                let began = at;
                at = self.act(began, host, Act::PhotoUpload);
                if site.service != site.account {
                    at = at.max(self.act(began, site.service, Act::Results));
                }
            } else {
                at = self.act(at, site.service, Act::ApiCall);
            }
            at += self.reads();
        }
        at
    }

    /// A data subject's request: the site, a form with a photo, an answer by mail.
    pub fn asks_for_rights(&mut self, at: u64, site: &Site) -> u64 {
        let at = self.visit(at, site);
        let at = at + self.fills(6, 160);
        let at = self.act(at, site.front, Act::RightsForm);
        self.mail(at, site)
    }

    /// One act, wherever.
    pub fn only(&mut self, at: u64, name: &str, act: Act) -> u64 {
        self.act(at, name, act)
    }
}
