//! What a crash, and a full disk, must not take away.

mod disk;
mod kill;
