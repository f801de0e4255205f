//! The collections of the test app: the demo's, and those that show what the demo has not; and beside
//! them those of the corpora.

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

const OF_CORPORA: [&str; 3] = texts! {
    "countries/collections/countries"
    "compat/collections/browsers"
    "compat/collections/features"
};

/// The collections, compiled once: a value, which may outlive a request.
pub(crate) fn registry() -> Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    Arc::clone(REGISTRY.get_or_init(|| compiled(&TEXTS)))
}

/// The collections of the test app and of the corpora: whatever the repository has a definition of.
pub fn with_corpora() -> Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    Arc::clone(REGISTRY.get_or_init(|| compiled(&[&TEXTS[..], &OF_CORPORA].concat())))
}

fn compiled(texts: &[&str]) -> Arc<Registry> {
    let definition = |text: &&str| {
        CollectionDefinition::parse(text).unwrap_or_else(|error| panic!("a definition is wrong: {error}"))
    };
    let registry = Registry::new(texts.iter().map(definition));
    Arc::new(registry.unwrap_or_else(|errors| panic!("the definitions are wrong: {errors:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_is_sound() {
        assert_eq!(registry().collections().count(), TEXTS.len());
        assert_eq!(with_corpora().collections().count(), TEXTS.len() + OF_CORPORA.len());
    }
}
