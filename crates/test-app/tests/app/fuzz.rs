//! Seeded random commands and queries, put to two programs: every answer is the same.

mod dice;
mod player;
mod values;

use std::{collections::BTreeMap, env};

use stratus_test_app::Moment;

use self::player::Player;
use crate::app::{pretty, target::Target};

/// When it begins: 2026-11-21T09:00:00Z.
const BEGINNING: i64 = 1_795_251_600_000;

/// A number from the environment.
fn number(name: &str, otherwise: u32) -> u32 {
    env::var(name).map_or(otherwise, |it| it.parse().unwrap_or_else(|_| panic!("`{name}` is no number")))
}

/// Plays one game with both and stops at the first difference.
async fn compare(mut one: Target, mut other: Target) {
    let (seed, steps) = (number("STRATUS_FUZZ_SEED", 1), number("STRATUS_FUZZ_STEPS", 2_000));
    one.reset(seed, BEGINNING).await;
    other.reset(seed, BEGINNING).await;
    let mut player = Player::new(seed);
    let mut now = BEGINNING;
    let mut seen: BTreeMap<u16, u32> = BTreeMap::new();
    for ordinal in 1..=steps {
        now += player.pause();
        let moment = Moment { seed, ordinal, now };
        let request = player.request(now);
        let answer = one.ask(&moment, &request).await;
        let (expected, found) = (answer.common(), other.ask(&moment, &request).await.common());
        if expected != found {
            let difference = pretty::difference(&expected.to_string(), &found.to_string());
            panic!(
                "seed {seed}, step {ordinal}: {} and {} differ\n{request}\n{difference}\n--- {}\n{expected}\n--- {}\n{found}",
                one.name, other.name, one.name, other.name
            );
        }
        *seen.entry(answer.status).or_default() += 1;
        player.learn(&request, &answer);
    }
    println!(
        "fuzz: {steps} steps of seed {seed} on {} and {}, no difference; answers {seen:?}",
        one.name, other.name
    );
    let done: u32 = seen.range(200..300).map(|(_, count)| count).sum();
    assert!(done * 3 > steps, "most steps are refused: {seen:?}");
}

#[tokio::test]
async fn sqlite_and_strict_sqlite_answer_alike() {
    compare(Target::native(), Target::strict()).await;
}

#[cfg(feature = "workerd")]
#[tokio::test]
async fn sqlite_and_d1_answer_alike() {
    compare(Target::native(), Target::worker()).await;
}
