//! `POST /batch`: several writes, all or nothing.

use axum::{body::Body, response::Response};
use stratus_document::{DocumentError, Failed};

use crate::{
    call::Call,
    idempotency,
    input::batch::{self, Asked, Given},
    problem::{Code, Problem},
    reply::{self, Refused},
};

/// Does all operations, or none and says why by the first that fails. What can be told without a
/// look at documents comes first.
pub(crate) async fn batch(call: Call, body: Body) -> Result<Response, Problem> {
    call.no_params()?;
    let (body, keying) = idempotency::read_json(&call, body).await?;
    let mut given: Vec<Given> = Vec::new();
    let mut reached = Vec::new();
    for (at, asked) in batch::operations(body)?.into_iter().enumerate() {
        let refused = |problem: Problem| problem.within(&batch::place(at)).somewhere(&batch::place(at));
        let right = (asked.collection.clone(), asked.right());
        if !reached.contains(&right) {
            reach(&call, &asked).await.map_err(refused)?;
            reached.push(right);
        }
        given.push(asked.read_on().map_err(refused)?);
    }
    let operations: Vec<_> = given.iter().map(Given::operation).collect();
    reply::several(&call, keying.as_ref(), &operations).await.map_err(|refused| match refused {
        Refused::Failed(failed) => because_of(&call, &given, failed),
        Refused::Unanswered(problem) => problem,
    })
}

/// Whether the caller may do to documents of the collection, or to one, what is asked.
async fn reach(call: &Call, asked: &Asked) -> Result<(), Problem> {
    let found = call.repository().reach(call.scope(), &asked.collection, asked.right()).await;
    found.map(drop).map_err(|error| match error {
        DocumentError::NotFound => Problem::new(Code::NotFound, "there is no such collection"),
        error => call.refuse(error),
    })
}

/// The refusal of the operation that failed, with the places in it.
fn because_of(call: &Call, given: &[Given], failed: Failed) -> Problem {
    let problem = call.refuse(failed.error);
    let Some((at, operation)) = failed.at.and_then(|at| Some((at, given.get(at)?))) else { return problem };
    let place = batch::place(at);
    problem.within(operation.document_place()).within(&place).somewhere(&place)
}
