//! Writes under keys: random sequences of them, asked again and again over a database that loses
//! answers, leave what a naive model says, and each key gets one answer.

use std::{collections::BTreeMap, future::Future};

use proptest::prelude::*;
use serde_json::json;
use stratus_document::{
    Answer, Change, DocumentError, Done, Failed, Keyed, Operation, Outcome, Precondition, Step, examine,
};
use stratus_storage::Error;
use stratus_testkit::Fault;

use crate::fixture::{World, draft, fields};

#[derive(Clone, Debug)]
enum Command {
    Create(char),
    Patch(usize, char),
    Trash(usize),
    Recover(usize),
    Erase(usize),
}

/// What happens to the batch of a write.
#[derive(Clone, Copy, Debug)]
enum Luck {
    Good,
    /// Its answer is lost, and found.
    Lost,
    /// Its answer is lost, and can't be looked up.
    Unknown,
    /// It never arrives.
    Gone,
}

fn command() -> impl Strategy<Value = (Command, Option<u8>, Luck, bool)> {
    let (who, letter) = (0..3_usize, prop::sample::select(vec!['a', 'b', 'c']));
    let command = prop_oneof![
        3 => letter.clone().prop_map(Command::Create),
        4 => (who.clone(), letter).prop_map(|(who, name)| Command::Patch(who, name)),
        1 => who.clone().prop_map(Command::Trash),
        1 => who.clone().prop_map(Command::Recover),
        1 => who.prop_map(Command::Erase),
    ];
    let luck = prop_oneof![4 => Just(Luck::Good), 1 => Just(Luck::Lost), 1 => Just(Luck::Unknown), 1 => Just(Luck::Gone)];
    (command, prop::option::weighted(0.7, 0..4_u8), luck, any::<bool>())
}

#[derive(Clone, Debug, PartialEq)]
struct Head {
    id: String,
    name: char,
    revision: i64,
    is_trashed: bool,
}

/// What is known under a key: the request, the answer if anyone has heard it, the document.
#[derive(Clone, Debug)]
struct Kept {
    request: String,
    answer: Option<String>,
    who: Option<usize>,
    is_forgotten: bool,
}

#[derive(Default)]
struct Model {
    heads: Vec<Option<Head>>,
    keys: BTreeMap<u8, Kept>,
}

/// What a command does to a world in which it is not done yet.
#[derive(Debug, PartialEq)]
enum Effect {
    Refused,
    Nothing,
    Writes,
}

impl Model {
    fn head(&self, who: usize) -> Option<&Head> {
        self.heads.get(who)?.as_ref()
    }

    fn effect(&self, command: &Command) -> Effect {
        match command {
            Command::Create(_) => Effect::Writes,
            Command::Patch(who, name) => match self.head(*who) {
                Some(head) if head.is_trashed => Effect::Refused,
                Some(head) if head.name == *name => Effect::Nothing,
                Some(_) => Effect::Writes,
                None => Effect::Refused,
            },
            Command::Trash(who) if self.head(*who).is_some_and(|it| !it.is_trashed) => Effect::Writes,
            Command::Recover(who) if self.head(*who).is_some_and(|it| it.is_trashed) => Effect::Writes,
            Command::Erase(who) if self.head(*who).is_some() => Effect::Writes,
            _ => Effect::Refused,
        }
    }

    /// Does it, and says which document it was about.
    fn apply(&mut self, command: &Command, id: &str) -> usize {
        if let Command::Create(name) = command {
            let head = Head { id: id.to_owned(), name: *name, revision: 1, is_trashed: false };
            self.heads.push(Some(head));
            return self.heads.len() - 1;
        }
        let (Command::Patch(who, _) | Command::Trash(who) | Command::Recover(who) | Command::Erase(who)) =
            *command
        else {
            unreachable!("a create is done above")
        };
        if let Some(head) = self.heads.get_mut(who).and_then(Option::as_mut) {
            head.revision += 1;
            match command {
                Command::Patch(_, name) => head.name = *name,
                Command::Trash(_) => head.is_trashed = true,
                Command::Recover(_) => head.is_trashed = false,
                _ => {}
            }
        }
        if matches!(command, Command::Erase(_)) {
            self.heads[who] = None;
            let of_it = self.keys.values_mut().filter(|it| it.who == Some(who));
            of_it.for_each(|it| it.is_forgotten = true);
        }
        who
    }
}

