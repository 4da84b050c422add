//! `bailiwick policy`: policies as code, tested and written in one form.

mod case;
mod coverage;
mod files;
mod form;
mod junit;
mod rehearsal;
mod report;
mod sarif;
mod test;

pub(crate) use self::{form::form, test::test};
