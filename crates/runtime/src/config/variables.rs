//! The table of every `TURNPIKE_…` variable: what it means, who needs it, what it is when absent.

use std::fmt::Write as _;

/// One variable of the environment. `<name>_FILE` always exists beside it: the path of a file that holds the value.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Full name, `TURNPIKE_…`.
    pub name: &'static str,
    /// What happens when it is not set.
    pub fallback: Fallback,
    /// What it is, one line.
    pub help: &'static str,
    /// A value to copy and adapt, for a required one shown when it is missing.
    pub example: &'static str,
    /// Never shown in an error or a log line.
    pub secret: bool,
}

/// What happens when a variable is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// An error for the named programs.
    Required {
        /// Who cannot start without it, for people to read.
        by: &'static str,
    },
    /// This value.
    Default(&'static str),
    /// Worked out from the circumstances, as described.
    Chosen(&'static str),
}

impl Variable {
    /// The default value, when there is a fixed one.
    pub const fn default(&self) -> Option<&'static str> {
        match self.fallback {
            Fallback::Default(value) => Some(value),
            Fallback::Required { .. } | Fallback::Chosen(_) => None,
        }
    }
}

/// Every variable a program of Turnpike reads. Whatever is not here and starts with `TURNPIKE_` is refused at start.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "TURNPIKE_DATABASE_URL",
        fallback: Fallback::Required { by: "every role" },
        help: "the PostgreSQL that keeps the ledger",
        example: "postgres://turnpike:password@127.0.0.1:5432/turnpike",
        secret: true,
    },
    Variable {
        name: "TURNPIKE_AMQP_URL",
        fallback: Fallback::Required { by: "every role" },
        help: "the RabbitMQ that carries the jobs",
        example: "amqp://guest:guest@127.0.0.1:5672/%2f",
        secret: true,
    },
    Variable {
        name: "TURNPIKE_AMQP_PREFIX",
        fallback: Fallback::Default("turnpike"),
        help: "first word of every exchange and queue, so that several installations can share one broker",
        example: "turnpike",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_SECRET_KEY",
        fallback: Fallback::Required { by: "every role" },
        help: "32 bytes in base64: encrypts Meta tokens and signing secrets, peppers API keys; keep it, keep it the same everywhere",
        example: "the output of `openssl rand -base64 32`",
        secret: true,
    },
    Variable {
        name: "TURNPIKE_HTTP_ADDR",
        fallback: Fallback::Default("127.0.0.1:8080"),
        help: "address and port of the HTTP API and of Meta's webhook endpoint",
        example: "0.0.0.0:8080",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_TRUSTED_PROXIES",
        fallback: Fallback::Chosen("none"),
        help: "reverse proxies in front of the API, whose X-Forwarded-For is believed: networks, separated by commas",
        example: "10.0.0.0/8,2001:db8::/32",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_ADMIN_ADDR",
        fallback: Fallback::Default("127.0.0.1:0"),
        help: "address and port of /healthz, /readyz and /metrics; port 0 takes a free one and prints it",
        example: "0.0.0.0:9090",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_META_BASE_URL",
        fallback: Fallback::Default("https://graph.facebook.com"),
        help: "where Meta's Graph API is; the simulator's address in a test",
        example: "https://graph.facebook.com",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_META_VERSION",
        fallback: Fallback::Default("v26.0"),
        help: "version of the Graph API",
        example: "v26.0",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_META_TEST_BASE_URL",
        fallback: Fallback::Chosen("none; test keys are refused"),
        help: "where messages of test keys go, which never reach Meta: a simulator's address",
        example: "http://simulator:8090",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_META_APP_SECRET",
        fallback: Fallback::Required { by: "ingest" },
        help: "the Meta app's secret, which signs its webhooks",
        example: "the app secret from Meta's app dashboard, Settings, Basic",
        secret: true,
    },
    Variable {
        name: "TURNPIKE_META_VERIFY_TOKEN",
        fallback: Fallback::Required { by: "ingest" },
        help: "the word Meta repeats when it checks the webhook subscription",
        example: "any word you also type into Meta's webhook settings",
        secret: true,
    },
    Variable {
        name: "TURNPIKE_SENDER_JOURNAL",
        fallback: Fallback::Chosen("turnpike-journal in the system's folder for temporary files"),
        help: "folder where a sender notes its attempts, so that after a crash the next one knows how far each came; off for none",
        example: "/var/lib/turnpike/journal",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_OUTBOUND_ALLOW",
        fallback: Fallback::Chosen("nothing but https to the public internet, ports 443 and 8443"),
        help: "what else may be called when a customer names an address: http, any-port, networks like 10.0.0.0/8, between commas",
        example: "http, any-port, 10.20.0.0/16",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_URL",
        fallback: Fallback::Default("http://127.0.0.1:8080"),
        help: "where the API is, for the commands that talk to it: send, broadcast, status, window, cancel",
        example: "https://turnpike.example.com",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_API_KEY",
        fallback: Fallback::Required {
            by: "send, broadcast, status, window and cancel",
        },
        help: "the API key that these commands present",
        example: "the tp_… that `turnpike apply` printed",
        secret: true,
    },
    Variable {
        name: "TURNPIKE_OTLP_URL",
        fallback: Fallback::Chosen("nowhere"),
        help: "where traces go: the base address of an OpenTelemetry collector that takes OTLP over HTTP",
        example: "http://127.0.0.1:4318",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_LOG",
        fallback: Fallback::Default("info"),
        help: "what is logged: a level, or levels per module",
        example: "info,sender=debug",
        secret: false,
    },
    Variable {
        name: "TURNPIKE_LOG_FORMAT",
        fallback: Fallback::Chosen("text on a terminal, else json"),
        help: "how it is logged: text or json",
        example: "json",
        secret: false,
    },
];

