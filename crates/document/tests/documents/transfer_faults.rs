//! Imports that meet what is not right: lines, other writers, other imports.

use std::io::Cursor;

use serde_json::{Value as Json, json};
use stratus_document::{
    Precondition,
    transfer::{ImportError, ImportOptions, Report, Summary},
};

use stratus_storage::Error as StorageError;
use stratus_testkit::Fault;

use crate::{
    fixture::{World, fields},
    transfer::{ADA, definitions, skip, world},
};

/// Where lines are tried that are not right: nothing of them may be left.
struct Trial {
    there: World,
    scratch: World,
}

impl Trial {
    async fn new() -> Self {
        Self { there: world().await, scratch: world().await }
    }

    /// Imports lines and expects faults, each given as the beginning of `line: pointer: message`.
    async fn refuses(&self, lines: &str, expected: &[&str]) {
        let to = world().await;
        let said = to.import(lines).await;
        said.named(expected);
        to.assert_clean().await;
        to.assert_nothing_staged();
        // A trial finds the same, and writes nothing.
        let importer = self.there.importer().trial(self.scratch.database.clone());
        let tried = self.there.import_with(&importer, lines, &skip()).await;
        tried.named(expected);
        assert_eq!(tried.summary, said.summary);
        let left = "SELECT (SELECT count(*) FROM documents) + (SELECT count(*) FROM imports) \
             + (SELECT count(*) FROM events)";
        assert_eq!(self.there.count(left), 0);
        self.scratch.assert_nothing_staged();
    }
}

