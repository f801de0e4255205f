//! Random graphs of documents: what is populated is what a naive recursion in memory says.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use stratus_access::{Action, Caller, Effect, Entry, Principal, TenantId, resolve};
use stratus_document::{
    Branch, CollectionDefinition, FieldDefinition, FieldType, ListParams, ListQuery, Member, Precondition,
    Registry, Scope, Selection, State, Strength,
};

use super::rendered;
use crate::fixture::{NOW, World, fields};

const NAMES: [&str; 2] = ["open", "shut"];
const HOUR: i64 = 3_600_000;

/// What becomes of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Draft,
    Public,
    /// Public, with a newer draft.
    Changed,
    Trashed,
    /// Public from tomorrow on.
    Scheduled,
    /// Public until an hour ago.
    Expired,
    /// Public, in the middle of its window.
    Due,
}

/// Where the references of a content lead: numbers of documents; beyond the last, to none.
#[derive(Clone, Debug)]
struct Links {
    next: usize,
    others: Vec<usize>,
    key: usize,
}

/// A document of a graph.
#[derive(Clone, Debug)]
struct Planned {
    is_shut: bool,
    life: Life,
    links: Links,
    newer: Links,
    entries: Vec<(u8, bool, bool)>,
}

/// What is chosen: which fields are shown, and behind which references it goes on.
#[derive(Clone, Debug)]
struct Spec {
    shown: [bool; 3],
    behind: [Option<Box<Spec>>; 3],
}

/// The fields that are shown, and the references that are followed.
const SHOWN: [&str; 3] = ["next", "others", "box"];
const FOLLOWED: [&str; 3] = ["next", "others", "box.key"];

fn definition(name: &str) -> CollectionDefinition {
    let inside = json!({ "key": { "type": "reference", "to": "shut" }, "label": { "type": "text" } });
    let shaped =
        FieldDefinition { fields: inside.as_object().cloned(), ..FieldDefinition::new(FieldType::Object) };
    let bare = CollectionDefinition::new(name)
        .field("name", FieldDefinition::new(FieldType::Text))
        .field("next", FieldDefinition::reference("open", Strength::Weak))
        .field("others", FieldDefinition::references("shut", Strength::Weak))
        .field("box", shaped)
        .field("note", FieldDefinition::new(FieldType::Text).private());
    let editor: Principal = "role:editor".parse().expect("a role");
    match name {
        "open" => bare.allow(Principal::Public, [Action::Read]).allow(editor, [Action::Update]),
        _ => bare.allow(editor, [Action::Read, Action::Update]),
    }
}

fn callers() -> [Caller; 4] {
    let role = |name: &str| Principal::Role(name.to_owned());
    [
        Caller::anonymous(),
        Caller::signed_in([Principal::User("u".into())]),
        Caller::signed_in([role("editor")]),
        Caller::signed_in([Principal::admin()]),
    ]
}

/// A document as the model has it.
struct Known {
    id: String,
    collection: &'static str,
    life: Life,
    head: Map<String, Json>,
    public: Map<String, Json>,
    entries: Vec<Entry>,
}

impl Known {
    /// What a caller sees of it through a reference.
    fn seen(&self, world: &World, caller: &Caller, state: State) -> Option<&Map<String, Json>> {
        let grants = world.repository().registry().collection(self.collection)?.grants();
        let may = |action| resolve(caller, action, &self.entries, grants);
        let is_public = matches!(self.life, Life::Public | Life::Changed | Life::Due);
        match self.life {
            Life::Trashed => None,
            _ if !may(Action::Read) => None,
            _ if state != State::Published && may(Action::Update) => Some(&self.head),
            _ => is_public.then_some(&self.public),
        }
    }
}

struct Model<'a> {
    world: &'a World,
    documents: Vec<Known>,
    caller: &'a Caller,
    state: State,
}

