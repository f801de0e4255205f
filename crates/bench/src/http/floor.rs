//! The bare route: captured answers, given by axum in a process of its own.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, runtime::Builder};

use super::fetch;
use crate::{options::Context, process::Server};

/// One captured answer; its file is all that the floor is given.
#[derive(Debug)]
pub(crate) struct Answers {
    folder: PathBuf,
    path: String,
    answer: Vec<u8>,
}

impl Answers {
    /// Takes the answer of middle length.
    pub(super) fn capture(context: &Context, address: SocketAddr, paths: &[String]) -> Result<Self> {
        let step = paths.len().div_ceil(51);
        let answers = paths.iter().step_by(step).map(|path| Ok((path.clone(), fetch(address, path)?)));
        let mut answers = answers.collect::<Result<Vec<_>>>()?;
        answers.sort_by_key(|(_, answer)| answer.len());
        let (path, answer) = answers.swap_remove(answers.len() / 2);
        let folder = context.folder.join("floor");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("answer"), &answer)?;
        Ok(Self { folder, path, answer })
    }

    /// Starts a server that gives it.
    pub(super) fn serve(&self) -> Result<Server> {
        Server::start(Command::new(env::current_exe()?).arg("floor").arg(&self.folder))
    }

    /// Asks the floor, and compares byte for byte except for the date.
    pub(super) fn verify(&self, floor: SocketAddr) -> Result<()> {
        let given = fetch(floor, &self.path)?;
        ensure!(comparable(&given)? == comparable(&self.answer)?, "the floor gives another answer");
        Ok(())
    }
}

/// The lines of the head in some order, and the body.
fn comparable(answer: &[u8]) -> Result<(Vec<String>, Vec<u8>)> {
    let (head, body) = split(answer)?;
    let mut lines: Vec<_> = head.lines().filter(|it| !it.starts_with("date: ")).map(str::to_owned).collect();
    lines.sort();
    Ok((lines, body.to_vec()))
}

fn split(answer: &[u8]) -> Result<(&str, &[u8])> {
    let end =
        answer.windows(4).position(|it| it == b"\r\n\r\n").context("an answer without an end of its head")?;
    Ok((std::str::from_utf8(&answer[..end])?, &answer[end + 4..]))
}

/// What a handler of the floor copies.
#[derive(Clone, Debug)]
struct Fixed {
    headers: HeaderMap,
    body: Bytes,
}

impl Fixed {
    fn parse(answer: &[u8]) -> Result<Self> {
        let (head, body) = split(answer)?;
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        // hyper adds the date itself.
        let lines = lines.filter(|(name, _)| *name != "date");
        let headers =
            lines.map(|(name, value)| Ok((HeaderName::try_from(name)?, HeaderValue::try_from(value)?)));
        Ok(Self { headers: headers.collect::<Result<_>>()?, body: Bytes::copy_from_slice(body) })
    }
}

async fn answer(State(fixed): State<&'static Fixed>) -> Response {
    let mut answer = Response::new(Body::from(fixed.body.clone()));
    *answer.status_mut() = StatusCode::OK;
    *answer.headers_mut() = fixed.headers.clone();
    answer
}

/// Gives the answer in a folder until it is killed.
pub(crate) fn serve(folder: &Path) -> Result<()> {
    let fixed: &'static Fixed = Box::leak(Box::new(Fixed::parse(&fs::read(folder.join("answer"))?)?));
    let router = Router::new()
        .route("/api/posts", get(answer))
        .route("/api/posts/{id}", get(answer))
        .route("/api/posts/slug/{slug}", get(answer))
        .with_state(fixed);
    Builder::new_multi_thread().enable_all().build()?.block_on(accept(router))
}

async fn accept(router: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
