//! Which addresses a name may lead to, and what a second answer changes.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_egress::{Client, Networks, ResolveError, Resolver};
use tokio::net::TcpListener;

use crate::server::{OK, Reply, Server};
use crate::world::{Answers, egress, get, kind, local, policy};

const CLOSE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

/// Two servers on one port, at 127.0.0.1 and 127.0.0.2, of which only the first is admitted.
async fn neighbours(reply: Reply) -> (Server, Server) {
    loop {
        let first = Server::always(reply.clone()).await;
        let port = first.address.port();
        // Another test may have the port at the other address.
        if TcpListener::bind(("127.0.0.2", port)).await.is_ok() {
            let second = Server::start(&format!("127.0.0.2:{port}"), None, |_, _| Reply::keep(OK)).await;
            return (first, second);
        }
    }
}

fn first_only(server: &Server, resolver: Arc<dyn Resolver>) -> Client {
    let mut policy = policy(&[server.origin()]);
    policy.networks = Networks::PublicAnd(vec!["127.0.0.1/32".to_owned()]);
    Client::new(&policy, &egress(resolver)).unwrap()
}

#[tokio::test]
async fn an_allowed_name_does_not_open_an_inner_address() {
    let server = Server::always(Reply::keep(OK)).await;
    let mut policy = policy(&[server.origin()]);
    for (networks, addresses) in [
        (
            Networks::Public,
            &["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "fd00::1", "64:ff9b::7f00:1", "0.0.0.0", "::"][..],
        ),
        (Networks::PublicAnd(vec!["10.0.0.0/8".to_owned()]), &["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1"]),
        (
            Networks::Any,
            &["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200"],
        ),
    ] {
        policy.networks = networks;
        for address in addresses {
            let client = Client::new(&policy, &egress(Answers::new("registry.test", &[&[*address]]))).unwrap();
            let error = get(&client, &server.origin()).await.unwrap_err();
            assert_eq!(kind(&error), "denied", "{address}: {error}");
            let parsed: IpAddr = address.parse().unwrap();
            assert!(error.detail().contains(&parsed.to_string()), "the operator sees the address: {error:?}");
            assert!(!error.to_string().contains(&parsed.to_string()), "the sender does not: {error}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn of_a_mixed_answer_only_admitted_addresses_are_tried() {
    let (first, second) = neighbours(Reply::keep(CLOSE)).await;
    for answer in [&["127.0.0.2", "127.0.0.1"][..], &["127.0.0.1", "127.0.0.2"], &["10.0.0.1", "::1", "127.0.0.1"]] {
        let client = first_only(&first, Answers::new("registry.test", &[answer]));
        assert_eq!(get(&client, &first.origin()).await.unwrap().status(), 200, "{answer:?}");
    }
    assert_eq!((first.connections(), second.connections()), (3, 0));
}

#[tokio::test]
async fn a_second_answer_changes_nothing_for_a_connection_that_stands() {
    let (first, second) = neighbours(Reply::keep(OK)).await;
    let resolver = Answers::new("registry.test", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let client = first_only(&first, resolver.clone());
    for _ in 0..2 {
        assert_eq!(get(&client, &first.origin()).await.unwrap().status(), 200);
    }
    assert_eq!(resolver.asked().len(), 1, "one question for one connection");
    assert_eq!((first.connections(), second.connections()), (1, 0));
}

#[tokio::test]
async fn a_second_answer_is_judged_like_the_first() {
    let (first, second) = neighbours(Reply::keep(CLOSE)).await;
    let resolver = Answers::new("registry.test", &[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]]);
    let client = first_only(&first, resolver.clone());
    assert_eq!(get(&client, &first.origin()).await.unwrap().status(), 200);
    assert_eq!(kind(&get(&client, &first.origin()).await.unwrap_err()), "denied");
    assert_eq!(get(&client, &first.origin()).await.unwrap().status(), 200);
    assert_eq!(resolver.asked().len(), 3, "one question for each connection");
    assert_eq!((first.connections(), second.connections()), (2, 0));
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_takes_no_connection() {
    let server = Server::always(Reply::keep(OK)).await;
    let resolver = Answers::new("registry.test", &[&["127.0.0.3", "127.0.0.4", "127.0.0.1"]]);
    let client = Client::new(&policy(&[server.origin()]), &egress(resolver)).unwrap();
    assert_eq!(get(&client, &server.origin()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_closed_port_is_a_failed_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://registry.test:{}", listener.local_addr().unwrap().port());
    drop(listener);
    let client = Client::new(&policy(std::slice::from_ref(&origin)), &local()).unwrap();
    let error = get(&client, &origin).await.unwrap_err();
    assert_eq!(kind(&error), "connect");
    assert!(error.detail().contains("127.0.0.1:") && !error.to_string().contains("127.0.0.1"), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_a_response() {
    let (first, second) = neighbours(Reply::keep(OK)).await;
    drop(first);
    for location in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("http://{}/", second.address),
        "/next".to_owned(),
    ] {
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::always(Reply::keep(answer)).await;
        let client = Client::new(&policy(&[server.origin()]), &local()).unwrap();
        let response = get(&client, &server.origin()).await.unwrap();
        assert_eq!(response.status(), 302);
        assert_eq!(response.headers()["location"], location);
        assert_eq!(server.requests().len(), 1, "nobody went there");
    }
    assert_eq!(second.connections(), 0);
}

#[derive(Debug)]
struct Silent;

#[async_trait]
impl Resolver for Silent {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, ResolveError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn name_services_fail_in_three_ways() {
    let origin = "http://registry.test:9000".to_owned();
    let mut policy = policy(std::slice::from_ref(&origin));
    policy.connect_timeout = std::time::Duration::from_millis(50);
    let resolvers: [(Arc<dyn Resolver>, &str); 3] = [
        (Answers::new("other.test", &[]), "no such name"),
        (Answers::new("registry.test", &[&[]]), "no address"),
        (Arc::new(Silent), "no answer in time"),
    ];
    for (resolver, detail) in resolvers {
        let error = get(&Client::new(&policy, &egress(resolver)).unwrap(), &origin).await.unwrap_err();
        assert_eq!(kind(&error), "dns", "{error:?}");
        assert!(error.detail().contains(detail), "{error:?}");
    }
}

#[tokio::test]
async fn the_systems_resolver_knows_this_machine() {
    let server = Server::always(Reply::keep(OK)).await;
    let origin = format!("http://localhost:{}", server.address.port());
    let system = Arc::new(chancery_egress::SystemResolver::new());
    let client = Client::new(&policy(std::slice::from_ref(&origin)), &egress(system.clone())).unwrap();
    assert_eq!(get(&client, &origin).await.unwrap().status(), 200);
    assert!(system.resolve("no-such-host.invalid").await.is_err());
}

/// Counts who asks, and never answers.
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicUsize);

#[async_trait]
impl Resolver for Counting {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, ResolveError> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::future::pending().await
    }
}

/// What a system's look-up holds is a thread, whether or not somebody still waits for it.
#[tokio::test]
async fn a_client_holds_few_look_ups_however_often_it_gives_up() {
    let counting = Arc::new(Counting::default());
    let mut policy = policy(&["http://registry.test:9000".to_owned()]);
    policy.connect_timeout = std::time::Duration::from_millis(5);
    let resolver: Arc<dyn Resolver> = Arc::clone(&counting) as _;
    let client = Client::new(&policy, &egress(resolver)).unwrap();
    for _ in 0..20 {
        let error = get(&client, "http://registry.test:9000").await.unwrap_err();
        assert_eq!(kind(&error), "dns", "{error:?}");
    }
    assert_eq!(counting.0.load(std::sync::atomic::Ordering::SeqCst), 8);
}
