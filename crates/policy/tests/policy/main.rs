//! What policies and grants say of requests: text in, text out.

#[cfg(test)]
mod briefs;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod constraints;
#[cfg(test)]
mod diagnostics;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod full;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod law_9;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod misfits;
#[cfg(test)]
mod names;
#[cfg(test)]
mod questions;
#[cfg(test)]
mod reload;
