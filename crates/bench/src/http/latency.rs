//! Latencies at a steady rate, each from the moment at which its request was due.
//!
//! A client that waits for answers before it asks again would ask a slow server less often, and
//! see less of its slowness. This one keeps to its timetable, and looks at its connections all the
//! time instead of sleeping, so that its own waking up is not measured.

use std::{
    fmt,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::client;
use crate::measure::{human, now, percentile};

/// Seconds that requests took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    seconds: Vec<f64>,
    /// Requests that were due and could not be sent before the turn was over.
    unsent: usize,
}

impl Latencies {
    pub(crate) fn join(&mut self, other: Self) {
        self.seconds.extend(other.seconds);
        self.seconds.sort_by(f64::total_cmp);
        self.unsent += other.unsent;
    }

    /// What all but one of a hundred stay below. What was never sent is not in it: whoever can't
    /// keep up has no tail, and is told so.
    pub(crate) fn tail(&self) -> f64 {
        percentile(&self.seconds, 0.99)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |share| human(percentile(&self.seconds, share));
        write!(f, "{} / {}", at(0.5), at(0.99))?;
        if self.unsent > self.seconds.len() / 50 { f.write_str(", can't keep up") } else { Ok(()) }
    }
}

/// Sends requests at a rate, over whichever connections are free.
pub(crate) fn at_rate(
    address: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
    rate: f64,
    turn: Duration,
) -> Result<Latencies> {
    let mut lines = (0..connections).map(|_| Line::open(address)).collect::<Result<Vec<_>>>()?;
    let mut latencies = Latencies::default();
    let (start, total) = (now(), (rate * turn.as_secs_f64()) as usize);
    let mut sent = 0;
    while start.elapsed() < turn {
        let due = start + Duration::from_secs_f64(sent as f64 / rate);
        if sent < total
            && due <= now()
            && let Some(line) = lines.iter_mut().find(|it| it.due.is_none())
        {
            line.send(&requests[sent % requests.len()], due)?;
            sent += 1;
        }
        for line in &mut lines {
            latencies.seconds.extend(line.receive()?);
        }
    }
    latencies.unsent = total - sent;
    latencies.seconds.sort_by(f64::total_cmp);
    Ok(latencies)
}

/// A connection with at most one request on its way.
struct Line {
    stream: TcpStream,
    due: Option<Instant>,
    buffer: Vec<u8>,
    filled: usize,
}

impl Line {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, due: None, buffer: vec![0; 128 * 1024], filled: 0 })
    }

    fn send(&mut self, request: &[u8], due: Instant) -> Result<()> {
        // A request fits into the empty buffer of a connection.
        self.stream.write_all(request)?;
        (self.due, self.filled) = (Some(due), 0);
        Ok(())
    }

    /// Seconds since the request was due, once its answer is there.
    fn receive(&mut self) -> Result<Option<f64>> {
        let Some(due) = self.due else { return Ok(None) };
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(read) => {
                ensure!(read > 0, "the server hung up");
                self.filled += read;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let answer = &self.buffer[..self.filled];
        if client::length(answer)?.is_none_or(|wanted| answer.len() < wanted) {
            return Ok(None);
        }
        ensure!(client::is_ok(answer), "an answer is not 200");
        self.due = None;
        Ok(Some(due.elapsed().as_secs_f64()))
    }
}
