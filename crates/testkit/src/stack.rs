//! A whole pipeline for one test: a database and a prefix on the broker of its own, roles as real processes, and the simulator
//! inside the test as the referee.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::declaration::Declaration;
use reqwest::Client;
use serde_json::Value;
use simulator::{Config, Number, Running, Simulator, ViolationKind};
use tokio::task::JoinHandle;

use crate::database::{self, TestDatabase};
use crate::program::{Program, Settings};
use crate::proxy::Proxy;
use crate::seed::{self, Choice, Tenant};

const APP_SECRET: &str = "test-app-secret";
const VERIFY_TOKEN: &str = "test-verify-token";

/// A pipeline. Everything it started ends with it.
#[derive(Debug)]
pub struct Stack {
    /// Roles, in the order they were started.
    pub programs: Vec<Program>,
    /// Meta's stand-in; its report is the verdict.
    pub meta: Running,
    /// The ledger.
    pub database: TestDatabase,
    /// The first tenant.
    pub tenant: Tenant,
    /// What every role is started with.
    pub settings: Settings,
    /// Base URL of the HTTP API, once an ingest runs.
    pub api: String,
    /// The broker.
    pub amqp_url: String,
    /// First word of every broker name.
    pub prefix: String,
    /// What programs wrote that are gone.
    pub last_words: Vec<String>,
    /// Before every ingest, where there are several.
    door: Option<Proxy>,
    http: Client,
    _journals: Journals,
}

/// Where senders keep their attempt journals. Killed ones leave them behind, so the folder goes with the test.
#[derive(Debug)]
struct Journals(PathBuf);

impl Drop for Journals {
    fn drop(&mut self) {
        // It is not there when no sender ran.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What differs from the standard pipeline.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The tenant, its limits included; the simulator enforces the same.
    pub tenant: Choice,
    /// Sender numbers beside the first.
    pub more_numbers: u16,
    /// Another broker than the shared one.
    pub amqp_url: Option<String>,
    /// Another PostgreSQL than the shared one: the URL of any database on it.
    pub database_url: Option<String>,
    /// Templates beside the tenant's standard ones, as they are declared.
    pub templates: Vec<Value>,
    /// Changes the simulator.
    pub simulator: Option<Value>,
    /// The simulator refuses what is faster than a number's throughput, and calls it a violation. Only for tests that are about the pace
    /// and have the machine for themselves: on a crowded one the way to the simulator varies by more than the pace allows for.
    pub strict_pace: bool,
}

impl Stack {
    /// Database, tenant and simulator; no role yet.
    ///
    /// # Errors
    /// When a server cannot be had.
    pub async fn prepare(plan: Plan) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let database = match &plan.database_url {
            Some(server) => database::fresh_beside(server).await?,
            None => database::fresh().await,
        };
        let (mut declared, _) = seed::declaration_with_numbers(&plan.tenant, plan.more_numbers + 1);
        let templates = declared["organization"][0]["waba"][0]["template"].as_array_mut();
        templates
            .context("the tenant's templates")?
            .extend(plan.templates.iter().cloned());
        let tenant = seed::declared_tenant(&database.store, &plan.tenant, declared.clone()).await;
        let declared: Declaration = serde_json::from_value(declared)?;
        let mut config = Config {
            app_secret: APP_SECRET.to_owned(),
            verify_token: VERIFY_TOKEN.to_owned(),
            ..simulated(&declared)?
        };
        if !plan.strict_pace {
            config.limits.enforce_throughput = false;
            config.tolerated.insert(ViolationKind::ThroughputExceeded);
        }
        if let Some(patch) = &plan.simulator {
            config = config.patched(patch).map_err(anyhow::Error::msg)?;
        }
        let meta = Simulator::start(config).await?;
        let prefix = format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let journals = Journals(std::env::temp_dir().join(format!("turnpike-journal-{prefix}")));
        let amqp_url = plan.amqp_url.unwrap_or_else(|| database.amqp_url.clone());
        let settings = Settings::new(&database.url, &amqp_url, &prefix)
            .with("TURNPIKE_META_BASE_URL", meta.base_url())
            .with("TURNPIKE_META_APP_SECRET", APP_SECRET)
            .with("TURNPIKE_META_VERIFY_TOKEN", VERIFY_TOKEN)
            .with("TURNPIKE_SENDER_JOURNAL", journals.0.to_string_lossy())
            .with("TURNPIKE_HTTP_ADDR", "127.0.0.1:0");
        Ok(Self {
            programs: Vec::new(),
            meta,
            database,
            tenant,
            settings,
            api: String::new(),
            amqp_url,
            prefix,
            last_words: Vec::new(),
            door: None,
            http: Client::builder().no_proxy().build()?,
            _journals: journals,
        })
    }

