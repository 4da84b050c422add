//! A log's digest, taken while it is read: what is told of it is of the very bytes that were read.

use std::io::{self, Read};

use aws_lc_rs::digest::{Context, SHA256};
use bailiwick_model::Digest;

/// Hands bytes on, and digests them.
pub struct Hashed<R> {
    input: R,
    context: Context,
    bytes: u64,
}

impl<R> std::fmt::Debug for Hashed<R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Hashed").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<R: Read> Hashed<R> {
    /// Begins before the first byte.
    pub fn new(input: R) -> Self {
        Self { input, context: Context::new(&SHA256), bytes: 0 }
    }

    /// Reads what is left, and gives the digest and the number of all bytes.
    pub fn finish(mut self) -> io::Result<(Digest, u64)> {
        io::copy(&mut self, &mut io::sink())?;
        let mut bytes = [0; 32];
        let digest = self.context.finish();
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Ok((Digest::from_bytes(bytes), self.bytes))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.context.update(into.get(..read).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_all_bytes_whoever_reads_them() {
        let text = b"one record\nand a second".as_slice();
        for part in [0, 5, text.len()] {
            let mut hashed = Hashed::new(text);
            hashed.read_exact(&mut vec![0; part]).unwrap();
            let length = u64::try_from(text.len()).unwrap();
            assert_eq!(hashed.finish().unwrap(), (Digest::of(text), length), "{part}");
        }
    }
}