/// The one who is meant by a number that means nobody.
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// Asks, with what happens to the batch.
async fn ask(
    world: &World,
    ids: &[String],
    command: &Command,
    key: Option<u8>,
    faults: Vec<Fault>,
) -> Result<(String, bool), Failed> {
    let any = Precondition::Any;
    let name = |name: &char| fields(json!({ "name": name.to_string() }));
    let input = match command {
        Command::Create(letter) | Command::Patch(_, letter) => name(letter),
        _ => fields(json!({})),
    };
    let id = |who: &usize| ids.get(*who).map_or(NOBODY, String::as_str);
    let step = |who, step| Change::Step { id: id(who), precondition: &any, step };
    let change = match command {
        Command::Create(_) => Change::Create(&input),
        Command::Patch(who, _) => Change::Patch { id: id(who), precondition: &any, input: &input },
        Command::Trash(who) => step(who, Step::Trash),
        Command::Recover(who) => step(who, Step::Recover),
        Command::Erase(who) => step(who, Step::Erase),
    };
    let text = |outcomes: &[Outcome]| match outcomes {
        // A slug stands there as a JSON string.
        [Outcome::Head(it)] => format!("{} {} {} {}", it.id, it.revision, it.fields, json!(it.slug)),
        _ => String::new(),
    };
    let answer =
        |outcomes: &[Outcome]| Some(Answer { status: 200, headers: String::new(), body: text(outcomes) });
    let (key, request) = (key.map(|it| it.to_string()), format!("{command:?}"));
    let keyed = key.as_ref().map(|key| Keyed { key, request: &request, answer: &answer });
    for fault in faults {
        world.faulty.then(fault);
    }
    let operations = [Operation::new("authors", change)];
    match world.service.write(&world.admin(), &operations, keyed.as_ref()).await? {
        Done::Now { outcomes, .. } => Ok((text(&outcomes), false)),
        Done::Before { answer, .. } => Ok((answer.body, true)),
    }
}

