//! Reading a segment a piece at a time: memory holds one piece, or one record where that is more.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use crate::{FileError, file};

/// A view of one file that moves along it.
#[derive(Debug)]
pub(crate) struct Window {
    file: File,
    piece: usize,
    at: u64,
    bytes: Vec<u8>,
    /// How many of the bytes are the file's, from `at` on.
    filled: usize,
}

impl Window {
    /// The piece for reading a file from one end to the other.
    pub(crate) const LONG: usize = 1 << 20;
    /// The piece for reading one record here and one there.
    pub(crate) const SHORT: usize = 4096;

    /// Opens the file; none where it is not there.
    pub(crate) fn open(path: &Path, piece: usize) -> Result<Option<Self>, FileError> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self { file, piece, at: 0, bytes: Vec::new(), filled: 0 })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file::on("open", path)(error)),
        }
    }

    /// Gives `len` bytes from `at` on, or those that there are.
    pub(crate) fn read(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let skip = at.checked_sub(self.at).and_then(|it| usize::try_from(it).ok());
        let held = skip.filter(|it| it.saturating_add(len) <= self.filled);
        let skip = match held {
            Some(skip) => skip,
            None => {
                self.fill(at, len.max(self.piece))?;
                0
            }
        };
        let end = skip.saturating_add(len).min(self.filled);
        Ok(self.bytes.get(skip..end).unwrap_or_default())
    }

    fn fill(&mut self, at: u64, len: usize) -> io::Result<()> {
        (self.at, self.filled) = (at, 0);
        if self.bytes.len() < len {
            self.bytes = vec![0; len];
        }
        while let Some(rest) = self.bytes.get_mut(self.filled..).filter(|it| !it.is_empty()) {
            let from = at.saturating_add(u64::try_from(self.filled).unwrap_or(u64::MAX));
            match self.file.read_at(rest, from) {
                Ok(0) => break,
                Ok(more) => self.filled = self.filled.saturating_add(more),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.filled = 0;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
