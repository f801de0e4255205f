//! The stories, played.

use std::env;

use stratus_document::parse_time;
use stratus_test_app::Moment;

use crate::{
    pretty,
    story::{Kept, Recorded, Story},
    target::Target,
};

/// When every story begins.
const BEGINNING: &str = "2026-11-21T09:00:00.000Z";

/// How long after an exchange the next one is, in milliseconds.
const PACE: i64 = 1_000;

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

#[tokio::test]
#[ignore = "`cargo xtask transcripts` starts the Worker that it needs"]
async fn on_d1() {
    play_all(Target::worker()).await;
}
