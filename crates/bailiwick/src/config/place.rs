//! Where a mistake stands, for sorting and for programs.

use miette::Diagnostic;

/// A place as people count: lines and columns from one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The file's name; nothing where it stands in no file.
    pub(crate) file: Option<String>,
    /// How far into the file, in bytes.
    pub(crate) offset: usize,
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

/// Finds the first place that `diagnostic` points at.
pub(crate) fn place(diagnostic: &dyn Diagnostic) -> Place {
    let label = diagnostic.labels().and_then(|mut labels| labels.next());
    let (Some(label), Some(source)) = (label, diagnostic.source_code()) else {
        return Place::default();
    };
    let Ok(contents) = source.read_span(label.inner(), 0, 0) else {
        return Place { offset: label.offset(), ..Place::default() };
    };
    Place {
        file: contents.name().map(str::to_owned),
        offset: label.offset(),
        line: contents.line().saturating_add(1),
        column: contents.column().saturating_add(1),
    }
}
