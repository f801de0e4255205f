//! No answer tells of what is hidden: two worlds that differ only in what a caller may not see
//! answer that caller to the byte alike, headers included.
//!
//! Requests are data: whoever adds a way to read adds its requests to [`REQUESTS`].

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stratus_document::{CollectionDefinition, FieldDefinition, FieldType};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{
    app::{Answer, App, Ask, Setup, copied, delete, get, open, patch, post, prepared, put},
    populating,
};

/// A database with the schema of [`definitions`], closed.
static TEMPLATE: OnceCell<TempDir> = OnceCell::const_new();

/// Those of population, with more to filter and sort by.
fn definitions() -> Vec<CollectionDefinition> {
    let with = |it: CollectionDefinition| match it.name.as_str() {
        "people" | "secrets" => it
            .field("tags", FieldDefinition::new(FieldType::Tags).facet())
            .field("word", FieldDefinition::new(FieldType::Text).indexed())
            .field("size", FieldDefinition::new(FieldType::Integer).indexed()),
        _ => it,
    };
    populating::definitions().into_iter().map(with).collect()
}

/// Everything that is read by a caller without rights of their own; `{name}` is the id of a document.
const REQUESTS: &[&str] = &[
    "/api",
    "/api/secrets",
    "/api/secrets/{secret}",
    "/api/secrets/slug/hush",
    "/api/stories",
    "/api/stories?limit=1",
    "/api/stories?sort=title",
    "/api/stories?sort=-title&limit=2",
    "/api/stories?filter[title]=Told",
    "/api/stories?filter[author]={ada}",
    "/api/stories?filter[readers]={denied}",
    "/api/stories?filter[editor]={ada}",
    "/api/stories?filter[secret]={secret}",
    "/api/stories?state=draft",
    "/api/stories?fields=title",
    "/api/stories?fields=editor",
    "/api/stories?fields=editor(name)",
    "/api/stories?fields=secret",
    "/api/stories?fields=secret(title)",
    "/api/stories?fields=author(name)",
    "/api/stories?fields=author(email)",
    "/api/stories?fields=author(name,bio,friend(name,friend(name)))",
    "/api/stories?fields=readers(name,avatar(url),rivals(name))",
    "/api/stories?fields=shelf(name,friend(name),rivals(name,friend(name)))&limit=1",
    "/api/stories?fields=seo.image(url,of(name)),seo,strips.picture(url)",
    "/api/stories/{told}",
    "/api/stories/{told}?fields=author(name),readers(name,bio,friend(name)),shelf(name)",
    "/api/stories/{told}?fields=readers(rivals(friend(name))),seo.image(of(name))",
    "/api/stories/{told}?state=draft&fields=author(name)",
    "/api/stories/{told}/versions",
    "/api/stories/{told}/translations",
    "/api/stories/{told}/referrers",
    "/api/stories/{told}/permissions",
    "/api/stories/slug/told?fields=author(name),readers(name)",
    "/api/stories/{untold}",
    "/api/stories/{untold}?fields=author(name)",
    "/api/people",
    "/api/people?sort=name",
    "/api/people?sort=-name&limit=1",
    "/api/people?sort=email",
    "/api/people?filter[name]=Ada",
    "/api/people?filter[email]=one@example.org",
    "/api/people?fields=name,friend(name),avatar(url),rivals(name)",
    "/api/people/{ada}?fields=name,friend(name),avatar(of(name)),rivals(name)",
    "/api/people/{ada}/referrers",
    "/api/people/{denied}",
    "/api/people/{denied}?fields=friend(name)",
    "/api/people/{draft}",
    "/api/people/{trashed}",
    "/api/people/{soon}/referrers",
    "/api/pictures?fields=url,of(name,email)",
    "/api/pictures?fields=url,of(name,friend(name))",
];

/// The paths along which filters ask: to a field of everybody's, to private ones, along a private
/// reference, into a collection that is not to be read, and to documents of which some are hidden.
const PATHS: &[(&str, &[&str])] = &[
    ("people", &["name", "word", "size", "tags", "email", "friend", "friend.word", "rivals", "rivals.name"]),
    ("people", &["friend.email", "friend.friend.name", "avatar.of.name", "nothing"]),
    ("stories", &["title", "author", "author.word", "author.tags", "author.email", "author.friend.name"]),
    (
        "stories",
        &["readers", "readers.name", "readers.size", "readers.tags", "readers.friend.name", "shelf.word"],
    ),
    ("stories", &["secret", "secret.word", "secret.size", "secret.tags", "secret.about.title"]),
    ("stories", &["editor", "editor.name", "seo.image.of.word", "readers.nothing"]),
    ("secrets", &["title", "word", "tags", "about.title"]),
];

/// What an operator is given when a value is guessed.
type Operand = fn(&Value) -> Value;

