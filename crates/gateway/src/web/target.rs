//! The path and the query of a request, read in the one way in which every server must read them.
//! Whatever two readers could read in two ways is no target.

use super::operation::SEGMENTS_MAX;

const LENGTH_MAX: usize = 8 << 10;
const QUERY_MAX: usize = 256;

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The parts of the path, decoded.
    pub(super) path: Vec<String>,
    /// The parameters of the query, decoded, each once.
    pub(super) query: Vec<(String, String)>,
}

impl Target {
    pub(super) fn read(path: &str, query: Option<&str>) -> Result<Self, String> {
        if LENGTH_MAX < path.len().saturating_add(query.map_or(0, str::len)) {
            return Err(format!("its path and query have more than {LENGTH_MAX} bytes"));
        }
        Ok(Self { path: segments(path)?, query: parameters(query.unwrap_or_default())? })
    }
}

fn segments(path: &str) -> Result<Vec<String>, String> {
    let rest = path.strip_prefix('/').ok_or("its path does not begin with `/`")?;
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let segments: Result<Vec<String>, String> = rest.split('/').map(segment).collect();
    let segments = segments?;
    if SEGMENTS_MAX < segments.len() {
        return Err(format!("its path has more than {SEGMENTS_MAX} parts"));
    }
    Ok(segments)
}

fn segment(raw: &str) -> Result<String, String> {
    if raw.is_empty() {
        return Err("its path has an empty part (`//`, or `/` at the end)".to_owned());
    }
    // Some servers cut off what follows a `;` before they look.
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&it);
    let text = decoded(raw, plain, "path")?;
    if matches!(text.as_str(), "." | "..") {
        return Err("its path has a part that is dots".to_owned());
    }
    if text.chars().any(|it| matches!(it, '/' | '\\' | '%' | ';') || it.is_control()) {
        return Err("its path hides a mark behind a `%`".to_owned());
    }
    Ok(text)
}

fn parameters(query: &str) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    if query.is_empty() {
        return Ok(found);
    }
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |it: u8| it.is_ascii_alphanumeric() || b"-._~!$'()*+,:@/?[]".contains(&it);
        let or_equals = |it: u8| plain(it) || it == b'=';
        let name = decoded(&name.replace('+', "%20"), plain, "query")?;
        let value = decoded(&value.replace('+', "%20"), or_equals, "query")?;
        if name.is_empty() || [&name, &value].iter().any(|it| it.chars().any(char::is_control)) {
            return Err(
                "its query has a parameter without a name, or a control character".to_owned()
            );
        }
        if found.iter().any(|(known, _)| *known == name) {
            return Err(format!("its query names `{}` twice", name.escape_debug()));
        }
        if QUERY_MAX <= found.len() {
            return Err(format!("its query has more than {QUERY_MAX} parameters"));
        }
        found.push((name, value));
    }
    Ok(found)
}

/// Decodes a part in which `plain` bytes stand for themselves, and may not be encoded where every
/// URL can have them.
fn decoded(raw: &str, plain: impl Fn(u8) -> bool, of: &str) -> Result<String, String> {
    let mut bytes = raw.bytes();
    let mut text = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !plain(byte) {
                return Err(format!("its {of} has a character that must be encoded"));
            }
            text.push(byte);
            continue;
        }
        let pair = bytes.next().zip(bytes.next());
        let byte = pair.and_then(|(high, low)| Some(nibble(high)? << 4 | nibble(low)?));
        let byte = byte.ok_or_else(|| format!("its {of} has a `%` that encodes nothing"))?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            return Err(format!("its {of} encodes a character that needs no encoding"));
        }
        text.push(byte);
    }
    String::from_utf8(text).map_err(|_| format!("its {of} encodes something that is no UTF-8"))
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit & 0x0f),
        b'a'..=b'f' | b'A'..=b'F' => Some((digit & 0x0f).wrapping_add(9)),
        _ => None,
    }
}

/// A path and a query as foreign bytes.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(text: &str) {
    let (path, query) = text.split_once('?').unzip();
    let Ok(target) = Target::read(path.unwrap_or(text), query) else { return };
    for part in &target.path {
        assert!(
            !part.is_empty() && !matches!(part.as_str(), "." | ".."),
            "a part that leads elsewhere"
        );
        assert!(!part.contains(['/', '\\', '%', '\0']), "a part that is two");
    }
    let mut names: Vec<_> = target.query.iter().map(|it| &it.0).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), target.query.len(), "a parameter that is two");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Result<Vec<String>, String> {
        Target::read(text, None).map(|it| it.path)
    }

    #[test]
    fn a_plain_path_is_its_parts() {
        assert_eq!(path("/"), Ok(vec![]));
        assert_eq!(path("/customers/42"), Ok(vec!["customers".to_owned(), "42".to_owned()]));
        assert_eq!(path("/a%20b/%C3%A9"), Ok(vec!["a b".to_owned(), "é".to_owned()]));
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        for wrong in [
            "",
            "x",
            "//",
            "/a//b",
            "/a/",
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/b",
            "/a/.%2E",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0d%0a",
            "/a%252fb",
            "/a%25",
            "/a;x=1/b",
            "/a%3bx",
            "/%41",
            "/%7E",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%ff",
            "/a b",
            "/\u{e9}",
            "/a|b",
            "/a\"b",
            "/a<b",
            "/a^b",
            "/a`b",
            "/a{b}",
            "/a#b",
        ] {
            assert!(path(wrong).is_err(), "{wrong:?}");
        }
        assert!(path(&"/a".repeat(SEGMENTS_MAX + 1)).is_err());
        assert!(path(&format!("/{}", "a".repeat(LENGTH_MAX))).is_err());
    }

    #[test]
    fn a_query_is_its_parameters_each_once() {
        let query = |text: &str| Target::read("/", Some(text)).map(|it| it.query);
        let pair = |one: &str, two: &str| (one.to_owned(), two.to_owned());
        let found = query("limit=10&q=a+b%26c&x&filter[a]=b=c");
        let wanted =
            vec![pair("limit", "10"), pair("q", "a b&c"), pair("x", ""), pair("filter[a]", "b=c")];
        assert_eq!(found, Ok(wanted));
        assert_eq!(query(""), Ok(vec![]));
        for wrong in ["a=1&a=2", "=1", "a=1&&b=2", "a=%00", "a=1;b=2", "%61=1", "a=%", "a=\u{e9}"] {
            assert!(query(wrong).is_err(), "{wrong}");
        }
    }
}
