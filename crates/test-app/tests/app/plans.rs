//! The plan and the work of every shape of read that the collections of the demo, of the transcripts
//! and of the corpora allow, on the SQLite that is bundled and on D1's.
//!
//! A plan alone proves nothing: the walk of a whole collection is a `SEARCH` by the tenant, too. So a
//! walk must be entered by everything that its statement bounds it by, and what it examines is counted.

mod asker;
mod check;
mod content;
mod shapes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use stratus_document::OPERATORS;
use stratus_sqlite::SqliteOptions;
use stratus_storage::{Consistency, Database, Statement};
use stratus_test_app::TestApp;

use self::{
    asker::{Asked, Asker},
    content::Ids,
    shapes::{LIMIT, Page, Seen},
};
use crate::app::target::Target;

/// VM steps of SQLite for each document of a page, where an index answers everything: measured are
/// some 60, and twice as many where a page ends before it is full.
const STEPS_A_DOCUMENT: u64 = 120;

/// Rows that D1 reads for a page.
#[cfg(feature = "workerd")]
const ROWS: u64 = 3 * LIMIT + 50;

/// The fewest shapes that there are, by the texts of their statements.
const SHAPES: usize = 4_000;

/// The ways in which a walk is bound by a cursor.
const STRETCHES: [&str; 7] = [
    "whole",
    "beyond, by row value",
    "beyond the id",
    "beyond the id among NULLs",
    "beyond the value",
    "all values after NULLs",
    "all NULLs after values",
];

/// What is wrong, by what was asked.
type Faults = BTreeMap<Asked, Vec<String>>;

/// What is wrong with the plans, each statement looked at once, and with the work.
fn faults(seen: &[Seen], budget: u64) -> Faults {
    let declared = check::declared();
    let (mut known, mut faults) = (BTreeSet::new(), Faults::new());
    for Seen { asked, told, by_index, .. } in seen {
        let mut found = Vec::new();
        if told.status >= 500 {
            found.push(format!("{}", told.status));
        }
        for statement in told.statements.iter().filter(|it| known.insert(&it.sql)) {
            found.extend(check::faults(statement, &declared));
        }
        if *by_index && told.work > budget {
            found.push(format!("{} examined of {budget}", told.work));
        }
        if !found.is_empty() {
            faults.insert(asked.clone(), found);
        }
    }
    faults
}

/// Whether nothing is left out: operators, ways to go on, and as many shapes as there were.
fn assert_covered(seen: &[Seen]) {
    let texts: BTreeSet<&str> = seen.iter().flat_map(|it| &it.told.statements).map(|it| &*it.sql).collect();
    assert!(texts.len() > SHAPES, "{} texts", texts.len());
    assert_eq!(shapes::operators(seen).len(), OPERATORS.len(), "operators {:?}", shapes::operators(seen));
    let pages = seen.iter().filter(|it| it.told.status == 200);
    let stretches: BTreeSet<_> = pages.flat_map(check::stretches).collect();
    assert_eq!(stretches, STRETCHES.into_iter().collect());
    println!("plans: {} reads, {} statements", seen.len(), texts.len());
}

/// A page that goes on takes what another one takes that goes on in the same way, however far it is.
/// Heads have no windows, of which one more or less is a row more or less.
fn assert_even(seen: &[Seen]) {
    let (mut second, mut compared) = (None, 0);
    for it in seen.iter().filter(|it| it.by_index && it.asked.path.contains("state=draft")) {
        match (it.page, it.told.next.is_some()) {
            (Page::First, _) => second = None,
            (Page::Second, true) => second = Some(it),
            (Page::Far, true) => {
                let Some(second) = second else { continue };
                let (near, far) = (second.told.work as f64, it.told.work as f64);
                if check::stretches(second) == check::stretches(it) {
                    compared += 1;
                    // Of several stretches one more or less is begun.
                    let share = if check::stretches(it).len() > 1 { 0.1 } else { 0.05 };
                    assert!(
                        (near - far).abs() <= near * share,
                        "{near} on page 2, {far} later: {:?}",
                        it.asked
                    );
                }
            }
            _ => {}
        }
    }
    assert!(compared > 50, "only {compared} walks");
}

/// The lists that are asked again where documents have permissions of their own.
fn of_permissions(seen: &[Seen]) -> Vec<Asked> {
    let is_one = |it: &&Seen| it.by_index && it.page != Page::Any && !it.asked.path.contains("filter");
    let mut asked: Vec<_> = seen.iter().filter(is_one).map(|it| it.asked.clone()).collect();
    let closed = |path: &str| Asked { path: path.to_owned(), is_admin: false };
    asked.extend([
        closed("/api/secrets?limit=20"),
        closed("/api/secrets?limit=20&sort=title"),
        closed("/api"),
    ]);
    asked
}

async fn native() -> (Asker, Ids, Vec<Seen>) {
    let mut asker = Asker::new(Target::native());
    let ids = content::fill(&mut asker).await;
    let seen = shapes::explore(&mut asker, &ids, |_| true).await;
    (asker, ids, seen)
}

