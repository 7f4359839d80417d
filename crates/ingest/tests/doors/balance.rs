//! The balance at the door: 402 for what cannot be paid, the price of what is taken, and money that comes in.

use chrono::TimeDelta;
use domain::declaration::Declaration;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::seed::{self, Choice};

use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person, text};

const TOP_UP: &str = "/api/v1/balance/top-up";

impl Rig {
    /// Declares a balance that begins with so much, and what a utility message to +1 costs. Everything else is free.
    async fn pays(&self, balance: &str, price: &str) {
        self.declares(json!({"currency": "EUR", "balance": balance,
            "rate": [{"prefix": "+1", "category": "UTILITY", "price": price}]}))
            .await;
    }

    async fn declares(&self, money: Value) {
        let mut declared = seed::declaration(&Choice::default());
        let organization = declared["organization"][0].as_object_mut().unwrap();
        organization.extend(money.as_object().unwrap().clone());
        let declared: Declaration = serde_json::from_value(declared).unwrap();
        declared.check().unwrap();
        self.database.store.apply(&declared, &|_| None).await.unwrap();
    }

    async fn balance(&self) -> Value {
        self.get("/api/v1/balance").await.data(200)
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_paid_is_402_and_a_failed_row() {
    let rig = Rig::start().await;
    rig.pays("0.04", "0.05").await;

    let error = rig
        .post(MESSAGES, &hello(&person(1)))
        .await
        .error(402, "INSUFFICIENT_BALANCE");

    let details = &error["details"];
    assert_eq!(details["reason"], "insufficient_balance");
    assert_eq!(
        (&details["required"], &details["available"], &details["currency"]),
        (&json!("0.05"), &json!("0.04"), &json!("EUR"))
    );
    let id = details["message_id"].as_str().unwrap();
    let message = rig.get(&format!("/api/v1/messages/{id}")).await.data(200);
    assert_eq!(
        (&message["status"], &message["reason"]["code"]),
        (&json!("failed"), &json!("insufficient_balance"))
    );
    assert_eq!(rig.count("ledger_entry WHERE reason = 'reserve'").await, 0);
    rig.finish().await;
}

#[tokio::test]
async fn a_broadcast_below_its_floor_is_402_and_nothing_of_it_is_kept() {
    let rig = Rig::start().await;
    rig.pays("0.14", "0.05").await;
    let post = async || {
        let request = rig.request("POST", BROADCAST).header("idempotency-key", "sale-1");
        request.json(&hello_all(0, 3)).send().await
    };

    let error = post().await.error(402, "INSUFFICIENT_BALANCE");

    assert_eq!(
        error["details"],
        json!({"reason": "insufficient_balance", "required": "0.15", "available": "0.14", "currency": "EUR"})
    );
    for table in ["message", "message_content", "flow", "idempotency", "event"] {
        assert_eq!(rig.count(table).await, 0, "{table}");
    }
    rig.post(TOP_UP, &json!({"amount": "0.01"})).await.data(200);
    assert_eq!(post().await.data(200)["summary"]["accepted"], 3);
    rig.finish().await;
}

#[tokio::test]
async fn the_floor_is_what_the_other_gates_let_through() {
    let rig = Rig::start().await;
    rig.pays("0.10", "0.05").await;
    rig.sql(&format!(
        "INSERT INTO suppression (organization_id, recipient, source, created_at) VALUES ({}, '{}', 'stop_word', now())",
        rig.tenant.organization,
        person(1)
    ))
    .await;

    let data = rig.post(BROADCAST, &hello_all(0, 3)).await.data(207);

    assert_eq!(data["summary"]["accepted"], 2);
    assert_eq!(data["results"][1]["reason"], "opted_out");
    let prices = rig.sql("SELECT price FROM message ORDER BY seq").await;
    let prices: Vec<_> = prices.iter().map(|row| row["price"].as_i64()).collect();
    assert_eq!(prices, [Some(50_000), None, Some(50_000)]);
    rig.finish().await;
}

#[tokio::test]
async fn what_is_scheduled_is_priced_now_and_paid_for_then() {
    let rig = Rig::start().await;
    rig.pays("0", "0.05").await;
    let later = json!(Clock::system().now() + TimeDelta::hours(1));
    let (mut message, mut broadcast) = (hello(&person(1)), hello_all(2, 2));
    message["scheduled_at"] = later.clone();
    broadcast["scheduled_at"] = later;

    rig.post(MESSAGES, &message).await.data(202);
    let several = rig.post(BROADCAST, &broadcast).await.data(200);

    assert_eq!(several["summary"]["scheduled"], 2);
    assert_eq!(rig.count("message WHERE price = 50000").await, 3);
    assert_eq!(rig.balance().await["reserved"], "0.00");
    rig.finish().await;
}

#[tokio::test]
async fn what_the_card_has_no_row_for_is_free() {
    let rig = Rig::start().await;
    rig.pays("0", "0.05").await;
    rig.wrote(&person(1), 1.0).await;

    rig.post(MESSAGES, &text(&person(1))).await.data(202);
    rig.post(MESSAGES, &hello("+4915112345678")).await.data(202);

    assert_eq!(rig.count("message WHERE price IS NULL AND state < 50").await, 2);
    rig.finish().await;
}

#[tokio::test]
async fn a_new_price_holds_for_the_next_message() {
    let rig = Rig::start().await;
    rig.pays("1", "0.05").await;
    rig.post(MESSAGES, &hello(&person(1))).await.data(202);

    rig.pays("1", "0.07").await;
    rig.post(MESSAGES, &hello(&person(2))).await.data(202);

    let prices = rig.sql("SELECT price FROM message ORDER BY recipient").await;
    assert_eq!(prices, [json!({"price": 50_000}), json!({"price": 70_000})]);
    assert_eq!(
        rig.balance().await["topped_up"],
        "1.00",
        "a file applied again moves no money"
    );
    rig.finish().await;
}

#[tokio::test]
async fn who_declares_no_balance_pays_nothing_and_has_none_to_show() {
    let rig = Rig::start().await;
    rig.declares(json!({"currency": "EUR", "rate": [{"category": "UTILITY", "price": "99"}]}))
        .await;

    rig.post(BROADCAST, &hello_all(0, 5)).await.data(200);

    assert_eq!(rig.count("message WHERE price IS NULL").await, 5);
    rig.get("/api/v1/balance").await.error(404, "NOT_FOUND");
    rig.post(TOP_UP, &json!({"amount": "1"})).await.error(404, "NOT_FOUND");
    rig.finish().await;
}

#[tokio::test]
async fn money_comes_in_once_per_idempotency_key_and_goes_back_while_it_is_there() {
    let rig = Rig::start().await;
    rig.pays("0", "0.05").await;
    let top_up = async |key: &str, amount: &str| {
        let request = rig.request("POST", TOP_UP).header("idempotency-key", key);
        request.json(&json!({"amount": amount})).send().await
    };

    let first = top_up("invoice-1", "50.25").await.data(200);
    let again = top_up("invoice-1", "50.25").await;
    top_up("invoice-1", "50.26").await.error(409, "IDEMPOTENCY_CONFLICT");

    let expected =
        json!({"currency": "EUR", "available": "50.25", "reserved": "0.00", "spent": "0.00", "topped_up": "50.25"});
    assert_eq!(first, expected);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.data(200), expected);
    let back = rig.post(TOP_UP, &json!({"amount": "-0.25"})).await.data(200);
    assert_eq!(
        (&back["available"], &back["topped_up"]),
        (&json!("50.00"), &json!("50.00"))
    );
    let error = rig
        .post(TOP_UP, &json!({"amount": "-50.01"}))
        .await
        .error(422, "VALIDATION_ERROR");
    assert_eq!(
        (&error["details"]["field"], &error["details"]["available"]),
        (&json!("amount"), &json!("50.00"))
    );
    let entries = rig.sql("SELECT reason, amount FROM ledger_entry ORDER BY id").await;
    assert_eq!(
        entries,
        [
            json!({"reason": "top_up", "amount": 50_250_000}),
            json!({"reason": "adjust", "amount": 250_000})
        ]
    );
    rig.finish().await;
}

#[tokio::test]
async fn the_same_top_up_from_many_sides_at_once_counts_once() {
    let rig = Rig::start().await;
    rig.pays("0", "0.05").await;
    let request = rig.request("POST", TOP_UP).header("idempotency-key", "invoice-1");
    let request = request.json(&json!({"amount": "5"}));

    let answers = futures_util::future::join_all((0..8).map(|_| request.send())).await;

    for answer in answers {
        assert_eq!(answer.data(200)["available"], "5.00");
    }
    assert_eq!(rig.count("ledger_entry").await, 1);
    rig.finish().await;
}

#[tokio::test]
async fn only_an_admin_key_moves_money() {
    let rig = Rig::start().await;
    rig.pays("1", "0.05").await;
    rig.sql("UPDATE api_key SET scopes = '{messages:write,messages:read}'")
        .await;

    rig.post(TOP_UP, &json!({"amount": "1"}))
        .await
        .error(403, "INSUFFICIENT_PERMISSIONS");

    assert_eq!(rig.balance().await["available"], "1.00");
    rig.finish().await;
}
