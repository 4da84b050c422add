//! The program as a whole: real processes, real sockets, real files.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod authzen;
#[cfg(test)]
mod broken;
#[cfg(test)]
mod chains;
#[cfg(test)]
mod command;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod cut;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod emergency;
#[cfg(test)]
mod first_light;
#[cfg(test)]
mod governor;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod liar;
#[cfg(test)]
mod mapped;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod obligations;
#[cfg(test)]
mod observed;
#[cfg(test)]
mod process;
#[cfg(test)]
mod real;
#[cfg(test)]
mod reloads;
#[cfg(test)]
mod rightsize;
#[cfg(test)]
mod routes;
mod schema;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod shifting;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod signer;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod target_kinds;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod why;
#[cfg(test)]
mod workload;
#[cfg(test)]
mod wrap;