async fn play(commands: Vec<(Command, Option<u8>, Luck, bool)>) -> Result<(), TestCaseError> {
    let world = World::demo().await;
    let mut model = Model::default();
    let mut ids = Vec::<String>::new();
    for (command, key, luck, again) in commands {
        for _ in 0..=usize::from(again) {
            let request = format!("{command:?}");
            if let Some(kept) = key.and_then(|key| model.keys.get(&key)).cloned() {
                let got = ask(&world, &ids, &command, key, vec![]).await;
                if kept.request != request {
                    let refused = matches!(&got, Err(Failed { error: DocumentError::KeyReused, .. }));
                    prop_assert!(refused, "{got:?}");
                } else if kept.is_forgotten {
                    let refused = matches!(&got, Err(Failed { error: DocumentError::AnswerNotKept, .. }));
                    prop_assert!(refused, "{got:?}");
                } else {
                    let (text, replayed) = got.map_err(|it| TestCaseError::fail(format!("{it:?}")))?;
                    prop_assert!(replayed);
                    if let Some(answer) = &kept.answer {
                        prop_assert_eq!(&text, answer);
                    }
                    if let Some(kept) = key.and_then(|key| model.keys.get_mut(&key)) {
                        kept.answer = Some(text);
                    }
                }
                continue;
            }
            let effect = match (&command, model.effect(&command)) {
                // Its slug went to another one in the meantime.
                (Command::Recover(who), Effect::Writes) if is_slug_taken(&world, &ids[*who]) => {
                    Effect::Refused
                }
                (_, effect) => effect,
            };
            let writes = effect == Effect::Writes || (effect == Effect::Nothing && key.is_some());
            let looks = key.is_some() || !matches!(command, Command::Create(_));
            let luck = if writes { luck } else { Luck::Good };
            let look = looks.then_some(Fault::Pass).into_iter();
            let lost = || Error::OutcomeUnknown { reason: "lost".into() };
            let faults = look.chain(match luck {
                Luck::Good => vec![],
                Luck::Lost => vec![Fault::LoseAnswer],
                Luck::Unknown => vec![Fault::LoseAnswer, Fault::Fail(lost())],
                Luck::Gone => vec![Fault::Fail(lost())],
            });
            let faults: Vec<_> = if writes { faults.collect() } else { vec![] };
            let before = events(&world);
            let got = ask(&world, &ids, &command, key, faults).await;
            prop_assert_eq!(world.faulty.remaining(), 0);
            let written = events(&world) - before;
            match (effect, luck) {
                (Effect::Refused, _) => prop_assert!(got.is_err(), "{got:?}"),
                (_, Luck::Gone) => prop_assert!(got.is_err() && written == 0, "{got:?}"),
                (effect, luck) => {
                    prop_assert_eq!(got.is_ok(), !matches!(luck, Luck::Unknown), "{:?}", got);
                    prop_assert_eq!(written, i64::from(effect == Effect::Writes));
                    let text = got.ok().map(|(text, _)| text);
                    if let Command::Create(_) = command {
                        ids.push(newest(&world));
                    }
                    let id = ids.last().cloned().unwrap_or_default();
                    let who = match (&effect, &command) {
                        (Effect::Nothing, Command::Patch(who, _)) => *who,
                        _ => model.apply(&command, &id),
                    };
                    if let (Some(head), Some(text)) = (model.head(who), &text) {
                        prop_assert!(text.starts_with(&format!("{} {} ", head.id, head.revision)), "{text}");
                    }
                    if let Some(key) = key {
                        // Nothing is told of what is gone.
                        let who = Some(who).filter(|_| !matches!(command, Command::Erase(_)));
                        model.keys.insert(key, Kept { request, answer: text, who, is_forgotten: false });
                    }
                }
            }
        }
    }
    for head in model.heads.iter().flatten().filter(|it| !it.is_trashed) {
        let found = world.repository().get(&world.admin(), "authors", &head.id, &draft()).await;
        let found = found.map_err(|it| TestCaseError::fail(it.to_string()))?;
        prop_assert_eq!(found.revision, head.revision);
        prop_assert!(found.fields.contains(&format!("\"name\":\"{}\"", head.name)), "{}", found.fields);
    }
    prop_assert_eq!(
        number(&world, "SELECT count(DISTINCT root_id) FROM documents"),
        model.heads.iter().flatten().count() as i64
    );
    prop_assert_eq!(number(&world, "SELECT count(*) FROM idempotency_keys"), model.keys.len() as i64);
    let findings = examine(&*world.database, world.repository().registry()).await;
    prop_assert_eq!(findings.map_err(|it| TestCaseError::fail(it.to_string()))?, vec![]);
    Ok(())
}

fn number(world: &World, sql: &str) -> i64 {
    world.connection().query_row(sql, [], |row| row.get(0)).expect("a number")
}

/// Whether a live document has the slug of one in the trash.
fn is_slug_taken(world: &World, id: &str) -> bool {
    let sql = "SELECT count(*) FROM documents AS t JOIN documents AS o ON o.slug = t.slug AND o.root_id <> t.root_id \
         AND o.type_id = t.type_id AND o.deleted_at IS NULL AND o.is_current_draft = 1 \
         WHERE t.root_id = ?1 AND t.is_current_draft = 1";
    let taken: i64 = world.connection().query_row(sql, [id], |row| row.get(0)).expect("a number");
    taken > 0
}

fn events(world: &World) -> i64 {
    number(world, "SELECT count(*) FROM events")
}

/// The id of the document that was made last.
fn newest(world: &World) -> String {
    let sql = "SELECT document FROM events WHERE kind = 'created' ORDER BY seq DESC LIMIT 1";
    world.connection().query_row(sql, [], |row| row.get(0)).expect("a document")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_key_is_done_once(commands in prop::collection::vec(command(), 1..24)) {
        block_on(play(commands))?;
    }
}
