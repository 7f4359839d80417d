//! What errors show, and what they keep to themselves.

use std::error::Error;

#[tokio::test]
async fn a_refused_row_is_not_quoted() {
    let database = testkit::database::fresh().await;
    let insert = "INSERT INTO suppression (organization_id, recipient, source, created_at) VALUES (1, '+16505550100', 'api', now())";

    database.store.raw(insert).await.unwrap();
    let refused = database.store.raw(insert).await.unwrap_err();

    let shown = format!("{refused} {} {refused:?}", refused.source().unwrap());
    assert!(
        shown.contains("duplicate key value") && shown.contains("23505"),
        "{shown}"
    );
    assert!(!shown.contains("6505550100"), "{shown}");
}
