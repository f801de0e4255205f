//! Requests with bad intentions, from `fixtures/bad-inputs/content.json`.
//!
//! Each is sent to a world of its own: the answer is one of those expected and tells nothing, no
//! row of any table has changed, and the program is alive. Its twin, the same request without the
//! attack, succeeds.

mod bodies;
mod by_hand;
mod case;

use std::sync::Arc;

use case::{Case, Expect, Request, Twin, World};

use super::app::{Answer, get};

/// Runs the cases of an area.
async fn check(area: &str) {
    let cases = Case::all().into_iter().filter(|it| it.id.starts_with(area)).collect::<Vec<_>>();
    assert!(cases.len() > 10, "{area} has {} cases", cases.len());
    for case in cases {
        attack(&case).await;
        if let Some(twin) = &case.twin {
            succeed(&case, twin).await;
        }
    }
}

async fn attack(case: &Case) {
    let world = Arc::new(World::new().await);
    by_hand::before(case, &world).await;
    let before = world.app.dump();
    let answers = send(case, &world, case.request()).await;
    for answer in &answers {
        judge(case, &case.expect, answer);
    }
    if !case.expect.may_write {
        assert_eq!(world.app.dump(), before, "{} has written", case.id);
    }
    if let Some(other) = &case.same_as {
        let twin = send(case, &world, other.over(case.request())).await;
        same(case, &answers[0], &twin[0]);
    }
    by_hand::after(case, &world, &answers).await;
    assert_eq!(world.app.ask(get("/health")).await.status, 200, "{}", case.id);
}

async fn succeed(case: &Case, twin: &Twin) {
    let world = World::new().await;
    let request = twin.request.over(case.request());
    let answer = world.app.ask(world.fill(&request, &case.actor).await).await;
    assert!(twin.status.contains(&answer.status), "the twin of {}: {answer:?}", case.id);
}

/// Sends a request once, or many times at once.
async fn send(case: &Case, world: &Arc<World>, request: Request) -> Vec<Answer> {
    let mut tasks = Vec::new();
    for _ in 0..case.parallel.unwrap_or(1) {
        let ask = world.fill(&request, &case.actor).await;
        let world = Arc::clone(world);
        tasks.push(tokio::spawn(async move { world.app.ask(ask).await }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

fn judge(case: &Case, expect: &Expect, answer: &Answer) {
    let id = &case.id;
    assert!(expect.status.contains(&answer.status), "{id}: {answer:?}");
    if expect.problem || answer.status >= 400 {
        answer.is_problem();
        if case.method != "HEAD" {
            let code = answer.at("/code");
            assert!(expect.code.contains(&code), "{id}: {:?} {answer:?}", expect.code);
        }
    }
    let text = answer.text();
    for leak in ["SQLITE", "near \"", "no such column", "panicked", "src/", "D1_ERROR"] {
        assert!(!text.contains(leak), "{id} tells {leak}: {answer:?}");
    }
    for never in &expect.never {
        assert!(!text.contains(never.as_str()), "{id} tells {never}: {answer:?}");
    }
}

/// Two answers that must not be told apart.
fn same(case: &Case, one: &Answer, other: &Answer) {
    let told = |answer: &Answer| {
        let mut body = answer.json();
        body["requestId"].take();
        (answer.status, body)
    };
    assert_eq!(told(one), told(other), "{}", case.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries() {
    check("query").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_json() {
    check("json").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_for_caches() {
    check("cache").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abuse() {
    check("abuse").await;
}