impl Model<'_> {
    fn shown(&self, id: &str, content: &Map<String, Json>, spec: &Spec, above: &[&str]) -> Json {
        let above: Vec<&str> = above.iter().copied().chain([id]).collect();
        let shown = content.iter().filter_map(|(name, value)| {
            let Some(at) = SHOWN.iter().position(|it| it == name) else {
                return Some((name.clone(), value.clone()));
            };
            let value = match (&spec.behind[at], value) {
                (Some(inner), Json::Object(members)) => {
                    let members = members.iter().filter_map(|(name, value)| match name.as_str() {
                        "key" => Some((name.clone(), self.followed(value, "shut", inner, &above))),
                        _ => spec.shown[at].then(|| (name.clone(), value.clone())),
                    });
                    Json::Object(members.collect())
                }
                (Some(inner), value) => {
                    self.followed(value, if name == "next" { "open" } else { "shut" }, inner, &above)
                }
                (None, value) if spec.shown[at] => value.clone(),
                (None, _) => return None,
            };
            Some((name.clone(), value))
        });
        json!({ "id": id, "fields": shown.collect::<Map<_, _>>() })
    }

    fn followed(&self, value: &Json, to: &str, spec: &Spec, above: &[&str]) -> Json {
        match value {
            Json::Array(items) => items.iter().map(|it| self.followed(it, to, spec, above)).collect(),
            Json::String(id) if above.contains(&id.as_str()) => value.clone(),
            Json::String(id) => {
                let target = self.documents.iter().find(|it| it.id == *id && it.collection == to);
                let seen = target.and_then(|it| it.seen(self.world, self.caller, self.state));
                seen.map_or(Json::Null, |content| self.shown(id, content, spec, above))
            }
            _ => value.clone(),
        }
    }
}

fn choose(registry: &Registry, selection: &mut Selection, branch: Branch, spec: &Spec) {
    selection.show(branch, "name").expect("a field");
    for at in 0..3 {
        if spec.shown[at] && (spec.behind[at].is_none() || at == 2) {
            selection.show(branch, SHOWN[at]).expect("a field");
        }
        if let Some(inner) = &spec.behind[at] {
            let to = selection.target(branch, FOLLOWED[at]).expect("a reference");
            let target = registry.collection(to).expect("a collection").clone();
            let next = selection.follow(branch, FOLLOWED[at], &target).expect("a reference");
            choose(registry, selection, next, inner);
        }
    }
}

impl Spec {
    fn depth(&self) -> u64 {
        self.behind.iter().flatten().map(|it| 1 + it.depth()).max().unwrap_or(0)
    }
}

/// Makes the documents of a graph: first all of them, so that they can refer to one another.
async fn built(world: &World, planned: &[Planned]) -> Vec<Known> {
    let (admin, any) = (world.admin(), Precondition::Any);
    let mut ids = Vec::new();
    for it in planned {
        let bare = fields(json!({ "name": "x", "note": "never shown" }));
        ids.push(world.create(NAMES[usize::from(it.is_shut)], &bare).await.document.id);
    }
    let id = |n: &usize| ids.get(*n).cloned().unwrap_or_else(|| super::missing(*n));
    let content = |name: String, links: &Links| {
        let mut others: Vec<_> = links.others.iter().map(id).collect();
        others.sort_unstable();
        others.dedup();
        let inside = json!({ "key": id(&links.key), "label": "l" });
        json!({ "name": name, "next": id(&links.next), "others": others, "box": inside })
    };
    let mut known = Vec::new();
    for (n, it) in planned.iter().enumerate() {
        let (collection, id) = (NAMES[usize::from(it.is_shut)], &ids[n]);
        let public = content(format!("{n}"), &it.links);
        let newer = content(format!("{n}, newer"), &it.newer);
        let mut input = fields(public.clone());
        let (later, soon) = (Member::Value(NOW + 24 * HOUR), Member::Value(NOW + HOUR));
        match it.life {
            Life::Scheduled => input.publish_at = later,
            Life::Expired => input.expire_at = soon,
            Life::Due => (input.publish_at, input.expire_at) = (soon, later),
            _ => {}
        }
        let service = &world.service;
        service.patch(&admin, collection, id, &any, &input).await.expect("a draft");
        if it.life != Life::Draft {
            service.publish(&admin, collection, id, &any).await.expect("a public document");
        }
        if it.life == Life::Changed {
            service.patch(&admin, collection, id, &any, &fields(newer.clone())).await.expect("a draft");
        }
        let entries = entries(&it.entries);
        service.replace_permissions(&admin, collection, id, &any, &entries).await.expect("permissions");
        if it.life == Life::Trashed {
            service.trash(&admin, collection, id, &any).await.expect("in the trash");
        }
        let head = if it.life == Life::Changed { newer } else { public.clone() };
        let object = |it: Json| it.as_object().cloned().unwrap_or_default();
        let (head, public) = (object(head), object(public));
        known.push(Known { id: id.clone(), collection, life: it.life, head, public, entries });
    }
    world.clock.set(NOW + 2 * HOUR);
    known
}

