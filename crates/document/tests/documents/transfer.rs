//! Export and import: what goes out comes back, and what is not right is named.

use std::{io::Cursor, sync::Arc};

use proptest::prelude::*;
use serde_json::json;
use stratus_access::{Action, Caller, Effect, Entry, Principal, TenantId};
use stratus_document::{
    CollectionDefinition, Input, Member, Precondition, examine,
    transfer::{
        ExportOptions, ExportState, History, ImportOptions, Importer, OnError, Report, Summary, export,
    },
};
use stratus_testkit::SeededEntropy;

use crate::fixture::{World, demo, fields};

/// What an import said.
pub(crate) struct Said {
    pub(crate) summary: Summary,
    pub(crate) faults: Vec<String>,
}

impl Said {
    #[track_caller]
    pub(crate) fn expect(&self, created: u64, updated: u64, unchanged: u64) -> &Self {
        let Summary { created: c, updated: u, unchanged: n, failed, .. } = self.summary;
        assert_eq!((c, u, n, failed), (created, updated, unchanged, 0), "{:?}", self.faults);
        self
    }
}

impl Said {
    /// Its faults begin with these.
    #[track_caller]
    pub(crate) fn named(&self, expected: &[&str]) {
        assert_eq!(self.faults.len(), expected.len(), "{:#?}", self.faults);
        for (fault, expected) in self.faults.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault} is not {expected}");
        }
    }
}

impl World {
    pub(crate) async fn export_with(&self, options: &ExportOptions) -> String {
        let mut text = String::new();
        let registry = self.repository().registry().clone();
        let mut write = |line: &str| {
            text.push_str(line);
            text.push('\n');
            Ok(())
        };
        export(&*self.database, &registry, options, &mut write).await.expect("an export");
        text
    }

    pub(crate) async fn export(&self) -> String {
        self.export_with(&ExportOptions { history: History::Exported, ..ExportOptions::default() }).await
    }

    pub(crate) fn importer(&self) -> Importer {
        Importer::new(
            self.database.clone(),
            Arc::new(self.repository().registry().clone()),
            self.clock.clone(),
            Arc::new(SeededEntropy::new(11)),
            TenantId::default(),
            Caller::signed_in([Principal::admin()]),
        )
    }

    pub(crate) async fn import_with(&self, importer: &Importer, text: &str, options: &ImportOptions) -> Said {
        self.clock.advance(1_000);
        let mut faults = Vec::new();
        let mut report = |report: Report<'_>| {
            if let Report::Fault(fault) = report {
                let named = |it: &stratus_document::FieldError| {
                    format!("{}: {}: {}", fault.line, it.pointer, it.message)
                };
                faults.extend(fault.errors.iter().map(named));
            }
        };
        let lines = Cursor::new(text.as_bytes().to_vec());
        let summary = importer.run(lines, options, &mut report).await.expect("an import");
        Said { summary, faults }
    }

    pub(crate) async fn import(&self, text: &str) -> Said {
        self.import_with(&self.importer(), text, &skip()).await
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.connection().query_row(sql, [], |row| row.get(0)).expect(sql)
    }

    #[track_caller]
    pub(crate) fn assert_nothing_staged(&self) {
        assert_eq!(
            self.count("SELECT (SELECT count(*) FROM import_lines) + (SELECT count(*) FROM imports)"),
            0
        );
    }

    pub(crate) async fn assert_clean(&self) {
        let findings = examine(&*self.database, self.repository().registry()).await.expect("a look");
        assert!(findings.is_empty(), "{findings:?}");
    }
}

pub(crate) fn skip() -> ImportOptions {
    ImportOptions { on_error: OnError::Skip, ..ImportOptions::default() }
}

