//! `turnpike simulator`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use domain::declaration::{Declaration, Waba};
use runtime::config::Log;
use runtime::{Shutdown, telemetry};
use simulator::{Config, Number, Template, Tier};
use tokio::net::TcpListener;

use super::apply;
use crate::exit::Exit;
use crate::{output, settings};

/// Run a stand-in for Meta, for tests, demos and your own CI
///
/// It answers POSTs as Meta's Cloud API does, sends signed webhooks back, keeps Meta's limits, makes any fault happen that you
/// ask for, and keeps a ledger of its own: GET /_sim/report says what arrived, what arrived twice and which limit was broken.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = r#"Examples:
  turnpike simulator --webhook-url http://127.0.0.1:8080/webhooks/meta
  turnpike simulator --listen 127.0.0.1:8090 --declaration acme.toml --config faults.json
  curl -s http://127.0.0.1:8090/_sim/report
  curl -s http://127.0.0.1:8090/_sim/inbound -d '{"phone_number_id": "2000001", "from": "+14155550100", "text": {"body": "hello"}}'

Roles find it through TURNPIKE_META_BASE_URL=http://127.0.0.1:8090. Without numbers (--config, --declaration) it accepts every
phone_number_id.

Needs no variable. TURNPIKE_META_APP_SECRET signs its webhooks and TURNPIKE_META_VERIFY_TOKEN goes into its verification, so
that a simulator in the same environment as ingest is believed. Its address is printed in one line: listening on http://…"#
)]
pub(crate) struct Options {
    /// Address and port; port 0 takes a free one [default: the file's, else 127.0.0.1:8090]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Settings in JSON: numbers, templates, limits, webhooks, latency, faults, seed; see the crate `simulator`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Take numbers, limits and templates from a file that `turnpike apply` takes
    #[arg(long, value_name = "FILE")]
    declaration: Option<PathBuf>,
    /// Where webhooks go; without it none are sent
    #[arg(long, value_name = "URL")]
    webhook_url: Option<String>,
    /// Accept any `phone_number_id`, also those never heard of
    #[arg(long)]
    auto_register: bool,
    /// Seed of everything random, so that a run can be repeated
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

/// Where it listens when nobody says.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8090);

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let (log, app_secret, verify_token) = settings::read(|reader| {
        let log = Log::from_env(reader);
        let app_secret = reader.optional("TURNPIKE_META_APP_SECRET");
        let verify_token = reader.optional("TURNPIKE_META_VERIFY_TOKEN");
        Some((log?, app_secret, verify_token))
    })?;
    telemetry::init(&log)?;
    let mut config = configured(options)?;
    config.app_secret = app_secret.unwrap_or(config.app_secret);
    config.verify_token = verify_token.unwrap_or(config.verify_token);

    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("listening on {}; choose another address with --listen", config.listen))?;
    output::data(format!("listening on http://{}", listener.local_addr()?));
    simulator::serve(listener, config, shutdown.child_token()).await?;
    Ok(Exit::Done)
}

/// File, then declaration, then options: the later wins or adds.
fn configured(options: &Options) -> Result<Config> {
    let mut config = match &options.config {
        Some(file) => from_file(file)?,
        None => Config {
            listen: LISTEN,
            ..Config::default()
        },
    };
    if let Some(file) = &options.declaration {
        declare(&mut config, &apply::read(file)?);
    }
    config.listen = options.listen.unwrap_or(config.listen);
    config.webhook_url = options.webhook_url.clone().or(config.webhook_url);
    config.seed = options.seed.unwrap_or(config.seed);
    config.auto_register |= options.auto_register || config.numbers.is_empty();
    config.check().map_err(anyhow::Error::msg)?;
    Ok(config)
}

fn from_file(file: &Path) -> Result<Config> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    let given: serde_json::Value = serde_json::from_str(&text).with_context(|| format!("reading {name} as JSON"))?;
    ensure!(
        given.is_object(),
        "reading {name}: expected an object, as in {{\"auto_register\": true}}"
    );
    let config: Config =
        serde_json::from_value(given.clone()).with_context(|| format!("reading {name} as the simulator's settings"))?;
    let listen = if given["listen"].is_null() {
        LISTEN
    } else {
        config.listen
    };
    Ok(Config { listen, ..config })
}

/// What `turnpike apply` would tell Turnpike, told to the simulator.
fn declare(config: &mut Config, declaration: &Declaration) {
    for waba in declaration
        .organization
        .iter()
        .flat_map(|organization| &organization.waba)
    {
        // The declaration is checked, so the word is one that the domain knows.
        let limit = domain::tier::Tier::parse(&waba.messaging_limit_tier).and_then(domain::tier::Tier::limit);
        let tier = limit.map_or(Tier::UNLIMITED, Tier::of);
        let portfolio = waba.portfolio.clone().unwrap_or_else(|| waba.id.clone());
        config.portfolios.insert(portfolio, tier);
        config.numbers.extend(waba.number.iter().map(|number| Number {
            portfolio: waba.portfolio.clone(),
            throughput: number.throughput,
            ..Number::new(&number.phone_number_id, &number.phone, &waba.id)
        }));
        config.templates.extend(templates(waba));
    }
}

fn templates(waba: &Waba) -> impl Iterator<Item = Template> {
    waba.template.iter().map(|template| Template {
        name: template.name.clone(),
        language: template.language.replace('-', "_"),
        status: template.status.to_ascii_uppercase(),
        category: template.category.to_ascii_uppercase(),
        waba_id: Some(waba.id.clone()),
        body: None,
        body_parameters: None,
        body_parameter_names: Vec::new(),
        components: Some(template.to_components()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_declaration_makes_the_same_world_on_both_sides() {
        let declaration = serde_json::from_value(json!({"organization": [{"slug": "acme", "name": "Acme", "waba": [{
            "id": "1000001", "portfolio": "9001", "messaging_limit_tier": "TIER_2K", "access_token": "x",
            "number": [{"phone_number_id": "2000001", "phone": "+15550001111", "throughput": 20}],
            "template": [{"name": "order_update", "language": "en-US", "category": "utility", "body": "Hi {{1}}"}]
        }]}]}));
        let mut config = Config::default();

        declare(&mut config, &declaration.unwrap());

        assert_eq!(config.portfolios["9001"], Tier::of(2_000));
        assert_eq!(config.numbers[0].throughput, 20);
        assert_eq!(config.numbers[0].portfolio(), "9001");
        let template = &config.templates[0];
        assert_eq!(
            (template.language.as_str(), template.category.as_str()),
            ("en_US", "UTILITY")
        );
        assert_eq!(template.components, Some(json!([{"type": "BODY", "text": "Hi {{1}}"}])));
    }
}
