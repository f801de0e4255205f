//! The collections that this Worker serves.

use stratus_document::{CollectionDefinition, Registry};

#[cfg(not(feature = "trials"))]
use crate::definitions::DEFINITIONS;
#[cfg(feature = "trials")]
use crate::trials::DEFINITIONS;

/// The registry of the definitions that are compiled in.
///
/// # Errors
///
/// What is wrong with them, a line each: the tests refuse such definitions before they are deployed.
pub(crate) fn registry() -> Result<Registry, String> {
    let mut faults = Vec::new();
    let mut definitions = Vec::new();
    for (file, text) in DEFINITIONS {
        match CollectionDefinition::parse(text) {
            Ok(definition) => definitions.push(definition),
            Err(error) => faults.push(format!("{file}: {error}")),
        }
    }
    let registry = Registry::new(definitions);
    let registry = registry.map_err(|errors| faults.extend(errors.iter().map(ToString::to_string)));
    match registry {
        Ok(registry) if faults.is_empty() => Ok(registry),
        _ => Err(faults.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_can_be_served() {
        let registry = registry().unwrap();
        assert_eq!(registry.collections().count(), DEFINITIONS.len());
    }
}
