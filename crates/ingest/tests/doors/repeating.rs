//! A submission whose commit was in doubt is repeated, and one that fails does not sink the others.

use broker::{Publisher, Topology};
use ingest::accept::{Core, Submission};
use ingest::jobs::Jobs;
use ingest::request::Kind;
use runtime::{Clock, Shutdown};
use serde_json::Value;
use testkit::database;
use testkit::seed::{self, Choice, Tenant};

use crate::rig::{hello, hello_all, person};

fn core(store: &store::Store) -> Core {
    // Nobody publishes the jobs: the alarm of each row does not need them.
    let (publisher, _driver) = Publisher::new();
    let jobs = Jobs::new(publisher, &Topology::new("nobody"), Shutdown::new());
    Core::new(store.clone(), Clock::system(), jobs)
}

fn submission(tenant: &Tenant, kind: Kind, body: &Value) -> Submission {
    let (body, now) = (body.to_string(), Clock::system().now());
    Submission::read((tenant.organization, false), kind, body.as_bytes(), ("key", None), now).unwrap()
}

#[tokio::test]
async fn a_submission_that_was_kept_already_is_not_kept_again_nor_in_the_way_of_others() {
    let database = database::fresh().await;
    let tenant = seed::tenant(&database.store, &Choice::default()).await;
    let core = core(&database.store);
    let single = submission(&tenant, Kind::Message, &hello(&person(1)));
    let broadcast = submission(&tenant, Kind::Broadcast, &hello_all(2, 3));
    let first = core.accept(&[single.clone(), broadcast.clone()]).await;

    // As after a connection that broke under the commit; with a new one beside them.
    let new = submission(&tenant, Kind::Message, &hello(&person(9)));
    let again = core.accept(&[single, new, broadcast]).await;

    assert_eq!([&again[0], &again[2]], [&first[0], &first[1]]);
    assert_eq!(again[1].status, 202);
    let rows = database
        .store
        .raw("SELECT count(*) AS n, count(DISTINCT recipient) AS people FROM message")
        .await
        .unwrap();
    assert_eq!(rows[0], serde_json::json!({"n": 5, "people": 5}));
}

#[tokio::test]
async fn one_key_twice_in_a_batch_is_kept_once_and_another_request_under_it_is_a_conflict() {
    let database = database::fresh().await;
    let tenant = seed::tenant(&database.store, &Choice::default()).await;
    let keyed = |n: usize| {
        let (body, now) = (hello(&person(n)).to_string(), Clock::system().now());
        Submission::read(
            (tenant.organization, false),
            Kind::Message,
            body.as_bytes(),
            ("key", Some("k1")),
            now,
        )
        .unwrap()
    };

    let answers = core(&database.store).accept(&[keyed(1), keyed(1), keyed(2)]).await;

    let seen: Vec<(u16, bool)> = answers.iter().map(|answer| (answer.status, answer.replayed)).collect();
    assert_eq!(seen, [(202, false), (202, true), (409, false)]);
    assert_eq!(answers[0].body, answers[1].body);
    let rows = database.store.raw("SELECT count(*) AS n FROM message").await.unwrap();
    assert_eq!(rows[0]["n"], 1);
}