/// Something of every kind that can refer, hide, repeat and nest.
pub(crate) fn definitions() -> Vec<CollectionDefinition> {
    let pages = json!({
        "name": "pages", "slug": {"from": "title"}, "versions": {"max": 20},
        "fields": {
            "title": {"type": "text", "required": true},
            "code": {"type": "text", "unique": true},
            "secret": {"type": "text", "private": true},
            "views": {"type": "integer", "readOnly": true},
            "owner": {"type": "reference", "to": "authors", "strength": "strong"},
            "next": {"type": "reference", "to": "pages", "strength": "strong"},
            "also": {"type": "reference", "to": "pages", "strength": "strong"},
            "related": {"type": "reference", "to": "pages", "many": true},
            "tags": {"type": "tags", "facet": true},
            "weight": {"type": "number", "facet": true},
            "parts": {"type": "blocks", "blocks": {
                "quote": {"fields": {"by": {"type": "reference", "to": "authors", "strength": "strong"}}},
                "box": {"fields": {"links": {"type": "array", "items": {"type": "reference", "to": "pages"}}}}
            }}
        },
        "grants": {"public": ["read"], "role:admin": ["read", "create", "update", "delete", "publish", "manage"]}
    });
    let page = CollectionDefinition::parse(&pages.to_string()).expect("a sound definition");
    demo().into_iter().chain([page]).collect()
}

pub(crate) async fn world() -> World {
    World::of(definitions()).await
}

/// Documents in every state that a row can be in.
async fn filled() -> World {
    let world = world().await;
    let admin = world.admin();
    let ada = world.author("Ada").await;
    let page = |title: &str| fields(json!({"title": title, "owner": ada, "tags": ["b", "a"], "weight": 1.5}));
    let publish = |input: Input| Input { publish: true, ..input };
    let home = world.create("pages", &publish(page("Home"))).await.document.id;
    let child = Input { parent: Member::Value(home.clone()), ..publish(page("Child")) };
    let child = world.create("pages", &child).await.document.id;
    world.create("pages", &Input { locale: Some("pt-BR".to_owned()), ..page("Casa") }).await;
    let window = Input {
        publish_at: Member::Value(1_790_000_500_000),
        expire_at: Member::Value(1_790_000_900_000),
        ..publish(page("Later"))
    };
    world.create("pages", &window).await;
    let quoting = json!({"title": "Quoting", "secret": "s3cret", "code": "q-1", "related": [home, child],
        "parts": [{"type": "quote", "by": ada}, {"type": "box", "links": [home, child]}]});
    world.create("pages", &publish(fields(quoting))).await;
    for n in 0..3 {
        world.clock.advance(10);
        let slug = Member::Value(format!("home-{n}"));
        let input = Input { slug, publish: n == 0, ..page(&format!("Home {n}")) };
        world.service.patch(&admin, "pages", &home, &Precondition::Any, &input).await.expect("a patch");
    }
    let gone = world.create("pages", &page("Gone")).await.document.id;
    world.service.trash(&admin, "pages", &gone, &Precondition::Any).await.expect("trash");
    let entry = |principal: Principal, effect| Entry { principal, action: Action::Read, effect };
    let entries =
        [entry(Principal::Role("editor".to_owned()), Effect::Deny), entry(Principal::Public, Effect::Allow)];
    let written = world.service.replace_permissions(&admin, "pages", &child, &Precondition::Any, &entries);
    written.await.expect("permissions");
    world
        .connection()
        .execute(
            "UPDATE documents SET sort_order = 7, translation_group_id = ?1 WHERE root_id = ?1",
            [&child],
        )
        .expect("an order");
    world
}

#[tokio::test]
async fn what_is_exported_is_imported_to_the_same() {
    let from = filled().await;
    let text = from.export().await;
    assert!(
        text.contains("s3cret") && text.contains("\"versions\":[") && text.contains("role:editor"),
        "{text}"
    );
    assert!(!text.contains("Gone"), "it is in the trash");
    let to = world().await;
    let lines = text.lines().count() as u64;
    to.import(&text).await.expect(lines, 0, 0);
    assert_eq!(to.export().await, text);
    to.assert_clean().await;
    to.assert_nothing_staged();
    // A second time: nothing at all is written.
    let (events, stamps) = ("SELECT count(*) FROM events", "SELECT sum(seq + public_seq) FROM generations");
    let before = (to.count(events), to.count(stamps));
    to.import(&text).await.expect(0, 0, lines);
    assert_eq!((to.count(events), to.count(stamps)), before);
    // Back to where it came from: nothing either.
    from.import(&text).await.expect(0, 0, lines);
}

