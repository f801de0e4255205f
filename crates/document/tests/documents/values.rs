//! What a collection takes for a value, what it refuses, and where it says so.

use serde_json::{Value as Json, json};
use stratus_document::{CollectionDefinition, DocumentError, Precondition, Registry};

use crate::fixture::{World, fields};

fn kinds() -> CollectionDefinition {
    let json = json!({
        "name": "kinds",
        "fields": {
            "text": {"type": "text", "maxLength": 5, "minLength": 2, "pattern": "^[a-z]+$"},
            "number": {"type": "number", "min": 0, "max": 10},
            "integer": {"type": "integer"},
            "flag": {"type": "boolean", "default": true},
            "date": {"type": "date"},
            "moment": {"type": "datetime"},
            "email": {"type": "email"},
            "url": {"type": "url"},
            "slug_like": {"type": "slug"},
            "color": {"type": "color"},
            "select": {"type": "select", "enum": ["a", "b"]},
            "several": {"type": "multiselect", "enum": ["a", "b"], "facet": true},
            "tags": {"type": "tags", "max": 3},
            "json": {"type": "json"},
            "rich": {"type": "richtext"},
            "object": {"type": "object", "fields": {
                "x": {"type": "number", "required": true},
                "y": {"type": "text", "default": "why"},
            }},
            "list": {"type": "array", "items": {"type": "integer"}, "min": 1},
            "blocks": {"type": "blocks", "blocks": {
                "quote": {"fields": {"by": {"type": "reference", "to": "kinds", "strength": "strong"}}},
                "image": {"fields": {"alt": {"type": "text", "required": true}}},
            }},
            "kin": {"type": "reference", "to": "kinds", "many": true},
            "locked": {"type": "text", "readOnly": true, "default": "set"},
        },
    });
    CollectionDefinition::parse(&json.to_string()).expect("a sound definition")
}

#[tokio::test]
async fn values_are_made_normal() {
    let world = World::of(vec![kinds()]).await;
    let check = async |given: Json, expected: Json| {
        let made = world.create("kinds", &fields(given.clone())).await.document;
        let mut shown: Json = serde_json::from_str(&made.fields).expect("an object");
        let members = shown.as_object_mut().expect("an object");
        members.shift_remove("flag");
        assert_eq!(members.shift_remove("locked"), Some(json!("set")));
        assert_eq!(shown.to_string(), expected.to_string(), "{given}");
    };
    check(json!({"integer": 3.0, "number": 4.50}), json!({"number": 4.5, "integer": 3})).await;
    check(json!({"moment": "2026-11-21T09:30:00+01:00"}), json!({"moment": "2026-11-21T08:30:00.000Z"}))
        .await;
    check(json!({"color": "#FFF", "text": null}), json!({"color": "#fff"})).await;
    check(json!({"object": {"y": null, "x": 1}}), json!({"object": {"x": 1, "y": "why"}})).await;
    check(json!({"json": {"b": [1, null, {"a": 2.0}]}}), json!({"json": {"b": [1, null, {"a": 2}]}})).await;
    check(json!({"several": ["b", "a"]}), json!({"several": ["b", "a"]})).await;
}

