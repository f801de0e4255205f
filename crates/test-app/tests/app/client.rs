//! A client that says exactly what is sent over one connection, and shows exactly what comes.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use stratus_test_app::HOST;

use crate::app::wire::{Answer, Request};

/// A connection to a server, opened again when it was closed.
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request and waits for the answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Answer {
        let bytes = encode(request);
        // The server may have closed what was idle.
        let answer = self.attempt(request, &bytes).or_else(|_| self.attempt(request, &bytes));
        answer.unwrap_or_else(|error| panic!("no answer to {request}: {error}"))
    }

    fn attempt(&mut self, request: &Request, bytes: &[u8]) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.address)?,
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        // What was refused early may not be read to its end.
        let sent = stream.write_all(bytes);
        let mut reader = Reader { stream, buffer: Vec::new() };
        let (answer, goes_on) = reader.answer(&request.method)?;
        if goes_on && sent.is_ok() {
            self.stream = Some(reader.stream);
        }
        Ok(answer)
    }
}

fn encode(request: &Request) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    if !request.has("host") {
        bytes.extend_from_slice(format!("host: {HOST}\r\n").as_bytes());
    }
    for (name, value) in &request.headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    if request.in_pieces {
        bytes.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        for piece in request.body.chunks(64 * 1024) {
            bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        return bytes;
    }
    if !request.body.is_empty() {
        bytes.extend_from_slice(format!("content-length: {}\r\n", request.body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

struct Reader {
    stream: TcpStream,
    /// What has arrived and was not looked at.
    buffer: Vec<u8>,
}

impl Reader {
    /// An answer, and whether the connection goes on after it.
    fn answer(&mut self, method: &str) -> io::Result<(Answer, bool)> {
        let head = self.until(b"\r\n\r\n")?;
        let mut room = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Response::new(&mut room);
        parsed.parse(&head).map_err(io::Error::other)?;
        let status = parsed.code.unwrap_or_default();
        let header = |name: &str| {
            let found = parsed.headers.iter().find(|it| it.name.eq_ignore_ascii_case(name));
            found.map(|it| String::from_utf8_lossy(it.value).to_ascii_lowercase())
        };
        let has_body = method != "HEAD" && status != 204 && status != 304;
        let body = match (has_body, header("transfer-encoding"), header("content-length")) {
            (false, ..) => Vec::new(),
            (true, Some(_), _) => self.pieces()?,
            (true, None, Some(length)) => self.bytes(length.parse().map_err(io::Error::other)?)?,
            (true, None, None) => return Err(io::Error::other("an answer without a length")),
        };
        let goes_on = header("connection").is_none_or(|it| it != "close");
        let headers = parsed.headers.iter().map(|it| (it.name, it.value));
        Ok((Answer::new(method, status, headers, body), goes_on))
    }

    fn pieces(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.until(b"\r\n")?;
            let digits = String::from_utf8_lossy(&line);
            let length = usize::from_str_radix(digits.trim(), 16).map_err(io::Error::other)?;
            let piece = self.bytes(length + 2)?;
            if length == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&piece[..length]);
        }
    }

    /// Everything up to some bytes, which are taken as well.
    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|it| it == end) {
                return Ok(self.buffer.drain(..at + end.len()).collect());
            }
            self.more()?;
        }
    }

    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            self.more()?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    fn more(&mut self) -> io::Result<()> {
        let mut room = [0; 64 * 1024];
        let read = self.stream.read(&mut room)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&room[..read]);
        Ok(())
    }
}
