//! Brokers at targets that are real.

#[cfg(test)]
mod conform;
#[cfg(test)]
mod real;
