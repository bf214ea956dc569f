//! What a request is told that gets nothing: a closed set, without detail.
//!
//! Enters: a reason. Leaves: a status and a sentence in the visitor's language, as a page or, below
//! `/api`, as JSON. Never: the cause of a failure of ours (that goes to the log), whether an account
//! exists.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::view::Language;
use super::words::words;

/// Why a request gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: it cannot be understood.
    Malformed,
    /// 401: nobody is signed in.
    SignIn,
    /// 403: signed in, without the right.
    Forbidden,
    /// 403: a form that was not this visitor's own, or that is too old.
    Stranger,
    /// 404: there is no such page or thing.
    NotFound,
    /// 405: not with this method.
    Method,
    /// 408: it came too slowly.
    Slow,
    /// 409: somebody else changed it first.
    Changed,
    /// 413: longer than a form may be.
    TooLarge,
    /// 429: too often; so many seconds to wait.
    TooOften(u32),
    /// 500: our fault; the log says what.
    Failed,
    /// 503: too much to do at this moment.
    Busy,
}

words! {
    struct Reasons {
        malformed: "The request cannot be understood. Go back and try again.",
            "Het verzoek is niet te begrijpen. Ga terug en probeer het opnieuw.";
        sign_in: "Sign in first.", "Meld u eerst aan.";
        forbidden: "Your roles do not include this. An administrator can change them.",
            "Dit hoort niet bij uw rollen. Een beheerder kan die wijzigen.";
        stranger: "This form was not sent from a page of yours, or the page is too old. \
            Load the page again.",
            "Dit formulier kwam niet van een eigen pagina, of de pagina is te oud. \
            Laad de pagina opnieuw.";
        not_found: "There is no such page.", "Deze pagina bestaat niet.";
        method: "This page cannot be asked in that way.", "Zo kan deze pagina niet worden gevraagd.";
        slow: "The request came too slowly. Try again.",
            "Het verzoek kwam te langzaam. Probeer het opnieuw.";
        changed: "Somebody else changed this in the meantime. Look again before you act.",
            "Iemand anders heeft dit intussen gewijzigd. Kijk opnieuw voordat u iets doet.";
        too_large: "The request is larger than any form here.",
            "Het verzoek is groter dan elk formulier hier.";
        too_often: "Too many attempts. Wait {} seconds.", "Te veel pogingen. Wacht {} seconden.";
        failed: "Something failed here. The log of the program says what.",
            "Hier ging iets mis. Het logboek van het programma zegt wat.";
        busy: "There is too much to do at this moment. Try again shortly.",
            "Er is op dit moment te veel te doen. Probeer het zo weer.";
    }
}

impl Refusal {
    /// Its status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Stranger => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Changed => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the visitor is told.
    pub fn sentence(self, language: Language) -> String {
        let words = Reasons::of(language);
        let text = match self {
            Self::Malformed => words.malformed,
            Self::SignIn => words.sign_in,
            Self::Forbidden => words.forbidden,
            Self::Stranger => words.stranger,
            Self::NotFound => words.not_found,
            Self::Method => words.method,
            Self::Slow => words.slow,
            Self::Changed => words.changed,
            Self::TooLarge => words.too_large,
            Self::TooOften(seconds) => return super::words::fill(words.too_often, seconds),
            Self::Failed => words.failed,
            Self::Busy => words.busy,
        };
        text.to_owned()
    }
}

/// A bare answer that carries the reason; the shell's outermost layer makes a page of it.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Self::TooOften(seconds) = self {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
