//! `turnpike check`

use std::time::Duration;

use anyhow::Result;
use broker::{Address, Admin, Topology};
use clap::Args;
use meta::{Client, ClientConfig, PhoneNumber};
use runtime::config::{self, Amqp, Database, Env, Http, Log, MetaApp, SecretKey};
use secrecy::{ExposeSecret as _, SecretString};
use store::Store;
use store::accounts::Account;

use crate::exit::{Exit, chain};
use crate::output::Rows;
use crate::{output, roles, settings};

/// Nobody waits longer for a line of this.
const PATIENCE: Duration = Duration::from_secs(15);

/// Look whether everything is in place: configuration, database, broker, Meta
///
/// One line each, with ok or FAILED and the next step. Sends nothing and changes nothing. For Meta it asks for the numbers of
/// every declared account with that account's token, and whether each declared number is there and may send.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike check && turnpike run

Exits with 1 when something is wrong. Reads what `turnpike run` reads: TURNPIKE_DATABASE_URL, TURNPIKE_AMQP_URL,
TURNPIKE_SECRET_KEY, TURNPIKE_META_… and the rest that `turnpike --help` describes."
)]
pub(crate) struct Options {}

/// What a look at one thing said: what is good to know, or what is wrong and the next step.
type Finding = Result<String, String>;

pub(crate) async fn run(_: &Options) -> Result<Exit> {
    let mut reader = Env::from_process().reader();
    let (database, key) = (Database::from_env(&mut reader), SecretKey::from_env(&mut reader));
    let (amqp, meta) = (Amqp::from_env(&mut reader), config::Meta::from_env(&mut reader));
    let rest = (
        MetaApp::from_env(&mut reader),
        Http::from_env(&mut reader),
        config::Proxies::from_env(&mut reader, roles::is_network),
        config::TestMeta::from_env(&mut reader),
        config::Admin::from_env(&mut reader),
        Log::from_env(&mut reader),
    );
    drop(rest);

    let mut findings = Vec::new();
    match reader.finish(Some(())) {
        Ok(()) => findings.push(("configuration".to_owned(), Ok("every variable is readable".to_owned()))),
        Err(errors) => {
            let mistakes = errors
                .0
                .iter()
                .map(|error| ("configuration".to_owned(), Err(error.to_string())));
            findings.extend(mistakes);
        }
    }
    // Whatever could be read is looked at, even when other variables are wrong.
    let ((ledger, accounts), broker) = tokio::join!(
        async {
            match &database {
                Some(database) => look_at_database(database, key.as_ref(), meta.as_ref()).await,
                None => (None, Vec::new()),
            }
        },
        async {
            match &amqp {
                Some(amqp) => Some(in_time(look_at_broker(amqp)).await),
                None => None,
            }
        }
    );
    findings.extend(ledger.map(|finding| ("database".to_owned(), finding)));
    findings.extend(broker.map(|finding| ("broker".to_owned(), finding)));
    findings.extend(accounts);
    Ok(report(&findings))
}

fn report(findings: &[(String, Finding)]) -> Exit {
    let mut rows = Rows::default();
    for (what, finding) in findings {
        match finding {
            Ok(words) => rows.add([what.as_str(), "ok", words]),
            Err(words) => rows.add([what.as_str(), "FAILED", words]),
        }
    }
    output::data(rows.text());
    if findings.iter().all(|(_, finding)| finding.is_ok()) {
        Exit::Done
    } else {
        Exit::Failed
    }
}

async fn in_time(looking: impl Future<Output = Finding>) -> Finding {
    let looked = tokio::time::timeout(PATIENCE, looking).await;
    looked.unwrap_or_else(|_| {
        Err(format!(
            "no answer within {} s; check the address and the network",
            PATIENCE.as_secs()
        ))
    })
}

/// The database, and every account, which only the database knows.
async fn look_at_database(
    database: &Database,
    key: Option<&SecretKey>,
    meta: Option<&config::Meta>,
) -> (Option<Finding>, Vec<(String, Finding)>) {
    let store = match settings::store(database, key.unwrap_or(&settings::NO_KEY), 2, "turnpike check") {
        Ok(store) => store,
        Err(error) => return (Some(Err(chain(error.as_ref()))), Vec::new()),
    };
    let schema = in_time(look_at_schema(&store)).await;
    let accounts = match (&schema, key, meta) {
        (Ok(_), Some(_), Some(meta)) => look_at_meta(&store, meta).await,
        _ => Vec::new(),
    };
    (Some(schema), accounts)
}

async fn look_at_schema(store: &Store) -> Finding {
    let missing = store.missing_migrations().await.map_err(|error| chain(&error))?;
    match missing.as_slice() {
        [] => Ok("answers, the schema is up to date".to_owned()),
        missing => Err(format!(
            "the schema lacks {}; run `turnpike migrate`",
            missing.join(", ")
        )),
    }
}

