//! The lines of a file: one after the other, and each again where it stands.

use std::io::{self, BufRead as _, BufReader, Read, Seek, SeekFrom};

use sha2::{Digest as _, Sha256};

use crate::validate::FieldError;

/// The longest line that is read at all. A document is much smaller; one with its history may not be.
pub(super) const MAX_LINE_BYTES: u64 = 16 << 20;

const BUFFER_BYTES: usize = 256 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its number; the first is 1.
    pub(super) line: u64,
    /// Its first byte.
    pub(super) position: u64,
    /// How long it is, without its end.
    pub(super) bytes: u64,
}

/// A file of lines. Nothing of it is kept but the line that was read last.
pub(super) struct Source<S> {
    reader: BufReader<S>,
    /// Where the reader stands.
    at: u64,
    line: u64,
    buffer: Vec<u8>,
}

impl<S: Read + Seek> Source<S> {
    pub(super) fn new(source: S) -> Self {
        let reader = BufReader::with_capacity(BUFFER_BYTES, source);
        Self { reader, at: 0, line: 0, buffer: Vec::new() }
    }

    /// The digest of the whole file, begun with what else makes an import what it is.
    pub(super) fn digest(&mut self, mut hash: Sha256) -> io::Result<String> {
        self.rewind()?;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            hash.update(chunk);
            let count = chunk.len();
            self.reader.consume(count);
        }
        self.rewind()?;
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(0))?;
        (self.at, self.line) = (0, 0);
        Ok(())
    }

    /// The next line that is not blank. One that can't be text is a fault.
    pub(super) fn next(&mut self) -> io::Result<Option<(Place, Result<&str, FieldError>)>> {
        loop {
            self.buffer.clear();
            let position = self.at;
            let limit = MAX_LINE_BYTES + 1;
            let count = self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)? as u64;
            if count == 0 {
                return Ok(None);
            }
            self.at += count;
            self.line += 1;
            let is_whole = self.buffer.ends_with(b"\n") || count < limit;
            let mut place = Place { line: self.line, position, bytes: count };
            if !is_whole {
                self.skip_line()?;
                let message = format!("the line is longer than {MAX_LINE_BYTES} bytes");
                return Ok(Some((place, Err(FieldError::new("", "too_large", message)))));
            }
            let mark = if position == 0 && self.buffer.starts_with(BYTE_ORDER_MARK) { 3 } else { 0 };
            let end = self.buffer.trim_ascii_end().len().max(mark);
            if self.buffer[mark..end].trim_ascii_start().is_empty() {
                continue;
            }
            place.position += mark as u64;
            place.bytes = (end - mark) as u64;
            return Ok(Some((place, utf8(&self.buffer[mark..end]))));
        }
    }

    /// Goes past the rest of a line without keeping it.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let end = chunk.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let count = end.unwrap_or(chunk.len());
            self.reader.consume(count);
            self.at += count as u64;
            if end.is_some() || count == 0 {
                return Ok(());
            }
        }
    }

    /// A line that was read before.
    pub(super) fn at(&mut self, position: u64, bytes: u64) -> io::Result<Result<&str, FieldError>> {
        self.reader.seek_relative(position.cast_signed() - self.at.cast_signed())?;
        self.at = position;
        self.buffer.clear();
        self.at += self.reader.by_ref().take(bytes).read_to_end(&mut self.buffer)? as u64;
        Ok(utf8(&self.buffer))
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, FieldError> {
    str::from_utf8(bytes).map_err(|error| {
        let message = format!("is not UTF-8 at byte {} of the line", error.valid_up_to() + 1);
        FieldError::new("", "malformed_json", message)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn check(bytes: &[u8], expected: &[(u64, Result<&str, &str>)]) {
        let mut source = Source::new(Cursor::new(bytes));
        let mut places = Vec::new();
        for (line, text) in expected {
            let (place, read) = source.next().expect("bytes").expect("a line");
            assert_eq!(place.line, *line);
            match (read, text) {
                (Ok(read), Ok(text)) => {
                    assert_eq!(read, *text);
                    places.push((place, *text));
                }
                (Err(fault), Err(text)) => assert!(fault.message.contains(text), "{}", fault.message),
                (read, _) => panic!("{read:?} is not {text:?}"),
            }
        }
        assert!(source.next().expect("bytes").is_none());
        for (place, text) in places.into_iter().rev() {
            assert_eq!(source.at(place.position, place.bytes).expect("bytes"), Ok(text));
        }
    }

    #[test]
    fn lines_are_found_and_found_again() {
        check(b"", &[]);
        check(b"\n \r\n", &[]);
        check(b"{}\n{1}", &[(1, Ok("{}")), (2, Ok("{1}"))]);
        check(b"\xef\xbb\xbf{}\r\n\r\n{2}\r\n", &[(1, Ok("{}")), (3, Ok("{2}"))]);
        check(b"a\xff\nb\n", &[(1, Err("is not UTF-8 at byte 2 of the line")), (2, Ok("b"))]);
        let mut long = vec![b'x'; (MAX_LINE_BYTES + 10) as usize];
        long.extend(b"\nnext\n");
        check(&long, &[(1, Err("longer than 16777216 bytes")), (2, Ok("next"))]);
    }
}
