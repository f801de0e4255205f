//! `@mdn/browser-compat-data`: a few browsers, and the many features that refer to them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};

use super::{
    line::{Line, Members, object, several, text},
    slugs,
};

/// The member that makes a feature of a node of the tree.
const COMPAT: &str = "__compat";
/// Members of the root that are no areas.
const NOT_AREAS: [&str; 2] = ["browsers", "__meta"];
const WEB_FEATURES: &str = "web-features:";

/// Slugs by what the source calls things.
type Slugs<'data> = BTreeMap<&'data str, String>;

/// The documents of the whole file.
pub(crate) fn lines(data: &Value) -> Result<Vec<Line>> {
    let browsers = object(data, "browsers")?;
    let browser_slugs = slugs::of(browsers.keys().map(String::as_str))?;
    let features = features(data)?;
    let feature_slugs = slugs::of(features.keys().map(String::as_str))?;
    let browsers = browsers
        .iter()
        .map(|(key, it)| browser(key, it, &browser_slugs).with_context(|| format!("the browser `{key}`")));
    let features = features.iter().map(|(path, it)| {
        feature(path, it, &feature_slugs, &browser_slugs).with_context(|| format!("the feature `{path}`"))
    });
    browsers.chain(features).collect()
}

fn slug(slugs: &Slugs<'_>, name: &str) -> Result<String> {
    slugs.get(name).cloned().with_context(|| format!("`{name}` is not in the file"))
}

fn browser(key: &str, json: &Value, slugs: &Slugs<'_>) -> Result<Line> {
    let mut releases: Vec<_> = object(json, "releases")?.iter().collect();
    // Members are sorted as text, where 10 comes before 2.
    releases.sort_by_key(|(_, it)| it["index"].as_u64());
    ensure!(releases.iter().all(|(_, it)| it["index"].is_u64()), "a release has no `index`");
    let is_out = |it: &Value| matches!(it["status"].as_str(), Some("current" | "retired"));
    let newest = releases.iter().rev().find(|(_, it)| is_out(it));
    let upstream = json["upstream"].as_str().map(|it| slug(slugs, it)).transpose()?;
    let fields = Members::default()
        .with("key", key)
        .with("name", text(json, "name")?)
        .with("kind", text(json, "type")?)
        .with("engine", newest.map_or(Value::Null, |(_, it)| it["engine"].clone()))
        .with("upstream", upstream)
        .with("previewName", json["preview_name"].clone())
        .with("acceptsFlags", json["accepts_flags"].clone())
        .with("acceptsExtensions", json["accepts_webextensions"].clone())
        .with("releases", releases.iter().map(|(version, it)| release(version, it)).collect::<Vec<_>>());
    Ok(Line { collection: "browsers", slug: slug(slugs, key)?, fields: fields.into_map() })
}

fn release(version: &str, json: &Value) -> Value {
    Members::default()
        .with("version", version)
        .with("status", json["status"].clone())
        .with("date", json["release_date"].clone())
        .with("engine", json["engine"].clone())
        .with("engineVersion", json["engine_version"].clone())
        .with("notes", json["release_notes"].clone())
        .into()
}

/// All features by their dotted paths.
fn features(data: &Value) -> Result<BTreeMap<String, &Value>> {
    let mut found = BTreeMap::new();
    for (area, node) in data.as_object().context("the file is no object")? {
        if !NOT_AREAS.contains(&area.as_str()) {
            collect(area, node.as_object().context("an area is no object")?, &mut found)?;
        }
    }
    Ok(found)
}

fn collect<'data>(
    path: &str,
    node: &'data Map<String, Value>,
    found: &mut BTreeMap<String, &'data Value>,
) -> Result<()> {
    for (name, child) in node {
        if name == COMPAT {
            // A name with a dot in it could make one path of two.
            ensure!(found.insert(path.to_owned(), child).is_none(), "`{path}` is there twice");
        } else {
            let child = child.as_object().with_context(|| format!("`{path}.{name}` is no object"))?;
            collect(&format!("{path}.{name}"), child, found)?;
        }
    }
    Ok(())
}

fn feature(path: &str, json: &Value, features: &Slugs<'_>, browsers: &Slugs<'_>) -> Result<Line> {
    let tags = several(&json["tags"]).iter().filter_map(Value::as_str);
    let web_features = tags.filter_map(|it| it.strip_prefix(WEB_FEATURES)).map(Value::from);
    let fields = Members::default()
        .with("path", path)
        .with("area", path.split('.').next().unwrap_or(path))
        .with("partOf", nearest_above(path, features).map(String::as_str))
        .with("description", json["description"].clone())
        .with("mdn_url", json["mdn_url"].clone())
        .with("spec_url", several(&json["spec_url"]).to_vec())
        .with("webFeatures", web_features.collect::<Vec<_>>())
        .with("stability", stability(&json["status"]))
        .with("support", support(json, browsers)?);
    Ok(Line { collection: "features", slug: slug(features, path)?, fields: fields.into_map() })
}

/// The feature that a feature is part of. Some nodes of the tree are no features: they only group.
fn nearest_above<'slugs>(path: &str, features: &'slugs Slugs<'_>) -> Option<&'slugs String> {
    let above = std::iter::successors(path.rsplit_once('.'), |(above, _)| above.rsplit_once('.'));
    above.map(|(above, _)| above).find_map(|above| features.get(above))
}

