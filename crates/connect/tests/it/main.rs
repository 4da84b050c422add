//! Brokers at targets that are real.

#[cfg(test)]
mod real;
