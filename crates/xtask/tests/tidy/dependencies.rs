//! Dependencies point inward: domain <- store, broker, meta <- roles <- turnpike.

use crate::metadata::{Dependency, Package, packages};
use crate::none;

const ADAPTERS: [&str; 4] = ["store", "broker", "meta", "outbound"];
const ROLES: [&str; 5] = ["ingest", "scheduler", "sender", "receipts", "notifier"];

/// What reaches outside of the process, or waits: nothing a rule may do.
const OUTSIDE: [&str; 14] = [
    "async-trait",
    "axum",
    "deadpool-postgres",
    "futures-util",
    "hyper",
    "hyper-util",
    "lapin",
    "metrics",
    "nix",
    "reqwest",
    "tokio",
    "tokio-postgres",
    "tokio-util",
    "tracing",
];

/// Who may name an outside system's client, so that its quirks stay behind one door. Tests are no exception.
const DOORS: [(&str, &[&str]); 5] = [
    ("tokio-postgres", &["store"]),
    ("deadpool-postgres", &["store"]),
    ("tokio-postgres-rustls", &["store"]),
    ("lapin", &["broker"]),
    // Unmaintained: one place to replace it.
    ("backoff", &["runtime"]),
];

/// Who may speak HTTP to others: meta to Meta, outbound to addresses that strangers name, turnpike is the API from a terminal.
const HTTP_CLIENTS: [&str; 7] = [
    "meta",
    "notifier",
    "outbound",
    "simulator",
    "turnpike",
    "testkit",
    "xtask",
];

/// Every dependency for which `wrong` says so, as `package -> dependency`.
fn offences(packages: &[Package], rule: &str, wrong: impl Fn(&Package, &Dependency) -> bool) -> Vec<String> {
    let mut offences = Vec::new();
    for package in packages {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| wrong(package, dependency))
        {
            offences.push(format!("{} -> {}: {rule}", package.name, dependency.name));
        }
    }
    offences
}

fn is_ours(packages: &[Package], name: &str) -> bool {
    packages.iter().any(|package| package.name == name)
}

fn domain_is_pure(packages: &[Package]) -> Vec<String> {
    offences(
        packages,
        "domain has no IO and knows no other crate of ours",
        |package, dependency| {
            let outside = OUTSIDE.contains(&dependency.name.as_str()) && !dependency.dev;
            package.name == "domain" && (outside || is_ours(packages, &dependency.name))
        },
    )
}

#[test]
fn domain_depends_on_none_of_ours_and_reaches_nothing_outside() {
    none(&domain_is_pure(packages()));
}

#[test]
fn a_domain_that_waits_or_stores_is_found() {
    let domain = Package::example("domain", &["chrono", "tokio", "dev:store", "dev:proptest"]);

    let found = domain_is_pure(&[domain, Package::example("store", &["tokio"])]);

    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("domain -> tokio") && found[1].starts_with("domain -> store"));
}

fn adapters_know_only_domain(packages: &[Package]) -> Vec<String> {
    offences(
        packages,
        "an adapter knows domain and no other crate of ours",
        |package, dependency| {
            let allowed = dependency.name == "domain" || dependency.dev;
            ADAPTERS.contains(&package.name.as_str()) && !allowed && is_ours(packages, &dependency.name)
        },
    )
}

#[test]
fn adapters_depend_on_domain_only() {
    none(&adapters_know_only_domain(packages()));
}

#[test]
fn an_adapter_that_knows_another_is_found() {
    let store = Package::example("store", &["domain", "broker", "dev:testkit", "tokio-postgres"]);
    let others = ["domain", "broker", "testkit"].map(|name| Package::example(name, &[]));

    let found = adapters_know_only_domain(&[&[store], &others[..]].concat());

    assert_eq!(
        found,
        ["store -> broker: an adapter knows domain and no other crate of ours"]
    );
}

