//! A client that does next to nothing: it writes requests that are ready, and counts the bytes of
//! the answers.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
};

use crate::measure::now;

/// What a turn of load came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    pub(crate) count: usize,
    pub(crate) seconds: f64,
}

/// Sends requests over so many connections, on each the next one when the last one is answered.
pub(crate) async fn load(
    address: SocketAddr,
    requests: Rc<Vec<Vec<u8>>>,
    connections: usize,
    turn: Duration,
) -> Result<Answered> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let since = now();
    let local = LocalSet::new();
    let tasks: Vec<_> = open
        .into_iter()
        .enumerate()
        .map(|(number, mut connection)| {
            let requests = Rc::clone(&requests);
            // Connections begin at different places of the list.
            let start = number * requests.len() / connections;
            local.spawn_local(async move {
                let mut count = 0;
                while since.elapsed() < turn {
                    connection.ask(&requests[(start + count) % requests.len()]).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            })
        })
        .collect();
    local.await;
    let seconds = since.elapsed().as_secs_f64();
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    ensure!(count > 0, "nothing was answered");
    Ok(Answered { count, seconds })
}

/// One answer, as it came.
pub(crate) async fn fetch(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>> {
    let mut connection = Connection::open(address).await?;
    connection.ask(request).await?;
    Ok(connection.buffer)
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(128 * 1024) })
    }

    /// Leaves the answer in the buffer.
    async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut wanted = None;
        while wanted.is_none_or(|wanted| self.buffer.len() < wanted) {
            let read = self.stream.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the server hung up");
            wanted = match wanted {
                None => length(&self.buffer)?,
                known => known,
            };
        }
        ensure!(is_ok(&self.buffer), "an answer is not 200");
        Ok(())
    }
}

/// Whether an answer is 200.
pub(crate) fn is_ok(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 200 ")
}

/// How many bytes an answer has, once its head is there.
pub(crate) fn length(answer: &[u8]) -> Result<Option<usize>> {
    const END: &[u8] = b"\r\n\r\n";
    const LENGTH: &[u8] = b"content-length: ";
    let Some(head) = find(answer, END).map(|at| at + END.len()) else { return Ok(None) };
    let at = find(&answer[..head], LENGTH).context("an answer without a length")? + LENGTH.len();
    let digits = answer[at..head].iter().take_while(|it| it.is_ascii_digit());
    let body = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    Ok(Some(head + body))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|it| it == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        assert_eq!(length(b"HTTP/1.1 200 OK\r\ncontent-le").ok(), Some(None));
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nabc";
        assert_eq!(length(answer).ok(), Some(Some(answer.len() + 9)));
        assert!(length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
