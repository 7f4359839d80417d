//! A rolling restart is invisible: SIGTERM drains.

use std::time::Duration;

use testkit::stack::{Plan, Stack};

#[tokio::test(flavor = "multi_thread")]
async fn every_role_restarted_under_load_leaves_nothing_uncertain() {
    let _turn = testkit::exclusive();
    let plan = Plan {
        simulator: Some(serde_json::json!({"latency": {"min_ms": 20, "max_ms": 120}})),
        ..Plan::default()
    };
    let mut stack = Stack::start(plan, 2).await.unwrap();

    stack.broadcast(0, 2000).await.unwrap();
    for role in ["scheduler", "receipts", "sender", "sender"] {
        let program = stack.programs.remove(1);
        let status = tokio::task::spawn_blocking(|| program.stop()).await.unwrap().unwrap();
        assert!(status.success(), "{role} ended with {status}\n{}", stack.logs());
        let uncertain = stack.states().await.unwrap().get(&40).copied().unwrap_or_default();
        assert_eq!(uncertain, 0, "after {role} was stopped");
        stack.start_role(role).await.unwrap();
    }

    stack.until_accepted(2000, Duration::from_secs(60)).await;
    let report = stack.meta.report();
    assert_eq!(
        (report.accepted, report.posts, report.ok),
        (2000, 2000, true),
        "{report:?}"
    );
}
