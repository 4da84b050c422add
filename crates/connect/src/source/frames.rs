//! Zstandard (RFC 8878): frames one behind another, as `cat` and tools that append leave them. Frames that are to be skipped are.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// Says whether something begins as a frame does, or as one that is to be skipped (RFC 8878, sections 3.1.1 and 3.1.2).
pub(super) fn begins(with: &[u8]) -> bool {
    matches!(with, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// What all frames of something hold.
pub(super) struct Frames<R> {
    input: R,
    decoder: FrameDecoder,
    is_open: bool,
}

impl<R: BufRead> Frames<R> {
    /// Begins before the first; none may want a window of more than `window`, where that is said.
    pub(super) fn new(input: R, window: Option<u64>) -> Self {
        let mut decoder = FrameDecoder::new();
        if let Some(most) = window {
            decoder.set_max_window_size(most);
        }
        Self { input, decoder, is_open: false }
    }

    /// Opens the next frame, and says whether there is one.
    fn open(&mut self) -> io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.pass(length.into())?,
                Err(error) => return Err(self.wrong(error)),
            }
        }
        Ok(false)
    }

    /// What is wrong with a frame: where nothing more comes, it was cut off.
    fn wrong(&mut self, error: FrameDecoderError) -> io::Error {
        let is_end = self.input.fill_buf().is_ok_and(<[u8]>::is_empty);
        let kind = if is_end { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
        io::Error::new(kind, error)
    }

    fn pass(&mut self, length: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
        if passed == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_open {
                self.is_open = self.open()?;
                if !self.is_open {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                if let Err(error) = self.decoder.decode_blocks(&mut self.input, one) {
                    return Err(self.wrong(error));
                }
            }
            let count = self.decoder.read(into)?;
            if 0 < count || into.is_empty() {
                return Ok(count);
            }
            self.is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn whole(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Frames::new(packed, None).read_to_end(&mut all).map(|_| all)
    }

    fn skipped(length: u8) -> Vec<u8> {
        let mut frame = vec![0x5a, 0x2a, 0x4d, 0x18, length, 0, 0, 0];
        frame.resize(frame.len().saturating_add(length.into()), 7);
        frame
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever was packed piece by piece comes out whole, and what is to be skipped says nothing.
        #[test]
        fn all_frames_are_read(pieces in proptest::collection::vec(("[a-z]{0,200}", any::<bool>()), 0..6)) {
            let (mut packed, mut plain) = (Vec::new(), String::new());
            for (piece, skips) in &pieces {
                if *skips {
                    packed.extend(skipped(9));
                }
                packed.extend(compress_to_vec(piece.as_bytes(), CompressionLevel::Fastest));
                plain.push_str(piece);
            }
            prop_assert!(packed.is_empty() || begins(&packed));
            prop_assert_eq!(whole(&packed).unwrap(), plain.as_bytes());
        }

        #[test]
        fn any_bytes_are_read_or_refused(behind in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut packed = compress_to_vec(&b"one"[..], CompressionLevel::Fastest);
            packed.extend(&behind);
            let _read_or_not = whole(&packed);
        }
    }

    #[test]
    fn what_is_cut_off_or_broken_is_an_error() {
        let one = compress_to_vec(&b"one"[..], CompressionLevel::Fastest);
        assert!(whole(&[&one[..], b"more"].concat()).is_err());
        assert!(whole(&one[..one.len() - 1]).is_err());
        assert!(whole(&skipped(9)[..12]).is_err());
    }
}
