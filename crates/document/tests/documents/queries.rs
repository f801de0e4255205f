//! Filters of every operator, nested, along references, against the naive filter of
//! `stratus-query-oracle`: what is hidden, absent, ahead, over, denied or a draft included.

use proptest::prelude::*;
use stratus_access::{Caller, Principal, TenantId};
use stratus_document::{
    CollectionDefinition, Count, Document, Input, ListParams, Member, Operand, Precondition, RawCondition,
    Scope,
};
use stratus_query_oracle::{
    COLLECTIONS, Doc, Fate, Filter, Made, Oracle, Query, Reader, Stage, Test, documents, query,
};

use crate::fixture::{NOW, World};

const HOUR: i64 = 3_600_000;
const READERS: &[Reader] = &[Reader::Public, Reader::Editor, Reader::Admin];

/// The collections that the oracle knows.
pub(crate) fn definitions() -> Vec<CollectionDefinition> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/queries/collections");
    let text = |name| std::fs::read_to_string(format!("{folder}/{name}.json")).expect("a definition");
    COLLECTIONS.map(|name| CollectionDefinition::parse(&text(name)).expect("a sound one")).into()
}

fn raw(filter: &Filter, id: &dyn Fn(usize) -> String) -> RawCondition {
    let each = |filters: &[Filter]| filters.iter().map(|it| raw(it, id)).collect();
    match filter {
        Filter::All(filters) => RawCondition::All(each(filters)),
        Filter::Any(filters) => RawCondition::Any(each(filters)),
        Filter::Not(inner) => RawCondition::Not(Box::new(raw(inner, id))),
        Filter::Test(test) => RawCondition::Test {
            path: test.path(),
            operator: test.operator.to_owned(),
            operand: operand(test, id),
            pointer: "filter".to_owned(),
        },
    }
}

fn operand(test: &Test, id: &dyn Fn(usize) -> String) -> Operand {
    let text = test.text(id).filter(|_| !test.prefers_json);
    text.map_or_else(|| Operand::Json(test.operand(id)), Operand::Text)
}

/// Makes the documents and tells what they were given.
async fn make(world: &World, docs: &[Doc]) -> Vec<Made> {
    let (admin, any) = (world.admin(), Precondition::Any);
    let mut ids: Vec<String> = Vec::new();
    for (own, doc) in docs.iter().enumerate() {
        let known = ids.clone();
        let id = |number: usize| known.get(number).map_or(stratus_query_oracle::NOBODY, |it| it).to_owned();
        let mut input = Input {
            fields: Some(doc.public.written(docs, own, &id)),
            publish: doc.fate != Fate::Draft,
            ..Input::default()
        };
        match doc.fate {
            Fate::Ahead => input.publish_at = Member::Value(NOW + 48 * HOUR),
            Fate::Over => input.expire_at = Member::Value(NOW + HOUR),
            Fate::Draft | Fate::Public | Fate::Trashed => {}
        }
        ids.push(world.create(doc.collection, &input).await.document.id);
        let (collection, id_of_own) = (doc.collection, &ids[own]);
        let head = Input { publish: false, fields: Some(doc.head.written(docs, own, &id)), ..input.clone() };
        world.service.patch(&admin, collection, id_of_own, &any, &head).await.expect("a newer head");
        let entries = doc.entries();
        world
            .service
            .replace_permissions(&admin, collection, id_of_own, &any, &entries)
            .await
            .expect("permissions");
        if doc.fate == Fate::Trashed {
            world.service.trash(&admin, collection, id_of_own, &any).await.expect("the trash");
        }
    }
    world.clock.advance(2 * HOUR);
    let mut made: Vec<Made> = ids.into_iter().map(|id| Made { id, ..Made::default() }).collect();
    for stage in [Stage::Published, Stage::Draft, Stage::Trashed] {
        for it in everything(world, stage).await {
            let made = made.iter_mut().find(|made| made.id == it.id).expect("one that was made");
            match stage {
                Stage::Published => made.published_at = it.published_at,
                Stage::Draft | Stage::Trashed => made.updated_at = it.updated_at,
            }
        }
    }
    made
}

/// Everything that there is, with its times.
async fn everything(world: &World, stage: Stage) -> Vec<Document> {
    let limit = Some("100".to_owned());
    let params = ListParams { limit, state: Some(stage.name().to_owned()), ..ListParams::default() };
    let mut found = Vec::new();
    for collection in COLLECTIONS {
        found.extend(world.list(&world.admin(), collection, &params).await.expect("a list").documents);
    }
    found
}

fn scope(world: &World, reader: Reader) -> Scope {
    match reader {
        Reader::Admin => world.admin(),
        Reader::Public => world.public(),
        Reader::Editor => {
            Scope::new(TenantId::default(), Caller::signed_in([Principal::Role("editor".to_owned())]))
        }
    }
}

/// All pages forward, then from the last one all pages back; each tells how many there are.
async fn walk(
    world: &World,
    scope: &Scope,
    asked: &ListParams,
) -> (Vec<String>, Vec<String>, Vec<Option<i64>>) {
    let mut params = asked.clone();
    let (mut forward, mut backward, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    let page = loop {
        let page = world.list(scope, "things", &params).await.expect("a page");
        counts.push(page.count);
        forward.push(page.documents.iter().map(|it| it.id.clone()).collect::<Vec<_>>());
        match &page.next {
            Some(next) => params.after = Some(next.clone()),
            None => break page,
        }
    };
    backward.push(forward.last().cloned().unwrap_or_default());
    let (mut prev, mut params) = (page.prev, asked.clone());
    params.count = Count::None;
    while let Some(cursor) = prev {
        params.before = Some(cursor);
        let page = world.list(scope, "things", &params).await.expect("a page");
        backward.push(page.documents.iter().map(|it| it.id.clone()).collect());
        prev = page.prev;
    }
    backward.reverse();
    counts.dedup();
    (forward.concat(), backward.concat(), counts)
}

/// Asks, and compares all pages with what is expected.
async fn check(world: &World, oracle: &Oracle<'_>, query: &Query) -> Result<(), TestCaseError> {
    let params = ListParams {
        filters: vec![raw(&query.filter, &|number| oracle.id(number))],
        sort: query.sort.map(str::to_owned),
        limit: Some(query.limit.to_string()),
        state: Some(query.stage.name().to_owned()),
        count: Count::Exact,
        ..ListParams::default()
    };
    let expected: Vec<String> = oracle.expected(query).into_iter().map(|it| oracle.id(it)).collect();
    let (forward, backward, counts) = walk(world, &scope(world, query.reader), &params).await;
    let count = i64::try_from(expected.len()).expect("few");
    prop_assert_eq!(counts, [Some(count)], "the count of {:?}", query);
    prop_assert_eq!(&forward, &expected, "{:?}", query);
    prop_assert_eq!(&backward, &expected, "back: {:?}", query);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_list_shows_what_a_naive_filter_shows(
        docs in documents(),
        queries in prop::collection::vec(query(READERS), 12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::of(definitions()).await;
            let made = make(&world, &docs).await;
            let oracle = Oracle { docs: &docs, made: &made };
            for query in &queries {
                check(&world, &oracle, query).await?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}
