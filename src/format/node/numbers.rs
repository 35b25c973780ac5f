//! The numbers of a JSON text, as they are written.

/// The number tokens of a JSON text, one after the other. The text is known to be JSON up to the
/// number that the parser asks for.
#[derive(Clone)]
pub(super) struct Numbers<'t> {
    pub(super) rest: &'t str,
    /// How many numbers of `rest` the parser has read correctly by itself. They are skipped only
    /// when a later one is needed, so a text without a float is not read twice.
    pub(super) passed: usize,
}

impl Numbers<'_> {
    /// Passes over the number that the parser has just read.
    pub(super) fn pass(&mut self) {
        self.passed = self.passed.saturating_add(1);
    }
}

impl<'t> Iterator for Numbers<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        for _ in 0..std::mem::take(&mut self.passed) {
            self.token()?;
        }
        self.token()
    }
}

impl<'t> Numbers<'t> {
    fn token(&mut self) -> Option<&'t str> {
        let mut bytes = self.rest.bytes().enumerate();
        let start = loop {
            match bytes.next()? {
                (_, b'"') => loop {
                    match bytes.next()?.1 {
                        b'"' => break,
                        b'\\' => drop(bytes.next()?),
                        _ => {}
                    }
                },
                (at, b'-' | b'0'..=b'9') => break at,
                _ => {}
            }
        };
        let in_number = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = bytes.find(|&(_, byte)| !in_number(byte)).map_or(self.rest.len(), |(at, _)| at);
        let token = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..)?;
        Some(token)
    }
}
