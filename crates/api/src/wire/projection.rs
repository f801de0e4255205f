//! A choice of fields: `fields=title,body`.

use std::{collections::BTreeSet, fmt};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};
use stratus_document::Collection;

use crate::{
    problem::{Code, Problem},
    query_string::{Params, about},
};

/// The names of the fields that a read shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Projection(BTreeSet<String>);

impl Projection {
    /// Takes the parameter `fields`; nothing chosen is everything.
    ///
    /// # Errors
    ///
    /// `invalid_parameter` for what is no public field of the collection itself. The name is not
    /// repeated: what is private and what is not there look alike.
    pub(crate) fn take(collection: &Collection, params: &mut Params) -> Result<Option<Self>, Problem> {
        params.take_list("fields")?.map(|names| Self::of(collection, names)).transpose()
    }

    /// Parses names that are joined by commas.
    ///
    /// # Errors
    ///
    /// Those of [`take`](Self::take).
    pub(crate) fn parse(collection: &Collection, text: &str) -> Result<Self, Problem> {
        Self::of(collection, text.split(',').map(str::to_owned).collect())
    }

    fn of(collection: &Collection, names: Vec<String>) -> Result<Self, Problem> {
        let public: Vec<&str> =
            collection.fields().iter().filter(|it| !it.definition().private).map(|it| it.name()).collect();
        let mut chosen = BTreeSet::new();
        for name in names {
            if !public.contains(&name.as_str()) {
                let why = format!("names a field that is not there; there are {}", public.join(", "));
                return Err(about(Code::InvalidParameter, "fields", &why));
            }
            if !chosen.insert(name) {
                return Err(about(Code::InvalidParameter, "fields", "names a field twice"));
            }
        }
        Ok(Self(chosen))
    }

    /// What it adds to the tag of an answer: the same for every order of the names.
    pub(crate) fn view(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join(",")
    }

    /// Copies the chosen members of a stored object, in the order in which they are stored.
    ///
    /// # Errors
    ///
    /// `internal` when what is stored is no object.
    pub(crate) fn push(&self, body: &mut String, fields: &str) -> Result<(), Problem> {
        let mut stored = serde_json::Deserializer::from_str(fields);
        body.push('{');
        let copied = stored.deserialize_map(Copying { chosen: &self.0, body });
        copied.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "stored fields are no JSON object");
            Problem::internal()
        })?;
        body.push('}');
        Ok(())
    }
}

struct Copying<'a> {
    chosen: &'a BTreeSet<String>,
    body: &'a mut String,
}

impl<'de> Visitor<'de> for Copying<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut is_first = true;
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value::<&RawValue>()?;
            if self.chosen.contains(&name) {
                if !is_first {
                    self.body.push(',');
                }
                is_first = false;
                self.body.push_str(&Value::from(name).to_string());
                self.body.push(':');
                self.body.push_str(value.get());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use stratus_document::CollectionDefinition;

    use super::*;

    fn collection() -> Collection {
        let definition = json!({"name": "posts", "fields": {
            "title": {"type": "text"}, "body": {"type": "json"}, "email": {"type": "email", "private": true}
        }});
        Collection::compile(CollectionDefinition::parse(&definition.to_string()).unwrap()).unwrap()
    }

    fn take(query: &str) -> Result<Option<Projection>, Problem> {
        Projection::take(&collection(), &mut Params::parse(Some(query)).unwrap())
    }

    fn copied(names: &str, stored: &str) -> String {
        let mut body = String::new();
        take(&format!("fields={names}")).unwrap().unwrap().push(&mut body, stored).unwrap();
        body
    }

    #[test]
    fn chosen_members_are_copied_as_they_are_stored() {
        let stored = r#"{"title":"a\u00e9","body":{"z":1.0,"a":[1,  2]}}"#;
        assert_eq!(copied("body,title", stored), stored);
        assert_eq!(copied("title", stored), r#"{"title":"a\u00e9"}"#);
        assert_eq!(copied("body", stored), r#"{"body":{"z":1.0,"a":[1,  2]}}"#);
        assert_eq!(copied("body", "{}"), "{}");
        assert_eq!(take("fields=title,body").unwrap().unwrap().view(), "body,title");
        assert_eq!(take("").unwrap(), None);
        let one = take("fields=title").unwrap().unwrap();
        for damaged in ["", "[]", "{\"title\":", "null"] {
            assert_eq!(
                one.push(&mut String::new(), damaged).unwrap_err().code(),
                Code::Internal,
                "{damaged}"
            );
        }
    }

    #[test]
    fn other_names_are_refused_and_not_repeated() {
        for bad in
            ["email", "title,email", "passwordHash", "title.x", "author(name)", "id", "Title", " title"]
        {
            let problem = take(&format!("fields={bad}")).expect_err(bad);
            assert_eq!(problem.code(), Code::InvalidParameter, "{bad}");
            let detail = "the parameter `fields` names a field that is not there; there are title, body";
            assert_eq!(problem.detail(), detail);
        }
        for bad in ["fields=", "fields=title,", "fields=title,title", "fields[x]=title"] {
            assert_eq!(take(bad).expect_err(bad).code(), Code::InvalidParameter, "{bad}");
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
    }
}
