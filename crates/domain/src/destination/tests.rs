use std::net::IpAddr;

use super::*;

/// Addresses that a stranger may not make us call, each for its own reason.
const REFUSED: &[&str] = &[
    // Literal addresses inside, in every notation a client understands.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0/",
    "https://0.0.0.0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0x7f.1/",
    "https://127.0.0.1./",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://0xc0a80101/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0251.0376.0251.0376/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://198.51.100.7/",
    "https://203.0.113.9/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[100::1]/",
    // Names that mean something inside.
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://db/",
    "https://api.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://metadata.google.internal./",
    // Other doors.
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "unix:/run/docker.sock",
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://example.com@127.0.0.1/",
    "https://:pw@example.com/",
    "https://example.com:22/",
    "https://example.com:5432/",
    "https://example.com:80/",
    "https://example.com:0/",
    "https://example.com:65536/",
    // Not addresses, or ones that readers disagree about.
    "",
    "example.com",
    "//example.com/",
    "https://",
    "https:///",
    "https://exa mple.com/",
    "https://example.com\\@127.0.0.1/",
    "https:\\\\example.com",
    "https://example.com/\r\nHost: inside",
    "https://exam\tple.com/",
    "https://[::1",
    "https://256.1.1.1/",
    "https://1.2.3.4.5/",
];

#[test]
fn what_is_inside_hidden_or_unusual_is_refused() {
    for address in REFUSED {
        assert!(
            Destination::parse(address, &Policy::default()).is_err(),
            "{address} was taken"
        );
    }
}

#[test]
fn the_public_internet_over_https_is_taken() {
    for address in [
        "https://example.com",
        "https://example.com/hooks?id=1",
        "https://example.com:443/hooks",
        "https://hooks.example.co.uk:8443/",
        "https://EXAMPLE.com./",
        "https://münchen.example/",
        "https://8.8.8.8/",
        "https://172.15.0.1/",
        "https://172.32.0.1/",
        "https://100.63.255.255/",
        "https://100.128.0.1/",
        "https://[2606:4700::1111]/",
        "https://[2a00:1450:4001::200e]/",
    ] {
        let taken = Destination::parse(address, &Policy::default());
        assert!(taken.is_ok(), "{address}: {taken:?}");
    }
}

#[test]
fn a_refusal_says_why() {
    let why = |address| Destination::parse(address, &Policy::default()).unwrap_err().to_string();

    assert_eq!(why("http://example.com"), "only https:// is called");
    assert_eq!(why("https://0x7f.1"), "the host's address is not public: this machine");
    assert_eq!(why("https://example.com:22"), "only the ports 443 and 8443 are called");
    assert!(why(&format!("https://example.com/{}", "a".repeat(MAX_LENGTH))).contains("2048"));
}

#[test]
fn exceptions_open_what_they_name_and_nothing_else() {
    let policy: Policy = "http, any-port, 127.0.0.0/8, fd00:1::/32".parse().unwrap();
    let taken = |address| Destination::parse(address, &policy).is_ok();

    assert!(taken("http://127.0.0.1:40123/hook"));
    assert!(
        taken("http://receiver:8080/hook"),
        "a name inside, where the network is allowed"
    );
    assert!(taken("https://[fd00:1::5]/"));
    assert!(!taken("http://10.0.0.1/"));
    assert!(!taken("http://169.254.169.254/"));
    assert!(!taken("http://[::ffff:127.0.0.1]/"), "no other coat");
    assert!(!taken("http://[fd00:2::5]/"));
    assert!(!taken("ftp://127.0.0.1/"));
    assert!(!taken("http://user@127.0.0.1/"));
}

#[test]
fn a_policy_that_cannot_be_read_is_refused() {
    for text in [
        "https",
        "10.0.0.0/33",
        "10.0.0/8",
        "fd00::/129",
        "any",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
    ] {
        assert!(text.parse::<Policy>().is_err(), "{text}");
    }
    assert_eq!("".parse(), Ok(Policy::default()));
    assert_eq!(" , ".parse(), Ok(Policy::default()));
}

#[test]
fn a_network_ends_where_it_says() {
    let inside = |network: &str, address: &str| {
        let network: Network = network.parse().unwrap();
        network.contains(address.parse::<IpAddr>().unwrap())
    };

    assert!(inside("10.0.0.0/8", "10.255.255.255") && !inside("10.0.0.0/8", "11.0.0.0"));
    assert!(inside("0.0.0.0/0", "8.8.8.8") && !inside("0.0.0.0/0", "::1"));
    assert!(inside("192.168.1.7", "192.168.1.7") && !inside("192.168.1.7", "192.168.1.8"));
    assert!(inside("::/0", "::1") && inside("fd00::/8", "fdff::1") && !inside("fd00::/8", "fe00::1"));
}

proptest::proptest! {
    /// Whatever a stranger writes, an answer comes, and a literal address that was taken is a public one.
    #[test]
    fn no_notation_of_an_inner_address_gets_through(number: u32, notation in 0_u8..4) {
        let address = std::net::Ipv4Addr::from_bits(number);
        let [a, b, c, d] = address.octets();
        let host = match notation {
            0 => address.to_string(),
            1 => number.to_string(),
            2 => format!("0x{number:x}"),
            _ => format!("0{a:o}.0x{b:x}.{}", u16::from_be_bytes([c, d])),
        };
        let taken = Destination::parse(&format!("https://{host}/"), &Policy::default()).is_ok();
        proptest::prop_assert_eq!(taken, objection(address.into(), &[]).is_none());
    }

    #[test]
    fn any_text_gets_an_answer(text: String) {
        let _ = Destination::parse(&text, &Policy::default());
        let _ = Destination::parse(&format!("https://{text}"), &Policy::default());
    }
}