/// Every operator, and how many values it takes: one, a list, both ends, or whether there is any.
const OPERATORS: [(&str, Operand); 17] = [
    ("eq", Value::clone),
    ("ne", Value::clone),
    ("gt", Value::clone),
    ("gte", Value::clone),
    ("lt", Value::clone),
    ("lte", Value::clone),
    ("contains", Value::clone),
    ("starts", Value::clone),
    ("ends", Value::clone),
    ("in", |guess| json!([guess])),
    ("nin", |guess| json!([guess])),
    ("any", |guess| json!([guess])),
    ("all", |guess| json!([guess])),
    ("none", |guess| json!([guess])),
    ("between", |guess| json!([guess, guess])),
    ("exists", |_| json!(true)),
    ("exists", |_| json!(false)),
];

/// The keys by which lists are sorted.
const SORTS: &[&str] =
    &["name", "-word", "size", "-tags", "email", "friend", "friend.name", "nothing", "title"];

/// A value that differs from world to world.
struct Hidden {
    word: &'static str,
    mail: &'static str,
    /// Which of two documents hidden references lead to.
    turned: bool,
}

const ONE: Hidden = Hidden { word: "one", mail: "one@example.org", turned: false };
const TWO: Hidden = Hidden { word: "quite another", mail: "someone.else@example.com", turned: true };

/// A world with something of everything that can be hidden, and the ids of its documents.
async fn world(hidden: &Hidden) -> (App, BTreeMap<&'static str, String>) {
    let folder = copied(TEMPLATE.get_or_init(|| prepared(definitions())).await);
    let app = App::over(folder.clone(), open(folder.path()), definitions(), Setup::default());
    let mut ids = BTreeMap::new();
    let Hidden { word, mail, turned } = hidden;
    let picture = app.make("pictures", json!({"publish": true, "fields": {"url": "/a.png"}})).await;
    let person = |fields: Value| json!({"publish": true, "fields": fields});
    let ada = json!({"name": "Ada", "email": mail, "avatar": picture});
    let ada = app.make("people", person(ada)).await;
    let bob = app.make("people", person(json!({"name": "Bob", "email": mail, "friend": ada}))).await;
    let either = if *turned { &ada } else { &bob };
    // Of these, nobody sees anything: what is denied, drafts, trash, and what is not due.
    let size = word.len();
    let unseen = json!({
        "name": word, "bio": word, "word": word, "size": size, "tags": [word, "x"], "friend": either, "rivals": [either]
    });
    let denied = app.make("people", person(unseen.clone())).await;
    let entries = json!({"permissions": [{"principal": "public", "action": "read", "effect": "deny"}]});
    app.done(put(&format!("/api/people/{denied}/permissions"), "*", entries)).await;
    let draft = app.make("people", json!({"fields": unseen})).await;
    let trashed = app.make("people", person(unseen.clone())).await;
    app.done(delete(&format!("/api/people/{trashed}"))).await;
    let mut later = person(unseen.clone());
    later["publishAt"] = json!("2030-01-01T00:00:00Z");
    let soon = app.make("people", later).await;
    let secret =
        app.make("secrets", person(json!({"title": word, "word": word, "size": size, "tags": [word]}))).await;
    let all = json!([ada, denied, draft, trashed, soon, bob]);
    let told = json!({
        "title": "Told", "author": bob, "readers": all, "shelf": all, "editor": either, "secret": secret,
        "seo": {"image": picture, "alt": "a"}, "strips": [{"picture": picture}]
    });
    let told = app.make("stories", person(told)).await;
    let untold = json!({"title": word, "author": either, "readers": [either]});
    let untold = app.make("stories", json!({"fields": untold})).await;
    // Newer drafts of what is public.
    let newer = json!({"fields": {"title": word, "author": either, "readers": []}});
    app.done(patch(&format!("/api/stories/{told}"), "*", newer)).await;
    let newer =
        json!({"fields": {"name": word, "word": word, "size": size, "tags": [word], "friend": either}});
    app.done(patch(&format!("/api/people/{bob}"), "*", newer)).await;
    let of = json!({"fields": {"of": ada}, "publish": true});
    app.done(patch(&format!("/api/pictures/{picture}"), "*", of)).await;
    let named = [
        ("ada", ada),
        ("bob", bob),
        ("denied", denied),
        ("draft", draft),
        ("trashed", trashed),
        ("soon", soon),
        ("secret", secret),
        ("told", told),
        ("untold", untold),
    ];
    ids.extend(named);
    (app, ids)
}

fn whole(answer: &Answer) -> String {
    format!("{} {:?}\n{}", answer.status, answer.headers, answer.text())
}

