//! The report and its findings as comma-separated values (RFC 4180).

use bailiwick_insight::Audit;
use bailiwick_model::Timestamp;

use super::{found, within::Within};

/// Writes a line for each permission of each identity.
pub(super) fn report(told: &Audit) -> String {
    let mut text = "platform,identity,account,kind,name,state,count,attempts,first,last,days,observed_days,mapping,granted_by,reach,findings,not_yet,idle_days,lapsed,within\r\n".to_owned();
    for identity in &told.identities {
        let (reach, kinds) = (found::reach_of(told, identity), found::kinds_of(told, identity));
        for entry in &identity.entries {
            let idle = entry.idle.as_ref();
            let ways: Vec<_> = entry.granted_by.iter().map(|it| it.path.as_str()).collect();
            text.push_str(&line(&[
                identity.platform.as_str(),
                &identity.id,
                &identity.account,
                identity.kind.as_str(),
                &entry.name,
                entry.state.as_str(),
                &entry.count.to_string(),
                &entry.attempts.to_string(),
                &moment(entry.first),
                &moment(entry.last),
                &entry.days.to_string(),
                &entry.observed_days.to_string(),
                entry.mapping.as_str(),
                &ways.join("; "),
                &reach,
                &kinds,
                entry.not_yet.map_or("", |it| it.as_str()),
                &idle.map_or_else(String::new, |it| it.days.to_string()),
                &idle.map_or_else(String::new, |it| it.has_lapsed.to_string()),
                entry.within.as_deref().unwrap_or_default(),
            ]));
        }
    }
    text
}

/// Writes a line for each finding.
pub(super) fn findings(told: &Audit) -> String {
    let head = "finding,risk,title,platform,identity,account,charter,says,credential,system,count,first,last\r\n";
    let (mut text, within) = (head.to_owned(), Within::new(told));
    for it in &told.findings {
        text.push_str(&line(&[
            it.finding.as_str(),
            it.risk.as_str(),
            &it.title,
            it.platform.as_str(),
            &it.identity,
            within.account(it),
            it.charter.as_deref().unwrap_or_default(),
            &it.says,
            it.credential.as_deref().unwrap_or_default(),
            it.system.as_deref().unwrap_or_default(),
            &it.count.to_string(),
            &moment(it.first),
            &moment(it.last),
        ]));
    }
    text
}

fn moment(it: Option<Timestamp>) -> String {
    it.map_or_else(String::new, |it| it.to_string())
}

fn line(cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|it| cell(it)).collect();
    format!("{}\r\n", cells.join(","))
}

/// Where a spreadsheet begins another cell, if somebody told it so, or its country writes lists so.
const PARTS: [char; 4] = [';', '\t', '\r', '\n'];

/// Writes one value. What a spreadsheet would take for a formula gets a mark before it: names in logs are anybody's.
fn cell(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    if is_formula(text) {
        marked.push('\'');
    }
    let mut letters = text.chars();
    while let Some(it) = letters.next() {
        marked.push(it);
        // Where a further cell begins before its first letter, that one has a look of its own.
        let next = || letters.as_str().split(PARTS).next().unwrap_or_default();
        if PARTS.contains(&it) && begins_formula(next()) {
            marked.push('\'');
        }
    }
    if marked.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", marked.replace('"', "\"\""))
    } else {
        marked
    }
}

/// Says whether a spreadsheet would reckon with it: also with what is written wide, or has blanks before it.
fn is_formula(text: &str) -> bool {
    begins_formula(text) || text.starts_with(['\t', '\r', '\n'])
}

/// Says whether its first letter is a formula's; where a cell begins inside another, a quotation mark is none.
fn begins_formula(text: &str) -> bool {
    let is_blank = |it: char| it.is_whitespace() || it.is_control() || it == '"';
    let begin = text.trim_start_matches(is_blank);
    begin.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_no_formula_and_breaks_no_line() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a=b-c"), "a=b-c");
        assert_eq!(cell("=cmd()"), "'=cmd()");
        assert_eq!(cell(" \u{0}@SUM(A1)"), "' \u{0}@SUM(A1)");
        assert_eq!(cell("＝1＋1"), "'＝1＋1");
        assert_eq!(cell("=\"a\",b"), "\"'=\"\"a\"\",b\"");
        assert_eq!(cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(cell("a;\t =x"), "a;\t' =x");
        // Looked at once, however many cells there may be: a million squared would never end.
        let many = format!("a{}b", "\t".repeat(1 << 20));
        assert_eq!(cell(&many), many);
    }

    #[test]
    fn what_stands_behind_another_separator_is_no_formula() {
        assert_eq!(cell("role a; role b"), "role a; role b");
        assert_eq!(cell("a;=cmd()"), "a;'=cmd()");
        assert_eq!(cell("a; \u{0}+1;b"), "a;' \u{0}+1;b");
        assert_eq!(cell("a\t@x"), "a\t'@x");
        assert_eq!(cell("a;;-1"), "a;;'-1");
        assert_eq!(cell("a;\"=x\""), "\"a;'\"\"=x\"\"\"");
        assert_eq!(cell("a\n=x"), "\"a\n'=x\"");
    }

    /// Says whether what was written is the cell, but for marks at its beginning and behind what may part it.
    fn is_back(written: &str, cell: &str) -> bool {
        let (mut back, mut before) = (written.chars().peekable(), None);
        for it in cell.chars() {
            let may_be_marked = before.is_none_or(|it| PARTS.contains(&it));
            if may_be_marked && it != '\'' {
                back.next_if_eq(&'\'');
            }
            if back.next() != Some(it) {
                return false;
            }
            before = Some(it);
        }
        back.next().is_none()
    }

    /// Reads one line as RFC 4180 has it.
    fn read(line: &str) -> Vec<String> {
        let mut cells = vec![String::new()];
        let (mut is_quoted, mut letters) = (false, line.chars().peekable());
        while let Some(it) = letters.next() {
            let last = cells.last_mut().expect("a cell");
            match it {
                '"' if is_quoted && letters.peek() == Some(&'"') => {
                    letters.next();
                    last.push('"');
                }
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => cells.push(String::new()),
                it => last.push(it),
            }
        }
        assert!(!is_quoted, "{line:?}");
        cells
    }

    proptest! {
        #[test]
        fn whatever_a_name_is_a_reader_gets_it_back_and_no_formula(
            cells in proptest::collection::vec("[=+@\"',;\r\n\t a-z-]{0,6}|\\PC{0,6}", 1..5),
        ) {
            let names: Vec<_> = cells.iter().map(String::as_str).collect();
            let written = line(&names);
            let back = read(written.strip_suffix("\r\n").expect("an end"));
            prop_assert_eq!(back.len(), cells.len());
            for (cell, back) in cells.iter().zip(&back) {
                prop_assert!(!is_formula(back), "{:?}", back);
                let mut parts = back.split(PARTS);
                prop_assert!(!parts.any(begins_formula), "{:?}", back);
                prop_assert!(is_back(back, cell), "{:?} of {:?}", back, cell);
            }
        }
    }
}
