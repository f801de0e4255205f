//! Answers to writes, as values: what is kept under an `Idempotency-Key` is what was answered, byte
//! for byte.

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use stratus_document::{Answer, Change, Done, Failed, Keyed, Operation, Outcome, Step};
use stratus_storage::Bookmark;

use crate::{
    answer, bookmark,
    call::Call,
    conditional::set_tag,
    idempotency::{self, Keying},
    problem::Problem,
    wire,
};

/// The answer to a write, without how far it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    status: StatusCode,
    etag: Option<String>,
    location: Option<String>,
    /// JSON, or empty.
    body: String,
}

/// Why writes are not answered with what they left behind.
#[derive(Debug)]
pub(crate) enum Refused {
    /// They were not done.
    Failed(Failed),
    /// There is no answer to them.
    Unanswered(Problem),
}

/// Does one write and answers it, or says again what was answered.
pub(crate) async fn one(
    call: &Call,
    keying: Option<&Keying>,
    operation: Operation<'_>,
) -> Result<Response, Problem> {
    let reply = |outcomes: &[Outcome]| match outcomes {
        [outcome] => Reply::to(call, &operation.change, outcome),
        _ => Err(Problem::internal()),
    };
    done(call, keying, &[operation], &reply).await.map_err(|refused| match refused {
        Refused::Failed(failed) => call.refuse(failed.error),
        Refused::Unanswered(problem) => problem,
    })
}

/// Does several writes, all or nothing, and answers them in one body.
pub(crate) async fn several(
    call: &Call,
    keying: Option<&Keying>,
    operations: &[Operation<'_>],
) -> Result<Response, Refused> {
    done(call, keying, operations, &|outcomes| Reply::to_all(call, operations, outcomes)).await
}

/// Does writes, and answers as `reply` says.
async fn done(
    call: &Call,
    keying: Option<&Keying>,
    operations: &[Operation<'_>],
    reply: &(dyn Fn(&[Outcome]) -> Result<Reply, Problem> + Send + Sync),
) -> Result<Response, Refused> {
    let kept = |outcomes: &[Outcome]| reply(outcomes).ok().map(|it| it.kept());
    let keyed = keying.map(|it| Keyed { key: &it.key, request: &it.request, answer: &kept });
    match call.service().write(call.scope(), operations, keyed.as_ref()).await.map_err(Refused::Failed)? {
        Done::Now { outcomes, bookmark } => {
            Ok(reply(&outcomes).map_err(Refused::Unanswered)?.into_answer(bookmark.as_ref()))
        }
        Done::Before { answer, bookmark } => {
            let mut again = Reply::again(answer).map_err(Refused::Unanswered)?.into_answer(bookmark.as_ref());
            idempotency::set_replayed(again.headers_mut());
            Ok(again)
        }
    }
}

impl Reply {
    /// The answer to one write.
    fn to(call: &Call, change: &Change<'_>, outcome: &Outcome) -> Result<Self, Problem> {
        let mut reply = Self::without_body(call, change, outcome);
        if let Outcome::Head(document) = outcome
            && reply.status != StatusCode::NO_CONTENT
        {
            reply.body = wire::one(document, None)?;
        }
        Ok(reply)
    }

    fn without_body(call: &Call, change: &Change<'_>, outcome: &Outcome) -> Self {
        let status = match change {
            Change::Create(_) | Change::Duplicate { .. } => StatusCode::CREATED,
            Change::Step { step: Step::Trash | Step::Erase, .. } => StatusCode::NO_CONTENT,
            _ => StatusCode::OK,
        };
        let Outcome::Head(document) = outcome else {
            return Self { status, etag: None, location: None, body: String::new() };
        };
        let etag = answer::tag_of(call, document, None).as_ref().to_owned();
        let address = || format!("/api/{}/{}", document.collection().name(), document.id);
        let location = (status == StatusCode::CREATED).then(address);
        Self { status, etag: Some(etag), location, body: String::new() }
    }

    /// The answer to several, each with what it would be alone.
    fn to_all(call: &Call, operations: &[Operation<'_>], outcomes: &[Outcome]) -> Result<Self, Problem> {
        let mut body = String::from("{\"data\":[");
        for (at, (operation, outcome)) in operations.iter().zip(outcomes).enumerate() {
            if at > 0 {
                body.push(',');
            }
            let one = Self::without_body(call, &operation.change, outcome);
            // Writing to a String can't fail.
            let _ = write!(body, "{{\"status\":{}", one.status.as_u16());
            for (name, text) in [("etag", one.etag), ("location", one.location)] {
                if let Some(text) = text {
                    let _ = write!(body, ",\"{name}\":{}", Value::from(text));
                }
            }
            if let Outcome::Head(document) = outcome
                && one.status != StatusCode::NO_CONTENT
            {
                body.push_str(",\"data\":");
                wire::push_document(&mut body, document, None)?;
            }
            body.push('}');
        }
        body.push_str("]}");
        Ok(Self { status: StatusCode::OK, etag: None, location: None, body })
    }

    fn kept(self) -> Answer {
        let headers = json!({ "etag": self.etag, "location": self.location }).to_string();
        Answer { status: self.status.as_u16(), headers, body: self.body }
    }

    fn again(answer: Answer) -> Result<Self, Problem> {
        let Answer { status, headers, body } = answer;
        let unreadable = || {
            tracing::error!("an answer that was kept can't be read");
            Problem::internal()
        };
        let status = StatusCode::from_u16(status).map_err(|_| unreadable())?;
        let headers: Value = serde_json::from_str(&headers).map_err(|_| unreadable())?;
        let header = |name: &str| headers.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self { status, etag: header("etag"), location: header("location"), body })
    }

    fn into_answer(self, bookmark: Option<&Bookmark>) -> Response {
        let mut answer = match self.body.is_empty() {
            true => self.status.into_response(),
            false => answer::json(self.status, self.body),
        };
        let headers = answer.headers_mut();
        if let Some(tag) = &self.etag {
            set_tag(headers, tag);
        }
        if let Some(address) = self.location.and_then(|it| HeaderValue::try_from(it).ok()) {
            headers.insert(header::LOCATION, address);
        }
        headers.insert(header::CACHE_CONTROL, answer::Audience::Caller.cache_control());
        if let Some(bookmark) = bookmark {
            bookmark::set(headers, bookmark);
        }
        answer
    }
}
