//! How many writers share a commit. In a program of its own: other tests beside it would take the
//! cores from its writers, and then this would measure them.

#[path = "documents/fixture.rs"]
#[expect(dead_code, reason = "a part of what the other tests stand on")]
mod fixture;

use std::sync::Arc;

use fixture::{World, post};
use stratus_document::examine;
use tokio::task::JoinSet;

/// The commit counter of the group-committing writer, seen from the service.
#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_share_their_commits() {
    const WRITERS: usize = 64;
    const EACH: usize = 20;
    let world = Arc::new(World::demo().await);
    let author = world.author("Ada").await;
    let before = world.sqlite.write_stats();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (world, author) = (Arc::clone(&world), author.clone());
        writers.spawn(async move {
            for n in 0..EACH {
                let input = post(&format!("{writer} {n}"), &author);
                world.service.create(&world.admin(), "posts", &input).await.expect("a post");
            }
        });
    }
    writers.join_all().await;
    let after = world.sqlite.write_stats();
    let (commits, batches) = (after.commits - before.commits, after.batches - before.batches);
    assert_eq!(batches as usize, WRITERS * EACH);
    let shared = batches as f64 / commits as f64;
    assert!(shared >= 24.0, "{shared:.1} creates a commit ({batches} in {commits})");
    let findings = examine(&*world.database, world.repository().registry()).await.expect("an examination");
    assert_eq!(findings, []);
}
