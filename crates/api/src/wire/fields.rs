//! A choice of fields, and of what stands in the place of references: `fields=title,author(name)`.

mod resolve;
mod syntax;

use std::sync::Arc;

use stratus_document::{Collection, Selection};

use self::{
    resolve::{Resolver, Unresolved},
    syntax::Fault,
};
use crate::{
    call::Call,
    problem::{Code, Problem},
    query_string::{Params, about},
};

/// The fields that a read shows, and the references that it follows.
#[derive(Clone, Debug)]
pub(crate) struct Projection(Selection);

impl Projection {
    /// Takes the parameter `fields`; nothing chosen is everything.
    ///
    /// # Errors
    ///
    /// Those of [`parse`](Self::parse).
    pub(crate) async fn take(
        call: &Call,
        collection: &Arc<Collection>,
        params: &mut Params,
    ) -> Result<Option<Self>, Problem> {
        match params.take("fields")? {
            None => Ok(None),
            // Boxed: most requests have none, and would carry its room along.
            Some(text) => Box::pin(Self::parse(call, collection, &text, refusal)).await.map(Some),
        }
    }

    /// Reads the choice of fields of a collection's documents; `refusal` says where it is written.
    ///
    /// The database is asked only whether the caller may know of a collection in which they have no
    /// grant.
    ///
    /// # Errors
    ///
    /// `refusal` of what is malformed, and of what is no public field. No name is
    /// repeated: what is private, what is not there, and a reference into a collection that the
    /// caller may not know of look alike.
    pub(crate) async fn parse(
        call: &Call,
        collection: &Arc<Collection>,
        text: &str,
        refusal: fn(&str) -> Problem,
    ) -> Result<Self, Problem> {
        let items = syntax::parse(text).map_err(|it| refusal(&malformed(text, &it)))?;
        let repository = call.repository();
        let mut resolver = Resolver::new(repository.registry(), call.caller());
        loop {
            match resolver.resolve(collection, &items) {
                Ok(selection) => return Ok(Self(selection)),
                Err(Unresolved::Fault(why)) => return Err(refusal(&why)),
                Err(Unresolved::Doubt(name)) => {
                    let is_there = call.knows_of(&name).await?;
                    resolver.learn(name, is_there);
                }
            }
        }
    }

    /// What references are followed by, if any is.
    pub(crate) fn population(&self) -> Option<&Selection> {
        (!self.0.is_plain()).then_some(&self.0)
    }

    /// What it adds to the tag of an answer without populated references: the same for every order
    /// of the names.
    pub(crate) fn view(&self) -> String {
        self.0.names().collect::<Vec<_>>().join(",")
    }

    /// Copies the chosen members of a stored object, in the order in which they are stored.
    ///
    /// # Errors
    ///
    /// `internal` when what is stored is no object.
    pub(crate) fn push(&self, body: &mut String, fields: &str) -> Result<(), Problem> {
        self.0.push_shown(body, fields).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "stored fields are no JSON object");
            Problem::internal()
        })
    }
}

/// What is wrong with a text that is not of the grammar. It says where, counting characters from 1.
fn malformed(text: &str, fault: &Fault) -> String {
    let place = format!("character {}", text[..fault.at].chars().count() + 1);
    fault.what.replace("{at}", &place)
}

