use super::*;
use crate::policy::{ClientIdentity, Networks, Secret};

fn rules(policy: &Policy) -> Result<Rules, PolicyError> {
    Rules::new(policy, &TrustRoots::none())
}

fn with_header(allow: &[&str], host: &str, header: &str, value: &str) -> Result<Rules, PolicyError> {
    let mut policy = Policy::new(allow.iter().copied());
    policy.inject =
        vec![InjectedHeader { host: host.to_owned(), header: header.to_owned(), value: Secret::new(value) }];
    rules(&policy)
}

fn admit(rules: &Rules, url: &str) -> Result<Outgoing, EgressError> {
    rules.admit(Request::get(url).body(Bytes::new()).unwrap())
}

#[test]
fn the_host_writes_target_and_host_header() {
    let rules = rules(&Policy::new(["http://registry.example.gov", "http://registry.example.gov:8080"])).unwrap();
    for (url, target, host) in [
        ("http://registry.example.gov", "/", "registry.example.gov"),
        ("http://REGISTRY.example.gov:80/a/../b?c=%2e%2e", "/a/../b?c=%2e%2e", "registry.example.gov"),
        ("http://registry.example.gov:8080?q=1", "/?q=1", "registry.example.gov:8080"),
    ] {
        let outgoing = admit(&rules, url).unwrap().request;
        assert_eq!((outgoing.uri().to_string().as_str(), outgoing.version()), (target, Version::HTTP_11), "{url}");
        assert_eq!(outgoing.headers()[HOST], host, "{url}");
    }
}

#[test]
fn headers_of_the_host_are_refused_from_senders() {
    let rules =
        with_header(&["http://a.example.gov", "http://b.example.gov"], "a.example.gov", "Authorization", "x").unwrap();
    let send = |url: &str, name: &str| rules.admit(Request::get(url).header(name, "1").body(Bytes::new()).unwrap());
    for name in [
        "Host",
        "Connection",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Proxy-Anything",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Expect",
        "Content-Length",
        "HTTP2-Settings",
    ] {
        let error = send("http://b.example.gov", name).unwrap_err();
        assert!(error.to_string().contains(&name.to_lowercase()), "{name}: {error}");
    }
    assert!(matches!(send("http://a.example.gov", "authorization"), Err(EgressError::Denied { .. })));
    assert!(send("http://b.example.gov", "authorization").is_ok(), "no header is injected there");
    assert!(send("http://a.example.gov", "accept").is_ok());
}

#[test]
fn requests_have_limits() {
    let mut policy = Policy::new(["http://a.example.gov"]);
    policy.request_max = 3;
    let rules = rules(&policy).unwrap();
    let post = |body: &'static str| rules.admit(Request::post("http://a.example.gov").body(Bytes::from(body)).unwrap());
    assert!(post("abc").is_ok());
    assert_eq!(post("abcd").unwrap_err(), EgressError::RequestTooLarge { limit: 3 });

    let with_headers = |count: usize, size: usize| {
        let mut request = Request::get("http://a.example.gov");
        for i in 0..count {
            request = request.header(format!("x-{i:03}"), "v".repeat(size));
        }
        rules.admit(request.body(Bytes::new()).unwrap())
    };
    assert!(with_headers(64, 1).is_ok());
    assert!(matches!(with_headers(65, 1), Err(EgressError::Denied { .. })));
    assert!(with_headers(1, (16 << 10) - 5).is_ok());
    assert!(matches!(with_headers(1, (16 << 10) - 4), Err(EgressError::Denied { .. })));

    let path = |bytes: usize| admit(&rules, &format!("http://a.example.gov/{}", "p".repeat(bytes - 1)));
    assert!(path(8 << 10).is_ok());
    assert!(matches!(path((8 << 10) + 1), Err(EgressError::Denied { .. })));
}

#[test]
fn methods_that_tunnel_or_echo_are_refused() {
    let rules = rules(&Policy::new(["http://a.example.gov"])).unwrap();
    let send = |method: &str| {
        rules.admit(Request::builder().method(method).uri("http://a.example.gov/").body(Bytes::new()).unwrap())
    };
    for method in ["CONNECT", "TRACE", "TRACK"] {
        assert!(matches!(send(method), Err(EgressError::Denied { .. })), "{method}");
    }
    for method in ["GET", "POST", "PATCH", "DELETE", "PROPFIND"] {
        assert!(send(method).is_ok(), "{method}");
    }
}

