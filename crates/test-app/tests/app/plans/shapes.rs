//! Every shape of read that collections allow: asked for, on its first page, on those that go on and
//! back, and far from the beginning.
//!
//! What there is to be filtered by and sorted by, the operators and the indexes are those that the
//! registry names. Which operators a path takes, and what a value of it is spelt like, is found out by
//! asking.

use std::collections::{BTreeMap, BTreeSet};

use stratus_document::{Collection, OPERATORS, Registry, State};
use stratus_test_app::with_corpora;

use super::{
    asker::{Asked, Asker, Told},
    content::{Ids, WORDS},
};

/// Documents of a page.
pub(crate) const LIMIT: u64 = 20;

/// Documents of the pages on the way to a far one.
const STRIDE: u64 = 100;

/// Documents of a page that is looked at row by row: its statement is the same for any number.
const FEW: u64 = 2;

/// How many references are followed at most.
const HOPS: usize = 4;

/// An id that nobody has.
const NOBODY: &str = "01a1fd55-7e68-7e97-b910-34455a9ebff1";

/// A lower and an upper value of every kind, of which a path takes the first that it knows.
const VALUES: [[&str; 2]; 8] = [
    [WORDS[0], WORDS[2]],
    ["1", "3"],
    ["false", "true"],
    ["2026-01-01", "2026-01-03"],
    ["2026-01-01T00:00:00Z", "2026-12-03T00:00:00Z"],
    ["draft", "published"],
    ["#aabbcc", "#aabbcd"],
    [NOBODY, NOBODY],
];

/// How operators that mean nothing of a path are refused.
const NOT_OF_IT: [&str; 3] = ["has no order", "is no text", "has one value a document"];

const STATES: [State; 3] = [State::Published, State::Draft, State::Trashed];

/// A read, and what became of it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) asked: Asked,
    pub(crate) told: Told,
    /// An index answers all of it: what is examined is what is shown.
    pub(crate) by_index: bool,
    /// Which page of its list.
    pub(crate) page: Page,
}

/// Which page of a list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Page {
    /// No list, or one whose page doesn't matter.
    Any,
    First,
    Second,
    /// Back from the second.
    Back,
    /// A hundred documents from the beginning, and more.
    Far,
    /// Back from there.
    FarBack,
}

/// What there is to be asked, and what was seen.
pub(crate) struct Explorer<'a> {
    asker: &'a mut Asker,
    registry: &'a Registry,
    ids: &'a Ids,
    pub(crate) seen: Vec<Seen>,
    /// Of each path of each collection what its values are.
    values: BTreeMap<(String, String), [&'static str; 2]>,
    /// The collections that the public may not read.
    closed: BTreeSet<String>,
    /// Counts what is asked in one of several ways.
    turn: usize,
    other: usize,
    /// Of each path the operators that it takes, as filters of it.
    tests: BTreeMap<(String, String), Vec<(&'static str, String)>>,
}

/// Asks for everything that the chosen collections allow.
pub(crate) async fn explore(asker: &mut Asker, ids: &Ids, chosen: impl Fn(&str) -> bool) -> Vec<Seen> {
    let registry = with_corpora();
    let mut explorer = Explorer {
        asker,
        registry: &registry,
        ids,
        seen: Vec::new(),
        values: BTreeMap::new(),
        closed: BTreeSet::new(),
        turn: 0,
        other: 0,
        tests: BTreeMap::new(),
    };
    for collection in registry.collections().filter(|it| reach(&registry, it, &chosen)) {
        explorer.learn(collection).await;
    }
    for collection in registry.collections().filter(|it| chosen(it.name())) {
        explorer.orders(collection).await;
        explorer.filters(collection).await;
        explorer.paths(collection).await;
        explorer.populated(collection).await;
        explorer.single(collection).await;
    }
    explorer.seen
}

/// Whether a collection is chosen, or references lead from a chosen one to it.
fn reach(registry: &Registry, collection: &Collection, chosen: impl Fn(&str) -> bool) -> bool {
    let mut reached: Vec<&str> = registry.collections().map(|it| it.name()).filter(|it| chosen(it)).collect();
    let mut at = 0;
    while let Some(from) = reached.get(at).and_then(|it| registry.collection(it)) {
        at += 1;
        for (_, to) in from.references() {
            if !reached.contains(&to) {
                reached.push(to);
            }
        }
    }
    reached.contains(&collection.name())
}

/// The operators that were among what was seen, in any form.
pub(crate) fn operators(seen: &[Seen]) -> BTreeSet<&'static str> {
    let spelt = |operator: &str| format!("%5D%5B{operator}%5D=");
    let is_seen = |it: &&&str| seen.iter().any(|seen| seen.asked.path.contains(&spelt(it)));
    OPERATORS.iter().filter(is_seen).copied().collect()
}

