//! Which lines of a log of text are one record: a statement may have many.

use super::{own::LinePrefix, prefix, row::is_csv};

/// The longest record, in bytes. What is longer is cut off, and its rest is no record.
const RECORD_MAX: usize = 64 << 20;

/// Puts records together, line by line.
#[derive(Debug, Default)]
pub(in crate::source) struct Lines {
    /// What stands before each message, where somebody said it.
    own: Option<LinePrefix>,
    held: Vec<u8>,
    /// Whether a quote is open in what is held.
    is_open: bool,
    /// Whether what is held is CSV.
    is_csv: bool,
}

/// Says whether a line that is no JSON begins a log of PostgreSQL.
pub(in crate::source) fn knows(line: &[u8], own: Option<&LinePrefix>) -> bool {
    let line = String::from_utf8_lossy(line);
    is_csv(&line) || prefix::line(&line, own).is_some()
}

/// Says whether a line has something like a message, whatever stands before it.
pub(in crate::source) fn has_message(line: &[u8]) -> bool {
    prefix::has_message(&String::from_utf8_lossy(line))
}

impl Lines {
    /// Begins with nothing.
    pub(in crate::source) fn new(own: Option<LinePrefix>) -> Self {
        Self { own, ..Self::default() }
    }

    /// Takes the next line, and gives the record before it where that ends with it.
    pub(in crate::source) fn take(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return None;
        }
        let ended = if self.goes_on(line) { None } else { self.end() };
        if self.held.is_empty() {
            self.is_csv = is_csv(&String::from_utf8_lossy(line));
            self.is_open = false;
        } else {
            self.held.push(b'\n');
        }
        self.held.extend_from_slice(line);
        if self.is_csv {
            self.is_open = line.iter().fold(self.is_open, |open, it| open ^ (*it == b'"'));
        }
        ended
    }

    /// Says whether the next line belongs to what is held whatever it looks like: a quote is open, or a tab says so.
    pub(in crate::source) fn goes_on_with_any(&self, line: &[u8]) -> bool {
        let goes_on = if self.is_csv { self.is_open } else { line.starts_with(b"\t") };
        goes_on && !self.held.is_empty()
    }

    /// Says whether the next line shows that what is held was cut off: a quote is open that cannot hold it.
    pub(in crate::source) fn is_cut_before(&self, line: &[u8]) -> bool {
        self.holds() && self.is_csv && self.is_open && begins_json(line)
    }

    /// Says whether there is a record that may still go on.
    pub(in crate::source) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives the last record.
    pub(in crate::source) fn end(&mut self) -> Option<Vec<u8>> {
        let held = std::mem::take(&mut self.held);
        (!held.trim_ascii().is_empty()).then_some(held)
    }

    /// Says whether a line belongs to what is held.
    fn goes_on(&self, line: &[u8]) -> bool {
        if self.held.is_empty() || RECORD_MAX < self.held.len().saturating_add(line.len()) {
            return false;
        }
        if self.is_csv {
            let is_other = || begins_anew(&String::from_utf8_lossy(line));
            return self.is_open && !is_other();
        }
        if line.starts_with(b"\t") {
            return true;
        }
        let line = String::from_utf8_lossy(line);
        let begun = prefix::line(&line, self.own.as_ref());
        begun.is_some_and(|it| prefix::goes_with_another(it.word))
    }
}

/// Says whether a line begins a record of some user's, even though a quote is open: one that is never closed must not
/// swallow all that follows. No statement can hold such a line, for a quote within it is two.
fn begins_anew(line: &str) -> bool {
    line.split_once(',').is_some_and(|(_, user)| user.starts_with('"')) && is_csv(line)
}

/// Says whether a line begins an object of JSON, even though a quote is open: a quote within it is two, and one that closes it
/// stands before a comma or the end.
fn begins_json(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let object = line.strip_prefix(b"[").map_or(line, <[u8]>::trim_ascii_start);
    let members = object.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    let name = members.and_then(|it| it.strip_prefix(b"\""));
    name.is_some_and(|it| !matches!(it.first(), None | Some(b'"' | b',' | b'\r')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records(text: &str) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all: Vec<_> = text.split('\n').filter_map(|it| lines.take(it.as_bytes())).collect();
        all.extend(lines.end());
        all.into_iter().map(|it| String::from_utf8(it).unwrap()).collect()
    }

    const AT: &str = "2026-03-01 10:00:00.123 UTC";

    #[test]
    fn what_belongs_together_is_one_record() {
        let text = format!(
            "{AT} [7] ann@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,\"select 1\n\t\n\tfrom x\",<none>\r\n\
             {AT} [7] ann@shop ERROR:  permission denied for table x\n\
             {AT} [7] ann@shop DETAIL:  none\n\
             {AT} [7] ann@shop STATEMENT:  delete\n\t from x\n\
             {AT} [8] LOG:  checkpoint starting\n"
        );
        let records = records(&text);
        assert_eq!(records.len(), 3, "{records:#?}");
        assert!(records[0].ends_with("from x\",<none>"), "{records:#?}");
        assert!(records[1].ends_with("delete\n\t from x"), "{records:#?}");
    }

    fn csv(statement: &str) -> String {
        let statement = statement.replace('"', "\"\"");
        format!(
            "{AT},\"ann\",\"shop\",7,\"[local]\",1.2,1,\"SELECT\",{AT},3/1,0,LOG,00000,\"{statement}\",,,,,,,,,\"psql\""
        )
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_record() {
        let good = csv("select 1");
        let cut = format!(
            "{AT},\"ann\",\"shop\",7,\"[local]\",1.2,1,\"SELECT\",{AT},3/1,0,LOG,00000,\"cut"
        );
        assert_eq!(
            records(&format!("{good}\n{cut}\nmore\n{good}\n{good}")),
            [good.clone(), format!("{cut}\nmore"), good.clone(), good]
        );
    }

    proptest! {
        /// A statement cannot pretend to be a record of its own.
        #[test]
        fn a_statement_of_any_lines_is_one_record(inner in "[a\",\n{ \\[]{0,20}", who in "[a\"]{0,3}") {
            let forged = format!("{inner}\n{AT},\"{who}\",\"shop\",7,\"x\",1.2,1,\"SELECT\"\n{inner}\n{}", csv(&inner));
            let text = csv(&forged);
            let after = csv("select 1");
            // Lines with nothing in them are left out.
            let lines: Vec<_> = text.split('\n').filter(|it| !it.is_empty()).collect();
            prop_assert_eq!(records(&format!("{text}\n{after}")), [lines.join("\n"), after]);
        }
    }
}