/// Documents have a `status` of their own.
fn stability(json: &Value) -> Members {
    let names = ["experimental", "standard_track", "deprecated"];
    names.iter().fold(Members::default(), |members, name| members.with(name, json[*name].clone()))
}

fn support(json: &Value, browsers: &Slugs<'_>) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for (browser, statements) in object(json, "support")? {
        let browser = slug(browsers, browser)?;
        all.extend(several(statements).iter().map(|it| statement(&browser, it)));
    }
    Ok(all)
}

fn statement(browser: &str, json: &Value) -> Value {
    Members::default()
        .with("browser", browser)
        // `false` where it is not supported.
        .with("versionAdded", json["version_added"].as_str())
        .with("versionRemoved", json["version_removed"].as_str())
        .with("prefix", json["prefix"].clone())
        .with("alternativeName", json["alternative_name"].clone())
        .flag("flags", !several(&json["flags"]).is_empty())
        .flag("partial", json["partial_implementation"] == true)
        .with("notes", several(&json["notes"]).to_vec())
        .into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({
            "__meta": {"version": "1.0.0"},
            "browsers": {
                "owl": {"name": "Owl", "type": "desktop", "accepts_flags": true,
                    "accepts_webextensions": false, "preview_name": "Owlet", "releases": {
                        "10": {"index": 1, "status": "current", "engine": "Hoot", "engine_version": "3",
                            "release_date": "2026-01-02", "release_notes": "https://owl.example/10"},
                        "2": {"index": 0, "status": "retired", "engine": "Screech"},
                        "preview": {"index": 2, "status": "nightly"},
                    }},
                "owl_android": {"name": "Owl Android", "type": "mobile", "upstream": "owl",
                    "accepts_flags": false, "accepts_webextensions": false, "releases": {}},
            },
            "api": {"Nest": {
                "__compat": {"support": {}},
                "group": {"egg_event": {"__compat": {
                    "description": "The <code>egg</code> event", "mdn_url": "https://mdn.example/egg",
                    "spec_url": "https://spec.example/#egg", "tags": ["web-features:nest", "other"],
                    "status": {"deprecated": false, "experimental": true, "standard_track": true},
                    "support": {
                        "owl": [
                            {"version_added": "10", "notes": "A note."},
                            {"version_added": "≤2", "version_removed": "10", "prefix": "-owl-",
                                "partial_implementation": true, "flags": [{"name": "egg"}]},
                        ],
                        "owl_android": {"version_added": false},
                    },
                }}},
            }},
        })
    }

    #[test]
    fn a_browser_becomes_a_line() -> Result<()> {
        let expected = concat!(
            r#"{"type":"browsers","slug":"owl","publish":true,"fields":{"#,
            r#""key":"owl","name":"Owl","kind":"desktop","engine":"Hoot","previewName":"Owlet","#,
            r#""acceptsFlags":true,"acceptsExtensions":false,"releases":["#,
            r#"{"version":"2","status":"retired","engine":"Screech"},"#,
            r#"{"version":"10","status":"current","date":"2026-01-02","engine":"Hoot","#,
            r#""engineVersion":"3","notes":"https://owl.example/10"},"#,
            r#"{"version":"preview","status":"nightly"}]}}"#
        );
        let lines = lines(&sample())?;
        assert_eq!(lines[0].to_string(), expected);
        assert_eq!(lines[1].slug, "owl-android");
        assert_eq!(lines[1].fields["upstream"], "owl");
        Ok(())
    }

    #[test]
    fn a_feature_becomes_a_line() -> Result<()> {
        let expected = concat!(
            r#"{"type":"features","slug":"api-nest-group-egg-event","publish":true,"fields":{"#,
            r#""path":"api.Nest.group.egg_event","area":"api","partOf":"api-nest","#,
            r#""description":"The <code>egg</code> event","mdn_url":"https://mdn.example/egg","#,
            r#""spec_url":["https://spec.example/#egg"],"webFeatures":["nest"],"#,
            r#""stability":{"experimental":true,"standard_track":true,"deprecated":false},"support":["#,
            r#"{"browser":"owl","versionAdded":"10","notes":["A note."]},"#,
            r#"{"browser":"owl","versionAdded":"≤2","versionRemoved":"10","prefix":"-owl-","#,
            r#""flags":true,"partial":true},{"browser":"owl-android"}]}}"#
        );
        let lines = lines(&sample())?;
        assert_eq!(lines[3].to_string(), expected);
        let expected = r#"{"type":"features","slug":"api-nest","publish":true,"fields":{"path":"api.Nest","area":"api"}}"#;
        assert_eq!(lines[2].to_string(), expected);
        Ok(())
    }

    #[test]
    fn support_in_an_unknown_browser_is_refused() {
        let mut data = sample();
        data["api"]["Nest"][COMPAT]["support"] = json!({"yeti": {"version_added": "1"}});
        let error = format!("{:#}", lines(&data).unwrap_err());
        assert_eq!(error, "the feature `api.Nest`: `yeti` is not in the file");
    }
}