/// The whole table as text, for `--help` and for `deploy/env.example`.
pub fn describe() -> String {
    let mut text = String::new();
    for variable in VARIABLES {
        let fallback = match variable.fallback {
            Fallback::Required { by } => format!("required by {by}"),
            Fallback::Default(value) => format!("default {value}"),
            Fallback::Chosen(how) => format!("default {how}"),
        };
        writeln!(text, "{}\n    {} ({fallback})", variable.name, variable.help)
            .expect("writing to a string cannot fail");
    }
    text.push_str("Each one also as <NAME>_FILE: the path of a file that holds the value.\n");
    text
}

pub(super) fn find(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

/// The known name nearest to a mistyped one, when it is near enough to be meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix("_FILE").unwrap_or(name);
    VARIABLES
        .iter()
        .map(|variable| (distance(name, variable.name), variable.name))
        .min()
        .filter(|(edits, known)| edits * 3 <= known.len() - "TURNPIKE_".len())
        .map(|(_, known)| known)
}

/// Levenshtein distance: how many letters to insert, remove or replace.
fn distance(left: &str, right: &str) -> usize {
    let right = right.as_bytes();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, letter) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_the_one_that_was_meant() {
        for (typed, meant) in [
            ("TURNPIKE_DATABSE_URL", Some("TURNPIKE_DATABASE_URL")),
            ("TURNPIKE_DATABASE_URI", Some("TURNPIKE_DATABASE_URL")),
            ("TURNPIKE_SECRETKEY_FILE", Some("TURNPIKE_SECRET_KEY")),
            ("TURNPIKE_LOGS", Some("TURNPIKE_LOG")),
            ("TURNPIKE_BREAKFAST", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
    }

    #[test]
    fn distances_count_single_letter_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn every_variable_is_described_once() {
        let text = describe();
        for variable in VARIABLES {
            let lines = text.lines().filter(|line| *line == variable.name).count();
            assert_eq!(lines, 1, "{}", variable.name);
        }
    }
}
