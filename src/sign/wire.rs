//! The parts that keys and signatures of OpenSSH are made of (RFC 4251, section 5): numbers, and bytes after their length.

/// Adds bytes after their length.
pub(super) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("what is signed here is short");
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}

/// What is left to be read.
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    /// The next bytes, so many.
    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next number.
    pub(super) fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// The next bytes that stand after their length.
    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    /// Whether the next bytes after their length are these.
    pub(super) fn is(&mut self, expected: &[u8]) -> Option<()> {
        (self.bytes()? == expected).then_some(())
    }

    /// Whether all is read.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
