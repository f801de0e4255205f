//! Imports that meet what is not right: lines, other writers, other imports.

use std::io::Cursor;

use serde_json::{Value as Json, json};
use stratus_document::{
    Precondition,
    transfer::{ImportError, ImportOptions, Report, Summary},
};

use crate::{
    fixture::{World, fields},
    transfer::{ADA, skip, world},
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
