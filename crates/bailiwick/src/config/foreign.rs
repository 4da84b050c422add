//! The files of the configuration as foreign bytes, as the fuzzer and its stable twin read them.

use std::path::{Path, PathBuf};

use bailiwick_policy::IdentityType;
use miette::{GraphicalReportHandler, GraphicalTheme};

use super::{
    Draft, Found, Overrides, charter, constraint, entities,
    file::{Folder, Source},
    questions,
    read::Reader,
    template,
};

/// Reads bytes, and panics where something is wrong with how they are read.
pub(crate) type Read = fn(&[u8]);

/// Every parser, by the name of its corpus.
pub(crate) const PARSERS: &[(&str, Read)] = &[
    ("bailiwick-cases", cases),
    ("bailiwick-charter", charter),
    ("bailiwick-configuration", configuration),
    ("bailiwick-constraint", constraint),
    ("bailiwick-entities", entities),
    ("bailiwick-template", template),
];

/// `bailiwick.toml`.
fn configuration(bytes: &[u8]) {
    let Some(source) = source("bailiwick.toml", bytes) else { return };
    let mut found = Found::default();
    let file = home().join("bailiwick.toml");
    let draft = Draft::of(source, file, home(), &Overrides::default(), &mut found);
    assert!(draft.config.is_some() || !found.is_good(), "nothing was read, and nothing is wrong");
    draw(found);
}

/// A charter.
fn charter(bytes: &[u8]) {
    one(source("charters/any.toml", bytes), |source, reader| {
        charter::read(source, &home(), reader).is_some()
    });
}

/// Entities that are declared.
fn entities(bytes: &[u8]) {
    let Some(source) = source("authzen/any.toml", bytes) else { return };
    let mut found = Found::default();
    let (ours, mut questions) = (IdentityType::default(), questions::Declared::default());
    let reading = (&mut questions, &mut found);
    let inventory = entities::read(&Folder::of(source), &ours, &[], reading);
    let _schema = questions.schema(&ours, &mut found);
    assert!(inventory.is_some() || !found.is_good(), "nothing was read, and nothing is wrong");
    draw(found);
}

/// A template.
fn template(bytes: &[u8]) {
    one(source("templates/any.toml", bytes), |source, reader| {
        template::read(source, reader).is_some()
    });
}

/// A constraint: what it asks for can be met by some call, or something is wrong with it.
fn constraint(bytes: &[u8]) {
    one(source("constraints/any.toml", bytes), |source, reader| {
        constraint::read(source, reader).is_some()
    });
}

/// A file of cases.
fn cases(bytes: &[u8]) {
    let Some(source) = source("tests/any.toml", bytes) else { return };
    let mut found = Found::default();
    found.extend(crate::policy::foreign::cases(&source));
    draw(found);
}

fn one(source: Option<Source>, read: impl Fn(&Source, &Reader) -> bool) {
    let Some(source) = source else { return };
    let reader = Reader::new(&source);
    let was_read = read(&source, &reader);
    let mut found = Found::default();
    found.extend(reader.found());
    assert!(was_read || !found.is_good(), "nothing was read, and nothing is wrong");
    draw(found);
}

/// Draws all that was found: its places must lie in the text.
fn draw(found: Found) {
    let found = found.sorted();
    let drawing = GraphicalReportHandler::new_themed(GraphicalTheme::none());
    for error in &found.errors {
        let mut drawn = String::new();
        let outcome = drawing.render_report(&mut drawn, error.as_ref());
        assert!(outcome.is_ok() && !drawn.is_empty(), "cannot be drawn: {error}");
    }
}

fn source(name: &str, bytes: &[u8]) -> Option<Source> {
    std::str::from_utf8(bytes).ok().map(|text| Source::new(name, text))
}

/// A place where nothing lies: keys that a file names are looked for and not found.
fn home() -> PathBuf {
    Path::new("/no-such-place").to_owned()
}

#[test]
fn any_bytes_are_answered() {
    bailiwick_hostile::check("bailiwick", PARSERS);
}
