//! No answer tells of what is hidden: two worlds that differ only in what a caller may not see
//! answer that caller to the byte alike, headers included.
//!
//! Requests are data: whoever adds a way to read adds its requests to [`REQUESTS`].

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    app::{App, Setup, delete, get, patch, put},
    populating::world_with,
};

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
    let app = world_with(Setup::default()).await;
    let mut ids = BTreeMap::new();
    let Hidden { word, mail, turned } = hidden;
    let picture = app.make("pictures", json!({"publish": true, "fields": {"url": "/a.png"}})).await;
    let person = |fields: Value| json!({"publish": true, "fields": fields});
    let ada = json!({"name": "Ada", "email": mail, "avatar": picture});
    let ada = app.make("people", person(ada)).await;
    let bob = app.make("people", person(json!({"name": "Bob", "email": mail, "friend": ada}))).await;
    let either = if *turned { &ada } else { &bob };
    // Of these, nobody sees anything: what is denied, drafts, trash, and what is not due.
    let unseen = json!({"name": word, "bio": word, "friend": either, "rivals": [either]});
    let denied = app.make("people", person(unseen.clone())).await;
    let entries = json!({"permissions": [{"principal": "public", "action": "read", "effect": "deny"}]});
    app.done(put(&format!("/api/people/{denied}/permissions"), "*", entries)).await;
    let draft = app.make("people", json!({"fields": unseen})).await;
    let trashed = app.make("people", person(unseen.clone())).await;
    app.done(delete(&format!("/api/people/{trashed}"))).await;
    let mut later = person(unseen.clone());
    later["publishAt"] = json!("2030-01-01T00:00:00Z");
    let soon = app.make("people", later).await;
    let secret = app.make("secrets", person(json!({"title": word}))).await;
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
    let newer = json!({"fields": {"name": word, "friend": either}});
    app.done(patch(&format!("/api/people/{bob}"), "*", newer)).await;
    let of = json!({"fields": {"of": ada}, "publish": true});
    app.done(patch(&format!("/api/pictures/{picture}"), "*", of)).await;
    let named = [
        ("ada", ada),
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

#[tokio::test]
async fn no_answer_changes_with_what_is_hidden() {
    let ((one, ids), (two, same)) = (world(&ONE).await, world(&TWO).await);
    assert_eq!(ids, same);
    for request in REQUESTS {
        let filled =
            ids.iter().fold((*request).to_owned(), |uri, (name, id)| uri.replace(&format!("{{{name}}}"), id));
        let uri = filled.replace('[', "%5B").replace(']', "%5D");
        let (first, second) = (one.ask(get(&uri)).await, two.ask(get(&uri)).await);
        let all = |it: &super::app::Answer| format!("{} {:?}\n{}", it.status, it.headers, it.text());
        assert_eq!(all(&first), all(&second), "{request}");
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
