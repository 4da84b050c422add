//! Bodies that ask a server to take another method for the one that was decided: frameworks read a field
//! `_method` of a form, and some of a JSON object, as if it were the request's own.

use bailiwick_model::Json;
use http::{HeaderMap, header};

use crate::limits::MESSAGE;

/// The name of that field.
const NAME: &[u8] = b"_method";

/// Refuses a body that names another method. Servers look for a form or JSON anywhere in what its type
/// says, and take one without a type for a form: whatever some server could read, is read here.
pub(super) fn names_no_other(headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let kind = headers.get(header::CONTENT_TYPE).map(|it| it.as_bytes().to_ascii_lowercase());
    let kind = kind.unwrap_or_default();
    let form =
        kind.trim_ascii().is_empty() || has(&kind, b"form") && !kind.starts_with(b"multipart/");
    let parts = has(&kind, b"multipart") || has(&kind, b"form-data");
    if form && of_a_form(body) || parts && of_parts(body) || has(&kind, b"json") && of_json(body) {
        return Err("its body has `_method`, which names another method than the one that is \
                    decided"
            .to_owned());
    }
    Ok(())
}

fn of_a_form(body: &[u8]) -> bool {
    let pairs = body.split(|it| matches!(it, b'&' | b';'));
    pairs
        .map(|it| it.split(|it| *it == b'=').next().unwrap_or_default())
        .any(|it| is_it(&plain(it)))
}

/// Looks through what parts say of themselves: lines that begin as such, and what goes on with them.
fn of_parts(body: &[u8]) -> bool {
    let mut within = false;
    body.split(|it| matches!(it, b'\n' | b'\r')).any(|line| {
        let begins = line.to_ascii_lowercase().starts_with(b"content-disposition");
        within = begins
            || within && (line.is_empty() || line.starts_with(b" ") || line.starts_with(b"\t"));
        let said = plain(line);
        within && said.split(|it| !part_of_a_name(*it) && *it != b'.').any(is_it)
    })
}

/// What cannot be read as JSON here may be read elsewhere.
fn of_json(body: &[u8]) -> bool {
    let spelt = has(body, NAME);
    if !spelt && !has(body, b"\\u") {
        return false;
    }
    match Json::parse(body, MESSAGE) {
        Ok(Json::Object(members)) => members.keys().any(|it| is_it(it.as_bytes())),
        Ok(_) => false,
        Err(_) => spelt,
    }
}

/// Says whether a name is that of the field, or of a part of it. A dot and a space are as good as the line
/// to some.
fn is_it(name: &[u8]) -> bool {
    let name = name.trim_ascii_start();
    let line = |it: &u8| if matches!(it, b'.' | b' ') { b'_' } else { *it };
    let name: Vec<u8> = name.iter().map(line).collect();
    let name = name.as_slice();
    let (name, rest) = name.split_at(name.len().min(NAME.len()));
    name.eq_ignore_ascii_case(NAME) && rest.first().is_none_or(|it| !part_of_a_name(*it))
}

const fn part_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn has(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|it| it.eq_ignore_ascii_case(part))
}

/// Takes away what hides letters: a `%` that encodes nothing stands for itself.
fn plain(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let pair = after.first_chunk::<2>().filter(|_| *byte == b'%');
        let code = pair.and_then(|it| u8::from_str_radix(str::from_utf8(it).ok()?, 16).ok());
        plain.push(code.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    plain
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn passes(kind: &str, body: &str) -> bool {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
        }
        names_no_other(&headers, body.as_bytes()).is_ok()
    }

    #[test]
    fn a_body_that_names_another_method_is_refused_however_it_is_spelt() {
        let form = "application/x-www-form-urlencoded";
        for (kind, body) in [
            (form, "_method=DELETE"),
            ("", "a=1&_method=DELETE"),
            ("Application/X-WWW-Form-Urlencoded; charset=utf-8", "a=1;%5Fm%65thod=PUT"),
            (form, "_METHOD[]=DELETE"),
            (form, "+_method=DELETE"),
            (form, ".method=DELETE"),
            ("application/x-www-form-urlencoded, x", "_method=DELETE"),
            ("application/json, x", r#"{"_method": "DELETE"}"#),
            ("text/plain; multipart/form-data; boundary=x", "_method=DELETE"),
            ("application/json", r#"{"_method": "DELETE"}"#),
            ("application/vnd.api+json", r#"{"\u005fmethod": "DELETE"}"#),
            ("application/json", r#"{"_method": "DELETE", "a": 1, "a": 2}"#),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--x--",
            ),
            (
                "multipart/form-data; boundary=x",
                "--x\ncontent-disposition: form-data;\n name=_Method\n\nDELETE\n--x--",
            ),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\".method\"\r\n\r\nDELETE\r\n--x--",
            ),
            (
                "multipart/mixed; boundary=x",
                "--x\r\nContent-Disposition: form-data; name*=utf-8''%5fmethod\r\n\r\nDELETE\r\n--x--",
            ),
        ] {
            assert!(!passes(kind, body), "{kind}: {body}");
        }
        for (kind, body) in [
            (form, "payment_method=card&method=x&a=_method&_methods=1&%=%4"),
            ("application/json", r#"{"payment_method": "card", "in": {"_method": "x"}}"#),
            ("application/json", r#"["_method"]"#),
            ("text/plain", "_method=DELETE"),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"payment_method\"\r\n\r\n_method\r\n--x--",
            ),
        ] {
            assert!(passes(kind, body), "{kind}: {body}");
        }
    }
}
