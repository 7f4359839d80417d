//! Every webhook field of Meta's, from the golden files: applied, and what is told of accounts kept in sight without anything of a person.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use testkit::seed::Choice;

use crate::world::World;

/// What is true after a webhook and not before: name of the golden file, and SQL of one boolean.
const EFFECTS: &[(&str, &str)] = &[
    ("account_update.deleted", "SELECT restricted FROM waba"),
    (
        "account_update.disabled",
        "SELECT restricted AND restricted_until IS NULL FROM waba",
    ),
    (
        "account_update.restriction",
        "SELECT restricted AND restricted_until IS NOT NULL FROM waba",
    ),
    ("account_review_update", "SELECT sync_wanted_at IS NOT NULL FROM waba"),
    (
        "business_capability_update",
        "SELECT max_members = 2000 FROM limit_scope",
    ),
    (
        "message_template_components_update",
        "SELECT sync_wanted_at IS NOT NULL FROM waba",
    ),
    (
        "message_template_quality_update",
        "SELECT quality = 'YELLOW' FROM template WHERE name = 'hello'",
    ),
    (
        "message_template_status_update.approved",
        "SELECT status = 'APPROVED' FROM template WHERE name = 'hello'",
    ),
    (
        "message_template_status_update.disabled",
        "SELECT status = 'DISABLED' FROM template WHERE name = 'hello'",
    ),
    (
        "message_template_status_update.paused",
        "SELECT status = 'PAUSED' FROM template WHERE name = 'hello'",
    ),
    (
        "message_template_status_update.rejected",
        "SELECT status = 'REJECTED' FROM template WHERE name = 'hello'",
    ),
    (
        "phone_number_name_update",
        "SELECT sync_wanted_at IS NOT NULL FROM waba",
    ),
    (
        "phone_number_quality_update",
        "SELECT n.throughput = 1000 AND s.max_members = 10000 FROM sender_number n JOIN limit_scope s ON s.id = n.scope_id",
    ),
    (
        "phone_number_quality_update.flagged",
        "SELECT quality = 'RED' FROM sender_number",
    ),
    (
        "template_category_update",
        "SELECT category = 3 FROM template WHERE name = 'hello'",
    ),
    (
        "template_category_update.upcoming",
        "SELECT category = 1 FROM template WHERE name = 'hello'",
    ),
    (
        "user_id_update",
        "SELECT count(*) = 2 AND bool_and(other = 'US.2' AND moved_at IS NOT NULL) FROM same_person",
    ),
    (
        "user_preferences",
        "SELECT count(*) = 1 AND bool_and(marketing_only) FROM suppression WHERE recipient = '+16660000001'",
    ),
];

/// How everything was before.
const BEFORE: &[&str] = &[
    "UPDATE waba SET restricted = false, restricted_until = NULL, sync_wanted_at = NULL",
    "UPDATE template SET status = 'IN_APPEAL', status_at = NULL, quality = NULL, category = 2 WHERE name = 'hello'",
    "UPDATE sender_number SET quality = NULL, throughput = 80",
    "UPDATE limit_scope SET max_members = 250",
];

fn golden() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/types/golden/told");
    let webhooks = std::fs::read_dir(folder).unwrap().map(|entry| {
        let folder = entry.unwrap().path();
        let text = std::fs::read_to_string(folder.join("webhook.json")).unwrap();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&text).unwrap())
    });
    webhooks.collect()
}

async fn holds(world: &World, sql: &str) -> bool {
    let row = world.one(&format!("SELECT coalesce(({sql}), false) AS holds")).await;
    row["holds"].as_bool().unwrap()
}

#[tokio::test]
async fn each_field_is_applied_or_kept_in_sight() {
    let world = World::with(&Choice {
        throughput: 80,
        tier: "TIER_250",
        ..Choice::default()
    })
    .await;
    let golden = golden();
    assert!(golden.len() > 25);
    for (name, sql) in EFFECTS {
        assert!(golden.contains_key(*name), "no golden file for {name}: {sql}");
    }

    for (name, webhook) in &golden {
        for sql in BEFORE {
            world.raw(sql).await;
        }
        let effect = EFFECTS.iter().find(|(of, _)| of == name).map(|(_, sql)| *sql);
        if let Some(sql) = effect {
            assert!(!holds(&world, sql).await, "{name}: {sql} was so before");
        }
        let events = world.count("account_event").await;

        let pass = world.apply(&[webhook.clone(), webhook.clone()]).await;

        assert_eq!((pass.updates, pass.set_aside), (2, 0), "{name}");
        if let Some(sql) = effect {
            assert!(holds(&world, sql).await, "{name}: not {sql}");
        }
        let new = world.count("account_event").await - events;
        assert_eq!(
            new,
            i64::from(!is_about_people(name)),
            "{name} is kept once, for whoever looks after the account"
        );
    }

    // One row for each, under Meta's own name of the field, and nothing of a person in any.
    let rows = world.raw("SELECT field, value::text AS value FROM account_event").await;
    for (name, field) in golden.keys().map(|name| (name, name.split('.').next().unwrap())) {
        let kept = rows.iter().any(|row| row["field"] == field);
        assert!(kept || is_about_people(field), "{name} is nowhere to be seen");
    }
    for row in rows {
        let value = row["value"].as_str().unwrap();
        for personal in ["16660000001", "Written on the telephone", "From before", "Ana"] {
            assert!(!value.contains(personal), "{row}");
        }
    }
}

fn is_about_people(field: &str) -> bool {
    matches!(field, "user_preferences" | "user_id_update")
}
