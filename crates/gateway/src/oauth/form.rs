//! The form that a token request is: bounded, decoded strictly, no parameter twice.

use std::{collections::BTreeMap, fmt, time::Duration};

use axum::body::{Body, to_bytes};
use http::{header, request::Parts};

use super::refusal::{Code, TokenRefusal};

/// The most bytes of a form: an assertion has 8 KiB at most, the details are smaller.
const LEN_MAX: usize = 64 << 10;
/// The most parameters.
const COUNT_MAX: usize = 64;
/// How long a form may take to arrive.
const WAIT: Duration = Duration::from_secs(15);
const TYPE: &str = "application/x-www-form-urlencoded";

/// The parameters of one request.
pub(super) struct Form(BTreeMap<String, String>);

// Values hold assertions, so only names are shown.
impl fmt::Debug for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

/// Takes the form of a request.
pub(super) async fn take(parts: &Parts, body: Body) -> Result<Form, TokenRefusal> {
    if parts.uri.query().is_some() {
        let text = "parameters belong into the body, where no log sees them";
        return Err(Code::InvalidRequest.says(text));
    }
    let mut types = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let sent = types.next().and_then(|it| it.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    if !sent.eq_ignore_ascii_case(TYPE) || types.next().is_some() {
        return Err(Code::InvalidRequest.says(format!("the body must be sent as `{TYPE}`")));
    }
    let arriving = tokio::time::timeout(WAIT, to_bytes(body, LEN_MAX));
    let late = |_| Code::InvalidRequest.says("the body did not arrive in time");
    let large = |_| Code::InvalidRequest.says(format!("the body is not {LEN_MAX} bytes at most"));
    Form::read(&arriving.await.map_err(late)?.map_err(large)?)
}

impl Form {
    /// Reads the parameters. One without a value counts as left out (RFC 6749, section 3.2).
    pub(super) fn read(body: &[u8]) -> Result<Self, TokenRefusal> {
        let mut all = BTreeMap::new();
        for (place, pair) in body.split(|it| *it == b'&').enumerate() {
            if COUNT_MAX <= place {
                let text = format!("more than {COUNT_MAX} parameters");
                return Err(Code::InvalidRequest.says(text));
            }
            let mut halves = pair.splitn(2, |it| *it == b'=');
            let name = decoded(halves.next().unwrap_or_default())?;
            let value = decoded(halves.next().unwrap_or_default())?;
            if value.is_empty() {
                continue;
            }
            if all.contains_key(&name) {
                return Err(twice(&name));
            }
            all.insert(name, value);
        }
        Ok(Self(all))
    }

    /// Gives a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Gives a parameter that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&str, TokenRefusal> {
        let missing = || Code::InvalidRequest.says(format!("`{name}` is missing"));
        self.get(name).ok_or_else(missing)
    }
}

fn twice(name: &str) -> TokenRefusal {
    if name == "resource" {
        // Several are allowed by RFC 8707; a token of ours is for one.
        return Code::InvalidTarget.says("a token is for one `resource`");
    }
    let known: String = name.chars().take(40).collect();
    Code::InvalidRequest.says(format!("`{known}` is sent twice"))
}

fn decoded(text: &[u8]) -> Result<String, TokenRefusal> {
    let wrong = || Code::InvalidRequest.says("the body is no form in UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.iter();
    while let Some(byte) = left.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |it: Option<&u8>| char::from(*it?).to_digit(16);
                let (high, low) = (digit(left.next()), digit(left.next()));
                let value = high.zip(low).map(|(high, low)| high << 4 | low);
                value.and_then(|it| u8::try_from(it).ok()).ok_or_else(wrong)?
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(body: &str) -> Code {
        Form::read(body.as_bytes()).unwrap_err().code
    }

    #[test]
    fn a_form_is_read_as_it_was_written() {
        let form = Form::read(b"a=1+2%2B3&b=%C3%A9%26%3D&empty=&bare&a%62=x").unwrap();
        assert_eq!(form.get("a"), Some("1 2+3"));
        assert_eq!(form.get("b"), Some("\u{e9}&="));
        assert_eq!(form.get("ab"), Some("x"));
        assert_eq!((form.get("empty"), form.get("bare"), form.get("c")), (None, None, None));
        assert_eq!(form.needed("c").unwrap_err().code, Code::InvalidRequest);
        assert!(Form::read(b"").unwrap().get("").is_none());
    }

    #[test]
    fn no_parameter_comes_twice_however_it_is_written() {
        assert_eq!(refused("a=1&a=1"), Code::InvalidRequest);
        assert_eq!(refused("scope=a&sc%6Fpe=b"), Code::InvalidRequest);
        assert_eq!(refused("resource=a&resource=b"), Code::InvalidTarget);
        assert!(Form::read(b"a=&a=1").is_ok());
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "%=x"] {
            assert_eq!(refused(body), Code::InvalidRequest, "{body}");
        }
        let many: Vec<String> = (0..=COUNT_MAX).map(|it| format!("p{it}=1")).collect();
        assert_eq!(refused(&many.join("&")), Code::InvalidRequest);
    }

    #[test]
    fn no_value_is_printed() {
        let form = Form::read(b"client_assertion=secret").unwrap();
        assert_eq!(format!("{form:?}"), "{\"client_assertion\"}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Form::read(&body);
        }

        #[test]
        fn every_text_survives_its_encoding(text in "\\PC{1,40}") {
            let encoded: String = text.bytes().map(|it| format!("%{it:02x}")).collect();
            let form = Form::read(format!("x={encoded}").as_bytes()).unwrap();
            prop_assert_eq!(form.get("x"), Some(text.as_str()));
        }
    }
}
