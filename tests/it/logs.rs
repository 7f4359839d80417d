//! Logs give nobody away: one message of every type goes out, one of every type comes in, and whatever can go wrong with a text, a phone
//! number or a secret in it does; then every role's log, at the finest level there is, is searched for all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use simulator::Inbound;
use testkit::seed;
use testkit::stack::{Plan, Stack};

use crate::outside::Outside;
use crate::tenant_doors::Neighbour;

const PATIENCE: Duration = Duration::from_secs(90);
const MESSAGES: &str = "/api/v1/messages/whatsapp";
/// Texts that nobody says by chance, one for each place that could give it away.
const SAID: [&str; 7] = [
    "Verschwiegenheit-in-a-field",
    "Verschwiegenheit-in-a-file",
    "Verschwiegenheit-in-a-name",
    "Verschwiegenheit-in-a-url",
    "Verschwiegenheit-on-the-broker",
    "Verschwiegenheit-from-a-stranger",
    "Verschwiegenheit-in-metadata",
];

/// The golden files of one side, by name; those with what the stand-in does not know are left out, as `cargo xtask demo --types` does.
fn golden(side: &str, file: &str) -> BTreeMap<String, Value> {
    let folder = testkit::checkout::root().join("tests/types/golden").join(side);
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(folder.join(file))
            .ok()
            .filter(|_| !name.ends_with("raw"))?;
        Some((name, serde_json::from_str(&text).unwrap()))
    };
    fs::read_dir(folder).unwrap().filter_map(read).collect()
}

/// Every text below a value that only people have: sentences, and phone numbers.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let digits = text.chars().filter(char::is_ascii_digit).count();
            if (text.contains(' ') && text.len() > 10) || (text.starts_with('+') && digits > 8) {
                found.insert(text.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        _ => {}
    }
}

