//! `bailiwick policy`: policies as code, tested and written in one form.

mod case;
mod coverage;
mod diff;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod foreign;
mod form;
mod idle;
mod junit;
mod names;
mod question;
mod rehearsal;
mod report;
mod sarif;
mod schema;
mod test;

pub(crate) use self::{diff::diff, form::form, idle::remarks, schema::schema, test::test};
