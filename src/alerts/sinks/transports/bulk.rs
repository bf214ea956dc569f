//! `POST /_bulk` of Elasticsearch and OpenSearch.
//!
//! Enters: documents. Leaves: `create` actions with the alert's id as `_id`. Never: a document twice:
//! one that is there (409) counts as taken.

use serde_json::{Value, json};

use super::super::settings::SinkSettings;
use super::web::{agent, answer, authorization, refused};
use super::{Parcel, Reason, Sent, Verdict};

/// Bytes read of an answer: it has an item for each document.
const ANSWER_LEN_MAX: u64 = 4 << 20;

/// A cluster.
pub struct Bulk {
    agent: ureq::Agent,
    url: String,
    index: String,
    authorization: Option<String>,
}

impl Bulk {
    pub(super) fn new(settings: &SinkSettings) -> Result<Self, String> {
        Ok(Self {
            agent: agent(settings)?,
            url: format!("{}/_bulk", settings.address.trim_end_matches('/')),
            index: settings.index.clone(),
            authorization: authorization(settings, "ApiKey")?,
        })
    }

    pub(super) fn send(&self, parcels: &[Parcel]) -> Sent {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/x-ndjson");
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        let body = body(&self.index, parcels);
        let (status, text) = match answer(request.send(&body[..]), ANSWER_LEN_MAX) {
            Ok(it) => it,
            Err(then) => {
                return Sent {
                    taken: 0,
                    then: Some(then),
                };
            }
        };
        match refused(status, &text) {
            // Of the request as a whole: one document cannot be meant.
            Some(Verdict::Rejected(status, text)) => Sent::later(
                Reason::Settings,
                format!("it answered {status}: {text} (is it a cluster of Elasticsearch?)"),
            ),
            Some(then) => Sent {
                taken: 0,
                then: Some(then),
            },
            None => items(&text, parcels.len()),
        }
    }
}

fn body(index: &str, parcels: &[Parcel]) -> Vec<u8> {
    let mut out = Vec::new();
    for parcel in parcels {
        let action = json!({"create": {"_index": index, "_id": parcel.id}});
        out.extend_from_slice(action.to_string().as_bytes());
        out.push(b'\n');
        out.extend_from_slice(&parcel.bytes);
        out.push(b'\n');
    }
    out
}

/// The items of the answer, in order: up to the first that was not taken.
fn items(text: &[u8], asked: usize) -> Sent {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    let items = value.get("items").and_then(Value::as_array);
    let Some(items) = items.filter(|items| items.len() == asked) else {
        return Sent::later(
            Reason::Settings,
            "what answers there is no bulk API (is the address right?)".into(),
        );
    };
    let mut sent = Sent::all(0);
    for item in items {
        let item = item.get("create").unwrap_or(item);
        let status = item.get("status").and_then(Value::as_u64).unwrap_or(0);
        let status = u16::try_from(status).unwrap_or(0);
        if status != 409 {
            let why = item.get("error").map(Value::to_string).unwrap_or_default();
            sent.then = refused(status, why.as_bytes());
        }
        if sent.then.is_some() {
            break;
        }
        sent.taken += 1;
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(id: &str) -> Parcel {
        Parcel {
            id: id.into(),
            bytes: br#"{"a":1}"#.to_vec(),
            title: String::new(),
        }
    }

    #[test]
    fn an_action_and_a_document_are_a_line_each() {
        let body = body("cases", &[parcel("a\"1"), parcel("b")]);
        let lines: Vec<Value> = body
            .split_inclusive(|b| *b == b'\n')
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(
            lines[0],
            json!({"create": {"_index": "cases", "_id": "a\"1"}})
        );
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn what_is_there_already_is_taken_and_the_first_refusal_is_told() {
        let answer = json!({"errors": true, "items": [
            {"create": {"status": 201}},
            {"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}},
            {"create": {"status": 400, "error": {"type": "mapper_parsing_exception"}}},
            {"create": {"status": 201}},
        ]});
        let sent = items(answer.to_string().as_bytes(), 4);
        assert_eq!(sent.taken, 2);
        assert!(matches!(sent.then, Some(Verdict::Rejected(400, _))));
        let busy = json!({"items": [{"create": {"status": 429}}]});
        let sent = items(busy.to_string().as_bytes(), 1);
        assert!(matches!(
            sent.then,
            Some(Verdict::Later(Reason::Unavailable, _))
        ));
        for odd in ["", "{}", r#"{"items":[]}"#, r#"{"items":[{}]}"#] {
            let sent = items(odd.as_bytes(), 1);
            assert!(
                matches!(sent.then, Some(Verdict::Later(Reason::Settings, _))),
                "{odd}"
            );
        }
    }
}
