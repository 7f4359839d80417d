//! The prepaid balance: `GET /api/v1/balance` and `POST /api/v1/balance/top-up`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use store::balance::{Balance, ToppedUp};

use super::{Api, body, read, submit};
use crate::accept::{conflict, replayed};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{amount, data, named, request};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::{TopUp, idempotency_key};

pub(super) fn routes() -> Routes<Api> {
    let body = request(&[("amount", amount())], &[]);
    Routes::new()
        .on(
            Operation::get("/api/v1/balance", "getBalance", "The prepaid balance")
                .tag("Balance")
                .scope(Scope::Read)
                .no(Code::NotFound)
                .answer(200, "The balance.", data(named("Balance"))),
            show,
        )
        .on(
            Operation::post("/api/v1/balance/top-up", "topUpBalance", "Put money on the balance")
                .about("An amount below zero takes back what was paid in by mistake, as far as it is available.")
                .tag("Balance")
                .scope(Scope::Admin)
                .idempotent()
                .json(body)
                .no(Code::NotFound)
                .answer(200, "The balance afterwards.", data(named("Balance"))),
            top_up,
        )
}

pub(super) async fn show(State(api): State<Api>, Extension(caller): Extension<Caller>) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let found = api.0.store.balance(caller.organization).await;
    let found = found.map_err(|error| read::failed(&error))?.ok_or_else(no_balance)?;
    Ok(Answer::data(200, shown(&found)))
}

pub(super) async fn top_up(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Admin)?;
    let asked = TopUp::read(&body::object(&headers, body).await?)?;
    let key = submit::key(&headers)?
        .map(|key| idempotency_key("Idempotency-Key", key))
        .transpose()
        .map_err(|wrong| Problem::field(Code::ValidationError, wrong))?;
    let top_up = store::balance::TopUp {
        organization: caller.organization,
        amount: asked.amount,
        key: key.as_deref().map(|key| (key, asked.hash)),
        now: api.0.clock.now(),
    };
    let answer = |balance: &Balance| Answer::data(200, shown(balance));
    let kept = |balance: &Balance| (200, answer(balance).body.to_string());
    let done = api.0.store.top_up(&top_up, kept).await;
    match done.map_err(|error| refused(&error, &asked))? {
        ToppedUp::Now(balance) => Ok(answer(&balance)),
        ToppedUp::Before(earlier) if earlier.request_hash == asked.hash => Ok(replayed(&earlier)),
        ToppedUp::Before(_) => Err(conflict()),
        ToppedUp::NoBalance => Err(no_balance()),
        ToppedUp::TooMuch(balance) => {
            let message = "More than is available cannot be taken back; what is reserved or spent stays.";
            let details = json!({"field": "amount", "value": asked.amount, "expected": "no more than is available",
                "available": balance.available, "currency": balance.currency});
            Err(Problem::new(Code::ValidationError, message).details(details))
        }
    }
}

fn refused(error: &store::Error, asked: &TopUp) -> Problem {
    if !error.is_about_data() {
        return read::failed(error);
    }
    let details =
        json!({"field": "amount", "value": asked.amount, "expected": "less: a balance has its end at 2^63 millionths"});
    Problem::new(Code::ValidationError, "The balance cannot hold so much.").details(details)
}

fn no_balance() -> Problem {
    Problem::new(
        Code::NotFound,
        "This organization has no prepaid balance, so its messages cost it nothing; declare one with `turnpike apply`.",
    )
}

fn shown(balance: &Balance) -> Value {
    json!({
        "currency": balance.currency,
        "available": balance.available,
        "reserved": balance.reserved,
        "spent": balance.spent,
        "topped_up": balance.funded,
    })
}
