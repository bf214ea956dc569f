//! What somebody did, in a sentence.
//!
//! Enters: a [`Deed`]. Leaves: its predicate in the visitor's language. Never: what was withheld.

use super::lens::Lens;
use super::model::Deed;

impl Lens {
    /// `closed the case as research`, to stand behind a name.
    pub fn deed(&self, deed: &Deed) -> String {
        let say = self.say;
        let object = deed.object.as_deref().unwrap_or_default();
        let until = || deed.until.map_or_else(String::new, |at| self.day(at));
        match deed.act {
            "acknowledge" => say.act_acknowledge.to_owned(),
            "assign" if object.is_empty() => say.act_unassign.to_owned(),
            "assign" => self.fill(say.act_assign, object),
            "comment" => say.act_comment.to_owned(),
            "close" => {
                let verdict = deed.verdict.map_or("", |it| say.verdict(it));
                self.fill(say.act_close, verdict)
            }
            "reopen" => say.act_reopen.to_owned(),
            "suppress" => self.fill(say.act_suppress, until()),
            "unsuppress" => say.act_unsuppress.to_owned(),
            "request-unsealing" => say.act_request.to_owned(),
            "approve-unsealing" => say.act_approve.to_owned(),
            "refuse-unsealing" => say.act_refuse.to_owned(),
            "release-unsealing" => say.act_release.to_owned(),
            "hold" => self.fill(say.act_hold, until()),
            "lift-hold" => say.act_lift.to_owned(),
            "export" => self.fill(say.act_export, object),
            "erase" => say.act_erase.to_owned(),
            "correct" => say.act_correct.to_owned(),
            "expire" => say.act_expire.to_owned(),
            "account" => self.fill(say.act_account, object),
            _ => say.act_other.to_owned(),
        }
    }

    /// `Anna closed the case as research at 13:45.`
    pub fn who_was_first(&self, deed: &Deed) -> String {
        format!(
            "{} {} ({}).",
            deed.by,
            self.deed(deed),
            self.full(deed.time)
        )
    }
}
