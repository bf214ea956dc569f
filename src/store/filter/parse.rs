//! Reads a filter.
//!
//! Enters: text. Leaves: terms, or the place at which it stops making sense. Never: takes a
//! misspelt field for a word to search.

use super::fields::{About, Field, Shape, nearest};
use super::span::{self, Span};
use super::{FilterError, LEN_MAX, Op, TERMS_MAX, Term, Test, VALUES_MAX, Value};

/// What a bare text cannot hold.
pub(super) const SPECIAL: [char; 5] = ['"', '\\', ',', '<', '>'];

/// Longest list of words in a message.
const WORDS_SAID: usize = 16;

pub(super) fn terms(text: &str, about: About) -> Result<Vec<Term>, FilterError> {
    let mut terms = Vec::new();
    each(text, about, |_, term| terms.push(term))?;
    Ok(terms)
}

/// Shows each term with the byte at which it begins. After an error those before it were shown.
pub(super) fn each(
    text: &str,
    about: About,
    mut show: impl FnMut(usize, Term),
) -> Result<(), FilterError> {
    if text.len() > LEN_MAX {
        return Err(FilterError {
            at: LEN_MAX,
            what: format!("a filter has {LEN_MAX} bytes at most: make it shorter"),
        });
    }
    if let Some((at, _)) = text
        .char_indices()
        .find(|(_, c)| c.is_control() && !c.is_whitespace())
    {
        return Err(wrong(at, "a control character: leave it out"));
    }
    let mut input = Input { text, at: 0 };
    let mut shown = 0usize;
    loop {
        input.skip_space();
        if input.rest().is_empty() {
            return Ok(());
        }
        if shown >= TERMS_MAX {
            return Err(wrong(
                input.at,
                &format!("a filter has {TERMS_MAX} terms at most"),
            ));
        }
        let at = input.at;
        show(at, term(&mut input, about)?);
        shown = shown.saturating_add(1);
        let ends = input.rest().chars().next().is_none_or(char::is_whitespace);
        if !ends {
            return Err(wrong(input.at, "a space must stand between two terms"));
        }
    }
}

/// What is left of a text.
struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.skip(rest.len().saturating_sub(rest.trim_start().len()));
    }

    fn take(&mut self, start: &str) -> bool {
        let starts = self.rest().starts_with(start);
        if starts {
            self.skip(start.len());
        }
        starts
    }

    /// What stands before the first that is not `wanted`.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.skip(end);
        rest.get(..end).unwrap_or_default()
    }
}

fn wrong(at: usize, what: &str) -> FilterError {
    FilterError {
        at,
        what: what.to_owned(),
    }
}

fn term(input: &mut Input<'_>, about: About) -> Result<Term, FilterError> {
    let negated = input.take("-");
    let begin = input.at;
    if input.rest().starts_with('"') {
        let word = quoted(input)?;
        return Ok(Term {
            negated,
            test: Test::Word(not_empty(word, begin)?),
        });
    }
    let name = input.take_while(|c| c.is_ascii_alphabetic() || c == '-' || c == '_');
    if let Some(op) = operator(input)
        && !name.is_empty()
    {
        let field = field(name, begin, about)?;
        let test = comparison(input, field, op, about)?;
        return Ok(Term { negated, test });
    }
    input.at = begin;
    let word = bare(input);
    if word.is_empty() {
        return Err(wrong(begin, unexpected(input.rest())));
    }
    Ok(Term {
        negated,
        test: Test::Word(word.to_owned()),
    })
}

fn unexpected(rest: &str) -> &'static str {
    match rest.chars().next() {
        None => "something must stand behind `-`",
        Some(c) if c.is_whitespace() => "something must stand behind `-`, without a space",
        Some('\\') => "a backslash stands in quotes only: \"\\\\\"",
        Some(_) => "`<`, `>` and `,` stand behind a field; to search for them write them in quotes",
    }
}

fn operator(input: &mut Input<'_>) -> Option<Op> {
    let known = [
        ("<=", Op::AtMost),
        (">=", Op::AtLeast),
        (":", Op::Is),
        ("<", Op::Below),
        (">", Op::Above),
    ];
    known
        .into_iter()
        .find(|(sign, _)| input.take(sign))
        .map(|(_, op)| op)
}

fn field(name: &str, at: usize, about: About) -> Result<Field, FilterError> {
    if let Some(field) = about.field(name) {
        return Ok(field);
    }
    let name: String = name.chars().take(40).collect();
    let known = || about.fields().iter().map(|field| field.label());
    let what = match nearest(&name, known()) {
        Some(near) => format!("there is no field `{name}`: did you mean `{near}`?"),
        None => format!(
            "there is no field `{name}`; there are {}; to search for the text write it in quotes",
            known().collect::<Vec<_>>().join(" ")
        ),
    };
    Err(FilterError { at, what })
}

fn comparison(
    input: &mut Input<'_>,
    field: Field,
    op: Op,
    about: About,
) -> Result<Test, FilterError> {
    let shape = field.shape(about);
    check_op(field, shape, op, input.at)?;
    let mut values = Vec::new();
    loop {
        let at = input.at;
        if values.len() >= VALUES_MAX {
            let what = format!("a term has {VALUES_MAX} values at most");
            return Err(wrong(at, &what));
        }
        let value = if input.rest().starts_with('"') {
            quoted_value(field, shape, quoted(input)?, at)?
        } else {
            value(field, shape, bare(input), at)?
        };
        if op != Op::Is && matches!(value, Value::Span(Span::Between(..))) {
            let what = format!("`{}` compares with one day or moment", op.sign());
            return Err(FilterError { at, what });
        }
        values.push(value);
        if !input.take(",") {
            break;
        }
        if op != Op::Is {
            return Err(wrong(
                input.at,
                &format!("`{}` compares with one value", op.sign()),
            ));
        }
    }
    Ok(Test::Field { field, op, values })
}