fn roles_are_strangers(packages: &[Package]) -> Vec<String> {
    offences(
        packages,
        "roles meet in PostgreSQL and RabbitMQ only",
        |package, dependency| ROLES.contains(&package.name.as_str()) && ROLES.contains(&dependency.name.as_str()),
    )
}

#[test]
fn roles_do_not_depend_on_each_other() {
    none(&roles_are_strangers(packages()));
}

#[test]
fn a_role_that_calls_another_is_found() {
    let found = roles_are_strangers(&[Package::example("scheduler", &["store", "dev:sender"])]);

    assert_eq!(
        found,
        ["scheduler -> sender: roles meet in PostgreSQL and RabbitMQ only"]
    );
}

fn clients_stay_behind_their_door(packages: &[Package]) -> Vec<String> {
    DOORS
        .iter()
        .flat_map(|(client, doors)| {
            let rule = format!("only {} may name it", doors.join(", "));
            offences(packages, &rule, |package, dependency| {
                dependency.name == *client && !doors.contains(&package.name.as_str())
            })
        })
        .collect()
}

#[test]
fn each_outside_system_has_one_door() {
    none(&clients_stay_behind_their_door(packages()));
}

#[test]
fn a_second_door_is_found() {
    let found = clients_stay_behind_their_door(&[
        Package::example("store", &["tokio-postgres", "deadpool-postgres"]),
        Package::example("sender", &["backoff", "dev:tokio-postgres"]),
        Package::example("ingest", &["lapin"]),
    ]);

    assert_eq!(
        found,
        [
            "sender -> tokio-postgres: only store may name it",
            "ingest -> lapin: only broker may name it",
            "sender -> backoff: only runtime may name it",
        ]
    );
}

fn http_clients(packages: &[Package]) -> Vec<String> {
    offences(
        packages,
        "it has no business with HTTP clients",
        |package, dependency| {
            let allowed = dependency.dev || HTTP_CLIENTS.contains(&package.name.as_str());
            dependency.name == "reqwest" && !allowed
        },
    )
}

#[test]
fn only_those_with_business_outside_speak_http() {
    none(&http_clients(packages()));
}

#[test]
fn a_role_that_posts_by_itself_is_found() {
    let packages = [
        Package::example("sender", &["reqwest"]),
        Package::example("meta", &["reqwest", "dev:reqwest"]),
    ];

    assert_eq!(
        http_clients(&packages),
        ["sender -> reqwest: it has no business with HTTP clients"]
    );
}

fn referee_is_independent(packages: &[Package]) -> Vec<String> {
    offences(
        packages,
        "the referee shares no code with the players",
        |package, dependency| {
            let for_its_tests = dependency.name == "testkit" && dependency.dev;
            package.name == "simulator" && is_ours(packages, &dependency.name) && !for_its_tests
        },
    )
}

#[test]
fn the_simulator_depends_on_none_of_ours() {
    none(&referee_is_independent(packages()));
}

#[test]
fn a_partial_referee_is_found() {
    let simulator = Package::example("simulator", &["axum", "domain", "dev:testkit"]);
    let others = ["domain", "testkit"].map(|name| Package::example(name, &[]));

    let found = referee_is_independent(&[&[simulator], &others[..]].concat());

    assert_eq!(
        found,
        ["simulator -> domain: the referee shares no code with the players"]
    );
}

fn testkit_is_for_tests(packages: &[Package]) -> Vec<String> {
    offences(packages, "testkit is for tests and xtask", |package, dependency| {
        dependency.name == "testkit" && !dependency.dev && package.name != "xtask"
    })
}

#[test]
fn testkit_is_for_tests_and_xtask_only() {
    none(&testkit_is_for_tests(packages()));
}

#[test]
fn a_program_that_ships_testkit_is_found() {
    let packages = [
        Package::example("turnpike", &["testkit"]),
        Package::example("store", &["dev:testkit"]),
    ];

    assert_eq!(
        testkit_is_for_tests(&packages),
        ["turnpike -> testkit: testkit is for tests and xtask"]
    );
}
