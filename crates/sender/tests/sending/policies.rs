//! The organizations' own policies in the sender, where they count.

use chrono::{DateTime, TimeDelta, Utc};
use domain::declaration::Declaration;
use domain::{Category, Lane, MessageId};
use serde_json::{Value, json};
use testkit::seed::{self, Choice, recipient};

use crate::stage::Stage;

impl Stage {
    async fn policies(&self, policies: Value) {
        let mut declared = seed::declaration(&Choice::default());
        let organization = declared["organization"][0].as_object_mut().unwrap();
        organization.extend(policies.as_object().unwrap().clone());
        let declared: Declaration = serde_json::from_value(declared).unwrap();
        self.database.store.apply(&declared, &|_| None).await.unwrap();
    }

    /// Marketing, queued.
    async fn sale(&self, recipients: impl IntoIterator<Item = usize>) -> Vec<MessageId> {
        let content = json!({"type": "template", "template": {"name": "sale", "language": {"code": "en_US"}, "components": [
            {"type": "body", "parameters": [{"type": "text", "text": "5 %"}]}]}});
        self.insert(recipients, Category::Marketing, Some("sale"), &content)
            .await
    }

    /// This person lives by this clock, as far as their organization knows.
    async fn lives_in(&self, person: usize, zone: &str) {
        let person = domain::Recipient::parse(&recipient(person)).unwrap();
        let kept = self
            .database
            .store
            .set_zone(self.tenant.organization, &person, Some(zone));
        kept.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_up_in_quiet_hours_waits_for_their_end_and_burns_no_attempt() {
    let stage = Stage::new(Choice::default()).await;
    let now = stage.now().await;
    let clock = |at: DateTime<Utc>| at.format("%H:%M").to_string();
    let (start, end) = (now - TimeDelta::hours(1), now + TimeDelta::minutes(50));
    stage
        .policies(json!({"quiet_hours": {"start": clock(start), "end": clock(end)}}))
        .await;
    stage.lives_in(1, "UTC").await;
    stage.lives_in(2, "Asia/Tokyo").await;
    let mut ids = stage.sale([1, 2]).await;
    ids.extend(stage.queued([1]).await);

    let sender = stage.sender();
    stage.ring(&ids, Lane::Bulk).await;

    stage.until_states([("10 quiet_hours", 1), ("50", 2)]).await;
    let row = stage.row(ids[0]).await;
    let wake_at: DateTime<Utc> = row["wake_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        wake_at,
        chrono::DurationRound::duration_trunc(end, TimeDelta::minutes(1)).unwrap()
    );
    assert_eq!((&row["attempt"], &row["failures"]), (&json!(0), &json!(0)));

    // The morning comes earlier than thought.
    stage.policies(json!({})).await;
    stage
        .run(&format!(
            "UPDATE message SET wake_at = clock_timestamp() WHERE id = '{}'",
            ids[0]
        ))
        .await;
    stage.release_due().await;
    stage.until_states([("50", 3)]).await;
    sender.stop().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_marketing_messages_to_one_person_no_more_go_than_the_cap_allows() {
    let stage = Stage::new(Choice::default()).await;
    stage.policies(json!({"frequency_cap": {"max": 2, "hours": 24}})).await;
    let ids = stage.sale([1, 1, 1, 1, 2]).await;
    let others = stage.queued([1, 1]).await;
    let senders = [stage.sender(), stage.sender()];

    // Every message in a job of its own, so that both senders have a hand in it.
    for id in ids.iter().chain(&others) {
        stage.ring(&[*id], Lane::Bulk).await;
    }

    stage.until_states([("50", 5), ("60 frequency_cap", 2)]).await;
    let late = stage.sale([1]).await;
    stage.ring(&late, Lane::Bulk).await;
    stage.until_states([("50", 5), ("60 frequency_cap", 3)]).await;
    let marketing = stage
        .rows("SELECT recipient, count(*) AS n FROM message WHERE category = 3 AND state = 50 GROUP BY 1 ORDER BY 1")
        .await;
    let sent: Vec<_> = marketing.iter().map(|row| row["n"].as_i64().unwrap()).collect();
    assert_eq!(sent, [2, 1]);
    for sender in senders {
        sender.stop().await;
    }
    stage.finish().await;
}