#[tokio::test]
async fn faults_are_named_where_they_are() {
    let world = World::of(vec![kinds()]).await;
    let check = async |given: Json, expected: &[(&str, &str)]| match world
        .service
        .create(&world.admin(), "kinds", &fields(given.clone()))
        .await
    {
        Err(DocumentError::Invalid(errors)) => {
            let found: Vec<_> = errors.iter().map(|it| (it.pointer.as_str(), it.code)).collect();
            assert_eq!(found, expected, "{given}: {errors:?}");
        }
        other => panic!("{given}: expected faults, got {other:?}"),
    };
    check(json!({"text": 1}), &[("/fields/text", "type")]).await;
    check(json!({"text": "A"}), &[("/fields/text", "too_short"), ("/fields/text", "pattern")]).await;
    check(json!({"text": "abcdef"}), &[("/fields/text", "too_long")]).await;
    check(json!({"text": "a\u{0}b"}), &[("/fields/text", "nul")]).await;
    check(json!({"number": "1"}), &[("/fields/number", "type")]).await;
    check(json!({"number": 11}), &[("/fields/number", "too_large")]).await;
    check(json!({"number": -0.5}), &[("/fields/number", "too_small")]).await;
    check(json!({"integer": 1.5}), &[("/fields/integer", "type")]).await;
    check(json!({"integer": 9_007_199_254_740_992_i64}), &[("/fields/integer", "out_of_range")]).await;
    check(json!({"number": 18_446_744_073_709_551_615_u64}), &[("/fields/number", "out_of_range")]).await;
    check(json!({"json": {"a": [1e300]}}), &[("/fields/json/a/0", "out_of_range")]).await;
    check(json!({"flag": "true"}), &[("/fields/flag", "type")]).await;
    check(json!({"date": "2026-02-30"}), &[("/fields/date", "format")]).await;
    check(json!({"moment": "yesterday"}), &[("/fields/moment", "format")]).await;
    check(json!({"email": "x"}), &[("/fields/email", "format")]).await;
    check(json!({"url": "javascript:alert(1)"}), &[("/fields/url", "format")]).await;
    check(json!({"slug_like": "A b"}), &[("/fields/slug_like", "format")]).await;
    check(json!({"color": "red"}), &[("/fields/color", "format")]).await;
    check(json!({"select": "c"}), &[("/fields/select", "enum")]).await;
    check(json!({"several": ["a", "a"]}), &[("/fields/several/1", "duplicate")]).await;
    check(json!({"tags": ["a", "b", "c", "d"]}), &[("/fields/tags", "too_large")]).await;
    check(json!({"tags": [" "]}), &[("/fields/tags/0", "tag")]).await;
    check(json!({"rich": {"type": "html"}}), &[("/fields/rich", "richtext")]).await;
    let link =
        json!({"type": "text", "text": "x", "marks": [{"type": "link", "attrs": {"href": "javascript:x"}}]});
    let rich = json!({"rich": {"type": "doc", "content": [{"type": "paragraph", "content": [link]}]}});
    check(rich, &[("/fields/rich/content/0/content/0/marks/0/attrs/href", "richtext")]).await;
    check(
        json!({"object": {"z/~": 1}}),
        &[("/fields/object/z~1~0", "unknown_field"), ("/fields/object/x", "required")],
    )
    .await;
    check(json!({"list": []}), &[("/fields/list", "too_small")]).await;
    check(json!({"list": [1, "2"]}), &[("/fields/list/1", "type")]).await;
    check(json!({"list": vec![1; 1001]}), &[("/fields/list", "too_many")]).await;
    check(json!({"blocks": [{"type": "video"}]}), &[("/fields/blocks/0/type", "unknown_block")]).await;
    check(json!({"blocks": [{"type": "image"}]}), &[("/fields/blocks/0/alt", "required")]).await;
    let ghost = "0192f0c1-2345-7000-8000-0123456789ab";
    check(
        json!({"blocks": [{"type": "quote", "by": ghost}]}),
        &[("/fields/blocks/0/by", "missing_reference")],
    )
    .await;
    check(json!({"kin": [ghost, ghost]}), &[("/fields/kin/1", "duplicate")]).await;
    check(json!({"kin": ["me"]}), &[("/fields/kin/0", "type")]).await;
    check(json!({"locked": "x"}), &[("/fields/locked", "read_only")]).await;
    check(json!({"nothing": 1}), &[("/fields/nothing", "unknown_field")]).await;
}

#[tokio::test]
async fn defaults_fill_at_any_depth() {
    let json = json!({"name": "deep", "fields": {
        "list": {"type": "array", "items": {"type": "object", "fields": {
            "x": {"type": "text", "required": true, "default": "d"},
        }}},
        "blocks": {"type": "blocks", "blocks": {"b": {"fields": {"y": {"type": "integer", "default": 7}}}}},
        "object": {"type": "object", "default": {}, "fields": {"z": {"type": "boolean", "default": false}}},
        "pick": {"type": "number", "enum": [1.0, 2.5]},
    }});
    let world = World::of(vec![CollectionDefinition::parse(&json.to_string()).expect("sound")]).await;
    let given = json!({"list": [{}, {"x": "e"}], "blocks": [{"type": "b"}], "pick": 1});
    let made = world.create("deep", &fields(given)).await.document;
    let expected =
        r#"{"list":[{"x":"d"},{"x":"e"}],"blocks":[{"type":"b","y":7}],"object":{"z":false},"pick":1}"#;
    assert_eq!(made.fields, expected);
    let patch = fields(json!({"object": {"nope": null}}));
    let refused = world.service.patch(&world.admin(), "deep", &made.id, &Precondition::Any, &patch).await;
    assert!(
        matches!(&refused, Err(DocumentError::Invalid(errors)) if errors[0].pointer == "/fields/object/nope")
    );
}

#[tokio::test]
async fn indexed_text_is_short_enough_for_a_cursor() {
    let world = World::demo().await;
    let author = "a".repeat(1_001);
    match world.service.create(&world.admin(), "authors", &fields(json!({ "name": author }))).await {
        Err(DocumentError::Invalid(errors)) => assert_eq!(errors[0].code, "too_long"),
        other => panic!("expected a fault, got {other:?}"),
    }
}

