//! The stories, played.

use std::{collections::BTreeSet, env};

use stratus_document::parse_time;
use stratus_test_app::Moment;

use crate::app::{
    pretty,
    story::{Kept, Recorded, Story},
    target::Target,
};

/// When every story begins.
pub(crate) const BEGINNING: &str = "2026-11-21T09:00:00.000Z";

/// How long after an exchange the next one is, in milliseconds.
pub(crate) const PACE: i64 = 1_000;

/// What answers with a success, as the router has it.
const ROUTES: [&str; 24] = [
    "GET /health",
    "GET /ready",
    "GET /openapi.json",
    "GET /api",
    "GET /api/{collection}",
    "POST /api/{collection}",
    "POST /api/{collection}/query",
    "GET /api/{collection}/slug/{slug}",
    "GET /api/{collection}/{id}",
    "PATCH /api/{collection}/{id}",
    "PUT /api/{collection}/{id}",
    "DELETE /api/{collection}/{id}",
    "POST /api/{collection}/{id}/publish",
    "POST /api/{collection}/{id}/unpublish",
    "POST /api/{collection}/{id}/recover",
    "POST /api/{collection}/{id}/duplicate",
    "POST /api/{collection}/{id}/erase",
    "POST /api/{collection}/{id}/restore",
    "GET /api/{collection}/{id}/versions",
    "GET /api/{collection}/{id}/versions/1",
    "GET /api/{collection}/{id}/translations",
    "GET /api/{collection}/{id}/referrers",
    "GET /api/{collection}/{id}/permissions",
    "PUT /api/{collection}/{id}/permissions",
];

/// Every code of a refusal, but those of failures: `row_too_large`, `request_timeout`,
/// `too_many_requests`, `internal`, `not_implemented`, `unavailable`, `timeout`; and `conflict`,
/// which the others make more precise.
const CODES: [&str; 34] = [
    "bad_request",
    "malformed_json",
    "duplicate_key",
    "too_deep",
    "too_many_keys",
    "unknown_member",
    "invalid_parameter",
    "unknown_parameter",
    "repeated_parameter",
    "invalid_cursor",
    "invalid_bookmark",
    "invalid_header",
    "invalid_query",
    "unauthorized",
    "forbidden",
    "not_found",
    "trashed",
    "method_not_allowed",
    "slug_taken",
    "not_unique",
    "referenced",
    "missing_reference",
    "not_trashed",
    "would_hide",
    "stale_revision",
    "payload_too_large",
    "uri_too_long",
    "unsupported_media_type",
    "content_encoding",
    "unknown_host",
    "validation_failed",
    "unindexed_query",
    "too_much_to_populate",
    "precondition_required",
];

/// Plays a story up to the first difference and tells of it; or records it.
async fn play(story: &mut Story, target: &mut Target, records: bool) -> Result<(), String> {
    let (seed, mut now) = (story.seed(), parse_time(BEGINNING).unwrap());
    target.reset(seed, now).await;
    let mut kept = Kept::new();
    for (ordinal, exchange) in (1..).zip(&mut story.exchanges) {
        now = exchange.at.as_deref().map_or(now + PACE, |it| parse_time(it).unwrap());
        let request = exchange.request.request(&kept);
        let answer = target.ask(&Moment { seed, ordinal, now }, &request).await;
        exchange.keep(&answer, &mut kept);
        if records {
            exchange.response = Some(Recorded::of(&answer));
        }
        let recorded = exchange.response.as_ref().map(Recorded::answer);
        let recorded =
            recorded.ok_or_else(|| format!("{}: `{}` has no answer", story.name, exchange.name))?;
        let found = answer.common();
        if recorded != found {
            let difference = pretty::difference(&recorded.to_string(), &found.to_string());
            let (name, exchange, target) = (&story.name, &exchange.name, target.name);
            return Err(format!(
                "{name}, exchange {ordinal}, `{exchange}`, on {target}:\n{request}\n{difference}"
            ));
        }
    }
    Ok(())
}

/// Plays every story and tells of the first difference in each.
async fn play_all(mut target: Target) {
    let mut differences = Vec::new();
    for mut story in Story::all() {
        differences.extend(play(&mut story, &mut target, false).await.err());
    }
    assert!(differences.is_empty(), "{} stories differ\n{}", differences.len(), differences.join("\n\n"));
}

/// Every route, and every refusal but those that take a failure to see.
#[test]
fn every_endpoint_and_every_refusal_is_told_of() {
    let stories = Story::all();
    let exchanges: Vec<_> = stories.iter().flat_map(|it| &it.exchanges).collect();
    let routes: BTreeSet<_> = exchanges.iter().filter_map(|it| it.answered_route()).collect();
    let missing: Vec<_> = ROUTES.iter().filter(|it| !routes.contains(**it)).collect();
    assert!(missing.is_empty(), "no exchange succeeds at {missing:?}");
    let codes: BTreeSet<_> = exchanges.iter().filter_map(|it| it.code()).collect();
    let missing: Vec<_> = CODES.iter().filter(|it| !codes.contains(**it)).collect();
    assert!(missing.is_empty(), "no exchange is refused as {missing:?}");
    assert!(exchanges.len() >= 150, "{} exchanges", exchanges.len());
}

#[tokio::test]
async fn on_sqlite() {
    if env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        let mut target = Target::native();
        for mut story in Story::all() {
            play(&mut story, &mut target, true).await.unwrap();
            story.write();
        }
    }
    play_all(Target::native()).await;
}

#[tokio::test]
async fn on_sqlite_as_strict_as_d1() {
    play_all(Target::strict()).await;
}

#[cfg(feature = "workerd")]
#[tokio::test]
async fn on_d1() {
    play_all(Target::worker()).await;
}
