//! The collections of the test app: the demo's, and those that show what the demo has not; and beside
//! them those of the corpora.

use std::sync::{Arc, OnceLock};

use http::HeaderValue;
use stratus_document::{CollectionDefinition, Registry};

macro_rules! texts {
    ($($path:literal)+) => { [$(include_str!(concat!("../../../fixtures/", $path, ".json"))),+] };
}

const TEXTS: [&str; 9] = texts! {
    "demo/collections/authors"
    "demo/collections/categories"
    "demo/collections/posts"
    "demo/collections/comments"
    "transcripts/collections/inbox"
    "transcripts/collections/kinds"
    "transcripts/collections/pages"
    "transcripts/collections/places"
    "transcripts/collections/secrets"
};

const OF_THE_COOKBOOK: [&str; 7] = texts! {
    "demo/collections/authors"
    "demo/collections/categories"
    "demo/collections/posts"
    "demo/collections/comments"
    "countries/collections/countries"
    "compat/collections/browsers"
    "compat/collections/features"
};

const OF_QUERIES: [&str; 3] = texts! {
    "queries/collections/things"
    "queries/collections/people"
    "queries/collections/vault"
};

const OF_CORPORA: [&str; 3] = texts! {
    "countries/collections/countries"
    "compat/collections/browsers"
    "compat/collections/features"
};

/// The collections, compiled once: a value, which may outlive a request.
pub(crate) fn registry() -> Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    compiled(&REGISTRY, &TEXTS)
}

/// The collections of the test app and of the corpora: whatever the repository has a definition of.
pub fn with_corpora() -> Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    compiled(&REGISTRY, &[&TEXTS[..], &OF_CORPORA].concat())
}

/// Other collections by name, compiled once as well.
pub(crate) fn named(name: &HeaderValue) -> Option<Arc<Registry>> {
    static COOKBOOK: OnceLock<Arc<Registry>> = OnceLock::new();
    static QUERIES: OnceLock<Arc<Registry>> = OnceLock::new();
    match name.as_bytes() {
        b"cookbook" => Some(compiled(&COOKBOOK, &OF_THE_COOKBOOK)),
        b"queries" => Some(compiled(&QUERIES, &OF_QUERIES)),
        b"corpora" => Some(with_corpora()),
        _ => None,
    }
}

fn compiled(once: &OnceLock<Arc<Registry>>, texts: &[&str]) -> Arc<Registry> {
    Arc::clone(once.get_or_init(|| {
        let definition = |text: &&str| {
            CollectionDefinition::parse(text).unwrap_or_else(|error| panic!("a definition is wrong: {error}"))
        };
        let registry = Registry::new(texts.iter().map(definition));
        Arc::new(registry.unwrap_or_else(|errors| panic!("the definitions are wrong: {errors:?}")))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_is_sound() {
        let count = |registry: Arc<Registry>| registry.collections().count();
        let named = |name| named(&HeaderValue::from_static(name)).map(count);
        assert_eq!(count(registry()), TEXTS.len());
        assert_eq!(named("cookbook"), Some(OF_THE_COOKBOOK.len()));
        assert_eq!(named("queries"), Some(OF_QUERIES.len()));
        assert_eq!(named("corpora"), Some(TEXTS.len() + OF_CORPORA.len()));
        assert_eq!(named("nothing"), None);
    }
}
