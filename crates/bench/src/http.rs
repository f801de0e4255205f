//! The server over HTTP, against a bare route that gives the same answers.
//!
//! Both are processes of their own and get the same requests over the same number of kept
//! connections, in turns. Beside requests a second, which also depend on what the client leaves of
//! the machine, stands the processor time that the servers took for one.

mod client;
pub(crate) mod floor;
mod latency;

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use anyhow::{Result, ensure};

use self::floor::Answers;
use crate::{
    measure::{Side, take_turns},
    options::Context,
    process::Server,
    reads,
    report::{Section, Target},
    store::{Kind, Store, runtime},
};

/// Kept connections.
const CONNECTIONS: usize = 16;

/// Documents that are asked for in turn.
const SAMPLE: usize = 1_000;

/// A kind of request, and how fast its answer must be beside a bare route's.
struct Call {
    name: &'static str,
    paths: Vec<String>,
    target: Target,
}

/// Compares the server with a bare route.
pub(crate) fn compare(context: &Context) -> Result<Section> {
    let size = context.options.largest();
    let mut section = Section::new(
        "HTTP",
        format!(
            "Anonymous GETs among {size} documents over {CONNECTIONS} kept connections, one thread of load; the floor is an axum route in a process of its own that gives the same status, headers and bytes. No response cache. `CPU` is the processor time of the server for one request."
        ),
    );
    let store = Store::kept(context, Kind::Posts, size)?;
    let sample = reads::sample(&store, SAMPLE)?;
    let folder = store.close()?;
    let stratus = Server::stratus(context, &folder, "info")?;
    let quiet = Server::stratus(context, &folder, "warn")?;
    for call in calls(&sample) {
        let answers = Answers::capture(context, stratus.address, &call.paths)?;
        let floor = answers.serve()?;
        answers.verify(floor.address)?;
        let contest = Contest { context, call: &call, servers: [&stratus, &floor, &quiet] };
        contest.throughput(&mut section)?;
        contest.tail(&mut section)?;
    }
    Ok(section)
}

fn calls(sample: &[(String, String)]) -> [Call; 3] {
    let by_id = sample.iter().map(|(id, _)| format!("/api/posts/{id}")).collect();
    let by_slug = sample.iter().map(|(_, slug)| format!("/api/posts/slug/{slug}")).collect();
    [
        Call { name: "GET by id", paths: by_id, target: Target::AtLeast(0.45) },
        Call { name: "GET by slug", paths: by_slug, target: Target::AtLeast(0.45) },
        Call { name: "GET list of 20", paths: vec!["/api/posts".to_owned()], target: Target::AtLeast(0.35) },
    ]
}

/// One kind of request on all servers: Stratus, the floor, and Stratus without a line in its log
/// for each request.
struct Contest<'a> {
    context: &'a Context,
    call: &'a Call,
    servers: [&'a Server; 3],
}

impl Contest<'_> {
    fn throughput(&self, section: &mut Section) -> Result<()> {
        let runtime = runtime()?;
        let processor: [RefCell<Vec<f64>>; 3] = Default::default();
        let mut sides: Vec<Side<'_>> = Vec::new();
        for (server, processor) in self.servers.iter().zip(&processor) {
            let requests = requests(server.address, &self.call.paths);
            let runtime = &runtime;
            sides.push(Box::new(move || {
                let before = server.processor_seconds()?;
                let load =
                    client::load(server.address, Rc::clone(&requests), CONNECTIONS, self.context.long_turn);
                let answered = runtime.block_on(load)?;
                let spent = server.processor_seconds()? - before;
                processor.borrow_mut().push(spent / answered.count as f64);
                Ok(answered.seconds / answered.count as f64)
            }));
        }
        let times = take_turns(self.context.rounds, &mut sides)?;
        drop(sides);
        // The first round doesn't count.
        let processor = processor.map(|it| it.into_inner().split_off(1));
        let name = self.call.name;
        section.rate(name, &times[0], &times[1], self.call.target);
        section.speed(format!("{name}, CPU"), &processor[0], &processor[1], Target::None);
        section.rate(format!("{name}, log at `warn`"), &times[2], &times[1], Target::None);
        section.speed(format!("{name}, log at `warn`, CPU"), &processor[2], &processor[1], Target::None);
        Ok(())
    }

    /// Latencies at half of what the floor can do at most, which is measured again here.
    fn tail(&self, section: &mut Section) -> Result<()> {
        let [subject, floor, _] = self.servers;
        let turn = self.context.long_turn;
        let (to_subject, to_floor) =
            (requests(subject.address, &self.call.paths), requests(floor.address, &self.call.paths));
        let most = runtime()?.block_on(client::load(floor.address, to_floor.clone(), CONNECTIONS, turn))?;
        let rate = most.count as f64 / most.seconds / 2.0;
        let (mut ours, mut theirs) = (latency::Latencies::default(), latency::Latencies::default());
        for _ in 0..self.context.rounds.min(5) {
            ours.join(latency::at_rate(subject.address, &to_subject, CONNECTIONS, rate, turn)?);
            theirs.join(latency::at_rate(floor.address, &to_floor, CONNECTIONS, rate, turn)?);
        }
        let what = format!("{}, p50 / p99 at {rate:.0}/s", self.call.name);
        section.note(what, ours.to_string(), theirs.to_string());
        Ok(())
    }
}

/// Whole requests as they go over the wire.
fn requests(address: SocketAddr, paths: &[String]) -> Rc<Vec<Vec<u8>>> {
    let request =
        |path: &String| format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: */*\r\n\r\n").into_bytes();
    Rc::new(paths.iter().map(request).collect())
}

/// The answer to one request, as it came over the wire.
fn fetch(address: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let requests = requests(address, &[path.to_owned()]);
    let answer = runtime()?.block_on(client::fetch(address, &requests[0]))?;
    ensure!(client::is_ok(&answer), "GET {path} is not 200: {}", String::from_utf8_lossy(&answer));
    Ok(answer)
}

/// Loads a server with GETs of these paths, for what that does to it.
pub(crate) fn client_load(address: SocketAddr, paths: &[String], turn: Duration) -> Result<()> {
    runtime()?.block_on(client::load(address, requests(address, paths), CONNECTIONS, turn)).map(drop)
}