fn entries(planned: &[(u8, bool, bool)]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (who, is_read, is_deny) in planned {
        let principal: Principal =
            ["public", "user:u", "role:editor"][usize::from(*who)].parse().expect("a principal");
        let action = if *is_read { Action::Read } else { Action::Update };
        let effect = if *is_deny { Effect::Deny } else { Effect::Allow };
        if !entries.iter().any(|it| it.principal == principal && it.action == action) {
            entries.push(Entry { principal, action, effect });
        }
    }
    entries
}

async fn agrees(planned: &[Planned], spec: &Spec) {
    let world = World::of(NAMES.map(definition).to_vec()).await;
    let mut documents = built(&world, planned).await;
    let registry = world.repository().registry();
    let all = [State::Published, State::Draft, State::Trashed];
    for (name, caller, state) in NAMES.into_iter().flat_map(|name| {
        callers().into_iter().flat_map(move |caller| all.map(move |state| (name, caller.clone(), state)))
    }) {
        let scope = Scope::new(TenantId::default(), caller.clone());
        let collection = registry.collection(name).expect("a collection");
        let params = ListParams { state: Some(state.name().into()), ..ListParams::default() };
        let query = ListQuery::parse(
            world.repository().registry(),
            &scope.tenant,
            collection,
            &params,
            world.repository().cursor_key(),
        )
        .expect("a query");
        world.database.reset();
        let reading = world.repository().reading(&scope);
        let Ok(page) = reading.list(name, &query).await else { continue };
        let read = world.database.reset().round_trips;
        let mut selection = Selection::of(collection);
        choose(registry, &mut selection, Selection::ROOT, spec);
        let populated = reading.populate(page.documents, state, &selection).await.expect("documents");
        assert!(world.database.counts().round_trips <= spec.depth(), "of {read} and more");
        let model = Model { world: &world, documents, caller: &caller, state };
        for place in populated.roots() {
            let id = &place.document().id;
            let root = model.documents.iter().find(|it| it.id == *id).expect("a document");
            let content = if state == State::Published { &root.public } else { &root.head };
            let expected = model.shown(id, content, spec, &[]);
            assert_eq!(rendered(&place), expected, "{caller:?} {state:?}");
        }
        documents = model.documents;
    }
}

fn links() -> impl Strategy<Value = Links> {
    (0..9usize, prop::collection::vec(0..9usize, 0..4), 0..9usize).prop_map(|(next, others, key)| Links {
        next,
        others,
        key,
    })
}

fn planned() -> impl Strategy<Value = Planned> {
    use Life::{Changed, Draft, Due, Expired, Public, Scheduled, Trashed};
    let life = prop::sample::select(vec![Public, Public, Changed, Draft, Trashed, Scheduled, Expired, Due]);
    let entries = prop::collection::vec((0..3u8, any::<bool>(), any::<bool>()), 0..3);
    (any::<bool>(), life, links(), links(), entries)
        .prop_map(|(is_shut, life, links, newer, entries)| Planned { is_shut, life, links, newer, entries })
}

fn spec() -> impl Strategy<Value = Spec> {
    let leaf = any::<[bool; 3]>().prop_map(|shown| Spec { shown, behind: [None, None, None] });
    leaf.prop_recursive(5, 16, 3, |inner| {
        let behind = || prop::option::weighted(0.7, inner.clone().prop_map(Box::new));
        (any::<[bool; 3]>(), behind(), behind(), behind())
            .prop_map(|(shown, a, b, c)| Spec { shown, behind: [a, b, c] })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn population_agrees_with_a_naive_recursion(
        planned in prop::collection::vec(planned(), 1..9), spec in spec(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(agrees(&planned, &spec));
    }
}