    /// A pipeline with one ingest, one scheduler, one receipts and this many senders.
    ///
    /// # Errors
    /// When something cannot be started; the program's log is part of the message.
    pub async fn start(plan: Plan, senders: usize) -> Result<Self> {
        let mut stack = Self::prepare(plan).await?;
        for role in ["ingest", "scheduler", "receipts"] {
            stack.start_role(role).await?;
        }
        for _ in 0..senders {
            stack.start_role("sender").await?;
        }
        Ok(stack)
    }

    /// A pipeline with these roles, every one of them a process, and one door before all its ingests.
    ///
    /// # Errors
    /// When something cannot be started; the program's log is part of the message.
    pub async fn start_fleet(plan: Plan, roles: &[&str]) -> Result<Self> {
        let mut stack = Self::prepare(plan).await?;
        stack.build_door().await?;
        for role in roles {
            stack.start_role(role).await?;
        }
        Ok(stack)
    }

    /// Puts one door before all ingests to come: the API's address, which stays the same whichever of them is alive.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn build_door(&mut self) -> Result<()> {
        // Leads nowhere yet: port 0 is nobody's.
        let door = Proxy::start("127.0.0.1:0").await?;
        self.serve_at(format!("http://{}", door.addr))?;
        self.door = Some(door);
        Ok(())
    }

    /// The door before all ingests.
    ///
    /// # Errors
    /// When there is none.
    pub fn door(&self) -> Result<&Proxy> {
        self.door.as_ref().context("this stack has no door")
    }

    /// Starts one more process of a role. The first ingest becomes the API, and the address of the simulator's webhooks.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_role(&mut self, role: &str) -> Result<()> {
        let program = self.starting(role, &self.settings).await??;
        self.add(program)
    }

    /// Starts a process of a role with these settings, beside whatever else goes on; to be [added](Self::add) when it is there.
    pub fn starting(&self, role: &str, settings: &Settings) -> JoinHandle<Result<Program>> {
        let (role, settings) = (role.to_owned(), settings.clone());
        tokio::task::spawn_blocking(move || Program::start(&[&role], &settings, role == "ingest"))
    }

    /// Takes a process in.
    ///
    /// # Errors
    /// When the simulator does not take its address.
    pub fn add(&mut self, program: Program) -> Result<()> {
        if !program.url.is_empty() && self.api.is_empty() {
            self.serve_at(program.url.clone())?;
        }
        self.programs.push(program);
        self.open_door();
        Ok(())
    }

    /// Takes a process out, to do with as one likes.
    pub fn take(&mut self, place: usize) -> Program {
        let program = self.programs.remove(place);
        self.open_door();
        program
    }

    /// The place of the first process of a role.
    pub fn place_of(&self, role: &str) -> Option<usize> {
        self.programs.iter().position(|program| program.name() == role)
    }

    /// Stops a process as an operator does: it finishes what it has in hand. What it wrote is kept.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(&mut self, place: usize) -> Result<()> {
        let program = self.take(place);
        let lines = tokio::task::spawn_blocking(move || {
            let lines = program.lines_later();
            let status = program.stop()?;
            ensure!(status.success(), "a process that was asked to stop ended with {status}");
            Ok(lines())
        });
        self.last_words.extend(lines.await??);
        Ok(())
    }

    /// Kills a process. What it wrote is kept.
    ///
    /// # Errors
    /// When the thread that waits for its end panics.
    pub async fn kill(&mut self, place: usize) -> Result<()> {
        let program = self.take(place);
        self.last_words
            .extend(tokio::task::spawn_blocking(move || program.kill()).await?);
        Ok(())
    }

    fn serve_at(&mut self, api: String) -> Result<()> {
        self.meta
            .patch_config(&serde_json::json!({"webhook_url": format!("{api}/webhooks/meta")}))?;
        self.api = api;
        Ok(())
    }

    fn open_door(&self) {
        let servers = self
            .programs
            .iter()
            .filter_map(|program| program.url.strip_prefix("http://"));
        if let Some(door) = &self.door {
            door.lead_to(servers.map(str::to_owned));
        }
    }

    /// Calls the API with the tenant's key; the status and the JSON answer.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        self.post_as(&self.tenant, path, body).await
    }

    /// The same with another tenant's key.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn post_as(&self, tenant: &Tenant, path: &str, body: &Value) -> Result<(u16, Value)> {
        let request = self
            .http
            .post(format!("{}{path}", self.api))
            .header("x-api-key", &tenant.api_key)
            .json(body);
        let answer = request.send().await.with_context(|| format!("POST {path}"))?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// The same under an idempotency key, at `api`: the API's base URL, or what stands before it.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn post_under(&self, key: &str, api: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let request = self
            .http
            .post(format!("{api}{path}"))
            .header("x-api-key", &self.tenant.api_key)
            .header("idempotency-key", key)
            .json(body);
        let answer = request.send().await.with_context(|| format!("POST {path}"))?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// A `PUT` without a body, with a tenant's key.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn put_as(&self, tenant: &Tenant, path: &str) -> Result<(u16, Value)> {
        let request = self
            .http
            .put(format!("{}{path}", self.api))
            .header("x-api-key", &tenant.api_key);
        let answer = request.send().await.with_context(|| format!("PUT {path}"))?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// The same, reading.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn get(&self, path: &str) -> Result<(u16, Value)> {
        self.get_as(&self.tenant, path).await
    }

    /// The same with another tenant's key.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn get_as(&self, tenant: &Tenant, path: &str) -> Result<(u16, Value)> {
        let request = self
            .http
            .get(format!("{}{path}", self.api))
            .header("x-api-key", &tenant.api_key);
        let answer = request.send().await.with_context(|| format!("GET {path}"))?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// Calls the API with a body that is a file; the status and the JSON answer.
    ///
    /// # Errors
    /// When there is no answer, or it is not JSON.
    pub async fn upload(&self, path: &str, mime: &str, file: Vec<u8>) -> Result<(u16, Value)> {
        let request = self
            .http
            .post(format!("{}{path}", self.api))
            .header("x-api-key", &self.tenant.api_key)
            .header("content-type", mime)
            .body(file);
        let answer = request.send().await.with_context(|| format!("POST {path}"))?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    /// Reads a file from the API: its content type and its bytes.
    ///
    /// # Errors
    /// When there is no answer, or it is not 200.
    pub async fn download(&self, path: &str) -> Result<(String, Vec<u8>)> {
        let request = self
            .http
            .get(format!("{}{path}", self.api))
            .header("x-api-key", &self.tenant.api_key);
        let answer = request.send().await?.error_for_status()?;
        let mime = answer.headers().get("content-type").and_then(|mime| mime.to_str().ok());
        Ok((mime.unwrap_or_default().to_owned(), answer.bytes().await?.to_vec()))
    }

    /// Sends the template `hello` to `count` recipients, in broadcasts of 256, from the recipient `first` on; every one must be
    /// accepted for sending.
    ///
    /// # Errors
    /// When one is not.
    pub async fn broadcast(&self, first: usize, count: usize) -> Result<()> {
        let all: Vec<_> = (first..first + count)
            .map(|n| serde_json::json!({"to": seed::recipient(n)}))
            .collect();
        for recipients in all.chunks(256) {
            let body =
                serde_json::json!({"recipients": recipients, "template_name": "hello", "template_language": "en_US"});
            let (status, answer) = self.post("/api/v1/messages/whatsapp/broadcast", &body).await?;
            ensure!(status == 200, "a broadcast was answered with {status}: {answer}");
        }
        Ok(())
    }

    /// How many messages the ledger holds in each public state's code.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn states(&self) -> Result<BTreeMap<i64, i64>> {
        let rows = self
            .database
            .store
            .raw("SELECT state, count(*) AS n FROM message GROUP BY state")
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| Some((row["state"].as_i64()?, row["n"].as_i64()?)))
            .collect())
    }

    /// Waits until exactly `count` messages are accepted (state 50) and none is under way.
    ///
    /// # Panics
    /// When that is not so by the deadline.
    pub async fn until_accepted(&self, count: i64, deadline: Duration) {
        let what = format!("{count} accepted messages");
        crate::until(deadline, &what, async || {
            // A database that is just being restarted is asked again.
            let states = self.states().await.ok()?;
            let under_way: i64 = states.iter().filter(|(state, _)| **state < 50).map(|(_, n)| n).sum();
            (states.get(&50) == Some(&count) && under_way == 0).then_some(())
        })
        .await;
    }

    /// The logs of all programs, for the message of a failed assertion.
    pub fn logs(&self) -> String {
        self.programs
            .iter()
            .flat_map(Program::lines)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// The simulator's set-up for what is declared: the same numbers, limits and accounts.
///
/// # Errors
/// When a messaging limit is not one of Meta's words.
pub fn simulated(declared: &Declaration) -> Result<Config> {
    let mut config = Config::default();
    for waba in declared.organization.iter().flat_map(|organization| &organization.waba) {
        let portfolio = waba.portfolio.as_ref().unwrap_or(&waba.id);
        let tier =
            serde_json::from_value(Value::String(waba.messaging_limit_tier.clone())).context("a messaging limit")?;
        config.portfolios.insert(portfolio.clone(), tier);
        for number in &waba.number {
            let mut simulated = Number::new(&number.phone_number_id, &number.phone, &waba.id);
            simulated.portfolio.clone_from(&waba.portfolio);
            simulated.throughput = number.throughput;
            config.numbers.push(simulated);
        }
    }
    Ok(config)
}