impl Explorer<'_> {
    /// Finds out which values and which operators each path of a collection takes, by asking what is
    /// published and how much of it there is.
    async fn learn(&mut self, collection: &Collection) {
        let name = collection.name();
        let is_closed = self.ask(&format!("/api/{name}"), false).await.status == 404;
        if is_closed {
            self.closed.insert(name.to_owned());
        }
        for path in collection.filterable() {
            let key = (name.to_owned(), path.to_owned());
            let mut known = None;
            let likely = self.values.iter().find(|((_, it), _)| it == path).map(|(_, values)| *values);
            for values in likely.into_iter().chain(VALUES) {
                if known.is_some() {
                    break;
                }
                let list = format!("/api/{name}?filter[{path}]={}&limit={FEW}", values[0]);
                if self.ask(&list, is_closed).await.status == 200 {
                    known = Some(values);
                }
            }
            let values = known.unwrap_or_else(|| panic!("no value of {key:?}"));
            self.values.insert(key.clone(), values);
            // What every document has takes the same in every collection.
            let elsewhere = self.tests.iter().find(|((_, it), _)| it == path && !is_own(collection, path));
            if let Some(tests) = elsewhere.map(|(_, tests)| tests.clone()) {
                self.tests.insert(key, tests);
                continue;
            }
            for operator in OPERATORS {
                let test = test(path, operator, values);
                self.turn += 1;
                let count = if self.turn.is_multiple_of(3) { "&count=exact" } else { "" };
                let list = format!("/api/{name}?filter{test}&limit={FEW}{count}");
                let seen = self.look(&list, is_closed, false, Page::First).await;
                if seen.told.status == 200 {
                    self.tests.entry(key.clone()).or_default().push((operator, test));
                } else {
                    let refusal = seen.told.refusal.to_string();
                    assert!(NOT_OF_IT.iter().any(|it| refusal.contains(it)), "{key:?} {test}: {refusal}");
                    self.seen.pop();
                }
            }
        }
    }

    fn tests(&self, collection: &Collection, path: &str) -> Vec<(&'static str, String)> {
        self.tests[&(collection.name().to_owned(), path.to_owned())].clone()
    }

    /// Every order that is declared, in both directions, from its beginning and behind values of its
    /// first keys, and in ranges of the next key.
    async fn orders(&mut self, collection: &Collection) {
        let name = collection.name();
        for index in collection.indexes() {
            let (state, keys) = (index.state(), index.keys());
            for turns in [false, true] {
                let keys: Vec<_> =
                    keys.iter().map(|it| if turns { turned(it) } else { it.clone() }).collect();
                let mut given = format!("/api/{name}?state={}", state.name());
                for (at, key) in keys.iter().enumerate() {
                    let path = key.trim_start_matches('-');
                    if !index.is_unique() {
                        let list = format!("{given}&sort={}", keys[at..].join(","));
                        if at == 0 {
                            self.walk(&list, state).await
                        } else {
                            self.turns(&list, state, true).await
                        }
                        for range in self.ranges(collection, path) {
                            self.turns(&format!("{list}{range}"), state, true).await;
                        }
                    }
                    // What isn't filterable by itself is sorted by alone.
                    let Some(values) = self.values.get(&(name.to_owned(), path.to_owned())) else { break };
                    given.push_str(&format!("&filter[{path}]={}", values[0]));
                }
                if index.is_unique() {
                    self.walk(&given, state).await;
                }
            }
        }
    }

    /// Ranges of a path: from either side, one after the other of all that there are, and from both.
    fn ranges(&mut self, collection: &Collection, path: &str) -> Vec<String> {
        let key = (collection.name().to_owned(), path.to_owned());
        let Some(tests) = self.tests.get(&key) else { return Vec::new() };
        let of =
            |name: &str| tests.iter().find(|(it, _)| *it == name).map(|(_, test)| format!("&filter{test}"));
        let sides = [["gt", "lt"], ["gte", "lte"], ["starts", "lt"]][self.turn % 3];
        self.turn += 1;
        let sides: Vec<_> = sides.into_iter().filter_map(of).collect();
        match (&sides[..], self.turn / 3 % 3) {
            ([], _) => sides,
            ([lower, upper], 0) => vec![lower.clone(), format!("{lower}{upper}")],
            ([.., upper], 1) => vec![upper.clone()].into_iter().chain(of("between")).collect(),
            _ => sides,
        }
    }

    /// Every state alone, and every operator on every path once more: negated, beside another one, or
    /// counted, in one state after the other.
    async fn filters(&mut self, collection: &Collection) {
        let name = collection.name();
        let list = |state: State| format!("/api/{name}?state={}", state.name());
        for state in STATES {
            self.turns(&list(state), state, true).await;
            self.turns(&format!("{}&count=exact", list(state)), state, false).await;
            let several = "filter[not][or][0][slug][starts]=s1&filter[not][or][1][and][0][version]=2\
                           &filter[not][or][1][and][1][order][gt]=3&filter[id][nin]=";
            self.turns(&format!("{}&{several}{NOBODY}", list(state)), state, false).await;
        }
        for path in collection.filterable() {
            for (_, test) in self.tests(collection, path) {
                // What every collection has is asked now here, now there.
                self.other += 1;
                if !is_own(collection, path) && !self.other.is_multiple_of(5) {
                    continue;
                }
                let state = STATES[self.turn % 3];
                let conditions = match self.turn / 3 % 3 {
                    0 => format!("filter[not]{test}"),
                    1 => format!("filter[or][0]{test}&filter[or][1][id]={NOBODY}"),
                    _ => format!("filter{test}&count=exact"),
                };
                self.turn += 1;
                self.pages(&format!("{}&{conditions}", list(state)), state).await;
            }
        }
    }

    /// Every operator on every path behind one reference; behind more of them each path once, and
    /// each operator once.
    async fn paths(&mut self, collection: &Collection) {
        let mut ways: Vec<(String, &str, bool)> = collection
            .references()
            .iter()
            .map(|(path, to)| ((*path).to_owned(), *to, self.closed.contains(*to)))
            .collect();
        for hops in 1..=HOPS {
            let mut further = Vec::new();
            for (way, to, is_closed) in &ways {
                let target = self.registry.collection(to).unwrap().clone();
                self.behind(collection, way, &target, hops, *is_closed).await;
                let on = target.references().into_iter().map(|(path, to)| {
                    (format!("{way}.{path}"), to.to_owned(), *is_closed || self.closed.contains(to))
                });
                further.extend(on);
            }
            // From the third on one way is like another of the same fields.
            further.truncate(if hops < 2 { usize::MAX } else { 2 });
            let known = |to: &str| self.registry.collection(to).unwrap().name();
            ways = further.iter().map(|(way, to, closed)| (way.clone(), known(to), *closed)).collect();
        }
    }

    /// `is_closed`: the way leads through a collection that is not for everyone.
    async fn behind(
        &mut self,
        collection: &Collection,
        way: &str,
        target: &Collection,
        hops: usize,
        is_closed: bool,
    ) {
        let mut used = Vec::new();
        for path in target.filterable() {
            for (at, (operator, test)) in self.tests(target, path).into_iter().enumerate() {
                let is_new = !used.contains(&operator);
                let is_needed = is_new || is_own(target, path) && (hops == 1 || at == 0);
                if !is_needed {
                    continue;
                }
                used.push(operator);
                let test = test.replacen('[', &format!("[{way}."), 1);
                let state = STATES[self.turn % 3];
                let not = if (self.turn / 3).is_multiple_of(2) { "" } else { "[not]" };
                self.turn += 1;
                let list = format!("/api/{}?state={}&filter{not}{test}", collection.name(), state.name());
                let is_admin = is_closed || self.needs_admin(&list, state);
                self.look(&format!("{list}&limit={FEW}"), is_admin, false, Page::First).await;
            }
        }
    }

    /// What is referred to, in the place of its id: one level of each reference, two, and deeper.
    async fn populated(&mut self, collection: &Collection) {
        let name = collection.name();
        let id = self.ids[name][9].clone();
        for (path, to) in collection.references() {
            let mut fields = format!("{path}(LAST)");
            let mut target = self.registry.collection(to).unwrap();
            let mut inner = "LAST".to_owned();
            let mut is_closed = false;
            for _ in 0..3 {
                is_closed |= self.closed.contains(target.name());
                let last = target.fields().iter().find(|it| !it.definition().private).unwrap().name();
                let shown = fields.replace("LAST", last);
                for state in STATES {
                    for limit in [5, LIMIT] {
                        let list = format!("/api/{name}?state={}&limit={limit}&fields={shown}", state.name());
                        let is_admin = is_closed || self.needs_admin(&list, state);
                        self.look(&list, is_admin, false, Page::Any).await;
                    }
                    let one = format!("/api/{name}/{id}?state={}&fields={shown}", state.name());
                    self.look(&one, is_closed || state != State::Published, false, Page::Any).await;
                }
                let Some((next, to)) = target.references().first().copied() else { break };
                inner = inner.replacen("LAST", &format!("{next}(LAST)"), 1);
                fields = format!("{path}({inner})");
                target = self.registry.collection(to).unwrap();
            }
        }
    }

    /// Reads of one document, and of what belongs to it.
    async fn single(&mut self, collection: &Collection) {
        let name = collection.name();
        let ids = &self.ids[name];
        // Public, a draft, one with a head beside its public row, one in the trash, and none.
        for id in [&ids[6], &ids[1], &ids[2], &ids[DELETED], &NOBODY.to_owned()] {
            let one = format!("/api/{name}/{id}");
            for (is_admin, state) in
                [(false, "published"), (true, "published"), (true, "draft"), (true, "trashed")]
            {
                self.look(&format!("{one}?state={state}"), is_admin, true, Page::Any).await;
            }
            self.look(&format!("{one}?locale=default"), false, true, Page::Any).await;
            for of_it in ["versions", "versions/1", "referrers", "translations", "permissions"] {
                self.look(&format!("{one}/{of_it}"), true, false, Page::Any).await;
            }
            for of_it in ["referrers", "translations"] {
                self.look(&format!("{one}/{of_it}"), false, false, Page::Any).await;
            }
        }
        for (slug, is_admin, state) in [
            ("s6", false, "published"),
            ("s1", true, "draft"),
            ("none", false, "published"),
            ("none", true, "draft"),
        ] {
            for parent in [String::new(), format!("&parent={}", ids[0])] {
                let one = format!("/api/{name}/slug/{slug}?state={state}{parent}");
                self.look(&one, is_admin, true, Page::Any).await;
            }
        }
        self.look("/api", false, false, Page::Any).await;
        self.look("/api", true, false, Page::Any).await;
    }

    /// A list that an index may answer: its first page, the next one and back, and the same far from
    /// the beginning.
    async fn walk(&mut self, list: &str, state: State) {
        self.pages_of(list, state, true, true).await;
    }

    /// The same without what is far.
    async fn turns(&mut self, list: &str, state: State, by_index: bool) {
        self.pages_of(list, state, by_index, false).await;
    }

    async fn pages_of(&mut self, list: &str, state: State, by_index: bool, is_far: bool) {
        let is_admin = self.needs_admin(list, state);
        let page = format!("{list}&limit={LIMIT}");
        let Some(next) = self.place(&page, is_admin, by_index, Page::First, "next").await else { return };
        let second = format!("{page}&after={next}");
        let Some(prev) = self.place(&second, is_admin, by_index, Page::Second, "prev").await else { return };
        self.look(&format!("{page}&before={prev}"), is_admin, by_index, Page::Back).await;
        if !is_far {
            return;
        }
        let mut place = String::new();
        loop {
            let stride = self.ask(&format!("{list}&limit={STRIDE}{place}"), is_admin).await;
            let Some(next) = stride.next else { break };
            let far = format!("{page}&after={next}");
            let prev = self.place(&far, is_admin, by_index, Page::Far, "prev").await;
            if let Some(prev) = prev {
                self.look(&format!("{page}&before={prev}"), is_admin, by_index, Page::FarBack).await;
            }
            place = format!("&after={next}");
        }
    }

    /// The first page of a list that is looked at row by row.
    async fn pages(&mut self, list: &str, state: State) {
        let is_admin = self.needs_admin(list, state);
        self.look(&format!("{list}&limit={FEW}"), is_admin, false, Page::First).await;
    }

    /// Everyone reads what is published of most collections.
    fn needs_admin(&self, list: &str, state: State) -> bool {
        let name = list.trim_start_matches("/api/").split('?').next().unwrap_or_default();
        state != State::Published || self.closed.contains(name)
    }

    /// Looks at a page and hands over its cursor of that name.
    async fn place(
        &mut self,
        path: &str,
        is_admin: bool,
        by_index: bool,
        page: Page,
        way: &str,
    ) -> Option<String> {
        let told = &self.look(path, is_admin, by_index, page).await.told;
        if way == "next" { told.next.clone() } else { told.prev.clone() }
    }

    async fn look(&mut self, path: &str, is_admin: bool, by_index: bool, page: Page) -> &Seen {
        let told = self.ask(path, is_admin).await;
        let asked = asked(path, is_admin);
        self.seen.push(Seen { asked, told, by_index, page });
        &self.seen[self.seen.len() - 1]
    }

    async fn ask(&mut self, path: &str, is_admin: bool) -> Told {
        self.asker.tell(&[asked(path, is_admin)]).await.remove(0)
    }
}

/// The number of a document in the trash.
const DELETED: usize = 300;

fn asked(path: &str, is_admin: bool) -> Asked {
    let path = path.replace('[', "%5B").replace(']', "%5D").replace('#', "%23");
    Asked { path, is_admin }
}

/// Whether a path begins with a field, and not with what every document has.
fn is_own(collection: &Collection, path: &str) -> bool {
    collection.fields().iter().any(|it| path.split('.').next() == Some(it.name()))
}

fn turned(key: &str) -> String {
    key.strip_prefix('-').map_or_else(|| format!("-{key}"), str::to_owned)
}

/// An operator on a path, as a parameter. Those that are not known here take one value.
fn test(path: &str, operator: &str, [low, high]: [&str; 2]) -> String {
    let operand = match operator {
        "in" | "nin" | "any" | "all" | "none" | "between" => format!("{low},{high}"),
        "exists" => "true".to_owned(),
        "lt" | "lte" => high.to_owned(),
        _ => low.to_owned(),
    };
    format!("[{path}][{operator}]={operand}")
}
