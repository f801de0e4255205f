//! The collections of the test app: the demo's, and those that show what the demo has not.

use std::sync::{Arc, OnceLock};

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

/// The collections, compiled once: a value, which may outlive a request.
pub(crate) fn registry() -> Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    Arc::clone(REGISTRY.get_or_init(|| {
        let definition = |text: &&str| {
            CollectionDefinition::parse(text).unwrap_or_else(|error| panic!("a definition is wrong: {error}"))
        };
        let registry = Registry::new(TEXTS.iter().map(definition));
        Arc::new(registry.unwrap_or_else(|errors| panic!("the definitions are wrong: {errors:?}")))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_is_sound() {
        assert_eq!(registry().collections().count(), TEXTS.len());
    }
}
