//! `turnpike migrate` against an empty database.

use std::thread;

use testkit::database::{self, TestDatabase};

use crate::invocation::{Said, borrowed, call, ledger};

fn migrate(database: &TestDatabase) -> Said {
    call(&["migrate"], &[("TURNPIKE_DATABASE_URL", &database.url)])
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_at_once_make_one_schema() {
    let database = database::empty().await;

    let said: Vec<Said> = thread::scope(|scope| {
        let running: Vec<_> = (0..8).map(|_| scope.spawn(|| migrate(&database))).collect();
        running
            .into_iter()
            .map(|process| process.join().expect("a call does not panic"))
            .collect()
    });

    assert!(said.iter().all(|said| said.code == Some(0)), "{said:#?}");
    let who_applied = said
        .iter()
        .filter(|said| said.stdout.contains("applied  V0001"))
        .count();
    assert_eq!(who_applied, 1, "one of them did the work: {said:#?}");
    assert_eq!(database.store.missing_migrations().await.unwrap(), Vec::<String>::new());
    // The schema is the one that the migrations make when nobody disturbs them.
    let undisturbed = database::fresh().await;
    assert_eq!(schema(&database).await, schema(&undisturbed).await);
}

/// Every column of every table, and every function.
async fn schema(database: &TestDatabase) -> Vec<serde_json::Value> {
    let sql = "SELECT table_name AS a, column_name AS b, data_type AS c FROM information_schema.columns WHERE table_schema = 'public' \
               UNION ALL SELECT proname, pg_get_function_identity_arguments(oid), '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
               UNION ALL SELECT indexname, tablename, '' FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2, 3";
    database.store.raw(sql).await.expect("reading the schema")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_time_there_is_nothing_to_do() {
    let database = database::empty().await;
    assert_eq!(migrate(&database).code, Some(0));

    let again = migrate(&database);

    assert_eq!((again.code, again.stdout.as_str()), (Some(0), ""), "{again:?}");
    assert_eq!(again.stderr, "the schema was up to date\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_refuses_a_schema_that_lacks_migrations() {
    let database = database::empty().await;
    let mut variables = ledger(&database);
    variables.push(("TURNPIKE_AMQP_URL", database.amqp_url.clone()));

    let said = call(&["scheduler"], &borrowed(&variables));

    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("lacks V0001") && said.stderr.contains("run `turnpike migrate` first"),
        "{said:?}"
    );
}
