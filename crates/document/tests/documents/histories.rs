//! Random histories: the service and a naive model in memory agree on every answer and on
//! everything that can be read afterwards.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use stratus_access::{Action, Principal};
use stratus_document::{
    CollectionDefinition, DocumentError, FieldDefinition, FieldType, Input, ListParams, Member, Precondition,
    State, Strength, View, Written, examine,
};

use crate::fixture::{World, draft};

fn people() -> CollectionDefinition {
    CollectionDefinition::new("people")
        .field("name", FieldDefinition::new(FieldType::Text).indexed())
        .field("boss", FieldDefinition::reference("people", Strength::Strong))
        .field("tags", FieldDefinition::new(FieldType::Tags).facet())
        .allow(Principal::Public, [Action::Read])
}

/// The document that a command is about, as a number into those made so far.
type Who = usize;

#[derive(Clone, Debug)]
enum Command {
    Create {
        name: char,
        boss: Option<Who>,
        slug: Option<char>,
        publish: bool,
    },
    Patch {
        who: Who,
        name: Option<char>,
        boss: Option<Option<Who>>,
        slug: Option<Option<char>>,
        parent: Option<Option<Who>>,
        publish: bool,
    },
    Publish(Who),
    Unpublish(Who),
    Trash(Who),
    Recover(Who),
    Restore(Who, i64),
    Erase(Who),
}

/// Which revision the command expects.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Any,
    Head,
    Stale,
}

fn command() -> impl Strategy<Value = (Command, Expect)> {
    let who = 0..4_usize;
    let letter = prop::sample::select(vec!['a', 'b', 'c']);
    let command = prop_oneof![
        3 => (letter.clone(), prop::option::of(who.clone()), prop::option::of(letter.clone()), any::<bool>())
            .prop_map(|(name, boss, slug, publish)| Command::Create { name, boss, slug, publish }),
        4 => (
            who.clone(),
            prop::option::of(letter.clone()),
            prop::option::of(prop::option::of(who.clone())),
            prop::option::of(prop::option::of(letter)),
            prop::option::weighted(0.3, prop::option::of(who.clone())),
            prop::bool::weighted(0.2),
        )
            .prop_map(|(who, name, boss, slug, parent, publish)| {
                Command::Patch { who, name, boss, slug, parent, publish }
            }),
        2 => who.clone().prop_map(Command::Publish),
        1 => who.clone().prop_map(Command::Unpublish),
        2 => who.clone().prop_map(Command::Trash),
        2 => who.clone().prop_map(Command::Recover),
        1 => who.clone().prop_map(Command::Erase),
        1 => (who, 1..5_i64).prop_map(|(who, version)| Command::Restore(who, version)),
    ];
    let expect = prop_oneof![4 => Just(Expect::Any), 2 => Just(Expect::Head), 1 => Just(Expect::Stale)];
    (command, expect)
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: char,
    boss: Option<Who>,
    slug: Option<char>,
    parent: Option<Who>,
}

#[derive(Clone, Debug)]
struct Person {
    rows: Vec<Row>,
    public: Option<usize>,
    /// Or erased.
    trashed: bool,
    erased: bool,
    revision: i64,
}

impl Person {
    fn head(&self) -> &Row {
        self.rows.last().expect("a head")
    }

    fn is_head_public(&self) -> bool {
        self.public == Some(self.rows.len() - 1)
    }

