//! The program as a whole: real processes, real sockets, real files.

mod first_light;
mod governor;
