//! A document of OpenAPI, as something that requests and answers are held against.

use std::{borrow::Cow, collections::HashMap};

use jsonschema::{Draft, Validator};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::app::wire::{Answer, Request};

/// A document, and the schemas of it that were needed so far.
pub(crate) struct Description {
    document: Value,
    validators: HashMap<String, Validator>,
}

/// What became of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is as its operation says.
    Described,
    /// There is no such operation, and it was refused.
    Refused,
    /// A browser asked whether it may ask.
    Preflight,
}

impl Description {
    pub(crate) fn new(document: Value) -> Self {
        Self { document, validators: HashMap::new() }
    }

    /// Checks an answer, and what was asked if it was granted.
    ///
    /// # Errors
    ///
    /// What is not as the document says.
    pub(crate) fn check(&mut self, request: &Request, answer: &Answer) -> Result<Found, String> {
        let path = request.path.split('?').next().unwrap();
        let method = if request.method == "HEAD" { "get" } else { &request.method.to_ascii_lowercase() };
        let Some(operation) = self.operation(method, path) else {
            return self.check_undescribed(request, answer);
        };
        let status = answer.status;
        let response = self.resolved(&format!("{operation}/responses/{status}"));
        let response = response.ok_or_else(|| format!("{operation} says nothing of {status}"))?;
        self.check_headers(&response, answer)?;
        if request.method != "HEAD" {
            self.check_content(&response, answer.headers.get("content-type"), &answer.body)?;
        }
        if (200..300).contains(&status) {
            self.check_granted(&operation, request)?;
        }
        Ok(Found::Described)
    }

    /// What no operation is for is refused, with a problem.
    fn check_undescribed(&mut self, request: &Request, answer: &Answer) -> Result<Found, String> {
        if request.method == "OPTIONS" && answer.status == 204 && answer.body.is_empty() {
            return Ok(Found::Preflight);
        }
        if !(400..500).contains(&answer.status) {
            return Err(format!("no operation is described, and the answer is {}", answer.status));
        }
        let problem = "/components/schemas/Problem";
        if request.method != "HEAD" {
            self.check_value(problem, &answer.json().unwrap_or_default())?;
        }
        Ok(Found::Refused)
    }

    /// A pointer to the operation at a path: what is spelt out goes before what is in braces.
    fn operation(&self, method: &str, path: &str) -> Option<String> {
        let asked: Vec<_> = path.split('/').map(|it| percent_decode_str(it).decode_utf8_lossy()).collect();
        let in_braces = |part: &str| part.starts_with('{');
        let paths = self.document["paths"].as_object().unwrap();
        let fitting = paths.keys().filter(|template| {
            let parts: Vec<_> = template.split('/').collect();
            let fits =
                |(part, asked): (&&str, &Cow<'_, str>)| part == asked || in_braces(part) && !asked.is_empty();
            parts.len() == asked.len() && parts.iter().zip(&asked).all(fits)
        });
        let template = fitting.min_by_key(|it| it.split('/').map(in_braces).collect::<Vec<_>>())?;
        paths[template].get(method)?;
        Some(format!("/paths/{}/{method}", escape(template)))
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.document.pointer(pointer)
    }

    /// A pointer to the thing itself, if it is there.
    fn resolved(&self, pointer: &str) -> Option<String> {
        let reference = self.at(pointer)?.get("$ref").and_then(Value::as_str);
        Some(reference.map_or(pointer, |it| it.strip_prefix('#').unwrap()).to_owned())
    }

    fn check_headers(&mut self, response: &str, answer: &Answer) -> Result<(), String> {
        let names: Vec<_> = self.members(&format!("{response}/headers")).keys().cloned().collect();
        for name in names {
            let header = self.resolved(&format!("{response}/headers/{}", escape(&name))).unwrap();
            match answer.headers.get(&name.to_ascii_lowercase()) {
                Some(text) => {
                    let value = text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
                    self.check_value(&format!("{header}/schema"), &value)
                        .map_err(|it| format!("{name}: {it}"))?;
                }
                None if self.at(&header).unwrap()["required"] == true => {
                    return Err(format!("{response} has no {name}"));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Of a body, or of none.
    fn check_content(&mut self, of: &str, kind: Option<&String>, body: &[u8]) -> Result<(), String> {
        let content = self.members(&format!("{of}/content"));
        let Some(kind) = kind.filter(|_| !body.is_empty()) else {
            let may_be_empty = content.is_empty() || self.at(of).unwrap()["required"] == false;
            return if may_be_empty { Ok(()) } else { Err(format!("{of} has a body, and here is none")) };
        };
        let kind = kind.split(';').next().unwrap();
        if !content.contains_key(kind) {
            return Err(format!("{of} has no {kind}"));
        }
        let value = serde_json::from_slice(body).map_err(|it| it.to_string())?;
        self.check_value(&format!("{of}/content/{}/schema", escape(kind)), &value)
    }

    /// What was granted was asked for as the operation says.
    fn check_granted(&mut self, operation: &str, request: &Request) -> Result<(), String> {
        let own = format!("{operation}/parameters");
        let count = self.at(&own).map_or(0, |it| it.as_array().unwrap().len());
        let parameters = (0..count).map(|it| self.resolved(&format!("{own}/{it}")).unwrap());
        let parameters: Vec<_> = parameters.map(|it| self.at(&it).unwrap().clone()).collect();
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        for piece in query.split('&').filter(|it| !it.is_empty()) {
            let name = percent_decode_str(piece.split('=').next().unwrap()).decode_utf8_lossy();
            let name = name.split('[').next().unwrap();
            if !parameters.iter().any(|it| it["in"] == "query" && it["name"] == name) {
                return Err(format!("{operation} has no parameter {name}"));
            }
        }
        for needed in parameters.iter().filter(|it| it["in"] == "header" && it["required"] == true) {
            let name = needed["name"].as_str().unwrap();
            if !request.has(name) {
                return Err(format!("{operation} needs the header {name}"));
            }
        }
        let body = format!("{operation}/requestBody");
        if self.at(&body).is_none() {
            return Ok(());
        }
        // Any JSON is taken, whatever its media type is called.
        self.check_content(&body, Some(&"application/json".to_owned()), &request.body)
            .map_err(|it| format!("the body of the request: {it}"))
    }

    fn members(&self, pointer: &str) -> Map<String, Value> {
        self.at(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn check_value(&mut self, schema: &str, value: &Value) -> Result<(), String> {
        if !self.validators.contains_key(schema) {
            let mut root = self.at(schema).cloned().ok_or_else(|| format!("there is no {schema}"))?;
            root["components"] = self.document["components"].clone();
            let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
            let validator = options.build(&root).map_err(|it| format!("{schema}: {it}"))?;
            self.validators.insert(schema.to_owned(), validator);
        }
        let errors = self.validators[schema].iter_errors(value);
        let errors: Vec<_> =
            errors.map(|it| format!("{schema}, at `{}`: {it}", it.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }
}

fn escape(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}
