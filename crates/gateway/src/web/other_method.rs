//! Bodies that ask a server to take another method for the one that was decided: frameworks read a field
//! `_method` of a form, and some of a JSON object, as if it were the request's own.

use bailiwick_model::Json;
use http::{HeaderMap, header};

use crate::limits::MESSAGE;

/// The name of that field.
const NAME: &[u8] = b"_method";

/// Refuses a body that names another method. One without a type is taken for a form, as some do.
pub(super) fn names_no_other(headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let named = match kind.as_str() {
        "" | "application/x-www-form-urlencoded" => of_a_form(body),
        it if it.starts_with("multipart/") => of_parts(body),
        it if it.ends_with("json") => of_json(body),
        _ => false,
    };
    if named {
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
        within && said.split(|it| !part_of_a_name(*it)).any(is_it)
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

/// Says whether a name is that of the field, or of a part of it.
fn is_it(name: &[u8]) -> bool {
    let name = name.trim_ascii();
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
