//! What was granted beside what was exercised, and what behaviour tells.

mod advice;
mod authority;
mod detector;
#[cfg(test)]
mod fixture;
mod names;
mod path;
mod prospect;
mod timeline;
mod why;

pub use advice::{Advice, advise, advise_judged};
pub use authority::{AuthorityUse, authority};
pub use detector::{DETECTORS, Detector, DriftFinding, detect};
pub use names::{
    Action as CatalogueAction, Catalogue, CatalogueError, Certainty, Level, Name, Native, Sort,
    names,
};
pub use path::{AccessPath, PathLease, PathStep, access_path};
pub use prospect::{Because, Can, Prospect};
pub use timeline::{Moment, Timeline, Told, What, timeline};
pub use why::{Why, WhyStep, why, why_answered, why_found};
