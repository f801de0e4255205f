//! HTTP/1.1 over TCP: accepting, limits of time and number, and stopping without cutting anyone off.

mod body;
mod compression;
mod deadline;
mod head_timer;
mod stream;

use std::{convert::Infallible, future::Future, io, pin::pin, sync::Arc, time::Duration};

use axum::response::Response;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use stratus_api::{Api, timeout_response};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

use self::{body::Patient, compression::Wish, head_timer::HeadTimer, stream::Unstalled};
use crate::ports::{OsEntropy, SystemClock};

/// How long the head of a request may take, and how long a connection may be idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the other side may neither send what we wait for nor take what we send.
const SILENCE: Duration = Duration::from_secs(10);

/// The longest head of a request. Above 64 KiB, so that an endless URL is answered 414.
const HEAD_BYTES: usize = 96 * 1024;

/// How long requests in flight may take when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Answers requests, each within its time.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) api: Api,
    pub(crate) deadline: Duration,
}

impl Handler {
    async fn answer(self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let wish = Wish::of(&method, request.headers());
        let request = request.map(|body| Patient::body(body, SILENCE));
        let answered = deadline::within(self.deadline, self.api.serve(request)).await;
        let answer = answered.unwrap_or_else(|| {
            let answer = timeout_response(&SystemClock, &OsEntropy);
            let request_id = answer.headers().get("x-request-id").and_then(|it| it.to_str().ok());
            tracing::warn!(%method, path = uri.path(), request_id, "a request took too long");
            answer
        });
        Ok(wish.grant(answer).await)
    }
}

/// Serves until `stop`, then lets what is in flight finish.
pub(crate) async fn serve(
    listener: TcpListener,
    handler: Handler,
    connections: usize,
    stop: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(connections));
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, slot) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let handler = handler.clone();
        let service = service_fn(move |request| handler.clone().answer(request));
        let connection = protocol().serve_connection(TokioIo::new(Unstalled::new(stream, SILENCE)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _slot = slot;
            if let Err(error) = connection.await {
                tracing::debug!(error = format!("{:#}", anyhow::Error::new(error)), "a connection broke off");
            }
        });
    }
    drop(listener);
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests in flight took too long and were cut off");
    }
}

/// How one connection speaks.
fn protocol() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(HeadTimer::default())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        // Whoever has sent everything may say so and still wait for the answer.
        .half_close(true);
    builder
}

/// The next connection, once there is room for it: until then, others wait in the system's queue.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // It is never closed, so that there is always a slot in the end.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    let mut pause = Duration::from_millis(5);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; to wait for more would only delay them.
                let _ = stream.set_nodelay(true);
                return (stream, slot);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted; trying again");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// The client went away before it was accepted, which says nothing about the next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
