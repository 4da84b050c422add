//! What the stores promise: nothing acknowledged is ever lost, and nothing altered goes unseen.

#![expect(clippy::arithmetic_side_effects, reason = "numbers are small here, and overflow panics")]

#[cfg(test)]
mod child;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod disk_errors;
#[cfg(test)]
mod folding;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod power;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod segment;
#[cfg(test)]
mod start;
#[cfg(test)]
mod tamper;
