use super::*;

fn of(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|e| format!("not a URL: {e}"))?;
    Origin::of(&uri).map(|origin| origin.to_string()).map_err(str::to_owned)
}

#[test]
fn spellings_of_one_origin_are_equal() {
    for (url, origin) in [
        ("https://registry.example", "https://registry.example"),
        ("https://registry.example:443/a?b=c", "https://registry.example"),
        ("http://registry.example:80", "http://registry.example"),
        ("http://registry.example:443", "http://registry.example:443"),
        ("HTTPS://Registry.EXAMPLE/Path", "https://registry.example"),
        ("https://registry.example:0443/", "https://registry.example"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://2130706433", "http://127.0.0.1"),
        ("http://0x7f.1", "http://127.0.0.1"),
        ("http://0177.0.0.1", "http://127.0.0.1"),
        ("http://127.1", "http://127.0.0.1"),
        ("http://127.0.0.1.", "http://127.0.0.1"),
        ("http://0xa9fea9fe", "http://169.254.169.254"),
        ("http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"),
        ("http://[FD00::1]:9000", "http://[fd00::1]:9000"),
    ] {
        assert_eq!(of(url).as_deref(), Ok(origin), "{url}");
    }
}

#[test]
fn what_is_no_plain_origin_is_refused() {
    for url in [
        "/relative",
        "registry.example:443",
        "ftp://registry.example",
        "file:///etc/passwd",
        "https://user@registry.example",
        "https://user:password@registry.example",
        "https://@registry.example",
        "https://registry.example@evil.example",
        "https://registry.example.",
        "https://registry.example.:443",
        "https://registry..example",
        "https://.registry.example",
        "https://*.example.gov",
        "https://registry.example:0",
        "https://registry.example:65536",
        "https://registry.example:-1",
        "https://256.256.256.256",
        "https://1.2.3.4.5",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:7f00:1]",
        "http://[fe80::1%25eth0]",
        "http://[::1",
        "http://",
        "https://registry.example%00.evil.example",
        "https://registry.example%2f.evil.example",
        "https://registry.example%0d%0a",
        "https://registry.example\\@evil.example",
        "https://reg istry.example",
        "http://127%2e0.0.1",
        "http://%6c%6fcalhost",
    ] {
        assert!(of(url).is_err(), "{url}: {:?}", of(url));
    }
    let long = format!("https://{}.example", "a".repeat(64));
    assert!(of(&long).is_err());
    assert!(of(&format!("https://{}example", "a.".repeat(130))).is_err());
}

#[test]
fn entries_match_scheme_host_and_port() {
    let allows =
        |entry: &str, url: &str| AllowEntry::parse(entry).unwrap().matches(&Origin::of(&url.parse().unwrap()).unwrap());
    for (entry, url) in [
        ("https://registry.example.gov", "https://registry.example.gov:443/x"),
        ("https://registry.example.gov:443", "https://REGISTRY.example.gov"),
        ("https://Registry.Example.gov", "https://registry.example.gov"),
        ("http://127.0.0.1:9000", "http://2130706433:9000"),
        ("http://[::1]:9000", "http://[0::1]:9000"),
        ("https://*.example.gov:8443", "https://registry.example.gov:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://registry:8080", "http://registry:8080"),
    ] {
        assert!(allows(entry, url), "{entry} and {url}");
    }
    for (entry, url) in [
        ("https://registry.example.gov", "http://registry.example.gov"),
        ("https://registry.example.gov", "http://registry.example.gov:443"),
        ("https://registry.example.gov", "https://registry.example.gov:8443"),
        ("https://registry.example.gov", "https://registry.example.gov.evil.example"),
        ("https://registry.example.gov", "https://evil-registry.example.gov"),
        ("https://registry.example.gov", "https://a.registry.example.gov"),
        ("https://*.example.gov", "https://example.gov"),
        ("https://*.example.gov", "https://a.b.example.gov"),
        ("https://*.example.gov", "https://a.example.gov.evil.example"),
        ("https://*.example.gov", "https://evilexample.gov"),
        ("https://*.0.0.example", "https://127.0.0.1"),
    ] {
        assert!(!allows(entry, url), "{entry} and {url}");
    }
}

#[test]
fn refused_entries_say_what_to_write() {
    for (entry, advice) in [
        ("*", "would allow every host"),
        ("", "would allow every host"),
        ("registry.example.gov", "write `https://registry.example.gov`"),
        ("https://*", "may only be the whole first label"),
        ("https://*.gov", "at least two labels"),
        ("https://*.127.0.0.1", "at least two labels"),
        ("https://*.", "the host or port is malformed"),
        ("https://a.*.gov", "may only be the whole first label"),
        ("https://*a.example.gov", "may only be the whole first label"),
        ("https://*.*.gov", "may only be the whole first label"),
        ("https://registry.example.gov/", "end after host and port"),
        ("https://registry.example.gov/v1", "end after host and port"),
        ("https://registry.example.gov?a", "end after host and port"),
        ("https://registry.example.gov#a", "end after host and port"),
        ("https://registry.example.gov\\a", "end after host and port"),
        ("https://user:password@registry.example.gov", "a user name"),
        ("https://registry.example.gov.", "a dot at the end"),
        ("https://registry.example.gov:*", "may only be the whole first label"),
        ("https://registry.example.gov:0", "port 0"),
        ("https://registry.example.gov\r\n", "white space"),
        (" https://registry.example.gov", "white space"),
        ("https://registry .example.gov", "white space"),
        ("ftp://registry.example.gov", "only `https` and `http`"),
        ("http://[::ffff:10.0.0.1]", "write the IPv4 address itself"),
        ("https://", "the host or port is malformed"),
    ] {
        let problem = AllowEntry::parse(entry).unwrap_err();
        assert!(problem.contains(advice), "{entry:?}: {problem}");
    }
}

#[test]
fn targets_name_hosts_with_or_without_a_port() {
    let matches =
        |target: &str, url: &str| Target::parse(target).unwrap().matches(&Origin::of(&url.parse().unwrap()).unwrap());
    for (target, url, expected) in [
        ("a.example.gov", "https://a.example.gov", true),
        ("a.example.gov", "http://A.example.gov:8080", true),
        ("a.example.gov:443", "https://a.example.gov", true),
        ("a.example.gov:443", "https://a.example.gov:8443", false),
        ("*.example.gov", "https://a.example.gov", true),
        ("*.example.gov", "https://example.gov", false),
        ("[::1]", "http://[::1]:9000", true),
        ("[::1]:9000", "http://[::1]:9001", false),
        ("127.0.0.1", "http://127.1:9000", true),
    ] {
        assert_eq!(matches(target, url), expected, "{target} and {url}");
    }
    for target in ["https://a.example.gov", "a.example.gov/path", "user@a.example.gov", "*", ""] {
        assert!(Target::parse(target).is_err(), "{target:?}");
    }
}
