//! `bailiwick policy`: policies as code, tested and written in one form.

mod case;
mod coverage;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod foreign;
mod form;
mod junit;
mod names;
mod rehearsal;
mod report;
mod sarif;
mod schema;
mod test;

pub(crate) use self::{form::form, schema::schema, test::test};
