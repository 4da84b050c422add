//! DER as X.509 uses it, read strictly: one element after the other, nothing beyond their ends.

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Der<'a>(&'a [u8]);

/// The tags that are looked for.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
}

impl<'a> Der<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the tag of what comes next.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Takes the next element: its tag and what is in it. Lengths are definite and as short as they
    /// can be; tags have one byte.
    pub(crate) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        if tag & 0x1F == 0x1F {
            return None;
        }
        let length = match first {
            0..=0x7F => usize::from(*first),
            0x81..=0x83 => {
                let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7F))?;
                rest = after;
                let length = bytes
                    .iter()
                    .try_fold(0_usize, |all, it| all.checked_mul(256)?.checked_add((*it).into()))?;
                let shortest = 0x80 <= length && bytes.first().is_some_and(|it| *it != 0);
                if !shortest {
                    return None;
                }
                length
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((*tag, content))
    }

    /// Takes the next element as it stands, its tag and length before it.
    pub(crate) fn whole(&mut self) -> Option<&'a [u8]> {
        let all = self.0;
        self.next()?;
        all.get(..all.len().checked_sub(self.0.len())?)
    }

    /// Takes the next element, which is of this tag.
    pub(crate) fn take(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (tag, content) = self.next()?;
        (tag == wanted).then_some(content)
    }

    /// Takes the next element where it is of this tag.
    pub(crate) fn take_if(&mut self, wanted: u8) -> Option<&'a [u8]> {
        if self.peek() == Some(wanted) { self.take(wanted) } else { None }
    }
}