/// The refusal of the parameter `fields`.
fn refusal(why: &str) -> Problem {
    about(Code::InvalidParameter, "fields", why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use stratus_access::Caller;
    use stratus_document::{CollectionDefinition, Registry};

    use super::*;

    fn registry() -> Registry {
        let reference = |to: &str| json!({"type": "reference", "to": to});
        let many = |to: &str| json!({"type": "reference", "to": to, "many": true});
        let image = json!({"type": "object", "fields": {"alt": {"type": "text"}, "of": reference("people")}});
        let definitions = [
            json!({"name": "posts", "grants": {"public": ["read"]}, "fields": {
                "title": {"type": "text"}, "body": {"type": "json"},
                "email": {"type": "email", "private": true}, "editor": {
                    "type": "reference", "to": "people", "private": true
                },
                "author": reference("people"), "readers": many("people"), "secret": reference("secrets"),
                "shelves": {"type": "array", "items": reference("people")},
                "image": image, "images": {"type": "array", "items": image}
            }}),
            json!({"name": "people", "grants": {"public": ["read"]}, "fields": {
                "name": {"type": "text"}, "phone": {"type": "text", "private": true},
                "friend": reference("people")
            }}),
            json!({"name": "secrets", "grants": {}, "fields": {"x": {"type": "text"}}}),
        ];
        let parsed = definitions.map(|it| CollectionDefinition::parse(&it.to_string()).unwrap());
        Registry::new(parsed).unwrap()
    }

    /// As [`Projection::parse`], for an anonymous caller to whom nothing was granted singly.
    fn parse(text: &str) -> Result<Projection, Problem> {
        let (registry, caller) = (registry(), Caller::anonymous());
        let items = syntax::parse(text).map_err(|it| refusal(&malformed(text, &it)))?;
        let mut resolver = Resolver::new(&registry, &caller);
        loop {
            match resolver.resolve(registry.collection("posts").unwrap(), &items) {
                Ok(selection) => return Ok(Projection(selection)),
                Err(Unresolved::Fault(why)) => return Err(refusal(&why)),
                Err(Unresolved::Doubt(name)) => resolver.learn(name, false),
            }
        }
    }

    fn copied(names: &str, stored: &str) -> String {
        let mut body = String::new();
        parse(names).unwrap().push(&mut body, stored).unwrap();
        body
    }

    #[test]
    fn chosen_members_are_copied_as_they_are_stored() {
        let stored = r#"{"title":"a\u00e9","body":{"z":1.0,"a":[1,  2]}}"#;
        assert_eq!(copied("body,title", stored), stored);
        assert_eq!(copied("title", stored), r#"{"title":"a\u00e9"}"#);
        assert_eq!(copied("body", stored), r#"{"body":{"z":1.0,"a":[1,  2]}}"#);
        assert_eq!(copied("body", "{}"), "{}");
        assert_eq!(parse("title,body").unwrap().view(), "body,title");
        let one = parse("title").unwrap();
        for damaged in ["", "[]", "{\"title\":", "null"] {
            assert_eq!(
                one.push(&mut String::new(), damaged).unwrap_err().code(),
                Code::Internal,
                "{damaged}"
            );
        }
    }

    #[test]
    fn references_are_followed_where_parentheses_are() {
        for plain in ["title", "author", "secret", "image,images,shelves"] {
            assert!(parse(plain).unwrap().population().is_none(), "{plain}");
        }
        for populated in [
            "author(name)",
            "title,author(name,friend(name))",
            "readers(friend(friend(friend(friend(name)))))",
            "shelves(name)",
            "image.of(name)",
            "images.of(friend),images,image",
            "image,image.of(name)",
        ] {
            assert!(parse(populated).unwrap().population().is_some(), "{populated}");
        }
    }

    #[test]
    fn other_names_are_refused_and_not_repeated() {
        let missing =
            |place: &str, there: &str| format!("names a field{place} that is not there; there are {there}");
        let posts = missing("", "title, body, author, readers, secret, shelves, image, images");
        let people = |place: &str| missing(&format!(" in `{place}`"), "name, friend");
        let flat = |path: &str| format!("opens parentheses after `{path}`, which is no reference");
        let twice = |path: &str| format!("names `{path}` twice");
        let unknown = [
            "email",
            "title,email",
            "passwordHash",
            "title.x",
            "image.alt",
            "id",
            "Title",
            " title",
            "nothing(name)",
            "editor(name)",
            "editor.x(name)",
            "secret(x)",
            "secret(nothing)",
            "title,secret(x,x)",
            "author.name(x)",
            "image.nothing(x)",
            ".(x)",
            "é,author(name)",
        ];
        let unknown = unknown.map(|it| (it, posts.clone()));
        let others = [
            ("author(phone)", people("author")),
            ("title,author(name,nothing)", people("author")),
            ("author(friend(phone))", people("author.friend")),
            ("image.of(friend(phone))", people("image.of.friend")),
            ("title(x)", flat("title")),
            ("image(alt)", flat("image")),
            ("image.alt(x)", flat("image.alt")),
            ("author(name(x))", flat("author.name")),
            ("title,title", twice("title")),
            ("author,author(name)", twice("author")),
            ("author(name),author(friend)", twice("author")),
            ("author(name,name)", twice("author.name")),
            ("image,image", twice("image")),
            ("image.of(name),image,image", twice("image")),
            ("image.of(name),image.of(name)", twice("image.of")),
            ("", "has an empty item at character 1".to_owned()),
            ("title,", "has an empty item at character 7".to_owned()),
            ("author()", "has empty parentheses at character 7".to_owned()),
            ("author(name", "opens a parenthesis at character 7 that none closes".to_owned()),
        ];
        for (bad, why) in unknown.into_iter().chain(others) {
            let problem = parse(bad).expect_err(bad);
            assert_eq!(problem.code(), Code::InvalidParameter, "{bad}");
            assert_eq!(problem.detail(), format!("the parameter `fields` {why}"), "{bad}");
            assert_eq!(problem.errors()[0].pointer, "fields");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_parsed_object(values in prop::collection::vec(any::<Option<String>>(), 2), both: bool) {
            let mut stored = serde_json::Map::new();
            for (name, value) in ["title", "body"].into_iter().zip(values) {
                stored.insert(name.to_owned(), value.into());
            }
            let text = Value::Object(stored.clone()).to_string();
            stored.retain(|name, _| both || name == "title");
            let shown = copied(if both { "title,body" } else { "title" }, &text);
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), Value::Object(stored));
        }

        #[test]
        fn any_text_is_taken_or_refused(text in "[a-e.,()é]{0,40}|(title|author|friend|name|[.,()]){0,12}") {
            if let Err(problem) = parse(&text) {
                prop_assert_eq!(problem.code(), Code::InvalidParameter);
            }
        }
    }
}
