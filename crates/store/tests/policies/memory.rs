//! What the policies look back on, and how it is forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Reason;
use domain::rules::frequency_cap::FrequencyCap;
use store::intake::{Footprint, PolicyQuestions, Questions, Start};
use store::retention::Old;
use testkit::database;
use testkit::seed::{self, Choice, recipient};

use crate::rows::{batch, row};

fn questions(organization: domain::OrganizationId, back: TimeDelta) -> Questions {
    let person = |n| (organization, recipient(n));
    let policies = PolicyQuestions {
        known_people: vec![person(1), person(2)],
        new_recipients: [(organization, back)].into(),
        contents: [((organization, 7), back), ((organization, 8), back)].into(),
        places: [(person(1), FrequencyCap { max: 1, hours: 24 })].into(),
        zones: vec![person(1), person(2)],
    };
    Questions {
        policies,
        ..Questions::default()
    }
}

#[tokio::test]
async fn what_was_accepted_is_remembered_for_as_long_as_somebody_looks_back_and_then_forgotten() {
    let database = database::fresh().await;
    let (store, tenant) = (&database.store, seed::tenant(&database.store, &Choice::default()).await);
    let now: DateTime<Utc> = store.clock().await.unwrap().at();
    let footprint = Footprint {
        new_recipient: true,
        content: Some(7),
        place: true,
    };
    let mut rows: Vec<_> = (1..4).map(|n| row(&tenant, n, now)).collect();
    rows.iter_mut().for_each(|row| row.footprint = footprint);
    rows[2].start = Start::Refused(Reason::OptedOut);
    rows[0].flags = vec!["new_recipients", "denied_link"];
    let mut intake = store.intake().await.unwrap();
    intake.insert(&batch(rows), now).await.unwrap();
    store
        .raw(&format!(
            "INSERT INTO contact (number_id, recipient) VALUES ({}, '{}')",
            tenant.number,
            recipient(2)
        ))
        .await
        .unwrap();
    store
        .set_zone(
            tenant.organization,
            &domain::Recipient::parse(&recipient(1)).unwrap(),
            Some("Asia/Tokyo"),
        )
        .await
        .unwrap();

    let organization = tenant.organization;
    let facts = intake
        .facts(&questions(organization, TimeDelta::hours(1)), now)
        .await
        .unwrap();
    let answers = facts.policies();
    assert_eq!(
        answers.new_recipients(organization),
        2,
        "the refused one counts nowhere"
    );
    assert_eq!((answers.said(organization, 7), answers.said(organization, 8)), (2, 0));
    assert!(answers.is_new(organization, &recipient(1)) && !answers.is_new(organization, &recipient(2)));
    assert_eq!(answers.places(organization, &recipient(1)).len(), 1);
    assert_eq!(answers.zone(organization, &recipient(1)), Some("Asia/Tokyo"));
    assert_eq!(answers.zone(organization, &recipient(2)), None);
    let flagged = store
        .raw("SELECT flags FROM message WHERE flags IS NOT NULL")
        .await
        .unwrap();
    assert_eq!(
        flagged[0]["flags"],
        serde_json::json!(["new_recipients", "denied_link"])
    );

    let later = now + TimeDelta::hours(3);
    let facts = intake
        .facts(&questions(organization, TimeDelta::hours(1)), later)
        .await
        .unwrap();
    let answers = facts.policies();
    assert_eq!(
        (answers.new_recipients(organization), answers.said(organization, 7)),
        (0, 0)
    );
    for (old, table) in [
        (Old::NewRecipients { before: later }, "new_recipient_count"),
        (Old::Contents { before: later }, "content_count"),
        (Old::Places { before: later }, "frequency_place"),
    ] {
        assert!(store.delete_old(old, 100).await.unwrap() > 0, "{table}");
        let left = store.raw(&format!("SELECT count(*) AS n FROM {table}")).await.unwrap();
        assert_eq!(left[0]["n"], 0, "{table}");
    }
}
