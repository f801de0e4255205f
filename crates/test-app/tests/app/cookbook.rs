//! `docs/api.md`, played: every recipe is asked in its order, and its answer is compared to the byte
//! of what the page shows, on SQLite, on SQLite as strict as D1, and on D1.

mod content;
mod curl;
mod page;
mod shown;

use std::{collections::BTreeMap, env};

use stratus_document::parse_time;
use stratus_test_app::{ADMIN_TOKEN, Moment};

use crate::app::{
    cookbook::page::{Page, Piece},
    pretty,
    target::Target,
    transcripts::{BEGINNING, PACE},
    wire::Answer,
};

/// Of all ids in the cookbook.
const SEED: u32 = 1;

/// The first request after the content, whose requests have the ordinals below.
const FIRST: u32 = 10_000;

/// The fewest recipes that the cookbook has.
const RECIPES: usize = 30;

/// What the shell of a reader knows.
type Variables = BTreeMap<String, String>;

#[tokio::test]
async fn every_recipe_is_true() {
    if env::var_os("UPDATE_TRANSCRIPTS").is_some() {
        let mut page = Page::read();
        play(&mut page, Target::native()).await;
        page.write();
    }
    play_all(Target::native()).await;
}

#[tokio::test]
async fn every_recipe_is_true_as_strict_as_d1() {
    play_all(Target::strict()).await;
}

#[cfg(feature = "workerd")]
#[tokio::test]
async fn every_recipe_is_true_on_d1() {
    play_all(Target::worker()).await;
}

async fn play_all(target: Target) {
    let mut page = Page::read();
    assert!(page.recipes() >= RECIPES, "{} recipes", page.recipes());
    let name = target.name;
    let differences = play(&mut page, target).await;
    assert!(differences.is_empty(), "{} differ on {name}\n{}", differences.len(), differences.join("\n\n"));
}

/// A page whose answer is another one, whose request has no answer, or that plays nothing, is found out.
#[tokio::test]
async fn a_recipe_that_is_not_so_is_found_out() {
    let recipe = |request: &str, answer: &str| format!("## 1. One\n\n```sh\n{request}\n```\n{answer}");
    let asked = "curl -i \"$BASE/health\"";
    let wrong = recipe(asked, "\n```http\nHTTP/1.1 404 Not Found\n```\n");
    let differences = play(&mut Page::parse(&wrong).unwrap(), Target::native()).await;
    assert!(differences.len() == 1 && differences[0].contains("+HTTP/1.1 200 OK"), "{differences:?}");
    for (broken, why) in [
        (recipe(asked, ""), "recipe 1 has a request without an answer"),
        (recipe("true", ""), "recipe 1 has a block that is neither `curl` nor assignments"),
        ("## 1. One\n".to_owned(), "recipe 1 asks nothing"),
        ("## 2. Two\n".to_owned(), "`## 2. Two` should be number 1"),
        (
            "## 1. One\n\n    curl -i $BASE\n".to_owned(),
            "`curl` stands outside of a block: `    curl -i $BASE`",
        ),
        ("## 1. One\n\n```json\n{}\n```\n".to_owned(), "a block of `json`: there are `sh` and `http`"),
    ] {
        assert_eq!(Page::parse(&broken).err().as_deref(), Some(why));
    }
}

/// Asks everything, puts the answers into the page, and tells of those that were others.
async fn play(page: &mut Page, target: Target) -> Vec<String> {
    let mut target = target.with("cookbook");
    content::load(&mut target).await;
    let known = [("BASE", "http://127.0.0.1:8080"), ("TOKEN", ADMIN_TOKEN)];
    let mut variables: Variables =
        known.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut now = parse_time(BEGINNING).unwrap();
    let (mut ordinal, mut last, mut recipe) = (FIRST, None::<Answer>, String::new());
    let mut differences = Vec::new();
    for piece in &mut page.pieces {
        let found = match piece {
            Piece::Text(text) => {
                recipe = text.lines().find(|it| it.starts_with("## ")).map_or(recipe, str::to_owned);
                continue;
            }
            Piece::Request(source) => {
                let request = curl::request(source, &variables);
                let request = request.unwrap_or_else(|why| panic!("{recipe}: {why}\n{source}"));
                (ordinal, now) = (ordinal + 1, now + PACE);
                last = Some(target.ask(&Moment { seed: SEED, ordinal, now }, &request).await);
                continue;
            }
            Piece::Answer(_) => shown::answer(last.as_ref().unwrap()),
            Piece::Kept(text) => keep(text, last.as_ref().unwrap(), &mut variables),
        };
        let (Piece::Answer(told) | Piece::Kept(told)) = piece else { continue };
        if *told != found {
            differences.push(format!("{recipe}\n{}", pretty::difference(told, &found)));
            *told = found;
        }
    }
    differences
}

/// Lines such as `POST=01a1…  # /data/id`, with what the last answer has at that place: a header, or a
/// pointer into the body.
fn keep(text: &str, answer: &Answer, variables: &mut Variables) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let (name, rest) = line.split_once('=').unwrap();
        let place = rest.rsplit_once("# ").unwrap_or_else(|| panic!("`{line}` says no place")).1;
        let value = answer.at(place).unwrap_or_else(|| panic!("nothing at `{place}`: {answer}"));
        kept.push_str(&format!("{name}={}  # {place}\n", curl::quoted(&value)));
        variables.insert(name.to_owned(), value);
    }
    kept
}
