//! `world-countries`: countries that border each other. Its data is under the ODbL and stays out of
//! the repository.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    line::{Line, Members, list, object, text},
    slugs::words,
};

/// More suffixes than these are area codes inside a country or a zone, as behind +1.
const MAX_SUFFIXES: usize = 4;

/// The documents of the whole file.
pub(crate) fn lines(data: &Value) -> Result<Vec<Line>> {
    let countries = data.as_array().context("the file is no list")?;
    let codes = countries.iter().map(|it| text(it, "cca3")).collect::<Result<BTreeSet<_>>>()?;
    let line = |it: &Value| country(it, &codes).with_context(|| format!("the country {}", it["cca3"]));
    countries.iter().map(line).collect()
}

/// Its slug is its ISO code: names change, and borders are given as codes.
fn country(json: &Value, codes: &BTreeSet<&str>) -> Result<Line> {
    let borders = borders(json, codes)?;
    let fields = Members::default()
        .with("name", name(&json["name"])?)
        .with(
            "codes",
            ["cca2", "cca3", "ccn3"]
                .iter()
                .fold(Members::default(), |members, code| members.with(code, json[*code].clone())),
        )
        .with("capital", json["capital"].clone())
        .with("region", json["region"].clone())
        .with("subregion", json["subregion"].clone())
        .with("languages", object(json, "languages")?.values().cloned().collect::<Vec<_>>())
        .with("currencies", currencies(json)?)
        .with("borders", borders.clone())
        .with("neighbours", borders.len())
        .with("area", area(&json["area"]))
        .with("latlng", position(list(json, "latlng")?)?)
        .with("landlocked", json["landlocked"].clone())
        .with("independent", json["independent"].clone())
        .with("unMember", json["unMember"].clone())
        .with("flag", json["flag"].clone())
        .with("tld", json["tld"].clone())
        .with("callingCode", calling_codes(&json["idd"]));
    Ok(Line { collection: "countries", slug: words(text(json, "cca3")?), fields: fields.into_map() })
}

fn name(json: &Value) -> Result<Members> {
    let native = object(json, "native")?.iter().map(|(lang, name)| {
        let members = Members::default().with("lang", lang.as_str());
        members.with("common", name["common"].clone()).with("official", name["official"].clone()).into()
    });
    let members = Members::default().with("common", text(json, "common")?);
    Ok(members.with("official", json["official"].clone()).with("native", native.collect::<Vec<Value>>()))
}

fn currencies(json: &Value) -> Result<Vec<Value>> {
    let currency = |(code, it): (&String, &Value)| {
        let members = Members::default().with("code", code.as_str());
        members.with("name", it["name"].clone()).with("symbol", it["symbol"].clone()).into()
    };
    Ok(object(json, "currencies")?.iter().map(currency).collect())
}

fn borders(json: &Value, codes: &BTreeSet<&str>) -> Result<Vec<Value>> {
    let slug = |it: &Value| match it.as_str() {
        Some(code) if codes.contains(code) => Ok(words(code).into()),
        _ => bail!("it borders {it}, which is not in the file"),
    };
    list(json, "borders")?.iter().map(slug).collect()
}

/// Where it is not known the source says -1.
fn area(json: &Value) -> Value {
    if json.as_f64().is_some_and(|it| it >= 0.0) { json.clone() } else { Value::Null }
}

fn position(latlng: &[Value]) -> Result<Value> {
    match latlng {
        [lat, lng] => Ok(json!({ "lat": lat, "lng": lng })),
        _ => bail!("`latlng` is no pair"),
    }
}

fn calling_codes(idd: &Value) -> Vec<Value> {
    let root = idd["root"].as_str().unwrap_or_default();
    let suffixes = idd["suffixes"].as_array().map(Vec::as_slice).unwrap_or_default();
    match suffixes.len() {
        0 => Vec::new(),
        1..=MAX_SUFFIXES => {
            suffixes.iter().filter_map(Value::as_str).map(|it| format!("{root}{it}").into()).collect()
        }
        _ => vec![root.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two invented countries as the source would tell of them.
    fn sample() -> Value {
        let country = json!({
            "name": {"common": "Arden", "official": "Republic of Arden",
                "native": {"ard": {"official": "Ardena Respubliko", "common": "Ardeno"}}},
            "tld": [".ax"], "cca2": "AX", "ccn3": "", "cca3": "AXX", "independent": null, "unMember": false,
            "currencies": {"AXD": {"name": "Arden daler", "symbol": "ð"}},
            "idd": {"root": "+9", "suffixes": ["01", "02"]}, "capital": ["Ostby"], "region": "North",
            "subregion": "", "languages": {"ard": "Ardish", "eng": "English"}, "latlng": [12.5, -70],
            "landlocked": true, "borders": ["BXX"], "area": 180.5, "flag": "🏳",
        });
        let mut other = country.clone();
        other["cca3"] = "BXX".into();
        other["borders"] = json!([]);
        other["area"] = (-1).into();
        other["capital"] = json!([]);
        other["idd"] = json!({"root": "+1", "suffixes": ["1", "2", "3", "4", "5"]});
        json!([country, other])
    }

    #[test]
    fn a_country_becomes_a_line() -> Result<()> {
        let line = lines(&sample())?.remove(0).to_string();
        let expected = concat!(
            r#"{"type":"countries","slug":"axx","publish":true,"fields":{"#,
            r#""name":{"common":"Arden","official":"Republic of Arden","#,
            r#""native":[{"lang":"ard","common":"Ardeno","official":"Ardena Respubliko"}]},"#,
            r#""codes":{"cca2":"AX","cca3":"AXX"},"capital":["Ostby"],"region":"North","#,
            r#""languages":["Ardish","English"],"#,
            r#""currencies":[{"code":"AXD","name":"Arden daler","symbol":"ð"}],"#,
            r#""borders":["bxx"],"neighbours":1,"area":180.5,"latlng":{"lat":12.5,"lng":-70},"#,
            r#""landlocked":true,"unMember":false,"flag":"🏳","tld":[".ax"],"#,
            r#""callingCode":["+901","+902"]}}"#
        );
        assert_eq!(line, expected);
        Ok(())
    }

    #[test]
    fn what_is_not_known_is_absent() -> Result<()> {
        let fields = lines(&sample())?.remove(1).fields;
        for absent in ["area", "capital", "borders", "independent"] {
            assert!(!fields.contains_key(absent), "{absent}");
        }
        assert_eq!(fields["neighbours"], 0);
        assert_eq!(fields["callingCode"], json!(["+1"]));
        Ok(())
    }

    #[test]
    fn a_border_with_nobody_is_refused() {
        let mut data = sample();
        data[0]["borders"] = json!(["ZZZ"]);
        let error = format!("{:#}", lines(&data).unwrap_err());
        assert_eq!(error, r#"the country "AXX": it borders "ZZZ", which is not in the file"#);
    }
}