    /// The rows that protect their targets and hold their slugs.
    fn live_rows(&self) -> Vec<&Row> {
        let public = self.public.filter(|_| !self.is_head_public()).map(|at| &self.rows[at]);
        if self.trashed { vec![] } else { [self.head()].into_iter().chain(public).collect() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Unchanged,
    Missing,
    Trashed,
    Stale,
    SlugTaken,
    Invalid,
    Referenced,
    MissingReference,
    NotTrashed,
}

#[derive(Default)]
struct Model {
    people: Vec<Person>,
}

impl Model {
    fn is_live(&self, who: Who) -> bool {
        self.people.get(who).is_some_and(|it| !it.trashed)
    }

    fn boss_is_gone(&self, me: Who, row: &Row) -> bool {
        row.boss.is_some_and(|boss| boss != me && !self.is_live(boss))
    }

    fn parent_is_gone(&self, row: &Row) -> bool {
        row.parent.is_some_and(|parent| !self.is_live(parent))
    }

    /// Whether a document stands below another one, or is it.
    fn is_below(&self, low: Who, high: Who) -> bool {
        let mut at = Some(low);
        while let Some(who) = at {
            if who == high {
                return true;
            }
            at = self.people[who].head().parent;
        }
        false
    }

    /// Whether another live head has the slug below the same parent.
    fn head_clash(&self, me: Who, row: &Row) -> bool {
        let others = self.people.iter().enumerate().filter(|(n, it)| *n != me && !it.trashed);
        row.slug.is_some()
            && others.map(|(_, it)| it.head()).any(|it| (it.slug, it.parent) == (row.slug, row.parent))
    }

    /// Whether another live public row has the slug below the same parent.
    fn public_clash(&self, me: Who, row: &Row) -> bool {
        let others = self.people.iter().enumerate().filter(|(n, it)| *n != me && !it.trashed);
        let mut others = others.filter_map(|(_, it)| Some(&it.rows[it.public?]));
        row.slug.is_some() && others.any(|it| (it.slug, it.parent) == (row.slug, row.parent))
    }

    fn run(&mut self, command: &Command, expect: Expect) -> Outcome {
        let who = match *command {
            Command::Create { name, boss, slug, publish } => {
                return self.create(Row { name, boss, slug, parent: None }, publish);
            }
            Command::Patch { who, .. } | Command::Restore(who, _) | Command::Erase(who) => who,
            Command::Publish(who) | Command::Unpublish(who) | Command::Trash(who) | Command::Recover(who) => {
                who
            }
        };
        let Some(person) = self.people.get(who) else { return Outcome::Missing };
        if person.erased {
            return Outcome::Missing;
        }
        if person.trashed && !matches!(command, Command::Recover(_) | Command::Erase(_)) {
            return Outcome::Trashed;
        }
        if matches!(expect, Expect::Stale) {
            return Outcome::Stale;
        }
        match *command {
            Command::Create { .. } => unreachable!("answered above"),
            Command::Patch { name, boss, slug, parent, publish, .. } => {
                let head = person.head();
                let row = Row {
                    name: name.unwrap_or(head.name),
                    boss: boss.unwrap_or(head.boss),
                    slug: slug.unwrap_or(head.slug),
                    parent: parent.unwrap_or(head.parent),
                };
                self.save(who, row, publish)
            }
            Command::Restore(_, version) => match person.rows.get(version as usize - 1) {
                Some(old) => {
                    let Row { slug, parent, .. } = *person.head();
                    let row = Row { slug, parent, ..old.clone() };
                    self.save(who, row, false)
                }
                None => Outcome::Missing,
            },
            Command::Publish(_) => self.publish(who),
            Command::Unpublish(_) => self.unpublish(who),
            Command::Trash(_) => self.trash(who),
            Command::Recover(_) => self.recover(who),
            Command::Erase(_) => self.erase(who),
        }
    }

    fn create(&mut self, row: Row, publish: bool) -> Outcome {
        let me = self.people.len();
        if self.head_clash(me, &row) || (publish && self.public_clash(me, &row)) {
            return Outcome::SlugTaken;
        }
        // A boss that was never made has no id to be named by: the runner leaves it out.
        let row = Row { boss: row.boss.filter(|&boss| boss < me), ..row };
        if self.boss_is_gone(me, &row) {
            return Outcome::Invalid;
        }
        let public = publish.then_some(0);
        self.people.push(Person { rows: vec![row], public, trashed: false, erased: false, revision: 1 });
        Outcome::Done
    }

    fn save(&mut self, who: Who, row: Row, publish: bool) -> Outcome {
        let known = |who: &Who| *who < self.people.len();
        let row = Row { boss: row.boss.filter(known), parent: row.parent.filter(known), ..row };
        if row.parent != self.people[who].head().parent
            && (self.parent_is_gone(&row) || row.parent.is_some_and(|parent| self.is_below(parent, who)))
        {
            return Outcome::Invalid;
        }
        if row == *self.people[who].head() {
            return if publish { self.publish(who) } else { Outcome::Unchanged };
        }
        if self.head_clash(who, &row) || (publish && self.public_clash(who, &row)) {
            return Outcome::SlugTaken;
        }
        if self.boss_is_gone(who, &row) {
            return Outcome::Invalid;
        }
        let person = &mut self.people[who];
        person.rows.push(row);
        person.revision += 1;
        if publish {
            person.public = Some(person.rows.len() - 1);
        }
        Outcome::Done
    }

    fn publish(&mut self, who: Who) -> Outcome {
        if self.people[who].is_head_public() {
            return Outcome::Unchanged;
        }
        if self.public_clash(who, self.people[who].head()) {
            return Outcome::SlugTaken;
        }
        let person = &mut self.people[who];
        person.public = Some(person.rows.len() - 1);
        person.revision += 1;
        Outcome::Done
    }

    fn unpublish(&mut self, who: Who) -> Outcome {
        let person = &mut self.people[who];
        if person.public.take().is_none() {
            return Outcome::Unchanged;
        }
        person.revision += 1;
        Outcome::Done
    }

    /// Whether another live document refers to this one, or is its child.
    fn is_held(&self, who: Who) -> bool {
        let others = self.people.iter().enumerate().filter(|(n, it)| *n != who && !it.trashed);
        others
            .map(|(_, it)| it)
            .any(|it| it.head().parent == Some(who) || it.live_rows().iter().any(|row| row.boss == Some(who)))
    }

    fn trash(&mut self, who: Who) -> Outcome {
        if self.is_held(who) {
            return Outcome::Referenced;
        }
        let person = &mut self.people[who];
        person.trashed = true;
        person.revision += 1;
        Outcome::Done
    }

    fn erase(&mut self, who: Who) -> Outcome {
        if self.is_held(who) {
            return Outcome::Referenced;
        }
        let person = &mut self.people[who];
        (person.trashed, person.erased) = (true, true);
        Outcome::Done
    }

    fn recover(&mut self, who: Who) -> Outcome {
        let person = &self.people[who];
        if !person.trashed {
            return Outcome::NotTrashed;
        }
        let head = person.head().clone();
        let public = person.public.map(|at| person.rows[at].clone());
        if self.head_clash(who, &head) || (person.is_head_public() && self.public_clash(who, &head)) {
            return Outcome::SlugTaken;
        }
        if self.boss_is_gone(who, &head) || self.parent_is_gone(&head) {
            return Outcome::MissingReference;
        }
        if let Some(public) = public {
            if self.public_clash(who, &public) {
                return Outcome::SlugTaken;
            }
            if self.boss_is_gone(who, &public) {
                return Outcome::MissingReference;
            }
        }
        let person = &mut self.people[who];
        person.trashed = false;
        person.revision += 1;
        Outcome::Done
    }
}

fn outcome(result: Result<Written, DocumentError>) -> Outcome {
    match result {
        Ok(Written { bookmark: Some(_), .. }) => Outcome::Done,
        Ok(Written { bookmark: None, .. }) => Outcome::Unchanged,
        Err(DocumentError::NotFound) => Outcome::Missing,
        Err(DocumentError::Trashed) => Outcome::Trashed,
        Err(DocumentError::StaleRevision { .. }) => Outcome::Stale,
        Err(DocumentError::SlugTaken { .. }) => Outcome::SlugTaken,
        Err(DocumentError::Invalid(_)) => Outcome::Invalid,
        Err(DocumentError::Referenced { .. }) => Outcome::Referenced,
        Err(DocumentError::MissingReference) => Outcome::MissingReference,
        Err(DocumentError::NotTrashed) => Outcome::NotTrashed,
        Err(other) => panic!("not an outcome of the model: {other:?}"),
    }
}

const GHOST: &str = "0192f0c1-2345-7000-8000-0123456789ab";

struct Runner {
    world: World,
    ids: Vec<String>,
}

impl Runner {
    fn id(&self, who: Who) -> &str {
        self.ids.get(who).map_or(GHOST, String::as_str)
    }

    fn slug(slug: Option<char>) -> Member<String> {
        slug.map_or(Member::Null, |it| Member::Value(it.to_string()))
    }

    fn boss(&self, boss: Option<Who>) -> Json {
        boss.and_then(|it| self.ids.get(it)).map_or(Json::Null, |it| json!(it))
    }

    async fn run(&mut self, command: &Command, expect: Expect, revision: i64) -> Outcome {
        self.world.clock.advance(1);
        let (scope, service) = (self.world.admin(), &self.world.service);
        let expected = match expect {
            Expect::Any => Precondition::Any,
            Expect::Head => Precondition::Revisions(vec![revision]),
            Expect::Stale => Precondition::Revisions(vec![revision + 1, 0]),
        };
        match *command {
            Command::Create { name, boss, slug, publish } => {
                let fields = json!({ "name": name, "boss": self.boss(boss), "tags": [name] });
                let fields = fields.as_object().cloned();
                let input = Input { slug: Self::slug(slug), publish, fields, ..Input::default() };
                let made = service.create(&scope, "people", &input).await;
                if let Ok(written) = &made {
                    self.ids.push(written.document.id.clone());
                }
                outcome(made)
            }
            Command::Patch { who, name, boss, slug, parent, publish } => {
                let mut fields = Map::new();
                if let Some(name) = name {
                    fields.insert("name".into(), json!(name));
                    fields.insert("tags".into(), json!([name]));
                }
                if let Some(boss) = boss {
                    fields.insert("boss".into(), self.boss(boss));
                }
                let slug = slug.map_or(Member::Absent, Self::slug);
                let parent = parent.map_or(Member::Absent, |it| {
                    it.and_then(|it| self.ids.get(it)).map_or(Member::Null, |it| Member::Value(it.clone()))
                });
                let input = Input { slug, parent, publish, fields: Some(fields), ..Input::default() };
                outcome(service.patch(&scope, "people", self.id(who), &expected, &input).await)
            }
            Command::Publish(who) => {
                outcome(service.publish(&scope, "people", self.id(who), &expected).await)
            }
            Command::Unpublish(who) => {
                outcome(service.unpublish(&scope, "people", self.id(who), &expected).await)
            }
            Command::Trash(who) => outcome(service.trash(&scope, "people", self.id(who), &expected).await),
            Command::Recover(who) => {
                outcome(service.recover(&scope, "people", self.id(who), &expected).await)
            }
            Command::Restore(who, version) => {
                outcome(service.restore(&scope, "people", self.id(who), &expected, version).await)
            }
            Command::Erase(who) => match service.erase(&scope, "people", self.id(who), &expected).await {
                Ok(_) => Outcome::Done,
                Err(error) => outcome(Err(error)),
            },
        }
    }

    /// Everything that can be read, compared with the model.
    async fn compare(&self, model: &Model) -> Result<(), TestCaseError> {
        let (admin, public) = (self.world.admin(), self.world.public());
        let repository = self.world.repository();
        let show = |row: &Row| {
            let mut fields = Map::from_iter([("name".to_owned(), json!(row.name))]);
            row.boss.map(|boss| fields.insert("boss".into(), json!(self.ids[boss])));
            fields.insert("tags".into(), json!([row.name]));
            let parent = row.parent.map(|it| self.ids[it].clone());
            (row.slug.map(|it| it.to_string()), parent, Json::Object(fields).to_string())
        };
        for (who, person) in model.people.iter().enumerate() {
            if person.erased {
                for state in [State::Published, State::Draft, State::Trashed] {
                    let view = View { state, locale: None };
                    let read = repository.get(&admin, "people", self.id(who), &view).await;
                    prop_assert!(matches!(read, Err(DocumentError::NotFound)), "{:?}", read);
                }
                continue;
            }
            let state = if person.trashed { State::Trashed } else { State::Draft };
            let view = View { state, locale: None };
            let head = repository.get(&admin, "people", self.id(who), &view).await;
            let head = head.map_err(|error| TestCaseError::fail(format!("{who}: {error}")))?;
            prop_assert_eq!(
                (head.slug.clone(), head.parent.clone(), head.fields.clone()),
                show(person.head())
            );
            prop_assert_eq!((head.version, head.revision), (person.rows.len() as i64, person.revision));
            let seen = repository.get(&public, "people", self.id(who), &View::default()).await.ok();
            let expected = person.public.filter(|_| !person.trashed).map(|at| show(&person.rows[at]));
            prop_assert_eq!(seen.map(|it| (it.slug, it.parent, it.fields)), expected);
            if !person.trashed {
                let found = repository.get(&admin, "people", self.id(who), &draft()).await.expect("a head");
                prop_assert_eq!(found.published_at.is_some(), person.public.is_some());
                let (versions, _) =
                    repository.versions(&admin, "people", self.id(who), None).await.expect("history");
                prop_assert_eq!(versions.len(), person.rows.len());
            }
        }
        for (state, count) in [
            ("published", model.people.iter().filter(|it| !it.trashed && it.public.is_some()).count()),
            ("draft", model.people.iter().filter(|it| !it.trashed).count()),
            ("trashed", model.people.iter().filter(|it| it.trashed && !it.erased).count()),
        ] {
            let params = ListParams { state: Some(state.into()), ..ListParams::default() };
            let page = self.world.list(&admin, "people", &params).await.expect("a page");
            prop_assert_eq!(page.documents.len(), count, "{}", state);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_service_agrees_with_a_naive_model(history in prop::collection::vec(command(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut runner = Runner { world: World::of(vec![people()]).await, ids: Vec::new() };
            let mut model = Model::default();
            for (command, expect) in &history {
                let revision = match command {
                    Command::Create { .. } => 0,
                    Command::Patch { who, .. } | Command::Restore(who, _) | Command::Publish(who)
                    | Command::Unpublish(who) | Command::Trash(who) | Command::Recover(who)
                    | Command::Erase(who) => {
                        model.people.get(*who).map_or(0, |it| it.revision)
                    }
                };
                let expected = model.run(command, *expect);
                let actual = runner.run(command, *expect, revision).await;
                prop_assert_eq!(actual, expected, "{:?} {:?}", command, expect);
            }
            runner.compare(&model).await?;
            let findings = examine(&*runner.world.database, runner.world.repository().registry()).await;
            prop_assert_eq!(findings.expect("an examination"), vec![]);
            Ok(())
        })?;
    }
}
