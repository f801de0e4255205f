//! Which tenant a request is for: the one whose host was asked.

use std::collections::HashMap;

use http::{HeaderMap, Uri, header};
use serde_json::Value;
use stratus_access::TenantId;

use crate::{
    json,
    problem::{Code, Problem, shorten},
};

/// Hosts and their tenants, from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Tenants {
    /// `None` serves every host as the tenant `default`.
    hosts: Option<HashMap<String, TenantId>>,
}

/// A text that is no map of hosts to tenants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenants {
    /// Not JSON.
    #[error("the tenants are not JSON: {0}")]
    Json(String),
    /// JSON of another shape.
    #[error("the tenants are not an object of at least one host and its tenant")]
    Shape,
    /// A key is no host name.
    #[error("`{0}` is not a host name")]
    Host(String),
    /// A value is no tenant.
    #[error("the tenant of the host `{host}` is not valid: {reason}")]
    Tenant {
        /// Whose tenant.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two keys are the same host.
    #[error("the host `{0}` occurs twice")]
    Repeated(String),
}

impl Tenants {
    /// One tenant, `default`, whatever host is asked.
    pub fn single() -> Self {
        Self::default()
    }

    /// The tenants of `{"host": "tenant", …}`. Case, port and a final dot of a host do not count.
    ///
    /// # Errors
    ///
    /// [`InvalidTenants`] naming what is wrong.
    pub fn by_host(text: &str) -> Result<Self, InvalidTenants> {
        let parsed = json::parse(text.as_bytes()).map_err(|it| InvalidTenants::Json(it.message))?;
        let Value::Object(members) = parsed else { return Err(InvalidTenants::Shape) };
        let mut hosts = HashMap::new();
        for (host, tenant) in members {
            let name = host_name(&host).ok_or_else(|| InvalidTenants::Host(host.clone()))?;
            let invalid = |reason: String| InvalidTenants::Tenant { host: host.clone(), reason };
            let tenant = tenant.as_str().ok_or_else(|| invalid("not a text".to_owned()))?;
            let tenant: TenantId = tenant.parse().map_err(|it| invalid(format!("{it}")))?;
            if hosts.insert(name, tenant).is_some() {
                return Err(InvalidTenants::Repeated(host));
            }
        }
        if hosts.is_empty() { Err(InvalidTenants::Shape) } else { Ok(Self { hosts: Some(hosts) }) }
    }

    /// The tenant of the host that was asked, by the URL's authority or else by `Host`.
    ///
    /// No other header counts: `X-Forwarded-Host` and its like are the client's own words.
    ///
    /// # Errors
    ///
    /// `unknown_host`, and `invalid_header` when no single host was asked.
    pub(crate) fn resolve(&self, uri: &Uri, headers: &HeaderMap) -> Result<TenantId, Problem> {
        let Some(hosts) = &self.hosts else {
            // Which of two it was sent to is anyone's guess, and a proxy's may be another.
            let is_one = headers.get_all(header::HOST).iter().nth(1).is_none();
            let several = || Problem::new(Code::InvalidHeader, "`Host` stands more than once");
            return is_one.then(TenantId::default).ok_or_else(several);
        };
        let asked = asked_host(uri, headers)
            .ok_or_else(|| Problem::new(Code::InvalidHeader, "`Host` does not name one host"))?;
        let found = host_name(asked).and_then(|it| hosts.get(&it));
        found.cloned().ok_or_else(|| {
            let detail = format!("the host `{}` is not served here", shorten(asked));
            Problem::new(Code::UnknownHost, detail)
        })
    }
}

fn asked_host<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let mut found = headers.get_all(header::HOST).iter();
    let only = found.next().filter(|_| found.next().is_none());
    only.and_then(|it| it.to_str().ok())
}

/// A host without its port, in lower case; nothing that could be anything but a host.
fn host_name(text: &str) -> Option<String> {
    let is_port = |it: &str| it.len() <= 5 && it.bytes().all(|byte| byte.is_ascii_digit());
    let (host, port) = match text.find(']') {
        Some(end) => text.split_at(end + 1),
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let is_address = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).is_some_and(|it| {
        !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
    });
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_name = (1..=253).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let has_sound_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    ((is_address || is_name) && has_sound_port).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const HOSTS: &str =
        r#"{"a.example": "a", "B.Example:8080": "b", "[::1]": "local", "127.0.0.1": "local"}"#;

    fn check(uri: &str, hosts: &[&str], expected: Result<&str, Code>) {
        let headers = hosts.iter().map(|it| (header::HOST, HeaderValue::from_str(it).unwrap())).collect();
        let found = Tenants::by_host(HOSTS).unwrap().resolve(&uri.parse().unwrap(), &headers);
        let found = found.as_ref().map(TenantId::as_str).map_err(Problem::code);
        assert_eq!(found, expected, "{uri} {hosts:?}");
        let single = Tenants::single().resolve(&uri.parse().unwrap(), &headers).ok();
        assert_eq!(single, (hosts.len() < 2).then(TenantId::default));
    }

    #[test]
    fn the_host_decides() {
        check("/", &["a.example"], Ok("a"));
        check("/", &["A.EXAMPLE.:443"], Ok("a"));
        check("/", &["b.example"], Ok("b"));
        check("/", &["[::1]:3000"], Ok("local"));
        check("/", &["127.0.0.1:3000"], Ok("local"));
        check("http://b.example:1/x", &["a.example"], Ok("b"));
        check("http://b.example/x", &[], Ok("b"));
        let unknown = [
            "c.example",
            "",
            ":80",
            "a.example:x",
            "a.example:123456",
            "a.example@b.example",
            "a.example b.example",
            "a.example,b.example",
            "x.a.example",
            "a.example..",
            "[::1",
            "a.example/..",
        ];
        for host in unknown {
            check("/", &[host], Err(Code::UnknownHost));
        }
        check("http://user@a.example/x", &["a.example"], Err(Code::UnknownHost));
        check("/", &[], Err(Code::InvalidHeader));
        check("/", &["a.example", "a.example"], Err(Code::InvalidHeader));
    }

    #[test]
    fn forwarded_hosts_do_not_count() {
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("a.example"))]);
        for name in ["x-forwarded-host", "x-host", "x-original-host", "x-forwarded-server"] {
            headers.insert(name, HeaderValue::from_static("b.example"));
        }
        headers.insert(header::FORWARDED, HeaderValue::from_static("host=b.example"));
        let found = Tenants::by_host(HOSTS).unwrap().resolve(&Uri::from_static("/"), &headers).unwrap();
        assert_eq!(found.as_str(), "a");
    }

    #[test]
    fn a_map_that_is_wrong_is_refused_naming_what() {
        let cases = [
            ("", "not JSON"),
            ("[]", "not an object"),
            ("{}", "at least one host"),
            (r#"{"a": "x", "a": "y"}"#, "`a` occurs twice"),
            (r#"{"a": "x", "A:80": "y"}"#, "`A:80` occurs twice"),
            (r#"{"http://a": "x"}"#, "`http://a` is not a host"),
            (r#"{"*.a": "x"}"#, "`*.a` is not a host"),
            (r#"{"a": "X"}"#, "the host `a`"),
            (r#"{"a": 1}"#, "not a text"),
        ];
        for (text, says) in cases {
            let error = Tenants::by_host(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
