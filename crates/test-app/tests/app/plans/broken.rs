//! The check itself is checked: an index is missing, or is another one, and those shapes are found that
//! name it.

use std::{collections::BTreeSet, sync::Arc};

use stratus_document::State;
use stratus_sqlite::SqliteOptions;
use stratus_storage::{Consistency, Database, Statement};
use stratus_test_app::{TestApp, with_corpora};

use super::{
    asker::{Asked, Asker},
    content, faults,
    shapes::{self, Seen},
};
use crate::app::target::Target;

/// The shapes of posts that name an index in what they ask, and those that are found to be wrong, after
/// the index was dropped and perhaps another one made in its place.
async fn shapes_without(keys: &[&str], instead: Option<&str>) -> (BTreeSet<Asked>, BTreeSet<Asked>) {
    let mut database: Option<Arc<dyn Database>> = None;
    let target = Target::sqlite("SQLite", SqliteOptions::default(), |it| {
        database = Some(Arc::clone(&it));
        TestApp::new(it)
    });
    let mut asker = Asker::new(target);
    let ids = content::fill(&mut asker).await;
    let registry = with_corpora();
    let posts = registry.collection("posts").unwrap();
    let index =
        posts.indexes().iter().find(|it| it.keys() == keys && it.state() == State::Published).unwrap();
    let mut broken = vec![Statement::bare(format!("DROP INDEX {}", index.name))];
    broken.extend(instead.map(|columns| {
        let (before, behind) = index.sql.split_once('(').unwrap();
        let (_, rows) = behind.split_once(')').unwrap();
        Statement::bare(format!("{before}({columns}){rows}"))
    }));
    database.unwrap().session(Consistency::Primary).batch(&broken).await.unwrap();
    let seen = shapes::explore(&mut asker, &ids, |it| it == "posts").await;
    let named = format!("INDEXED BY {} ", index.name);
    let mut known = BTreeSet::new();
    let mut names = |it: &&Seen| {
        let new: Vec<_> = it.told.statements.iter().filter(|it| known.insert(it.sql.clone())).collect();
        new.iter().any(|it| it.sql.contains(&named))
    };
    let naming = seen.iter().filter(&mut names).map(|it| it.asked.clone()).collect();
    (naming, faults(&seen, u64::MAX).into_keys().collect())
}

#[tokio::test]
async fn a_missing_index_is_found_by_those_that_name_it() {
    let (naming, found) = shapes_without(&["title"], None).await;
    assert!(naming.iter().any(|it| it.path.contains("sort=-title")), "{naming:?}");
    assert_eq!(naming, found);
}

/// An index of the right name whose columns stand in another order still resolves, and drives.
#[tokio::test]
async fn an_index_that_is_another_one_is_found_by_those_that_name_it() {
    let columns = "tenant_id, locale, published_at, q_featured_i, root_id";
    let (naming, found) = shapes_without(&["-featured", "publishedAt"], Some(columns)).await;
    assert!(naming.iter().any(|it| it.path.contains("featured")), "{naming:?}");
    assert_eq!(naming, found);
}
