//! The document by itself; the test app holds answers against it.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use stratus_access::Principal;
use stratus_document::{CollectionDefinition, Registry};

use super::*;

fn registry(folders: &[&str]) -> Registry {
    let files = folders.iter().flat_map(|folder| {
        let folder = format!("{}/../../fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
        fs::read_dir(folder).unwrap().map(|it| fs::read_to_string(it.unwrap().path()).unwrap())
    });
    Registry::new(files.map(|it| CollectionDefinition::parse(&it).unwrap())).unwrap()
}

const DEMO: &str = "demo/collections";
const OTHERS: &str = "transcripts/collections";

fn of(registry: &Registry, caller: &Caller) -> Value {
    let readable = registry.collections().filter(|it| it.allows(caller, stratus_access::Action::Read));
    document(caller, &readable.cloned().collect::<Vec<_>>())
}

fn admin() -> Caller {
    Caller::signed_in([Principal::admin()])
}

/// Every value under it with its pointer.
fn walk<'v>(value: &'v Value, at: &str, see: &mut dyn FnMut(&str, &'v Value)) {
    see(at, value);
    let escape = |it: &str| it.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, it)| walk(it, &format!("{at}/{}", escape(name)), see));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, it)| walk(it, &format!("{at}/{n}"), see))
        }
        _ => {}
    }
}

/// An operation, a schema, a response a line: what differs shows, and where.
#[test]
fn the_demo_as_anyone_gets_to_see_it() {
    let document = of(&registry(&[DEMO]), &Caller::anonymous());
    let mut lines = Vec::new();
    walk(&document, "", &mut |at, value| {
        let depth = at.matches('/').count();
        let is_split = at.is_empty() || ["/paths", "/components"].iter().any(|it| at.starts_with(it));
        let is_line = if is_split { depth == 3 } else { depth == 1 };
        if is_line {
            lines.push(format!("{at}: {value}"));
        }
    });
    insta::assert_snapshot!(lines.join("\n"));
}

/// The admin's differs in nothing but what the calls need.
#[test]
fn the_demo_as_the_admin_gets_to_see_it() {
    let registry = registry(&[DEMO]);
    let (admins, anyones) = (of(&registry, &admin()), of(&registry, &Caller::anonymous()));
    let mut differences = Vec::new();
    walk(&admins, "", &mut |at, value| {
        let is_leaf = !matches!(value, Value::Object(_)) && (!value.is_array() || at.ends_with("/security"));
        if is_leaf && !at.contains("/security/") && anyones.pointer(at) != Some(value) {
            differences.push(format!("{at}: {value}"));
        }
    });
    let count = |document: &Value| {
        let mut count = 0;
        walk(document, "", &mut |at, _| count += usize::from(!at.contains("/security/")));
        count
    };
    assert_eq!(count(&admins), count(&anyones));
    insta::assert_snapshot!(differences.join("\n"));
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() {
    for caller in [Caller::anonymous(), admin()] {
        let document = of(&registry(&[DEMO, OTHERS]), &caller);
        let mut used = BTreeSet::new();
        walk(&document, "", &mut |at, value| {
            if at.ends_with("/$ref") {
                let target = value.as_str().and_then(|it| it.strip_prefix('#')).unwrap();
                assert!(document.pointer(target).is_some(), "{at}: {target}");
                used.insert(target.to_owned());
            }
        });
        let components = document["components"].as_object().unwrap();
        for (kind, all) in components.iter().filter(|(kind, _)| *kind != "securitySchemes") {
            for name in all.as_object().unwrap().keys() {
                let address = format!("/components/{kind}/{name}");
                // A kind of values that these collections don't have.
                assert!(used.contains(&address) || name.contains("Test"), "{address} is not used");
            }
        }
        let ids: Vec<_> = document["paths"].as_object().unwrap().values().collect();
        let operations =
            ids.iter().flat_map(|it| it.as_object().unwrap()).filter(|(key, _)| *key != "parameters");
        let ids: Vec<_> = operations.map(|(_, it)| it["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}

/// Neither a private field nor a grant, and nothing of what the caller may not read.
#[test]
fn what_is_private_is_not_told() {
    let registry = registry(&[DEMO, OTHERS]);
    let anyones = of(&registry, &Caller::anonymous()).to_string();
    for hidden in ["secrets", "rank", "\"default\":7", "\"grants\""] {
        assert!(!anyones.contains(hidden), "{hidden}");
    }
    let admins = of(&registry, &admin());
    assert!(admins.to_string().contains("secrets_View"));
    let fields = &admins["components"]["schemas"];
    for what in ["Fields", "Filter"] {
        assert!(fields[format!("authors_{what}")]["properties"].get("email").is_none(), "{what}");
        assert!(fields[format!("inbox_{what}")]["properties"].get("rank").is_none(), "{what}");
    }
    for what in ["Input", "Patch"] {
        let input = &fields[format!("inbox_{what}")]["properties"]["fields"]["properties"];
        assert!(input.get("rank").is_none() && input.get("verdict").is_none() && input.get("text").is_some());
    }
    assert_eq!(fields["inbox_Fields"]["properties"]["verdict"]["readOnly"], true);
}

/// What one caller is shown is not what another one was shown before.
#[test]
fn what_is_kept_is_kept_apart() {
    let registry = registry(&[DEMO]);
    let all: Vec<_> = registry.collections().cloned().collect();
    let descriptions = Descriptions::default();
    let anyones = descriptions.of(&Caller::anonymous(), &all);
    let admins = descriptions.of(&admin(), &all);
    let fewer = descriptions.of(&Caller::anonymous(), &all[..1]);
    assert!(anyones.tag != admins.tag && anyones.tag != fewer.tag);
    assert!(Arc::ptr_eq(&anyones, &descriptions.of(&Caller::anonymous(), &all)));
    assert_eq!(anyones.body, document(&Caller::anonymous(), &all).to_string());
}