#[test]
fn injected_headers_are_checked() {
    const ALLOW: [&str; 2] = ["https://a.example.gov", "http://b.example.gov:8080"];
    // There are no authorities in this test, so https would be refused for that.
    let problem = |allow: &[&str], host: &str, header: &str, value: &str| {
        let error = with_header(allow, host, header, value).unwrap_err();
        assert!(matches!(error, PolicyError::Inject { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        error.to_string()
    };
    assert!(problem(&ALLOW, "c.example.gov", "authorization", "s3cret").contains("does not name this host"));
    assert!(problem(&ALLOW, "b.example.gov:80", "authorization", "s3cret").contains("does not name this host"));
    assert!(problem(&ALLOW, "b.example.gov", "author ization", "s3cret").contains("not a header's name"));
    assert!(problem(&ALLOW, "b.example.gov", "Host", "s3cret").contains("the host's own"));
    assert!(problem(&ALLOW, "b.example.gov", "content-length", "s3cret").contains("the host's own"));
    assert!(problem(&ALLOW, "b.example.gov", "x-key", "s3cret\r\nhost: evil").contains("can't carry"));
    assert!(problem(&ALLOW, "b.example.gov", "x-key", "s3cret\n").contains("can't carry"));
    assert!(problem(&ALLOW, "b.example.gov", "x-key", "s3cret\0").contains("can't carry"));
    let both = ["https://a.example.gov", "http://a.example.gov"];
    assert!(problem(&both, "a.example.gov", "authorization", "s3cret").contains("both https and http"));
    assert!(problem(&both, "*.example.gov", "authorization", "s3cret").contains("both https and http"));
    assert!(with_header(&ALLOW[1..], "b.example.gov", "authorization", "s3cret").is_ok());
    let one_port = ["http://a.example.gov:80", "http://a.example.gov:8080"];
    assert!(with_header(&one_port, "a.example.gov:8080", "authorization", "s3cret").is_ok());

    let mut twice = Policy::new(["http://a.example.gov"]);
    for host in ["a.example.gov", "*.example.gov"] {
        let (host, header) = (host.to_owned(), "X-Key".to_owned());
        twice.inject.push(InjectedHeader { host, header, value: Secret::new("s3cret") });
    }
    assert!(rules(&twice).unwrap_err().to_string().contains("set twice"));
}

#[test]
fn addresses_in_the_allow_list_must_be_admitted() {
    for (entry, networks, accepted) in [
        ("http://127.0.0.1:9000", Networks::Public, false),
        ("http://[::1]:9000", Networks::Public, false),
        ("http://127.0.0.1:9000", Networks::Any, true),
        ("http://127.0.0.1:9000", Networks::PublicAnd(vec!["127.0.0.0/8".to_owned()]), true),
        ("http://10.0.0.1", Networks::PublicAnd(vec!["127.0.0.0/8".to_owned()]), false),
        ("http://169.254.169.254", Networks::Any, false),
        ("http://0xa9fea9fe", Networks::Any, false),
        ("http://[fd00:ec2::254]", Networks::Any, false),
        ("http://93.184.215.14", Networks::Public, true),
    ] {
        let mut policy = Policy::new([entry]);
        policy.networks = networks;
        let result = rules(&policy);
        assert_eq!(result.is_ok(), accepted, "{entry}: {result:?}");
        if let Err(error) = result {
            assert!(matches!(error, PolicyError::Allow { .. }) && error.to_string().contains("networks"), "{error}");
        }
    }
}

#[test]
fn tls_settings_are_checked() {
    let mut policy = Policy::new(["https://a.example.gov", "http://b.example.gov"]);
    let problem = |policy: &Policy| rules(policy).unwrap_err().to_string();
    assert!(problem(&policy).contains("no certificate authorities"), "https without an authority to trust");
    let set = |host: &str, ca: Option<&str>, identity| {
        vec![HostTls { host: host.to_owned(), ca: ca.map(|pem| pem.as_bytes().to_vec()), identity }]
    };
    for (host, ca, expected) in [
        ("b.example.gov", None, "does not name this host with https"),
        ("c.example.gov", None, "does not name this host with https"),
        ("a.example.gov", None, "no certificate authorities"),
        ("a.example.gov", Some(""), "ca: no certificate"),
        ("a.example.gov", Some("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), "ca: "),
    ] {
        policy.tls = set(host, ca, None);
        assert!(problem(&policy).contains(expected), "{host}: {}", problem(&policy));
    }
}

#[test]
fn a_broken_identity_is_refused_without_showing_the_key() {
    let authority = rcgen::generate_simple_self_signed(["a.example.gov".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["a.example.gov".to_owned()]).unwrap();
    let (cert, key) = (authority.cert.pem(), authority.signing_key.serialize_pem());
    let mut policy = Policy::new(["https://a.example.gov"]);
    let mut check = |cert: &str, key: &str| {
        let identity = Some(ClientIdentity { cert: cert.as_bytes().to_vec(), key: Secret::new(key) });
        policy.tls =
            vec![HostTls { host: "a.example.gov".to_owned(), ca: Some(authority.cert.pem().into_bytes()), identity }];
        let shown = format!("{policy:?}");
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
        rules(&policy).map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(check(&cert, &key), Ok(()));
    assert!(check("", &key).unwrap_err().contains("cert: no certificate"));
    assert!(check(&cert, "s3cret").unwrap_err().contains("key: "));
    assert!(!check(&cert, "s3cret").unwrap_err().contains("s3cret"));
    assert!(check(&cert, &other.signing_key.serialize_pem()).unwrap_err().contains("cert and key: "));
}

#[test]
fn policies_have_limits() {
    let name = |policy: &Policy| match rules(policy).unwrap_err() {
        PolicyError::Limit { name, .. } => name,
        other => panic!("{other}"),
    };
    assert_eq!(name(&Policy::new(Vec::<String>::new())), "allow");
    assert_eq!(name(&Policy::new(vec!["http://a.example.gov"; 257])), "allow");
    let change = |change: fn(&mut Policy)| {
        let mut policy = Policy::new(["http://a.example.gov"]);
        change(&mut policy);
        name(&policy)
    };
    assert_eq!(change(|p| p.timeout = Duration::ZERO), "timeout");
    assert_eq!(change(|p| p.connect_timeout = Duration::ZERO), "connect_timeout");
    assert_eq!(change(|p| p.concurrency = 0), "concurrency");
}
