//! `turnpike doctor` on a ledger that is well, and on one that is not.

use testkit::database;
use testkit::seed::{self, Choice};

use crate::invocation::{borrowed, call, ledger};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_listed_with_what_helps_and_the_code_says_so() {
    let database = database::fresh().await;
    seed::tenant(&database.store, &Choice::default()).await;
    let variables = ledger(&database);
    let doctor = |options: &[&str]| call(&[&["doctor"], options].concat(), &borrowed(&variables));

    let well = doctor(&[]);
    assert_eq!((well.code, well.stdout.trim()), (Some(0), "all is well"), "{well:?}");

    let paused = "UPDATE number_gate SET paused_until = 'infinity', pause_reason = 'operator'";
    database.store.raw(paused).await.unwrap();
    let noticed = doctor(&[]);
    assert_eq!(noticed.code, Some(0), "worth a look, but nothing is wrong: {noticed:?}");
    assert!(noticed.stdout.starts_with("attention  number_held: "), "{noticed:?}");

    database.store.raw("UPDATE limit_scope SET members = 3").await.unwrap();
    let wrong = doctor(&[]);
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(
        wrong.stdout.starts_with("WRONG  limit_miscounted: "),
        "the worst first: {wrong:?}"
    );
    assert!(
        wrong.stdout.contains("waba:1000000") && wrong.stdout.contains("  -> "),
        "{wrong:?}"
    );

    let lines = doctor(&["--json"]);
    let first: serde_json::Value = serde_json::from_str(lines.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["check"], &first["count"]),
        (&"limit_miscounted".into(), &3.into())
    );
}
