//! Session messages whose window closes while they wait, and that have a template for this case.

use chrono::TimeDelta;
use domain::{Lane, MessageId};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Inbound};
use testkit::seed::{Choice, recipient};

use crate::stage::Stage;

/// A text, queued, that falls back to a template; and when its recipient last wrote.
async fn queued_text_or(stage: &Stage, person: usize, template: &str, hours_ago: i64) -> MessageId {
    let id = stage.queued_text(person).await;
    let (number, at) = (
        stage.tenant.number,
        (stage.now().await - TimeDelta::hours(hours_ago)).to_rfc3339(),
    );
    let content = json!({"type": "template", "template": {"name": template, "language": {"code": "en_US"}}});
    stage
        .run(&format!(
            "INSERT INTO contact (number_id, recipient, last_inbound_at) VALUES ({number}, '{}', '{at}');
             UPDATE message SET has_fallback = true WHERE id = '{id}';
             UPDATE message_content SET fallback_content = '{content}', fallback_price = 7,
                 (fallback_template_id, fallback_category) = (SELECT id, category FROM template WHERE name = '{template}')
             WHERE id = '{id}'",
            recipient(person)
        ))
        .await;
    id
}

async fn fallback_of(stage: &Stage, id: MessageId) -> Value {
    let sql = format!(
        "SELECT m.category, m.price, m.has_fallback, c.fell_back_for, c.fell_back_at IS NOT NULL AS did,
                (SELECT count(*) FROM event e WHERE e.kind = 'message.fell_back' AND m.id = ANY (e.message_ids)) AS told
         FROM message m JOIN message_content c ON c.id = m.id WHERE m.id = '{id}'"
    );
    stage.rows(&sql).await.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_whose_window_closed_while_it_waited_goes_as_its_template() {
    let stage = Stage::new(Choice::default()).await;
    let late = queued_text_or(&stage, 1, "hello", 25).await;
    let lost = queued_text_or(&stage, 2, "in_review", 25).await;
    let sender = stage.sender();

    stage.ring(&[late, lost], Lane::Rt).await;

    // Its template is asked about like any other: one that lost its approval meanwhile does not go.
    stage.until_states([("50", 1), ("60 template_not_approved", 1)]).await;
    assert_eq!(
        fallback_of(&stage, late).await,
        json!({"category": 1, "price": 7, "has_fallback": false, "fell_back_for": "window_expired", "did": true, "told": 1})
    );
    let posted = stage.meta.ledger();
    assert_eq!(posted.len(), 1);
    sender.stop().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_meta_finds_outside_the_window_goes_as_its_template() {
    let stage = Stage::new(Choice::default()).await;
    let [id, inside] = [
        queued_text_or(&stage, 1, "hello", 1).await,
        queued_text_or(&stage, 2, "hello", 1).await,
    ];
    for person in [1, 2] {
        let wrote = Inbound::text(&stage.tenant.phone_number_id, recipient(person), "hi");
        stage.meta.inbound(&wrote).unwrap();
    }
    let sender = stage.sender();
    stage.ring(&[inside], Lane::Rt).await;
    stage.until_states([("20", 1), ("50", 1)]).await;
    let closed = FaultKind::Error {
        code: 131_047,
        http_status: None,
    };
    stage.meta.set_faults([Fault::new(closed).times(1)]).unwrap();

    stage.ring(&[id], Lane::Rt).await;
    testkit::until(crate::stage::SOON, "both to be accepted", async || {
        stage.release_due().await;
        (stage.states().await == [("50".to_owned(), 2)].into()).then_some(())
    })
    .await;

    assert_eq!(fallback_of(&stage, id).await["fell_back_for"], "meta_131047");
    assert_eq!(stage.row(id).await["attempt"], 2);
    assert_eq!(fallback_of(&stage, inside).await["did"], false);
    sender.stop().await;
    stage.finish().await;
}
