//! The program as a whole: real processes, real sockets, real files.

#[cfg(test)]
mod first_light;
#[cfg(test)]
mod governor;