#[tokio::test]
async fn a_line_looks_like_this() {
    let world = filled().await;
    let options = ExportOptions { collections: vec!["pages".to_owned()], ..ExportOptions::default() };
    insta::assert_snapshot!(world.export_with(&options).await);
    let state = |state| ExportOptions { state, ..options.clone() };
    let published = world.export_with(&state(ExportState::Published)).await;
    assert_eq!(published.lines().count(), 4);
    assert!(published.lines().all(|it| it.contains("\"head\":\"same\"")) && published.contains("Home 0"));
    let draft = world.export_with(&state(ExportState::Draft)).await;
    assert_eq!(draft.lines().count(), 5);
    assert!(!draft.contains("\"published\"") && draft.contains("Home 2") && !draft.contains("Home 0"));
    for text in [published, draft] {
        let authors = ExportOptions { collections: vec!["authors".to_owned()], ..ExportOptions::default() };
        let text = world.export_with(&authors).await + &text;
        let to = self::world().await;
        to.import(&text).await.expect(text.lines().count() as u64, 0, 0);
        to.assert_clean().await;
    }
}

/// Imports lines into an empty world, in the given order and backwards, and hands back the world.
async fn check(lines: &[&str], created: u64) -> World {
    let backwards: Vec<_> = lines.iter().rev().copied().collect();
    let to = world().await;
    to.import(&backwards.join("\n")).await.expect(created, 0, 0);
    to.assert_clean().await;
    let to = world().await;
    to.import(&lines.join("\n")).await.expect(created, 0, 0);
    to.assert_clean().await;
    to.import(&lines.join("\n")).await.expect(0, 0, created);
    to
}

pub(crate) const ADA: &str =
    r#"{"type": "authors", "publish": true, "fields": {"name": "Ada Okafor", "email": "a@b.c"}}"#;

#[tokio::test]
async fn lines_of_people_refer_by_slug_and_by_id_in_any_order() {
    let id = "018f0000-0000-7000-8000-00000000000a";
    let to = check(
        &[
            r#"{"type": "pages", "slug": "one", "fields": {"title": "One", "next": "two", "views": 4}}"#,
            r#"{"type": "pages", "fields": {"title": "Two", "owner": "ada-okafor", "related": ["one", "018f0000-0000-7000-8000-00000000000a"]}}"#,
            r#"{"id": "018f0000-0000-7000-8000-00000000000a", "type": "pages", "parent": "one", "fields": {"title": "Three", "next": "two"}}"#,
            r#"{"type": "pages", "parent": "018f0000-0000-7000-8000-00000000000a", "locale": "en", "fields": {"title": "Two", "next": "two", "parts": [{"type": "quote", "by": "ada-okafor"}]}}"#,
            ADA,
            r#"{"type": "comments", "fields": {"post": "018f0000-0000-7000-8000-0000000000ff", "name": "Bo", "body": "+1"}}"#,
        ],
        6,
    )
    .await;
    let one =
        to.count("SELECT count(*) FROM documents WHERE slug = 'one' AND json_extract(data, '$.views') = 4");
    assert_eq!((one, to.count("SELECT count(*) FROM documents WHERE is_published = 1")), (1, 1));
    let parent: String = to
        .connection()
        .query_row(
            "SELECT o.slug FROM documents AS d JOIN documents AS o ON o.root_id = d.parent_root_id \
             WHERE d.root_id = ?1",
            [id],
            |row| row.get(0),
        )
        .expect("a parent");
    assert_eq!(parent, "one");
    // What is there already is found by its slug, too.
    let more = r#"{"type": "pages", "publish": true, "fields": {"title": "Four", "owner": "ada-okafor", "next": "two"}}"#;
    to.import(more).await.expect(1, 0, 0);
}

