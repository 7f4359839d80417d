//! `turnpike apply FILE`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use domain::declaration::Declaration;
use runtime::config::{Database, SecretKey};
use secrecy::SecretString;
use serde_json::{Value, json};
use store::tenancy::{Applied, Change};

use crate::exit::Exit;
use crate::output::Rows;
use crate::{output, settings};

/// Create or update what a file declares: organizations, API keys, accounts, numbers, templates
///
/// Reads TOML and brings the database to what it says, in one transaction; what the file does not mention stays as it is. The
/// same file again changes nothing. An API key without `secret_env` is made here and printed once: it cannot be shown again.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = r#"Examples:
  turnpike apply acme.toml
  turnpike apply - --json < acme.toml

A file:
  [[organization]]
  slug = "acme"
  name = "Acme"
  currency = "EUR"                        # with balance, if messages are to be paid for
  balance = "100.00"                      # what a new balance begins with; later money moves by `turnpike balance --top-up`
  daily_quota = 10000                     # likewise monthly_quota; messages accepted, by UTC
  [[organization.rate]]
  prefix = "+1"                           # the longest that fits; left out, everybody else
  category = "MARKETING"
  price = "0.025"
  [organization.quiet_hours]              # by the recipient's clock; likewise frequency_cap, fraud_guard: see the README
  start = "21:00"
  end = "08:00"
  categories = ["MARKETING"]
  [[organization.api_key]]
  name = "default"                        # printed once; secret_env = "ACME_KEY" brings your own
  scopes = ["messages:write", "messages:read", "admin"]
  [[organization.waba]]
  id = "1000001"
  access_token_env = "ACME_META_TOKEN"    # taken from ACME_META_TOKEN, or from the file that ACME_META_TOKEN_FILE names
  messaging_limit_tier = "TIER_100K"
  [[organization.waba.number]]
  phone_number_id = "2000001"
  phone = "+15550001111"
  throughput = 80                         # messages per second
  [[organization.waba.template]]
  name = "order_update"
  language = "en_US"
  category = "UTILITY"
  body = "Hi {{1}}, order {{2}} is on its way."

Needs TURNPIKE_DATABASE_URL, TURNPIKE_SECRET_KEY (that of the roles) and the variables that the file names."#
)]
pub(crate) struct Options {
    /// The declaration in TOML; - reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print {"items":[{"what","change","key"?}]}
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: &Options) -> Result<Exit> {
    let (database, key) = settings::read(|reader| {
        let (database, key) = (Database::from_env(reader), SecretKey::from_env(reader));
        database.zip(key)
    })?;
    let declaration = read(&options.file)?;
    let store = settings::store(&database, &key, 1, "turnpike apply")?;
    let applied = store.apply(&declaration, &secret).await?;
    if options.json {
        output::data(to_json(&applied).to_string());
    } else {
        show(&applied);
    }
    Ok(Exit::Done)
}

/// Reads and checks a declaration; all that is wrong with it at once.
pub(crate) fn read(file: &Path) -> Result<Declaration> {
    let (name, text) = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading standard input")?;
        ("standard input".to_owned(), text)
    } else {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
        (name, text)
    };
    let declaration: Declaration = toml::from_str(&text).with_context(|| format!("reading {name} as a declaration"))?;
    if let Err(mistakes) = declaration.check() {
        let lines: Vec<String> = mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect();
        bail!(
            "{name} has {} to correct, nothing was changed:{}",
            count(lines.len(), "value"),
            lines.concat()
        );
    }
    Ok(declaration)
}

/// The value of a variable that the file names, or of the file that `<variable>_FILE` names, as for our own variables.
fn secret(variable: &str) -> Option<SecretString> {
    let value = std::env::var(variable).ok().or_else(|| {
        let path = std::env::var_os(format!("{variable}_FILE"))?;
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.trim_end_matches(['\r', '\n']).to_owned())
    });
    value.filter(|value| !value.is_empty()).map(SecretString::from)
}

fn show(applied: &Applied) {
    let mut rows = Rows::default();
    for item in &applied.items {
        rows.add([word(item.change), &item.what]);
    }
    output::data(rows.text());
    let keys = applied
        .items
        .iter()
        .filter_map(|item| Some((&item.what, item.new_key.as_ref()?)));
    for (what, key) in keys {
        output::data(format!(
            "\nNEW KEY of {what}, shown only this once, keep it safe:\n  {}",
            key.to_text()
        ));
    }
    output::talk(summary(applied));
}

fn summary(applied: &Applied) -> String {
    if !applied.changed() {
        return "nothing changed".to_owned();
    }
    let of = |change| applied.items.iter().filter(|item| item.change == change).count();
    format!(
        "{} created, {} updated, {} unchanged",
        of(Change::Created),
        of(Change::Updated),
        of(Change::Unchanged)
    )
}

fn to_json(applied: &Applied) -> Value {
    let items = applied.items.iter().map(|item| {
        let mut json = json!({"what": item.what, "change": word(item.change)});
        if let Some(key) = &item.new_key {
            json["key"] = json!(key.to_text());
        }
        json
    });
    json!({"items": items.collect::<Vec<_>>()})
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Created => "created",
        Change::Updated => "updated",
        Change::Unchanged => "unchanged",
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use store::tenancy::Item;

    use super::*;

    fn item(what: &str, change: Change) -> Item {
        Item {
            what: what.to_owned(),
            change,
            new_key: None,
        }
    }

    #[test]
    fn the_machine_form_has_a_key_only_where_one_was_made() {
        let key = domain::api_key::ApiKey::from_random(false, [1; 8], [2; 32]);
        let applied = Applied {
            items: vec![
                item("organization acme", Change::Unchanged),
                Item {
                    new_key: Some(key.clone()),
                    ..item("api_key default", Change::Created)
                },
            ],
        };

        let expected = json!({"items": [
            {"what": "organization acme", "change": "unchanged"},
            {"what": "api_key default", "change": "created", "key": key.to_text()}
        ]});
        assert_eq!(to_json(&applied), expected);
        assert_eq!(summary(&applied), "1 created, 0 updated, 1 unchanged");
    }
}
