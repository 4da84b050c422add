//! The program between tool servers and clients that others wrote.
//!
//! Each server has one test, in which two clients go through the same scenes; `servers.rs` is the
//! table of what each of them is asked. What only one server can show has a test of its own. In
//! `pairings.rs` every client of the table in `kind.rs` meets every server.

mod changed;
mod client;
mod conformance;
mod decided;
mod failing;
mod forged;
mod joined;
mod kind;
mod leased;
mod obliged;
mod pages;
mod pairings;
pub(crate) mod parts;
mod paths;
mod process;
mod recipes;
mod scenes;
mod servers;
mod signed;
mod waiting;
mod world;
mod wrapped;
