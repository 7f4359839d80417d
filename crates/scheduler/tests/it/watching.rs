//! Everything that `turnpike doctor` knows is found when it is there, and nothing when all is well.

use std::collections::BTreeSet;

use domain::ailment::AILMENTS;
use runtime::telemetry::metrics;
use scheduler::Watch;

use crate::world::World;

#[tokio::test]
async fn every_ailment_is_found_and_told_as_a_metric() {
    let world = World::new().await;
    for place in 0..3 {
        world.number(place, 80).await;
    }
    assert_eq!(world.store().ailments().await.unwrap(), [], "all is well");

    world.run(include_str!("ailing.sql")).await;
    let found = world.store().ailments().await.unwrap();

    let checks: BTreeSet<&str> = found.iter().map(|finding| finding.ailment.check).collect();
    let known: BTreeSet<&str> = AILMENTS.iter().map(|ailment| ailment.check).collect();
    assert_eq!(checks, known);
    let of = |check: &str| found.iter().find(|finding| finding.ailment.check == check).unwrap();
    assert_eq!(
        (of("queued_overdue").subject.as_str(), of("queued_overdue").count),
        ("number 2000000", 1)
    );
    assert!(
        (500.0..700.0).contains(&of("queued_overdue").seconds),
        "{:?}",
        of("queued_overdue")
    );
    assert_eq!(of("number_held").subject, "number 2000002");
    assert_eq!(of("limit_miscounted").count, 7);
    assert_eq!(
        of("deliveries_overdue").count,
        1,
        "those of endpoints that fail wait on purpose"
    );

    let recorder = metrics::install();
    Watch::new(world.store().clone(), world.options)
        .run_once()
        .await
        .unwrap();
    let told = recorder.render();
    for line in [
        r#"turnpike_ailments{check="queued_overdue",severity="wrong"} 1"#,
        r#"turnpike_ailments{check="number_held",severity="attention"} 1"#,
        r#"turnpike_messages_under_way{number="2000000",state="queued",lane="rt"} 1"#,
        r#"turnpike_messages_under_way{number="2000001",state="queued",lane="rt"} 0"#,
        r#"turnpike_number_paused{number="2000002"} 1"#,
        r#"turnpike_flow_rows_waiting{number="2000001"} 10"#,
        r#"turnpike_endpoints{status="disabled"} 1"#,
        "turnpike_inbox_waiting 1",
    ] {
        assert!(told.contains(line), "{line} in\n{told}");
    }
    world.finish().await;
}
