//! Reads the one kind of document that STS and IAM answer with: elements and text, nothing else.
//!
//! A document that has anything more (a document type, a comment, an instruction, attributes other than
//! its namespace) is none that they write, and is not read.

use std::collections::BTreeMap;

const DEPTH_MAX: usize = 16;
const ELEMENTS_MAX: usize = 1_000;

/// Gives the text of every element that has no other in it, by the path to it (`A/B/C`). Of elements with one
/// path the first counts. None where it is no such document.
pub(super) fn texts(document: &str) -> Option<BTreeMap<String, String>> {
    let mut rest = document.trim_start_matches('\u{feff}').trim();
    if let Some(declared) = rest.strip_prefix("<?xml ") {
        rest = declared.split_once("?>")?.1.trim_start();
    }
    let (mut found, mut open, mut count) = (BTreeMap::new(), Vec::<&str>::new(), 0_usize);
    // Whether the innermost element may be one without others in it.
    let mut leaf = false;
    loop {
        let (text, tag) = rest.split_once('<')?;
        if let Some(name) = tag.strip_prefix('/') {
            let (name, after) = name.split_once('>')?;
            let path = open.join("/");
            if open.pop()? != name.trim_end() {
                return None;
            }
            if leaf {
                let text = unescaped(text)?;
                found.entry(path).or_insert(text);
            } else if !text.trim().is_empty() {
                return None;
            }
            (leaf, rest) = (false, after);
            if open.is_empty() {
                return rest.trim().is_empty().then_some(found);
            }
            continue;
        }
        if !text.trim().is_empty() {
            return None;
        }
        let (head, after) = tag.split_once('>')?;
        let (head, empty) = head.strip_suffix('/').map_or((head, false), |it| (it, true));
        let (name, attributes) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
        let plain = |it: &str| it.is_empty() || (it.starts_with("xmlns=\"") && it.ends_with('"'));
        let named = !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric());
        count = count.saturating_add(1);
        if !named || !plain(attributes.trim()) || DEPTH_MAX <= open.len() || ELEMENTS_MAX < count {
            return None;
        }
        open.push(name);
        (leaf, rest) = (true, after);
        if empty {
            found.entry(open.join("/")).or_insert_with(String::new);
            open.pop();
            leaf = false;
            if open.is_empty() {
                return rest.trim().is_empty().then_some(found);
            }
        }
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut whole = parts.next()?.to_owned();
    for part in parts {
        let (name, after) = part.split_once(';')?;
        let letter = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => {
                let number = other.strip_prefix('#')?;
                let hex = number.strip_prefix('x').map(|it| u32::from_str_radix(it, 16));
                char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)?
            }
        };
        whole.push(letter);
        whole.push_str(after);
    }
    Some(whole)
}

#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Some(found) = texts(text) {
        assert!(found.len() <= ELEMENTS_MAX, "more elements than are read");
        let longest = found.values().map(String::len).sum::<usize>();
        assert!(longest <= bytes.len(), "more text than there was");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_path() {
        let read = texts(
            "<?xml version=\"1.0\"?>\n<A xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <B><C>a &amp; b&#x2F;</C><D/></B> <C>2</C><C>3</C></A>\n",
        );
        let read = read.unwrap();
        assert_eq!(read["A/B/C"], "a & b/");
        assert_eq!(read["A/B/D"], "");
        assert_eq!(read["A/C"], "2");
    }

    #[test]
    fn what_they_would_not_write_is_not_read() {
        for text in [
            "",
            "text",
            "<A>",
            "<A></B>",
            "<A></A><B></B>",
            "<A>1<B>2</B></A>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><A>&b;</A>",
            "<A><!-- --></A>",
            "<A><![CDATA[x]]></A>",
            "<A b=\"c\">1</A>",
            "<A>&b;</A>",
            "<A>&#xD800;</A>",
            &format!("{}{}", "<A>".repeat(40), "</A>".repeat(40)),
        ] {
            assert_eq!(texts(text), None, "{text}");
        }
    }
}