#[tokio::test]
async fn what_is_not_right_is_named() {
    let trial = Trial::new().await;
    let page = |rest: &str| format!(r#"{{"type": "pages", {rest}}}"#);
    trial
        .refuses(
            "{\"a\": \n[]\n\"x\"",
            &["1: : is no JSON: EOF", "2: : a line is a JSON object", "3: : a line is"],
        )
        .await;
    trial.refuses("\u{feff}\r\n\r\n{}\r\n", &["3: /fields: `fields` is required"]).await;
    trial.refuses(r#"{"fields": {}}"#, &["1: /type: `type` is required"]).await;
    trial
        .refuses(r#"{"type": "nothing", "fields": {}}"#, &["1: /type: there is no collection `nothing`"])
        .await;
    trial
        .refuses(
            &page(r#""fields": {"titel": "x"}"#),
            &["1: /fields/titel: there is no field", "1: /fields/title: `title` is required"],
        )
        .await;
    trial
        .refuses(
            &page(r#""fields": {"title": "x"}, "stauts": 1"#),
            &["1: /stauts: there is no member `stauts`"],
        )
        .await;
    trial
        .refuses(
            &page(r#""fields": {"title": "x", "title": "y"}"#),
            &["1: /fields/title: `title` is named twice"],
        )
        .await;
    trial.refuses(&page(r#""fields": {"title": "x"}, "id": "1", "slug": "A b", "locale": "xx_y", "createdAt": "today", "publish": 1, "order": 1.5"#),
        &["1: /publish: must be true or false", "1: /id: must be the id", "1: /slug: must be lower-case", "1: /locale: must be a locale",
          "1: /createdAt: must be a moment", "1: /order: must be a whole number"]).await;
    trial.refuses(
        &page(
            r#""fields": {"title": "x", "owner": "nobody", "next": "018f0000-0000-7000-8000-00000000000a"}"#,
        ),
        &["1: /fields/owner: there is no document `nobody` in `authors`"],
    )
    .await;
    trial
        .refuses(
            &page(r#""fields": {"title": "x", "next": "018f0000-0000-7000-8000-00000000000a"}"#),
            &["1: /fields/next: there is no document `018f0000-0000-7000-8000-00000000000a` in `pages`"],
        )
        .await;
    trial
        .refuses(
            &page(r#""parent": "nobody", "fields": {"title": "x"}"#),
            &["1: /parent: there is no document `nobody`"],
        )
        .await;
    let deep = format!("{}1{}", "[".repeat(80), "]".repeat(80));
    trial.refuses(&page(&format!(r#""fields": {{"title": {deep}}}"#)), &["1: /fields/title/0/0"]).await;
    let large = page(&format!(r#""fields": {{"title": "{}"}}"#, "x".repeat(3_000_000)));
    trial
        .refuses(&large, &["1: /fields: the document is 3000014 bytes as it is stored; 1995904 at most"])
        .await;
    let two = page(r#""slug": "a", "fields": {"title": "x"}"#);
    trial.refuses(&format!("{two}\n{two}"), &["2: /slug: line 1 has the same slug"]).await;
    let two = page(r#""id": "018f0000-0000-7000-8000-00000000000a", "fields": {"title": "x"}"#);
    trial.refuses(&format!("{two}\n\n{two}"), &["3: /id: is of the same document as line 1"]).await;
    let parent = |slug: &str, of: &str| {
        page(&format!(
            r#""slug": "{slug}", "id": "018f0000-0000-7000-8000-00000000000{slug}", "parent": "018f0000-0000-7000-8000-00000000000{of}", "fields": {{"title": "x"}}"#
        ))
    };
    trial
        .refuses(
            &format!("{}\n{}", parent("a", "b"), parent("b", "a")),
            &[
                "1: /parent: the document would be below itself",
                "2: /parent: the document would be below itself",
            ],
        )
        .await;
    trial.refuses(&parent("a", "a"), &["1: /parent: a document can't be its own parent"]).await;
    let unique = |slug: &str| page(&format!(r#""slug": "{slug}", "fields": {{"title": "x", "code": "c"}}"#));
    trial.refuses(&format!("{}\n{}", unique("a"), unique("b")), &["2: /fields/code: the document"]).await;
    // Those that refer to a line which is not imported aren't either, wherever they stand.
    let lines = [
        page(r#""slug": "a", "fields": {"title": "A", "next": "b"}"#),
        page(r#""slug": "b", "fields": {"title": "B", "next": "c"}"#),
        page(r#""slug": "c", "fields": {"title": 5}"#),
        page(r#""slug": "d", "fields": {"title": "D", "next": "e"}"#),
        page(r#""slug": "e", "fields": {"title": "E"}, "nonsense": true"#),
        page(r#""slug": "f", "fields": {"title": "F"}"#),
    ];
    trial
        .refuses(
            &lines.join("\n"),
            &[
                "5: /nonsense: there is no member",
                "1: /fields/next: refers to line 2, which is not imported",
                "2: /fields/next: refers to line 3, which is not imported",
                "3: /fields/title: must be text",
                "4: /fields/next: refers to line 5, which is not imported",
            ],
        )
        .await;
    let row = r#"{"version": 2, "updatedAt": "2026-01-01T00:00:00Z", "publishAt": null, "expireAt": null, "fields": {"title": "x"}}"#;
    trial.refuses(&page(r#""head": "same""#), &["1: /head: is `same`, and there is nothing published"]).await;
    trial.refuses(&page(&format!(r#""published": {row}"#)), &["1: /head: `head` is required"]).await;
    trial
        .refuses(
            &page(&format!(r#""published": {row}, "head": {row}"#)),
            &["1: /published/version: must be below"],
        )
        .await;
    trial
        .refuses(
            &page(&format!(r#""publishedAt": "2026-01-01T00:00:00Z", "head": {row}"#)),
            &["1: /publishedAt: the line publishes nothing"],
        )
        .await;
    trial.refuses(
        &page(&format!(
            r#""head": {row}, "permissions": [{{"principal": "nobody", "action": "read", "effect": "deny"}}]"#
        )),
        &["1: /permissions/0/principal: `nobody` is not a principal"],
    )
    .await;
    trial
        .refuses(
            &page(&format!(r#""head": {row}, "versions": [{row}]"#)),
            &["1: /versions/0/version: must be below"],
        )
        .await;
    trial
        .refuses(
            &page(&format!(r#""head": {}"#, row.replace("\"x\"", "7"))),
            &["1: /head/fields/title: must be text"],
        )
        .await;
}

#[tokio::test]
async fn stop_writes_nothing_of_its_batch_and_a_corrected_file_goes_on() {
    let good = |n: usize| {
        format!(
            r#"{{"type": "comments", "fields": {{"post": "018f0000-0000-7000-8000-00000000000a", "name": "N", "body": "{n}"}}}}"#
        )
    };
    let mut lines: Vec<_> = (0..1_200).map(good).collect();
    lines[700] = r#"{"type": "comments", "fields": {"name": "N"}}"#.to_owned();
    let to = world().await;
    let said = to.import_with(&to.importer(), &lines.join("\n"), &ImportOptions::default()).await;
    assert!(said.summary.stopped && said.faults[0].starts_with("701: /fields/post: "), "{:?}", said.faults);
    assert_eq!((said.summary.created, to.count("SELECT count(*) FROM documents")), (500, 500));
    lines[700] = good(700);
    to.import(&lines.join("\n")).await.expect(700, 0, 500);
    to.assert_clean().await;
}

const PAGE: &str = "018f0000-0000-7000-8000-00000000000a";

#[tokio::test]
async fn history_that_is_there_stays_when_a_version_is_far_ahead() {
    let to = world().await;
    let line = |rest: &str| format!(r#"{{"id": "{PAGE}", "type": "pages", "slug": "a", {rest}}}"#);
    to.import(&line(r#""fields": {"title": "One"}"#)).await.expect(1, 0, 0);
    let input = fields(json!({"title": "Two"}));
    to.service.patch(&to.admin(), "pages", PAGE, &Precondition::Any, &input).await.expect("a patch");
    let exact = |version: u32| {
        line(&format!(
            r#""head": {{"version": {version}, "updatedAt": "2026-01-01T00:00:00Z", "fields": {{"title": "V{version}"}}}},
             "versions": [{{"version": 90, "updatedAt": "2026-01-01T00:00:00Z", "fields": {{"title": "V90"}}}}]"#
        ))
        .replace('\n', "")
    };
    to.import(&exact(200)).await.expect(0, 1, 0);
    let versions =
        "SELECT group_concat(version_number) FROM (SELECT version_number FROM documents ORDER BY 1)";
    let of =
        |to: &World| -> String { to.connection().query_row(versions, [], |row| row.get(0)).expect("rows") };
    assert_eq!(of(&to), "1,2,90,200");
    // Twenty rows stay, however their numbers are.
    for n in 0..18 {
        to.import(&exact(1_000 + 100 * n)).await.expect(0, 1, 0);
    }
    assert!(of(&to).starts_with("90,200,1000,") && of(&to).ends_with(",2700"), "{}", of(&to));
    to.assert_clean().await;
}

/// A page with an id of its own.
fn page(n: usize, rest: &str) -> String {
    format!(
        r#"{{"id": "018f0000-0000-7000-8000-{n:012}", "type": "pages", "slug": "p{n}", {rest}"fields": {{"title": "P"}}}}"#
    )
}

#[tokio::test]
async fn parents_that_swap_across_batches_are_no_circle_afterwards() {
    let to = world().await;
    let lines: Vec<_> = (0..1_200).map(|n| page(n, "")).collect();
    to.import(&lines.join("\n")).await.expect(1_200, 0, 0);
    // The batch of the first takes longer to write than that of the second to prepare.
    let tags =
        json!({"title": "P", "tags": (0..100).map(|n| format!("tag-{n}")).collect::<Vec<_>>()}).to_string();
    let heavy = |line: &String| line.replace(r#"{"title": "P"}"#, &tags);
    let mut moved: Vec<_> = lines[..500].iter().map(heavy).chain(lines[500..].iter().cloned()).collect();
    moved[0] = page(0, r#""parent": "018f0000-0000-7000-8000-000000000700", "#);
    moved[700] = page(700, r#""parent": "018f0000-0000-7000-8000-000000000000", "#);
    let said = to.import(&moved.join("\n")).await;
    said.named(&["701: /parent: the document would be below itself"]);
    let expected = Summary { updated: 500, unchanged: 699, failed: 1, ..Summary::default() };
    assert_eq!(said.summary, expected);
    to.assert_clean().await;
    to.assert_nothing_staged();
}

impl World {
    /// Imports lines, and calls back on every report.
    async fn import_told(
        &self,
        lines: &str,
        mut told: impl FnMut(&Report<'_>) + Send,
    ) -> Result<Summary, ImportError> {
        let lines = Cursor::new(lines.as_bytes().to_vec());
        self.importer().run(lines, &skip(), &mut |report| told(&report)).await
    }
}

#[tokio::test]
async fn lines_that_another_import_takes_away_are_missed() {
    let to = world().await;
    let lines: Vec<_> = (0..2_000).map(|n| page(n, "")).collect();
    let lines = lines.join("\n");
    let said = to.import_told(&lines, |report| {
        if matches!(report, Report::Done { .. }) {
            to.connection().execute("DELETE FROM import_lines", []).expect("lines");
        }
    });
    assert!(matches!(said.await, Err(ImportError::Disturbed)));
    let there = to.count("SELECT count(*) FROM documents");
    assert!(there < 2_000, "{there}");
    let there = there.unsigned_abs();
    to.import(&lines).await.expect(2_000 - there, 0, there);
    to.assert_nothing_staged();
}

#[tokio::test]
async fn a_fault_is_told_once_whoever_else_writes() {
    let to = world().await;
    to.import(&page(1, "")).await.expect(1, 0, 0);
    let lines = [
        page(2, "").replace(r#""P""#, "5"),
        page(1, r#""order": 4, "#),
        page(3, "").replace(r#""P""#, r#""P", "next": "p2""#),
    ]
    .join("\n");
    let mut faults = Vec::new();
    let said = to.import_told(&lines, |report| {
        if let Report::Fault(fault) = report {
            faults.push(fault.line);
            to.connection()
                .execute("UPDATE documents SET revision = revision + 1 WHERE is_current_draft = 1", [])
                .expect("a write");
        }
    });
    let expected = Summary { updated: 1, failed: 2, ..Summary::default() };
    assert_eq!((said.await.expect("an import"), faults), (expected, vec![1, 3]));
}

#[tokio::test]
async fn an_import_that_goes_on_knows_what_was_renamed_and_what_was_refused() {
    let to = world().await;
    to.import(ADA).await.expect(1, 0, 0);
    let other = format!(r#"{{"id": "{PAGE}", {}"#, &ADA[1..]);
    let owned = page(1, "").replace(r#""P""#, &format!(r#""P", "owner": "{PAGE}""#));
    let lines = [other, page(2, "").replace(r#""P""#, "5"), owned, page(3, r#""nonsense": 1, "#)].join("\n");
    let stopped = to.import_told(&lines, |report| {
        // As if it were killed: the stage stays.
        if matches!(report, Report::Fault(fault) if fault.line == 2) {
            to.faulty.then(Fault::Fail(StorageError::Unavailable { reason: "gone".into() }));
        }
    });
    assert!(stopped.await.is_err());
    let said = to.import(&lines).await;
    said.named(&["4: /nonsense: there is no member", "2: /fields/title: must be text"]);
    assert_eq!((said.summary.imported(), said.summary.failed), (2, 2));
    to.assert_clean().await;
}

#[tokio::test]
async fn rows_of_a_line_have_limits() {
    let trial = Trial::new().await;
    let row = |version: Json, title: &str| json!({"version": version, "updatedAt": "2026-01-01T00:00:00Z", "fields": {"title": title}});
    let line = |head: Json, rest: Json| {
        let mut line = json!({"type": "pages", "head": head});
        line.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        line.to_string()
    };
    let old = json!({"versions": [row(json!(1), "x"), row(json!(2), &"x".repeat(3_000_000))]});
    let too_large = "1: /versions/1/fields: the document is 3000014 bytes as it is stored; 1995904 at most";
    trial.refuses(&line(row(json!(3), "x"), old), &[too_large]).await;
    let number = "version: must be a whole number from 1 to 4294967295";
    let high = json!({"versions": [row(json!(4_294_967_296_u64), "x")]});
    trial
        .refuses(&line(row(json!(4_294_967_296_u64), "x"), json!({})), &[&format!("1: /head/{number}")])
        .await;
    trial.refuses(&line(row(json!(7), "x"), high), &[&format!("1: /versions/0/{number}")]).await;
    let entry = |n| json!({"principal": format!("role:r{n}"), "action": "read", "effect": "allow"});
    let entries = |count: u32| json!({"permissions": (0..count).map(entry).collect::<Vec<_>>()});
    let many = "1: /permissions: a document has at most 200 entries";
    trial.refuses(&line(row(json!(1), "x"), entries(201)), &[many]).await;
    let to = world().await;
    to.import(&line(row(json!(4_294_967_295_u64), "x"), entries(200))).await.expect(1, 0, 0);
}

#[tokio::test]
async fn a_parent_that_is_not_there_is_refused_unless_it_is_what_is_stored() {
    let trial = Trial::new().await;
    let exact = |version: u32, at_top: &str, in_row: &str| {
        format!(
            r#"{{"id": "{PAGE}", "type": "pages", "slug": "a", {at_top} "head": {{"version": {version},
             "updatedAt": "2026-01-01T00:00:00Z", {in_row} "fields": {{"title": "V{version}"}}}}}}"#
        )
        .replace('\n', "")
    };
    let (nowhere, other) = ("018f0000-0000-7000-8000-0000000000ff", "018f0000-0000-7000-8000-0000000000fe");
    let parent = |id: &str| format!(r#""parent": "{id}","#);
    let missing = format!("there is no document `{nowhere}` in `pages`");
    trial.refuses(&exact(1, &parent(nowhere), ""), &[&format!("1: /parent: {missing}")]).await;
    trial.refuses(&exact(1, "", &parent(nowhere)), &[&format!("1: /head/parent: {missing}")]).await;

    let to = world().await;
    let page = |id: &str| exact(1, "", "").replace(PAGE, id).replace(r#""a""#, r#""top""#);
    let lines = format!("{}\n{}", exact(1, &parent(other), ""), page(other));
    to.import(&lines).await.expect(2, 0, 0);
    to.assert_clean().await;
    let sql = "DELETE FROM documents WHERE root_id = ?1";
    to.connection().execute(sql, [other]).expect("damage");
    to.import(&exact(2, &parent(other), "")).await.expect(0, 1, 0);
    to.import(&exact(3, &parent(nowhere), "")).await.named(&[&format!("1: /parent: {missing}")]);
}

#[tokio::test]
async fn a_chain_of_circles_is_walked_once() {
    // Two pages refer to each other, and the second to the first of the next two. The lines of a
    // pair are too far apart for one batch.
    let pair = |n: usize, count: usize| {
        let page = |slug: String, quotes: Vec<String>| {
            json!({"type": "pages", "slug": slug, "fields": {"title": "P", "next": quotes[0],
                "also": quotes.get(1)}})
            .to_string()
        };
        let next = (n + 1 < count).then(|| format!("a{}", n + 1));
        let back = [Some(format!("a{n}")), next].into_iter().flatten().collect();
        (page(format!("a{n}"), vec![format!("b{n}")]), page(format!("b{n}"), back))
    };
    let mut asked = Vec::new();
    for count in [20, 40, 80] {
        let to = World::of(definitions()).await;
        let (first, second): (Vec<_>, Vec<_>) = (0..count).map(|n| pair(n, count)).unzip();
        let between =
            (0..600).map(|n| format!(r#"{{"type": "pages", "slug": "x{n}", "fields": {{"title": "X"}}}}"#));
        let lines = first.into_iter().chain(between).chain(second).collect::<Vec<_>>().join("\n");
        let before = to.database.counts().round_trips;
        to.import(&lines).await.expect(600 + 2 * count as u64, 0, 0);
        asked.push(to.database.counts().round_trips - before);
        to.assert_clean().await;
    }
    // Twice as many circles take twice as much more, and not four times.
    assert!(asked[2] - asked[1] < 3 * (asked[1] - asked[0]), "{asked:?}");
}