fn check_op(field: Field, shape: Shape, op: Op, at: usize) -> Result<(), FilterError> {
    let name = field.label();
    match (shape, op) {
        (Shape::Age, Op::Is) => {
            let what = format!("`{name}` is compared: {name}<7d or {name}>=2w");
            Err(FilterError { at, what })
        }
        (_, Op::Is)
        | (Shape::Words { ordered: true } | Shape::Number(_) | Shape::Age | Shape::Span, _) => {
            Ok(())
        }
        _ => {
            let what = format!("`{name}` has no order: write {name}: and the value");
            Err(FilterError { at, what })
        }
    }
}

/// Up to a space, a comma or another character that only quotes can hold.
fn bare<'a>(input: &mut Input<'a>) -> &'a str {
    input.take_while(|c| !c.is_whitespace() && !SPECIAL.contains(&c))
}

/// A text in quotes.
fn quoted(input: &mut Input<'_>) -> Result<String, FilterError> {
    let begin = input.at;
    input.take("\"");
    let mut text = String::new();
    let mut escaped = false;
    for c in input.rest().chars() {
        input.skip(c.len_utf8());
        match c {
            '"' | '\\' if escaped => text.push(c),
            _ if escaped => {
                let what = "behind a backslash stands a quote or another backslash";
                return Err(wrong(input.at.saturating_sub(c.len_utf8()), what));
            }
            '"' => return Ok(text),
            '\\' => {
                escaped = true;
                continue;
            }
            c => text.push(c),
        }
        escaped = false;
    }
    Err(wrong(begin, "this quote is never closed"))
}

fn not_empty(text: String, at: usize) -> Result<String, FilterError> {
    if text.trim().is_empty() {
        Err(wrong(at, "nothing stands between the quotes"))
    } else {
        Ok(text)
    }
}

fn quoted_value(field: Field, shape: Shape, text: String, at: usize) -> Result<Value, FilterError> {
    match shape {
        Shape::Text { .. } => Ok(Value::Text(not_empty(text, at)?)),
        // What is no free text means the same in quotes.
        _ => value(field, shape, &text, at),
    }
}

fn value(field: Field, shape: Shape, text: &str, at: usize) -> Result<Value, FilterError> {
    let name = field.label();
    if text.is_empty() {
        return Err(wrong(at, &format!("a value is missing behind `{name}`")));
    }
    let found = match shape {
        Shape::Words { .. } => return word(field, text, at),
        Shape::Text { optional } => return bare_text(text, optional, at),
        Shape::Host => host(text).ok_or("a host name, as www.example.org"),
        Shape::Number(max) => text
            .parse()
            .ok()
            .filter(|number| *number <= max && text.bytes().all(|b| b.is_ascii_digit()))
            .map(Value::Number)
            .ok_or("a number from 0 to 100"),
        Shape::Age => span::parse_age(text)
            .map(Value::Age)
            .ok_or("an age: 30m, 12h, 7d or 2w"),
        Shape::Span => Span::parse(text).map(Value::Span).ok_or(
            "a day or a span in UTC: 2026-11-01, 2026-11-01..2026-11-22, 2026-11-01T10:00..",
        ),
        Shape::Truth => match text {
            "yes" => Ok(Value::Truth(true)),
            "no" => Ok(Value::Truth(false)),
            _ => Err("yes or no"),
        },
    };
    found.map_err(|wanted| wrong(at, &format!("`{name}` takes {wanted}")))
}

fn bare_text(text: &str, optional: bool, at: usize) -> Result<Value, FilterError> {
    if optional && text == "none" {
        return Ok(Value::Absent);
    }
    match text.strip_suffix('*') {
        Some("") => Err(wrong(at, "something must stand before `*`")),
        // It would print as another one.
        Some(start) if start.ends_with('*') => {
            Err(wrong(at, "one `*` at the end stands for the rest"))
        }
        Some(start) => Ok(Value::Start(start.to_owned())),
        None => Ok(Value::Text(text.to_owned())),
    }
}

fn host(text: &str) -> Option<Value> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let name = name.strip_prefix("*.").unwrap_or(name);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let whole = !name.is_empty() && !name.starts_with('.') && !name.ends_with('.');
    (whole && name.len() <= 253 && name.chars().all(fits))
        .then(|| Value::Text(name.to_ascii_lowercase()))
}

fn word(field: Field, text: &str, at: usize) -> Result<Value, FilterError> {
    let words = field.words();
    if let Some(found) = words
        .iter()
        .position(|word| word.eq_ignore_ascii_case(text))
    {
        return Ok(Value::Word(found));
    }
    let name = field.label();
    let what = match nearest(text, words.iter().copied()) {
        Some(near) => format!("`{name}` is never that: did you mean `{near}`?"),
        None => {
            let said: Vec<&str> = words.iter().copied().take(WORDS_SAID).collect();
            format!("`{name}` is one of {}", said.join(" "))
        }
    };
    Err(FilterError { at, what })
}
