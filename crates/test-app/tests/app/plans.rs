//! The plan and the work of every shape of read that the collections of the demo, of the transcripts
//! and of the corpora allow, on the SQLite that is bundled and on D1's.
//!
//! A plan alone proves nothing: the walk of a whole collection is a `SEARCH` by the tenant, too. So a
//! walk must be entered by everything that its statement bounds it by, and what it examines is counted.

mod asker;
// Enough once: what runs on D1 as well comes after what runs without it.
#[cfg(not(feature = "workerd"))]
mod broken;
mod check;
mod content;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};

use stratus_document::OPERATORS;

use self::{
    asker::{Asked, Asker},
    content::Ids,
    shapes::{LIMIT, Page, Seen},
};
use crate::app::target::Target;

/// VM steps of SQLite for each document of a page, where an index answers everything: measured are
/// some 60, and twice as many where a page ends before it is full.
const STEPS_A_DOCUMENT: u64 = 120;

/// The same where documents have permissions of their own.
#[cfg(not(feature = "workerd"))]
const STEPS_OF_PERMISSIONS: u64 = 240;

/// Rows that D1 reads for a page.
#[cfg(feature = "workerd")]
const ROWS: u64 = 3 * LIMIT + 50;

/// Reads of one call.
const CALL: usize = 25;

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
    for Seen { asked, told, by_index, page } in seen {
        let mut found = Vec::new();
        // Of single documents, some are not there.
        let is_fine = told.status == 200 || told.status == 404 && *page == Page::Any;
        if !is_fine {
            found.push(format!("{}: {}", told.status, told.refusal));
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
/// Heads have no windows, of which one more or less is a row more or less. `by` is how much more or less
/// it may be where the walk is one stretch; of several, one more or less is begun.
fn assert_even(seen: &[Seen], by: f64) {
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
                    let by = if check::stretches(it).len() == 1 { by } else { 0.1 };
                    assert!((near - far).abs() <= near * by, "{near} on page 2, {far} later: {:?}", it.asked);
                }
            }
            _ => {}
        }
    }
    assert!(compared > 50, "only {compared} walks");
}

/// The lists that are asked again where documents have permissions of their own, and whether an index
/// answers them: of a closed collection, each row is looked at for the one that is not.
fn of_permissions(seen: &[Seen]) -> Vec<(Asked, bool)> {
    let is_one = |it: &&Seen| it.by_index && it.page != Page::Any && !it.asked.path.contains("filter");
    let mut asked: Vec<_> = seen.iter().filter(is_one).map(|it| (it.asked.clone(), true)).collect();
    let closed = ["/api/secrets?limit=20", "/api/secrets?limit=20&sort=title", "/api"];
    asked.extend(closed.map(|path| (Asked { path: path.to_owned(), is_admin: false }, false)));
    asked
}

/// Gives documents permissions of their own, and asks again.
async fn permitted(asker: &mut Asker, ids: &Ids, lists: &[(Asked, bool)]) -> Vec<Seen> {
    content::permit(asker, ids).await;
    let mut seen = Vec::new();
    for some in lists.chunks(CALL) {
        let asked: Vec<_> = some.iter().map(|it| it.0.clone()).collect();
        for ((asked, by_index), told) in some.iter().zip(asker.tell(&asked).await) {
            assert_eq!(told.status, 200, "{asked:?}");
            seen.push(Seen { asked: asked.clone(), told, by_index: *by_index, page: Page::Any });
        }
    }
    seen
}

/// Everything on the SQLite that is bundled, looked at.
async fn native() -> (Asker, Ids, Vec<Seen>) {
    let mut asker = Asker::new(Target::native());
    let ids = content::fill(&mut asker).await;
    let seen = shapes::explore(&mut asker, &ids, |_| true).await;
    assert_none(&faults(&seen, LIMIT * STEPS_A_DOCUMENT));
    assert_covered(&seen);
    // Steps, not rows: keys that are equal are compared on.
    assert_even(&seen, 0.1);
    (asker, ids, seen)
}

fn assert_none(faults: &Faults) {
    let told: Vec<_> =
        faults.iter().take(20).map(|(asked, faults)| format!("{asked:?}\n{}", faults.join("\n"))).collect();
    assert!(faults.is_empty(), "{} shapes are wrong\n{}", faults.len(), told.join("\n\n"));
}

#[cfg(not(feature = "workerd"))]
#[tokio::test]
async fn on_sqlite() {
    let (mut asker, ids, seen) = native().await;
    let permitted = permitted(&mut asker, &ids, &of_permissions(&seen)).await;
    assert_none(&faults(&permitted, LIMIT * STEPS_OF_PERMISSIONS));
}

/// Every walk of every index, and of what is looked at row by row each statement once, whatever the
/// names in it.
#[cfg(feature = "workerd")]
fn thinned(seen: Vec<Seen>) -> Vec<Seen> {
    let mut known = BTreeSet::new();
    let mut is_needed = |it: &Seen| {
        let is_new =
            |it: &asker::Explained| (known.insert(it.sql.clone()), known.insert(check::nameless(&it.sql)));
        let new: Vec<_> = it.told.statements.iter().map(is_new).collect();
        let is_far = it.page == Page::Far && it.asked.path.contains("state=draft");
        is_far || new.iter().any(|(text, structure)| *structure || it.by_index && *text)
    };
    seen.into_iter().filter(|it| is_needed(it)).collect()
}

/// The same on D1: it looks up what the SQLite that is bundled looks up.
///
/// How they put it differs: where the bundled one joins what an `EXISTS` asks for, D1's older one has a
/// subquery for each row, which is the same seek.
#[cfg(feature = "workerd")]
#[tokio::test]
async fn on_d1() {
    let (_, ids, seen) = native().await;
    let mut worker = Asker::new(Target::worker());
    assert_eq!(content::fill(&mut worker).await, ids);
    let lists = of_permissions(&seen);
    let native = thinned(seen);
    let (mut seen, mut others) = (Vec::new(), Vec::new());
    for some in native.chunks(CALL) {
        let asked: Vec<_> = some.iter().map(|it| it.asked.clone()).collect();
        for (native, told) in some.iter().zip(worker.tell(&asked).await) {
            let Seen { asked, by_index, page, told: expected } = native;
            assert_eq!((expected.status, &expected.next), (told.status, &told.next), "{asked:?}");
            assert_eq!(expected.statements.len(), told.statements.len(), "{asked:?}");
            for (one, other) in expected.statements.iter().zip(&told.statements) {
                assert_eq!(one.sql, other.sql);
                if check::looks(one) != check::looks(other) {
                    others.push(format!("{asked:?}: {:?} {:?}", check::looks(one), check::looks(other)));
                }
            }
            seen.push(Seen { asked: asked.clone(), told, by_index: *by_index, page: *page });
        }
    }
    println!("plans: {} reads on D1", seen.len());
    assert_none(&faults(&seen, ROWS));
    assert_even(&seen, 0.05);
    let permitted = permitted(&mut worker, &ids, &lists).await;
    assert_none(&faults(&permitted, ROWS));
    assert!(others.is_empty(), "{} plans are others\n{}", others.len(), others.join("\n"));
}
