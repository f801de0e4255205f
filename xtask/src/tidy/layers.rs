//! Who may depend on whom.

use crate::workspace::Package;

/// From what knows least to what knows most.
const ROWS: [&str; 9] =
    ["ports", "vocabulary", "data", "models", "domain", "edge", "adapters", "apps", "dev"];

/// What breaks the layering, a sentence each.
pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let mut broken = Vec::new();
    for package in packages {
        let Some(row) = row(package) else {
            broken.push(format!(
                "{} names no layer: write `[package.metadata.stratus] layer = \"…\"` in its manifest, one of {}",
                package.name,
                ROWS.join(", ")
            ));
            continue;
        };
        let used = package.dependencies.iter().filter_map(|name| packages.iter().find(|it| it.name == *name));
        broken.extend(used.filter_map(|used| violation(package, row, used)));
    }
    broken
}

fn violation(package: &Package, mine: usize, used: &Package) -> Option<String> {
    let theirs = row(used)?;
    let (name, layer, other, other_layer) = (&package.name, ROWS[mine], &used.name, ROWS[theirs]);
    let pair = format!("{name} ({layer}) may not depend on {other} ({other_layer})");
    match layer {
        "dev" => None,
        _ if other_layer == "dev" => {
            Some(format!("{pair}: what is for tests ships nowhere; make it a dev-dependency"))
        }
        "adapters" if other_layer != "ports" => {
            Some(format!("{pair}: an adapter turns one driver into ports and knows no domain"))
        }
        "edge" if name == "stratus-admin" && other == "stratus-api" => None,
        _ if theirs < mine => None,
        _ => Some(format!(
            "{pair}: a crate knows only the rows above its own; move what both need up a row, or pass it in from an app"
        )),
    }
}

fn row(package: &Package) -> Option<usize> {
    let layer = package.layer.as_deref()?;
    ROWS.iter().position(|it| *it == layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, layer: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            folder: name.into(),
            layer: Some(layer.to_owned()),
            collections: None,
            dependencies: dependencies.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    #[test]
    fn rows_depend_upwards_only() {
        let uses = |name: &str, layer: &str, used: &str| {
            let packages = [
                package("ports", "ports", &[]),
                package("events", "data", &[]),
                package("document", "domain", &[]),
                package("stratus-api", "edge", &[]),
                package("sqlite", "adapters", &[]),
                package("app", "apps", &[]),
                package("testkit", "dev", &[]),
                package(name, layer, &[used]),
            ];
            check(&packages).is_empty()
        };
        for (name, layer, used, allowed) in [
            ("new", "domain", "events", true),
            ("new", "domain", "serde", true),
            ("new", "data", "events", false),
            ("new", "data", "document", false),
            ("new", "edge", "stratus-api", false),
            ("stratus-admin", "edge", "stratus-api", true),
            ("new", "adapters", "ports", true),
            ("new", "adapters", "document", false),
            ("new", "edge", "sqlite", false),
            ("new", "apps", "sqlite", true),
            ("new", "apps", "app", false),
            ("new", "apps", "testkit", false),
            ("new", "dev", "testkit", true),
            ("new", "dev", "app", true),
            ("new", "nowhere", "ports", false),
        ] {
            assert_eq!(uses(name, layer, used), allowed, "{layer} → {used}");
        }
    }
}
