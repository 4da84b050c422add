//! Reads a log record by record, and goes on after one that it cannot read.

use std::fmt;

use bailiwick_model::Exercise;
use memchr::memchr;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    NotRead, SOURCES, Shape, Source, Told, cloudtrail, loose::Text, pgaudit, pgaudit::LinePrefix,
};

/// Members that hold records, where a record is none itself: what is delivered, listed or exported in one piece.
const HOLDERS: &[&str] =
    &["Records", "records", "Events", "events", "items", "value", "entries", "data", "logs"];
/// Members that hold one record: what wraps it says who saw it, or when it came.
const WRAPS: &[&str] = &["event", "CloudTrailEvent"];
/// How deep records lie in one another at most.
const DEEP: u8 = 4;

/// What was read.
#[derive(Debug)]
pub enum Record<'a> {
    /// Somebody did something.
    Exercise(&'static Source, &'a Exercise<'a>),
    /// A record that tells of nothing that anybody did.
    Nothing,
    /// Somebody did something, and the record does not say when: on which day, before or after what, nobody can say.
    Undated,
    /// A record that cannot be read.
    Error(ReadError),
}

/// A record that cannot be read, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {record}: {why}")]
pub struct ReadError {
    /// Which in its file, from 1.
    pub record: u64,
    /// Why.
    pub why: NotRead,
}

/// Reads one file's records.
#[derive(Debug)]
pub struct Reader {
    only: Option<&'static Source>,
    /// Whose record the last one was.
    last: Option<&'static Source>,
    records: u64,
    /// Puts the lines of a log of text together, once one of them was seen.
    text: Option<pgaudit::Lines>,
    /// What stands before each message of such a log, where somebody said it.
    prefix: Option<LinePrefix>,
    /// How much came since the record began that may still go on.
    unended: usize,
}

impl Reader {
    /// Makes one; all records are of `only`, where that is said.
    pub fn new(only: Option<&'static Source>) -> Self {
        Self { only, last: None, records: 0, text: None, prefix: None, unended: 0 }
    }

    /// Says what stands before each message in logs of PostgreSQL as text.
    #[must_use]
    pub fn with_prefix(self, prefix: Option<LinePrefix>) -> Self {
        Self { prefix, ..self }
    }

    /// Says whether a file that begins so is a log of text by a prefix that was said, which may begin as JSON does. Nothing
    /// is known before its first line ends.
    pub(super) fn begins_text(&self, begin: &[u8], is_all: bool) -> Option<bool> {
        if self.prefix.is_none() || !self.may_be_of(pgaudit::SOURCE.name) {
            return Some(false);
        }
        let text = begin.trim_ascii_start();
        let end = text.iter().position(|it| *it == b'\n').or(is_all.then_some(text.len()))?;
        let line = text.get(..end).unwrap_or_default();
        Some(pgaudit::knows_line(line, self.prefix.as_ref()))
    }

    /// Counts the records so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Gives how many of the last bytes belong to a record that may still go on: whoever begins there again misses nothing.
    pub(super) fn unended(&self) -> usize {
        self.unended
    }

    /// Reads lines, a record each, or, in a log of text, as many as belong together; the last one may lack its end.
    pub fn lines(&mut self, lines: &[u8], each: &mut dyn FnMut(Record<'_>)) {
        let mut rest = lines;
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(line_length(rest)).unwrap_or((rest, &[]));
            let length = line.len();
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = without_nothing(line);
            if self.text.as_ref().is_some_and(|it| it.is_cut_before(line)) {
                self.end(each);
            }
            let is_text = self.is_text(line);
            if let Some(text) = self.text.as_mut().filter(|_| is_text) {
                let ended = text.take(line);
                self.unended = if ended.is_some() { 0 } else { self.unended };
                self.text_record(ended, each);
            } else if self.may_be_text(line) && pgaudit::has_message(line) {
                // Its prefix is none that is known, which is worth to be said; it begins no log of text.
                self.text_record(Some(line.to_vec()), each);
            } else if !line.trim_ascii().is_empty() {
                self.record(line.trim_ascii(), DEEP, each);
            }
            let holds = self.text.as_ref().is_some_and(pgaudit::Lines::holds);
            self.unended = if holds { self.unended.saturating_add(length) } else { 0 };
            rest = after;
        }
    }