async fn look_at_broker(amqp: &Amqp) -> Finding {
    let address = Address::parse(amqp.url.expose_secret()).map_err(|error| chain(&error))?;
    let unreachable =
        |error: broker::Error| format!("{}; check TURNPIKE_AMQP_URL and that RabbitMQ runs", chain(&error));
    let admin = Admin::open(&address).await.map_err(unreachable)?;
    let topology = Topology::new(&amqp.prefix);
    let queues = &topology.queues;
    let mut set_aside = Vec::new();
    for queue in [&queues.dead, &queues.unrouted, &queues.rejected] {
        let depth = admin.queue_depth(queue).await.map_err(unreachable)?;
        set_aside.extend(
            depth
                .filter(|depth| depth.ready > 0)
                .map(|depth| format!("{} in {queue}", depth.ready)),
        );
    }
    let is_declared = admin.queue_depth(&queues.rt).await.map_err(unreachable)?.is_some();
    // The questions are answered; how the connection ends changes nothing.
    let _ = admin.close().await;
    Ok(match (is_declared, set_aside.as_slice()) {
        (false, _) => "answers; the first role that starts declares exchanges and queues".to_owned(),
        (true, []) => "answers, exchanges and queues are there".to_owned(),
        (true, set_aside) => format!("answers; set aside, have a look: {}", set_aside.join(", ")),
    })
}

async fn look_at_meta(store: &Store, meta: &config::Meta) -> Vec<(String, Finding)> {
    let failed = |words: String| vec![("meta".to_owned(), Err(words))];
    let client = match Client::new(ClientConfig::new(&meta.base_url, &meta.version)) {
        Ok(client) => client,
        Err(error) => return failed(chain(&error)),
    };
    let accounts = match store.accounts().await {
        Ok(accounts) => accounts,
        Err(error) => return failed(chain(&error)),
    };
    if accounts.is_empty() {
        let words = "no account is declared yet; `turnpike apply FILE` declares who sends";
        return vec![("meta".to_owned(), Ok(words.to_owned()))];
    }
    let mut findings = Vec::new();
    for account in accounts {
        let what = format!("meta, waba {}", account.waba);
        findings.push((what, in_time(look_at_account(&client, &account)).await));
    }
    findings
}

async fn look_at_account(client: &Client, account: &Account) -> Finding {
    let token: &SecretString = account
        .token
        .as_ref()
        .map_err(|error| format!("{}, or `turnpike apply` the account's token again", chain(error)))?;
    let numbers = client
        .phone_numbers(&account.waba, token)
        .await
        .map_err(|error| chain(&error))?;
    judge(&account.phone_number_ids, &numbers)
}

/// Compares what was declared with what Meta says.
fn judge(declared: &[String], numbers: &[PhoneNumber]) -> Finding {
    let mut wrong = Vec::new();
    for id in declared {
        match numbers.iter().find(|number| number.id == *id) {
            None => wrong.push(format!(
                "number {id} is not in this account; correct phone_number_id and `turnpike apply` it"
            )),
            Some(number) if !number.may_send() => {
                let status = number.status.as_deref().unwrap_or("unknown");
                wrong.push(format!(
                    "number {id} is {status} and may not send; see the WhatsApp Manager"
                ));
            }
            Some(_) => {}
        }
    }
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let limit = numbers.iter().find_map(|number| number.messaging_limit.as_deref());
    let limit = limit.map_or_else(String::new, |limit| format!(", messaging limit {limit}"));
    Ok(match declared.len() {
        0 => format!("the token is good{limit}; no number of it is declared"),
        1 => format!("the token is good{limit}, the number may send"),
        many => format!("the token is good{limit}, all {many} numbers may send"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(id: &str, status: &str) -> PhoneNumber {
        let limit = "TIER_2K";
        serde_json::from_value(json!({"id": id, "status": status, "whatsapp_business_manager_messaging_limit": limit}))
            .unwrap()
    }

    #[test]
    fn every_declared_number_must_be_there_and_may_send() {
        let declared = ["1".to_owned(), "2".to_owned(), "3".to_owned()];

        let finding = judge(
            &declared,
            &[
                number("1", "CONNECTED"),
                number("2", "BANNED"),
                number("9", "CONNECTED"),
            ],
        );

        let words = finding.unwrap_err();
        assert!(
            words.contains("number 2 is BANNED") && words.contains("number 3 is not in this account"),
            "{words}"
        );
        assert!(!words.contains("number 1") && !words.contains("number 9"), "{words}");
    }

    #[test]
    fn a_good_account_says_its_limit() {
        let finding = judge(&["1".to_owned()], &[number("1", "CONNECTED")]);

        assert_eq!(
            finding,
            Ok("the token is good, messaging limit TIER_2K, the number may send".to_owned())
        );
    }
}