#[tokio::test]
async fn circles_are_written_at_once_and_long_ones_are_named() {
    let page = |n: usize, next: usize| {
        format!(r#"{{"type": "pages", "slug": "p{n}", "fields": {{"title": "P", "next": "p{next}"}}}}"#)
    };
    let ring = |size: usize| (0..size).map(|n| page(n, (n + 1) % size)).collect::<Vec<_>>();
    let lines = ring(3);
    check(&lines.iter().map(String::as_str).collect::<Vec<_>>(), 3).await;
    // Longer than a batch of the first pass can see, and with a tail that waits for it.
    let mut lines = vec![r#"{"type": "pages", "fields": {"title": "Tail", "next": "p0"}}"#.to_owned()];
    let long = ring(500);
    lines.push(long[0].clone());
    lines.extend(
        (0..700).map(|n| format!(r#"{{"type": "pages", "slug": "x{n}", "fields": {{"title": "X"}}}}"#)),
    );
    lines.extend(long.into_iter().skip(1));
    let to = world().await;
    to.import(&lines.join("\n")).await.expect(1_201, 0, 0);
    to.assert_clean().await;
    let to = world().await;
    let said = to.import(&ring(501).join("\n")).await;
    assert_eq!((said.summary.failed, said.faults.len()), (501, 1));
    assert!(
        said.faults[0].contains("501 documents refer to each other strongly in a circle"),
        "{:?}",
        said.faults
    );
    // A chain is no circle, however long and whichever way it goes.
    let chain: Vec<_> = (0..1_500)
        .map(|n| match n {
            1_499 => r#"{"type": "pages", "slug": "p1499", "fields": {"title": "P"}}"#.to_owned(),
            n => page(n, n + 1),
        })
        .collect();
    let to = world().await;
    to.import(&chain.join("\n")).await.expect(1_500, 0, 0);
    to.assert_clean().await;
}

/// What a line waits for besides what it was first seen to wait for shows only when it is tried.
#[tokio::test]
async fn a_line_that_waits_for_more_than_was_known_is_tried_again() {
    let page = |slug: &str, next: Option<&str>, also: Option<&str>| {
        let mut fields = json!({ "title": slug });
        for (name, target) in [("next", next), ("also", also)] {
            if let Some(target) = target {
                fields[name] = json!(target);
            }
        }
        json!({ "type": "pages", "slug": slug, "fields": fields }).to_string()
    };
    let filler =
        |from: usize| (from..from + 600).map(|n| page(&format!("x{n}"), None, None)).collect::<Vec<_>>();
    let mut lines = vec![page("first", Some("late"), Some("second")), page("second", Some("left"), None)];
    lines.extend(filler(0));
    lines.push(page("left", Some("right"), None));
    lines.extend(filler(600));
    lines.extend([page("right", Some("left"), None), page("late", None, None)]);
    let to = world().await;
    to.import(&lines.join("\n")).await.expect(1_205, 0, 0);
    to.assert_clean().await;
}

#[tokio::test]
async fn a_different_document_is_a_save() {
    let to = world().await;
    to.import(ADA).await.expect(1, 0, 0);
    let line = r#"{"type": "authors", "slug": "ada-okafor", "fields": {"name": "Ada O."}}"#;
    to.import(line).await.expect(0, 1, 0);
    // A draft over what is public; the private field stays, as a replace has it.
    let text = to.export().await;
    assert!(
        text.contains(r#""published":{"version":1"#) && text.contains(r#""head":{"version":2"#),
        "{text}"
    );
    assert_eq!(text.matches("a@b.c").count(), 2);
    assert_eq!(to.count("SELECT revision FROM documents WHERE is_current_draft = 1"), 2);
    to.import(line).await.expect(0, 0, 1);
    to.import(&line.replace("{\"type\"", "{\"publish\": true, \"type\"")).await.expect(0, 1, 0);
    assert_eq!(to.count("SELECT version_number + revision FROM documents WHERE is_published = 1"), 2 + 3);
    // Exactly what was exported before: both rows are new versions, as their numbers are taken.
    to.import(&text).await.expect(0, 1, 0);
    to.import(&text).await.expect(0, 0, 1);
    to.assert_clean().await;
    // What is in the trash comes back, and can be saved on.
    let id: String =
        to.connection().query_row("SELECT root_id FROM documents", [], |row| row.get(0)).expect("an id");
    to.service.trash(&to.admin(), "authors", &id, &Precondition::Any).await.expect("trash");
    to.import(&text).await.expect(0, 1, 0);
    to.import(&text).await.expect(0, 0, 1);
    let input = fields(json!({"name": "Ada again"}));
    to.service.patch(&to.admin(), "authors", &id, &Precondition::Any, &input).await.expect("a patch");
    to.assert_clean().await;
    // Another id with the same slug is the same document.
    let other = text.replace(&id, "018f0000-0000-7000-8000-0000000000aa");
    let post = r#"{"type": "posts", "fields": {"title": "T", "body": "b", "author": "018f0000-0000-7000-8000-0000000000aa"}}"#;
    to.import(&format!("{post}\n{other}")).await.expect(1, 1, 0);
    assert_eq!(to.count("SELECT count(DISTINCT root_id) FROM documents WHERE type_id = 'authors'"), 1);
    to.assert_clean().await;
}

#[tokio::test]
async fn only_lines_of_a_collection_are_imported() {
    let to = world().await;
    let options = ImportOptions { collection: Some("authors".to_owned()), ..skip() };
    let lines = format!(
        "{ADA}\n{}\n{}",
        r#"{"fields": {"name": "Bo"}}"#, r#"{"type": "pages", "fields": {"title": "x"}}"#
    );
    to.import_with(&to.importer(), &lines, &options).await.expect(2, 0, 0);
    assert_eq!(to.count("SELECT count(*) FROM documents WHERE type_id = 'authors'"), 2);
}

#[tokio::test]
async fn another_tenant_is_another_world() {
    let world = filled().await;
    let other = Importer::new(
        world.database.clone(),
        Arc::new(world.repository().registry().clone()),
        world.clock.clone(),
        Arc::new(SeededEntropy::new(12)),
        "other".parse().expect("a tenant"),
        Caller::signed_in([Principal::admin()]),
    );
    let said = world.import_with(&other, &world.export().await, &skip()).await;
    assert_eq!(said.summary.imported(), 0);
    assert!(said.faults[0].contains("/id: the id is taken by another tenant"), "{:?}", said.faults);
    world.import_with(&other, ADA, &skip()).await.expect(1, 0, 0);
    let options = ExportOptions { tenant: "other".parse().expect("a tenant"), ..ExportOptions::default() };
    assert_eq!(world.export_with(&options).await.lines().count(), 1);
    world.assert_clean().await;
}

#[tokio::test]
async fn a_small_collection_is_exported_without_a_walk_through_the_others() {
    let world = world().await;
    for name in ["Ada", "Bo", "Cy"] {
        world.author(name).await;
    }
    let options = ExportOptions { collections: vec!["authors".to_owned()], ..ExportOptions::default() };
    let before = world.database.counts().work;
    let text = world.export_with(&options).await;
    let alone = world.database.counts().work - before;
    assert!(alone > 0, "work is counted");
    let pages = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 5999) \
         INSERT INTO documents (id, root_id, type_id, tenant_id, is_current_draft, is_published, type_version, \
         version_number, revision, created_at, updated_at, data) \
         SELECT 'row-' || n, 'page-' || n, 'pages', 'default', 1, 0, 0, 1, 1, 0, 0, '{\"title\":\"P\"}' FROM n";
    world.connection().execute(pages, []).expect("pages");
    let before = world.database.counts().work;
    assert_eq!(world.export_with(&options).await, text);
    assert_eq!(world.database.counts().work - before, alone);
    // More than are found by an index, and still in the order of their ids.
    let text = world.export().await;
    let ids: Vec<_> = text.lines().skip(3).filter_map(|it| it.split('"').nth(3)).collect();
    assert!(ids.len() == 6_000 && ids.is_sorted());
}

/// One write of a history that made a small world.
#[derive(Clone, Debug)]
enum Step {
    Create {
        publish: bool,
        locale: usize,
        parent: Option<usize>,
        next: Option<usize>,
        tags: u8,
        secret: bool,
    },
    Patch {
        which: usize,
        publish: bool,
        title: u8,
        next: Option<usize>,
    },
    Unpublish(usize),
    Trash(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = || proptest::option::of(0..8_usize);
    let create = (any::<bool>(), 0..2_usize, some(), some(), 0..4_u8, any::<bool>()).prop_map(
        |(publish, locale, parent, next, tags, secret)| Step::Create {
            publish,
            locale,
            parent,
            next,
            tags,
            secret,
        },
    );
    let patch = (0..8_usize, any::<bool>(), 0..4_u8, some())
        .prop_map(|(which, publish, title, next)| Step::Patch { which, publish, title, next });
    let step = prop_oneof![4 => create, 4 => patch, 1 => (0..8_usize).prop_map(Step::Unpublish), 1 => (0..8_usize).prop_map(Step::Trash)];
    proptest::collection::vec(step, 1..16)
}

/// Writes what can be written; what the service refuses is no part of the world.
async fn play(world: &World, steps: &[Step]) {
    let admin = world.admin();
    let mut ids: Vec<String> = Vec::new();
    for step in steps {
        world.clock.advance(7);
        let of = |n: &usize| ids.get(n % ids.len().max(1)).cloned();
        match step {
            Step::Create { publish, locale, parent, next, tags, secret } => {
                let tags: Vec<_> = (0..*tags).map(|n| format!("t{n}")).collect();
                let mut content = json!({"title": "T", "tags": tags, "next": next.as_ref().and_then(of)});
                if *secret {
                    content["secret"] = json!("s");
                }
                let parent = parent.as_ref().and_then(of).map_or(Member::Absent, Member::Value);
                let locale = ["default", "de"].get(*locale).map(|it| (*it).to_owned());
                let input = Input { publish: *publish, locale, parent, ..fields(content) };
                if let Ok(written) = world.service.create(&admin, "pages", &input).await {
                    ids.push(written.document.id);
                }
            }
            Step::Patch { which, publish, title, next } => {
                let Some(id) = of(which) else { continue };
                let content = json!({"title": format!("T{title}"), "next": next.as_ref().and_then(of)});
                let slug = if *title == 0 { Member::Value(format!("s{which}")) } else { Member::Absent };
                let input = Input { publish: *publish, slug, ..fields(content) };
                let _ = world.service.patch(&admin, "pages", &id, &Precondition::Any, &input).await;
            }
            Step::Unpublish(which) => {
                let Some(id) = of(which) else { continue };
                let _ = world.service.unpublish(&admin, "pages", &id, &Precondition::Any).await;
            }
            Step::Trash(which) => {
                let Some(id) = of(which) else { continue };
                let _ = world.service.trash(&admin, "pages", &id, &Precondition::Any).await;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn small_worlds_come_back_whole(first in steps(), second in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (from, to) = (world().await, world().await);
            play(&from, &first).await;
            let text = from.export().await;
            let lines = text.lines().count() as u64;
            to.import(&text).await.expect(lines, 0, 0);
            assert_eq!(to.export().await, text);
            to.assert_clean().await;
            // Both go on by themselves; then the one is made what the other is, as far as it has the same.
            play(&to, &second).await;
            to.assert_clean().await;
            // What takes a slug that another line gives up may need another turn.
            for _ in 0..3 {
                to.import(&text).await;
                to.assert_clean().await;
            }
            let said = to.import(&text).await;
            assert_eq!((said.summary.created, said.summary.updated), (0, 0), "{:?}", said.faults);
            to.assert_clean().await;
        });
    }
}
