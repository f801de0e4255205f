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

/// The list that a site asks for: an index of the demo answers the filter and has the order.
const FILTERED: &str = "/api/posts?filter[featured]=true&sort=-publishedAt&limit=20";

/// Twenty documents, each with the one that it refers to.
const POPULATED: &str = "/api/posts?fields=title,author(name)&limit=20";

/// The tail may be so much longer than the floor's own.
const TAIL: Target = Target::AtMost(1.5);

/// A kind of request, and how fast its answer must be beside a bare route's.
struct Call {
    name: String,
    paths: Vec<String>,
    target: Target,
    /// Whether it is also asked for at a steady rate, and of a server that logs no requests.
    is_followed_up: bool,
}

/// Compares the server with a bare route.
pub(crate) fn compare(context: &Context) -> Result<Section> {
    let largest = context.options.largest();
    let mut section = Section::new(
        "HTTP",
        format!(
            "Anonymous GETs among {largest} documents, where no other number is said, over {CONNECTIONS} kept connections, one thread of load; the floor is an axum route in a process of its own that gives the same status, headers and bytes. No response cache. `CPU` is the processor time of the server for one request. The filtered list is `{FILTERED}`, the populated one `{POPULATED}`. Latencies count from the moment at which a request was due; their ratio is that of p99, over the floor's own in the same round."
        ),
    );
    for size in context.options.sizes() {
        let store = Store::kept(context, Kind::Posts, size)?;
        let sample = reads::sample(&store, SAMPLE)?;
        let folder = store.close()?;
        let stratus = Server::stratus(context, &folder, "info")?;
        let quiet = Server::stratus(context, &folder, "warn")?;
        let mut calls = if size == largest { simple(&sample) } else { Vec::new() };
        calls.extend(queries(size));
        for call in calls {
            let answers = Answers::capture(context, stratus.address, &call.paths)?;
            let floor = answers.serve()?;
            answers.verify(floor.address)?;
            let contest = Contest { context, call: &call, servers: [&stratus, &floor], quiet: &quiet };
            contest.throughput(&mut section)?;
            if call.is_followed_up {
                contest.tails(&mut section)?;
            }
        }
    }
    Ok(section)
}

/// Reads whose statements don't depend on what is asked.
fn simple(sample: &[(String, String)]) -> Vec<Call> {
    let by_id = sample.iter().map(|(id, _)| format!("/api/posts/{id}")).collect();
    let by_slug = sample.iter().map(|(_, slug)| format!("/api/posts/slug/{slug}")).collect();
    let call = |name: &str, paths, least, is_followed_up| Call {
        name: name.to_owned(),
        paths,
        target: Target::AtLeast(least),
        is_followed_up,
    };
    vec![
        call("GET by id", by_id, 0.45, true),
        call("GET by slug", by_slug, 0.45, false),
        call("GET list of 20", vec!["/api/posts".to_owned()], 0.35, true),
    ]
}

/// Reads of the query language.
fn queries(size: usize) -> [Call; 2] {
    let call = |name: &str, path: &str, least| Call {
        name: format!("GET {name}, {size} documents"),
        paths: vec![path.to_owned()],
        target: Target::AtLeast(least),
        is_followed_up: false,
    };
    [call("list of 20, filtered", FILTERED, 0.35), call("20 × 1 reference", POPULATED, 0.25)]
}

/// One kind of request on all servers: Stratus, the floor, and Stratus without a line in its log
/// for each request.
struct Contest<'a> {
    context: &'a Context,
    call: &'a Call,
    servers: [&'a Server; 2],
    quiet: &'a Server,
}

impl Contest<'_> {
    fn throughput(&self, section: &mut Section) -> Result<()> {
        let runtime = runtime()?;
        let mut servers = self.servers.to_vec();
        servers.extend(self.call.is_followed_up.then_some(self.quiet));
        let processor = vec![RefCell::new(Vec::new()); servers.len()];
        let mut sides: Vec<Side<'_>> = Vec::new();
        for (server, processor) in servers.into_iter().zip(&processor) {
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
        let processor: Vec<_> = processor.into_iter().map(|it| it.into_inner().split_off(1)).collect();
        let name = &self.call.name;
        section.rate(name, &times[0], &times[1], self.call.target);
        section.speed(format!("{name}, CPU"), &processor[0], &processor[1], Target::None);
        if let ([_, floor, quiet], [_, floor_processor, quiet_processor]) = (&times[..], &processor[..]) {
            let name = format!("{name}, log at `warn`");
            section.rate(&name, quiet, floor, Target::None);
            section.speed(format!("{name}, CPU"), quiet_processor, floor_processor, Target::None);
        }
        Ok(())
    }

    /// Latencies at half of what the floor can do at most, and at half of what Stratus can: each is
    /// measured again here.
    fn tails(&self, section: &mut Section) -> Result<()> {
        let [subject, floor] = self.servers;
        for (server, whose, target) in [(floor, "the floor", TAIL), (subject, "Stratus", Target::None)] {
            let load = client::load(
                server.address,
                requests(server.address, &self.call.paths),
                CONNECTIONS,
                self.context.long_turn,
            );
            let most = runtime()?.block_on(load)?;
            let rate = most.count as f64 / most.seconds / 2.0;
            let name = &self.call.name;
            let what = format!("{name}, p50 / p99 at {rate:.0}/s, half of what {whose} can do");
            self.tail(section, what, rate, target)?;
        }
        Ok(())
    }

    fn tail(&self, section: &mut Section, what: String, rate: f64, target: Target) -> Result<()> {
        let requests = self.servers.map(|it| requests(it.address, &self.call.paths));
        let latencies: [RefCell<latency::Latencies>; 2] = Default::default();
        let mut sides: Vec<Side<'_>> = Vec::new();
        for ((server, requests), latencies) in self.servers.into_iter().zip(&requests).zip(&latencies) {
            sides.push(Box::new(move || {
                let turn =
                    latency::at_rate(server.address, requests, CONNECTIONS, rate, self.context.long_turn)?;
                let tail = turn.tail();
                latencies.borrow_mut().join(turn);
                Ok(tail)
            }));
        }
        let tails = take_turns(self.context.rounds.min(7), &mut sides)?;
        drop(sides);
        let shown = latencies.each_ref().map(|it| it.borrow().to_string());
        section.longer(what, shown, &tails[0], &tails[1], target);
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