#[tokio::test]
async fn a_merge_patch_removes_merges_and_replaces() {
    let world = World::of(vec![kinds()]).await;
    let given = json!({"text": "abc", "json": {"a": 1, "b": {"c": 2}}, "tags": ["x"], "flag": false});
    let id = world.create("kinds", &fields(given)).await.document.id;
    let patch = json!({"text": null, "json": {"a": null, "b": {"d": 3}}, "tags": ["y"]});
    let patched = world.service.patch(&world.admin(), "kinds", &id, &Precondition::Any, &fields(patch)).await;
    assert_eq!(
        patched.expect("a patch").document.fields,
        r#"{"flag":false,"tags":["y"],"json":{"b":{"c":2,"d":3}},"locked":"set"}"#
    );
    let (admin, other) = (world.admin(), fields(json!({"text": "xy"})));
    let replaced = world.service.replace(&admin, "kinds", &id, &Precondition::Any, &other).await;
    let shown = replaced.expect("a replace").document.fields;
    assert_eq!(shown, r#"{"text":"xy","flag":true,"locked":"set"}"#);
}

#[test]
fn faulty_definitions_are_refused_with_every_fault() {
    let check = |definition: Json, expected: &[&str]| {
        let error = match CollectionDefinition::parse(&definition.to_string()) {
            Err(error) => error.to_string(),
            Ok(definition) => match Registry::new([definition]) {
                Ok(_) => panic!("taken: {definition:?}", definition = expected),
                Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            },
        };
        for part in expected {
            assert!(error.contains(part), "expected `{part}` in: {error}");
        }
    };
    let with = |fields: Json| json!({"name": "x", "fields": fields});
    check(json!({"name": "X", "fields": {}}), &["the name must be"]);
    check(json!({"name": "x"}), &["fields"]);
    check(json!({"name": "x", "fields": {}, "extra": 1}), &["extra"]);
    let fields: serde_json::Map<_, _> =
        (0..80).map(|n| (format!("f{n}"), json!({"type": "text", "index": true}))).collect();
    check(with(Json::Object(fields)), &["106 columns are over the limit of 100", "f0, f10, f11"]);
    check(with(json!({"id": {"type": "text"}})), &["`id`", "system key"]);
    check(with(json!({"a": {"type": "string"}})), &["`a`", "string"]);
    check(with(json!({"a": {"type": "text", "indexed": true}})), &["indexed"]);
    check(
        with(json!({"a": {"type": "select"}, "b": {"type": "reference"}})),
        &["`enum` is missing", "`to` is missing"],
    );
    check(with(json!({"a": {"type": "reference", "to": "ghosts"}})), &["no collection `ghosts`"]);
    check(with(json!({"a": {"type": "tags", "index": true}})), &["`facet`"]);
    check(with(json!({"a": {"type": "text", "private": true, "index": true}})), &["private"]);
    check(with(json!({"a": {"type": "text", "pattern": "("}})), &["`pattern`"]);
    check(with(json!({"a": {"type": "integer", "default": "x"}})), &["default"]);
    check(with(json!({"a": {"type": "integer", "min": 2, "max": 1}})), &["`min` is greater"]);
    check(json!({"name": "x", "fields": {}, "indexes": [["nothing"]]}), &["nothing"]);
    check(json!({"name": "x", "fields": {}, "slug": {"from": "title"}}), &["no field `title`"]);
    check(json!({"name": "x", "fields": {}, "grants": {"everyone": ["read"]}}), &["everyone"]);
    check(json!({"name": "x", "fields": {}, "grants": {"public": ["see"]}}), &["see"]);
}

#[test]
fn a_field_that_is_named_twice_is_refused() {
    let twice =
        r#"{"name": "x", "fields": {"a": {"type": "text"}, "b": {"type": "json"}, "a": {"type": "number"}}}"#;
    let error = CollectionDefinition::parse(twice).expect_err("refused");
    assert!(error.to_string().contains("`a` is named twice"), "{error}");
}

#[test]
fn every_collection_that_points_nowhere_is_named() {
    let lost = |name: &str| {
        let json = json!({"name": name, "fields": {"to": {"type": "reference", "to": "nothing"}}});
        CollectionDefinition::parse(&json.to_string()).expect("sound in itself")
    };
    let errors = Registry::new([lost("a"), lost("b")]).expect_err("refused");
    assert_eq!(errors.iter().map(|it| it.collection.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn own_columns_are_counted_right() {
    let world = World::demo().await;
    let registry = world.repository().registry();
    let count = "SELECT count(*) FROM pragma_table_xinfo('documents')";
    let columns: i64 = world.connection().query_row(count, [], |row| row.get(0)).expect("a count");
    assert_eq!(registry.column_count() as i64, columns);
}

#[test]
fn the_physical_schema_is_a_format() {
    let registry = Registry::new(crate::fixture::demo()).expect("sound definitions");
    let columns = registry.columns().into_iter().map(|it| format!("{} {}", it.name, it.json_path));
    let indexes = registry.indexes().into_iter().map(|it| it.sql);
    insta::assert_snapshot!(columns.chain(indexes).collect::<Vec<_>>().join("\n"));
}