fn assert_none(faults: &Faults) {
    let told: Vec<_> =
        faults.iter().take(20).map(|(asked, faults)| format!("{asked:?}\n{}", faults.join("\n"))).collect();
    assert!(faults.is_empty(), "{} shapes are wrong\n{}", faults.len(), told.join("\n\n"));
}

#[tokio::test]
async fn on_sqlite() {
    let (mut asker, ids, seen) = native().await;
    assert_none(&faults(&seen, LIMIT * STEPS_A_DOCUMENT));
    assert_covered(&seen);
    assert_even(&seen);
    content::permit(&mut asker, &ids).await;
    let mut again = Vec::new();
    for asked in of_permissions(&seen) {
        let told = asker.tell(std::slice::from_ref(&asked)).await.remove(0);
        assert_eq!(told.status, 200, "{asked:?}");
        again.push(Seen { asked, told, by_index: true, page: Page::Any });
    }
    assert_none(&faults(&again, LIMIT * STEPS_A_DOCUMENT * 3));
}

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
    let registry = stratus_test_app::with_corpora();
    let posts = registry.collection("posts").unwrap();
    let index =
        posts.indexes().iter().find(|it| it.keys() == keys && it.sql.contains("is_published")).unwrap();
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

/// The check itself is checked.
#[tokio::test]
async fn a_missing_index_is_found_by_those_that_name_it() {
    let (naming, found) = shapes_without(&["title"], None).await;
    assert!(naming.iter().any(|it| it.path.contains("sort=-title")), "{naming:?}");
    assert_eq!(naming, found);
}

/// An index of the right name whose columns stand in another order still resolves, and drives.
#[tokio::test]
async fn an_index_that_is_another_one_is_found_by_those_that_name_it() {
    let columns = "tenant_id, locale, published_at, featured, root_id".replace("featured", "q_featured_i");
    let (naming, found) = shapes_without(&["-featured", "publishedAt"], Some(&columns)).await;
    assert!(naming.iter().any(|it| it.path.contains("featured")), "{naming:?}");
    assert_eq!(naming, found);
}

/// Every statement once, and the walks that go far.
#[cfg(feature = "workerd")]
fn thinned(seen: Vec<Seen>) -> Vec<Seen> {
    let mut known = BTreeSet::new();
    let is_needed = |it: &Seen| {
        let new = it.told.statements.iter().filter(|it| known.insert(it.sql.clone())).count();
        new > 0 || it.by_index && it.page != Page::Any && it.asked.path.contains("state=draft")
    };
    let mut is_needed = is_needed;
    seen.into_iter().filter(|it| is_needed(it)).collect()
}

/// The same on D1: its plans are those of the SQLite that is bundled.
#[cfg(feature = "workerd")]
#[tokio::test]
async fn on_d1() {
    /// Reads of one call.
    const CALL: usize = 25;
    let (_, ids, seen) = native().await;
    let mut worker = Asker::new(Target::worker());
    assert_eq!(content::fill(&mut worker).await, ids);
    let again = of_permissions(&seen);
    let native = thinned(seen);
    let started = std::time::Instant::now();
    let (mut seen, mut others) = (Vec::new(), BTreeMap::new());
    for some in native.chunks(CALL) {
        let asked: Vec<_> = some.iter().map(|it| it.asked.clone()).collect();
        for (native, told) in some.iter().zip(worker.tell(&asked).await) {
            assert_eq!(
                (native.told.status, &native.told.next),
                (told.status, &told.next),
                "{:?}",
                native.asked
            );
            for (one, other) in native.told.statements.iter().zip(&told.statements) {
                assert_eq!(one.sql, other.sql);
                let (one, other) = (check::steps(one), check::steps(other));
                if one != other {
                    others.entry(check::difference(&one, &other)).or_insert_with(|| native.asked.clone());
                }
            }
            let Seen { asked, by_index, page, .. } = native;
            seen.push(Seen { asked: asked.clone(), told, by_index: *by_index, page: *page });
        }
    }
    println!("plans: {} reads on D1 in {:?}", seen.len(), started.elapsed());
    for (difference, asked) in &others {
        println!("OTHER {asked:?}\n{difference}");
    }
    let mut works: Vec<_> =
        seen.iter().filter(|it| it.by_index).map(|it| (it.told.work, it.page, &it.asked.path)).collect();
    works.sort();
    for it in works.iter().rev().step_by(50).take(30) {
        println!("WORK {it:?}");
    }
    content::permit(&mut worker, &ids).await;
    let mut permitted = Vec::new();
    for some in again.chunks(CALL) {
        for (asked, told) in some.iter().zip(worker.tell(some).await) {
            permitted.push(Seen { asked: asked.clone(), told, by_index: true, page: Page::Any });
        }
    }
    println!("PERMITTED {:?}", permitted.iter().map(|it| it.told.work).max());
    assert_none(&faults(&seen, ROWS));
    assert_even(&seen);
    assert_none(&faults(&permitted, ROWS * 3));
    assert!(others.is_empty());
}