/// Lists that ask of what is hidden by filters, negations, counts and orders, as parameters and as
/// bodies. The guesses are what is hidden.
fn questions(hidden: &Hidden, id: &str) -> Vec<(String, Option<Value>)> {
    let mut questions = Vec::new();
    let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    for (collection, path) in PATHS.iter().flat_map(|(it, paths)| paths.iter().map(move |path| (it, path))) {
        let guess = match path.rsplit('.').next() {
            Some("size") => json!(hidden.word.len()),
            Some("email") => json!(hidden.mail),
            Some("author" | "editor" | "friend" | "readers" | "rivals" | "secret") => json!(id),
            _ => json!(hidden.word),
        };
        for (operator, operand) in OPERATORS {
            let operand = operand(&guess);
            let spelt = match &operand {
                Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
                other => text(other),
            };
            let spelt = spelt.replace(' ', "%20");
            for not in ["", "[not]"] {
                let uri =
                    format!("/api/{collection}?filter{not}[{path}][{operator}]={spelt}&count=exact&limit=2");
                questions.push((uri, None));
            }
            let either = json!({"or": [{*path: {operator: operand}}, {"id": {"in": []}}]});
            let body = json!({"filter": either, "count": "exact"});
            questions.push((format!("/api/{collection}/query"), Some(body)));
        }
    }
    for collection in ["people", "stories", "secrets"] {
        for sort in SORTS {
            questions.push((format!("/api/{collection}?sort={sort}&count=exact&limit=1"), None));
            questions.push((format!("/api/{collection}?sort={sort}&state=draft"), None));
            let body = json!({"sort": [sort], "count": "exact"});
            questions.push((format!("/api/{collection}/query"), Some(body)));
        }
    }
    questions
}

fn question((uri, body): &(String, Option<Value>)) -> Ask {
    let uri = uri.replace('[', "%5B").replace(']', "%5D");
    body.as_ref().map_or_else(|| get(&uri), |body| post(&uri, body.clone()))
}

/// Also not to those who guess right: the guesses are what is hidden in one of the worlds. The admin,
/// who sees all of it but what is private, gets other answers to many of the same questions.
#[tokio::test]
async fn no_filter_count_or_order_changes_with_what_is_hidden() {
    let ((one, ids), (two, _)) = (world(&ONE).await, world(&TWO).await);
    let (mut granted, mut told) = (0, 0);
    for it in questions(&ONE, &ids["bob"]) {
        let (first, second) = (one.ask(question(&it)).await, two.ask(question(&it)).await);
        assert_eq!(whole(&first), whole(&second), "{it:?}");
        assert!(first.status < 500, "{first:?}");
        granted += usize::from(first.status == 200);
        if first.status == 200 {
            let (first, second) =
                (one.ask(question(&it).admin()).await, two.ask(question(&it).admin()).await);
            told += usize::from(first.text() != second.text());
        }
    }
    assert!(granted > 500, "only {granted} lists");
    assert!(told > 100, "only {told} lists that tell those who may know");
}

/// A page goes on alike: what is hidden between two documents moves no cursor.
#[tokio::test]
async fn no_walk_changes_with_what_is_hidden() {
    let ((one, _), (two, _)) = (world(&ONE).await, world(&TWO).await);
    for sort in ["name", "-word", "size", "-size", "-publishedAt"] {
        let mut after = String::new();
        for page in 0.. {
            assert!(page < 4, "{sort} does not end");
            let uri = format!("/api/people?sort={sort}&limit=1&count=exact{after}");
            let (first, second) = (one.ask(get(&uri)).await, two.ask(get(&uri)).await);
            assert_eq!((first.status, whole(&first)), (200, whole(&second)), "{uri}");
            match &first.json()["page"]["next"] {
                Value::String(next) => after = format!("&after={next}"),
                _ => break,
            }
        }
    }
}

#[tokio::test]
async fn no_answer_changes_with_what_is_hidden() {
    let ((one, ids), (two, same)) = (world(&ONE).await, world(&TWO).await);
    assert_eq!(ids, same);
    for request in REQUESTS {
        let filled =
            ids.iter().fold((*request).to_owned(), |uri, (name, id)| uri.replace(&format!("{{{name}}}"), id));
        let uri = filled.replace('[', "%5B").replace(']', "%5D");
        let (first, second) = (one.ask(get(&uri)).await, two.ask(get(&uri)).await);
        assert_eq!(whole(&first), whole(&second), "{request}");
        assert!(first.status < 500, "{first:?}");
        for word in [ONE.word, ONE.mail, TWO.word, TWO.mail] {
            // A word may be a part of another.
            let quoted = format!("\"{word}\"");
            assert!(!first.text().contains(&quoted), "{first:?}");
        }
    }
}

#[tokio::test]
async fn those_who_may_see_it_see_the_difference() {
    let ((one, ids), (two, _)) = (world(&ONE).await, world(&TWO).await);
    let uri = format!("/api/stories/{}?state=draft&fields=author(name),secret(title)", ids["told"]);
    let (first, second) = (one.done(get(&uri)).await, two.done(get(&uri)).await);
    assert_eq!(
        (first.at("/data/fields/author/fields/name"), second.at("/data/fields/author/fields/name")),
        ("one".to_owned(), "Ada".to_owned())
    );
    assert_eq!(second.at("/data/fields/secret/fields/title"), TWO.word);
}