    /// Reads what is left of a log of text: its last record ends with it.
    pub fn end(&mut self, each: &mut dyn FnMut(Record<'_>)) {
        let last = self.text.as_mut().and_then(pgaudit::Lines::end);
        self.unended = 0;
        self.text_record(last, each);
    }

    /// Says whether a line is of a log of text. Once one is, all are that may be: a statement may have lines of any kind.
    fn is_text(&mut self, line: &[u8]) -> bool {
        if self.text.as_ref().is_some_and(|it| it.goes_on_with_any(line)) {
            return true;
        }
        let may_be = self.may_be_text(line);
        if may_be && self.text.is_some() {
            return true;
        }
        // Only a prefix that somebody said may begin as a value of JSON does.
        let may_begin = may_be || (self.prefix.is_some() && self.may_be_of(pgaudit::SOURCE.name));
        let begins = may_begin && pgaudit::knows_line(line, self.prefix.as_ref());
        if begins && self.text.is_none() {
            self.text = Some(pgaudit::Lines::new(self.prefix.clone()));
        }
        begins
    }

    fn may_be_of(&self, name: &str) -> bool {
        self.only.is_none_or(|it| it.name == name)
    }

    /// Says whether a line that begins for itself may be of a log of text: elsewhere it is a record of another log.
    fn may_be_text(&self, line: &[u8]) -> bool {
        self.may_be_of(pgaudit::SOURCE.name)
            && !matches!(line.trim_ascii_start().first(), None | Some(b'{' | b'['))
    }

    fn text_record(&mut self, record: Option<Vec<u8>>, each: &mut dyn FnMut(Record<'_>)) {
        let source = SOURCES.iter().find(|it| it.name == pgaudit::SOURCE.name);
        if let (Some(record), Some(source)) = (record, source) {
            self.records = self.records.saturating_add(1);
            self.last = Some(source);
            self.tell(source, pgaudit::read_by(&record, self.prefix.as_ref()), each);
        }
    }

    /// Reads a document: one value, or several one after the other, over as many lines as they like.
    pub fn document(&mut self, document: &[u8], each: &mut dyn FnMut(Record<'_>)) {
        for value in serde_json::Deserializer::from_slice(document).into_iter::<&RawValue>() {
            match value {
                Ok(value) => self.record(value.get().as_bytes(), DEEP, each),
                // What is behind a broken value cannot be found again, and the iterator ends.
                Err(error) => self.fault_of_next(error.into(), each),
            }
        }
    }

    /// Reads a record of a list.
    pub(super) fn held_record(&mut self, record: &[u8], each: &mut dyn FnMut(Record<'_>)) {
        self.record(record, DEEP.saturating_sub(1), each);
    }

    /// Reads one record, or those that it holds.
    fn record(&mut self, record: &[u8], deep: u8, each: &mut dyn FnMut(Record<'_>)) {
        // It may be another's, or hold some.
        if !self.sure_record(record, each) {
            self.strange(record, deep, each);
        }
    }

    /// Reads a record of the source that is sure, and says whether it is one.
    fn sure_record(&mut self, record: &[u8], each: &mut dyn FnMut(Record<'_>)) -> bool {
        let Some(source) = self.sure() else { return false };
        let mut tell = |it: &Exercise<'_>| {
            self.records = self.records.saturating_add(1);
            each(Record::Exercise(source, it));
        };
        if source.name == cloudtrail::SOURCE.name {
            let told = cloudtrail::exercise(record).ok().flatten();
            return told.as_ref().map(&mut tell).is_some();
        }
        match (source.read)(record) {
            Ok(Told::Exercise(it)) => tell(&it),
            Ok(Told::Exercises(_) | Told::Nothing) | Err(_) => return false,
        }
        true
    }

    /// Gives the source whose record one is that reads as one: the only one; or the first, before which nobody is asked, and
    /// which reads nothing that it does not know. Of any other, what came before would say whose the next record is.
    fn sure(&self) -> Option<&'static Source> {
        let is_first = |it: &&Source| SOURCES.first().is_some_and(|first| first.name == it.name);
        self.only.or(self.last.filter(is_first))
    }

    /// Reads a record of which nobody knows yet whose it is.
    fn strange(&mut self, record: &[u8], deep: u8, each: &mut dyn FnMut(Record<'_>)) {
        let held: Held<'_> = match serde_json::from_slice(record) {
            Ok(held) => held,
            Err(error) => return self.fault_of_next(error.into(), each),
        };
        if held.shape.is_only_added() {
            self.records = self.records.saturating_add(1);
            return each(Record::Nothing);
        }
        let known = match self.only {
            Some(only) => Some(only).filter(|it| (it.knows)(&held.shape)),
            None => SOURCES.iter().find(|it| (it.knows)(&held.shape)),
        };
        if let Some(source) = known {
            return self.read(source, record, each);
        }
        let Some(deeper) = deep.checked_sub(1) else {
            return self.fault_of_next(NotRead::Stranger, each);
        };
        match (held.inside, self.only) {
            (Inside::Nothing, Some(only)) => self.read(only, record, each),
            (Inside::Nothing, None) => self.fault_of_next(NotRead::Stranger, each),
            (Inside::Records(list), _) => {
                self.list(list.map_or(record, |it| it.get().as_bytes()), deeper, each);
            }
            (Inside::Record(record), _) => match serde_json::from_str::<String>(record.get()) {
                Ok(written) => self.record(written.as_bytes(), deeper, each),
                Err(_) => self.record(record.get().as_bytes(), deeper, each),
            },
        }
    }

    /// Reads the records of a list one by one, without a list of them: a short text may hold millions.
    fn list(&mut self, list: &[u8], deep: u8, each: &mut dyn FnMut(Record<'_>)) {
        let mut one = |it: &RawValue| self.record(it.get().as_bytes(), deep, each);
        let mut values = serde_json::Deserializer::from_slice(list);
        // It was read once: it is a list, and whole.
        let _whole = values.deserialize_seq(EachOf(&mut one));
    }

    /// Reads a record as one of a source's.
    fn read(&mut self, source: &'static Source, record: &[u8], each: &mut dyn FnMut(Record<'_>)) {
        self.records = self.records.saturating_add(1);
        self.last = Some(source);
        self.tell(source, (source.read)(record), each);
    }

    /// Tells of a record that is longer than what is read.
    pub(super) fn too_long(&mut self, each: &mut dyn FnMut(Record<'_>)) {
        self.fault_of_next(NotRead::Shape("it is too long".to_owned()), each);
    }

    pub(super) fn fault_of_next(&mut self, why: NotRead, each: &mut dyn FnMut(Record<'_>)) {
        self.records = self.records.saturating_add(1);
        self.fault(why, each);
    }

    fn tell(
        &self,
        source: &'static Source,
        told: Result<Told<'_>, NotRead>,
        each: &mut dyn FnMut(Record<'_>),
    ) {
        match told {
            Ok(Told::Exercise(it)) => each(Record::Exercise(source, &it)),
            Ok(Told::Exercises(all)) => {
                for it in &all {
                    each(Record::Exercise(source, it));
                }
            }
            Ok(Told::Nothing) => each(Record::Nothing),
            Err(NotRead::Undated) => each(Record::Undated),
            Err(why) => self.fault(why, each),
        }
    }

    fn fault(&self, why: NotRead, each: &mut dyn FnMut(Record<'_>)) {
        each(Record::Error(ReadError { record: self.records, why }));
    }
}

/// Takes off the bytes of nothing that a log begins with which was cut off while its writer went on where it was.
fn without_nothing(line: &[u8]) -> &[u8] {
    if line.first() != Some(&0) {
        return line;
    }
    let begin = line.iter().position(|it| *it != 0).unwrap_or(line.len());
    line.get(begin..).unwrap_or_default()
}

/// Gives the length of the first line, with its end.
fn line_length(lines: &[u8]) -> usize {
    memchr(b'\n', lines).map_or(lines.len(), |place| place.saturating_add(1))
}

/// A record as far as one must look to know whose it is.
#[derive(Debug, Default)]
struct Held<'a> {
    shape: Shape<'a>,
    inside: Inside<'a>,
}

/// What a record holds in place of saying something itself.
#[derive(Debug, Default)]
enum Inside<'a> {
    #[default]
    Nothing,
    /// A list in it, or it is one itself.
    Records(Option<&'a RawValue>),
    Record(&'a RawValue),
}

/// Hands on each value of a list.
struct EachOf<'e>(&'e mut dyn FnMut(&RawValue));

impl<'de> Visitor<'de> for EachOf<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<&'de RawValue>()? {
            (self.0)(value);
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Held<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(HeldVisitor)
    }
}

struct HeldVisitor;

impl<'de> Visitor<'de> for HeldVisitor {
    type Value = Held<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut names, mut inside) = (Vec::new(), Inside::Nothing);
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            let value: &'de RawValue = map.next_value()?;
            if HOLDERS.contains(&&*name) && value.get().starts_with('[') {
                inside = Inside::Records(Some(value));
            } else if WRAPS.contains(&&*name) && value.get().starts_with(['{', '"']) {
                inside = Inside::Record(value);
            }
            names.push(name);
        }
        Ok(Held { shape: Shape::new(names), inside })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Held { shape: Shape::default(), inside: Inside::Records(None) })
    }
}

#[cfg(test)]
mod tests;