/// The templates that the requests name, declared and as the stand-in knows them.
fn templates(given: &BTreeMap<String, Value>) -> (Vec<Value>, Vec<Value>) {
    let stored = golden("sent", "stored.json");
    let mut declared = Vec::new();
    for (name, body) in given.iter().filter(|(_, body)| body["type"] == "template") {
        let category = match name.as_str() {
            "marketing_messages" | "template.limited_time_offer" => "MARKETING",
            "template.authentication" => "AUTHENTICATION",
            _ => "UTILITY",
        };
        let format = if stored[name].to_string().contains("{{first_name}}") {
            "NAMED"
        } else {
            "POSITIONAL"
        };
        declared.push(
            json!({"name": body["template"]["name"], "language": "en_US", "category": category,
            "components": stored[name], "parameter_format": format}),
        );
    }
    let mut known = declared.clone();
    for template in &mut known {
        template.as_object_mut().unwrap().remove("parameter_format");
    }
    (declared, known)
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_every_role_give_nobody_away_whatever_is_sent_and_whatever_goes_wrong() {
    let _turn = testkit::shared();
    let given = golden("sent", "given.json");
    let heard = golden("received", "webhook.json");
    let (declared, known) = templates(&given);
    let plan = Plan {
        templates: declared,
        simulator: Some(json!({"templates": known})),
        ..Plan::default()
    };
    let customer = Outside::start().await;
    let mut stack = Stack::prepare(plan).await.unwrap();
    stack.settings = stack
        .settings
        .clone()
        .with("TURNPIKE_OUTBOUND_ALLOW", "http, any-port, 127.0.0.1")
        .with("TURNPIKE_LOG", "trace");
    for role in ["ingest", "scheduler", "receipts", "sender", "notifier"] {
        stack.start_role(role).await.unwrap();
    }
    let mut secrets = vec![stack.tenant.api_key.clone(), testkit::database::secret_key()];
    for url in [
        format!("{}/{}", customer.url, SAID[3]),
        format!("http://127.0.0.1:1/?token={}", SAID[3]),
    ] {
        let (status, answer) = stack
            .post("/api/v1/webhook-endpoints", &json!({"url": url}))
            .await
            .unwrap();
        assert_eq!(status, 201, "{answer}");
        secrets.push(answer["data"]["secret"].as_str().unwrap().to_owned());
    }

    let people = every_type_out(&stack, &given).await;
    let came = every_type_in(&stack, &heard).await;
    what_goes_wrong(&stack).await;
    let (sent, told) = settled(&stack, &customer).await;
    assert!(
        sent > given.len() && came > 15 && told > 5 * given.len(),
        "{sent} sent, {came} came, {told} told"
    );

    let mut private: BTreeSet<String> = SAID.iter().map(|text| (*text).to_owned()).collect();
    given
        .values()
        .chain(heard.values())
        .for_each(|value| texts(value, &mut private));
    private.extend(secrets);
    private.extend(["test-token", "test-app-secret", "test-verify-token", "whsec_"].map(str::to_owned));
    private.extend(people.iter().map(|phone| phone.trim_start_matches('+').to_owned()));
    private.insert(stack.tenant.phone.trim_start_matches('+').to_owned());
    let logs = stack.logs();
    for role in ["ingest", "scheduler", "receipts", "sender", "notifier"] {
        let place = stack.place_of(role).unwrap();
        assert!(!stack.programs[place].lines().is_empty(), "{role} says something");
    }
    for word in &private {
        let line = logs.lines().find(|line| line.contains(word.as_str()));
        assert_eq!(line, None, "a log gives away {word}");
    }
    assert!(private.len() > 80, "{} words were looked for", private.len());
}

/// One message of every type, each to a person of its own, who wrote before; all these people.
async fn every_type_out(stack: &Stack, given: &BTreeMap<String, Value>) -> Vec<String> {
    let people: Vec<String> = (0..given.len()).map(|n| seed::recipient(20_000 + n)).collect();
    for person in &people {
        let hello = Inbound::text(&stack.tenant.phone_number_id, person, SAID[5]);
        stack.meta.inbound(&hello).unwrap();
    }
    testkit::until(PATIENCE, "every window to be open", async || {
        let rows = stack
            .database
            .store
            .raw("SELECT count(*) AS n FROM contact WHERE last_inbound_at IS NOT NULL");
        (rows.await.ok()?[0]["n"].as_i64()? >= i64::try_from(people.len()).unwrap()).then_some(())
    })
    .await;
    for ((name, body), person) in given.iter().zip(&people) {
        let mut body = body.clone();
        body["to"] = json!(person);
        body["metadata"] = json!({"note": SAID[6]});
        let (status, answer) = stack.post(MESSAGES, &body).await.unwrap();
        assert_eq!(status, 202, "{name}: {answer}");
    }
    let file = format!("%PDF-1.4 {}", SAID[1]).into_bytes();
    let path = format!("/api/v1/media?filename={}.pdf", SAID[2]);
    let (status, answer) = stack.upload(&path, "application/pdf", file).await.unwrap();
    assert_eq!(status, 201, "{answer}");
    let document = json!({"to": people[0], "type": "document",
        "document": {"id": answer["data"]["media_id"], "filename": format!("{}.pdf", SAID[2]), "caption": SAID[0]}});
    assert_eq!(stack.post(MESSAGES, &document).await.unwrap().0, 202);
    stack.broadcast(40_000, 20).await.unwrap();
    people
}

/// One message of every type from a person; how many that were.
async fn every_type_in(stack: &Stack, heard: &BTreeMap<String, Value>) -> usize {
    let mut came = 0;
    for (name, delivery) in heard {
        let Some(element) = delivery.pointer("/entry/0/changes/0/value/messages/0") else {
            continue;
        };
        let mut inbound = element.clone();
        for envelope in ["id", "timestamp", "from_user_id"] {
            inbound.as_object_mut().unwrap().remove(envelope);
        }
        inbound["phone_number_id"] = json!(stack.tenant.phone_number_id);
        inbound["from"] = json!(seed::recipient(30_000));
        inbound["name"] = json!(SAID[2]);
        inbound["hide_number"] = json!(name == "text.user_id");
        stack.meta.inbound(&serde_json::from_value(inbound).unwrap()).unwrap();
        came += 1;
    }
    came
}

/// Requests that are refused at every door, submissions that cannot be read, a template that Meta refuses.
async fn what_goes_wrong(stack: &Stack) {
    let (to, text) = (seed::recipient(50_000), SAID[0]);
    for body in [
        json!({"to": text, "type": "text", "text": {"body": text}}),
        json!({"to": to, "type": text, "text": {"body": text}}),
        json!({"to": to, "type": "text", "text": {"body": {"what": text}}}),
        json!({"to": to, "type": "text", "text": {"body": text}, text: text}),
        json!({"to": to, "type": "text", "text": {"body": text}}), // the window is closed
        json!({"to": to, "type": "template", "template": {"name": "no_such_template", "language": {"code": "en_US"}}}),
        json!({"to": to, "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}, "webhook_url": format!("https://169.254.169.254/{text}")}),
    ] {
        let (status, answer) = stack.post(MESSAGES, &body).await.unwrap();
        assert!((400..500).contains(&status), "{answer}");
    }
    let stranger = testkit::seed::Tenant {
        api_key: format!("tp_live_{}", SAID[5]),
        ..stack.tenant.clone()
    };
    assert_eq!(
        stack.post_as(&stranger, MESSAGES, &json!({"to": to})).await.unwrap().0,
        401
    );
    let (status, _) = stack.get(&format!("{MESSAGES}/window-status?to={text}")).await.unwrap();
    assert_eq!(status, 422);
    // Meta's endpoint, called by somebody who is not Meta.
    let root = stack.api.clone();
    let forged = json!({"entry": [{"id": SAID[5], "text": SAID[5]}]});
    let answer = stack.post_under("forged", &root, "/webhooks/meta", &forged).await;
    assert!(!matches!(answer, Ok((200, _))), "{answer:?}");

    let neighbour = Neighbour::of(stack);
    for (place, (key, body)) in [
        (stack.tenant.api_key.as_str(), format!("{{\"to\": \"{}", SAID[4])),
        (
            stack.tenant.api_key.as_str(),
            json!({"to": SAID[4], "type": "text", "text": {"body": SAID[4]}}).to_string(),
        ),
        (
            SAID[4],
            json!({"to": to, "type": "text", "text": {"body": SAID[4]}}).to_string(),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        neighbour
            .publish([(format!("bad-{place}"), body.into_bytes())], &[("x-api-key", key)])
            .await;
    }
}

/// Waits until nothing is under way any more; how many messages Meta took, and how many webhooks the customer got.
async fn settled(stack: &Stack, customer: &Outside) -> (usize, usize) {
    testkit::until(PATIENCE, "everything to come to its end", async || {
        let idle = testkit::figures::is_idle(&stack.database.store).await.ok()?;
        let behind = stack.database.store.backlogs().await.ok()??;
        (idle && behind.untold + behind.unnumbered + behind.unseen == 0).then_some(())
    })
    .await;
    let report = stack.meta.wait_for_webhooks(PATIENCE).await.unwrap();
    testkit::until(PATIENCE, "a failed webhook and the good ones", async || {
        let rows = "SELECT count(*) FILTER (WHERE state = 3) AS told, count(*) FILTER (WHERE error IS NOT NULL) AS failed FROM webhook_delivery";
        let rows = stack.database.store.raw(rows).await.ok()?;
        let told = usize::try_from(rows[0]["told"].as_i64()?).ok()?;
        (rows[0]["failed"].as_i64()? > 0 && told == customer.calls().len()).then_some(())
    })
    .await;
    (usize::try_from(report.accepted).unwrap(), customer.calls().len())
}
