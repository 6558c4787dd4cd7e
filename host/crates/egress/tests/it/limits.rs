//! Time and turns.

use std::sync::Arc;
use std::time::Duration;

use chancery_egress::{Client, Egress, EgressOptions, TrustRoots};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::server::{Event, OK, Reply, Server};
use crate::world::{Answers, LONG, client, get, kind, local, policy};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_response_must_be_complete_in_time() {
    for (reply, what) in [
        (Reply::Hang(Vec::new()), "never answers"),
        (Reply::Hang(b"HTTP/1.1 200 OK\r\nx: ".to_vec()), "stops in its head"),
        (Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx".to_vec()), "stops in its body"),
        (Reply::Hang(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n".to_vec()), "never ends"),
        (Reply::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), "is about to"),
    ] {
        let mut server = Server::always(reply).await;
        let mut policy = policy(&[server.origin()]);
        policy.timeout = SHORT;
        let error = get(&client(&policy), &server.origin()).await.unwrap_err();
        assert_eq!(kind(&error), "timeout", "{what}: {error:?}");
        server.wait_for(Event::Closed).await;
    }
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://registry.test:{}", server.local_addr().unwrap().port());
    let drip = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = server.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await.unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(5));
        let mut dripped = 0;
        while stream.write_all(b"x").await.is_ok() {
            dripped += 1;
            tick.tick().await;
        }
        dripped
    });
    let mut policy = policy(std::slice::from_ref(&origin));
    policy.timeout = SHORT;
    assert_eq!(kind(&get(&client(&policy), &origin).await.unwrap_err()), "timeout");
    assert!(drip.await.unwrap() > 1, "it dripped until it was cut off");
}

#[tokio::test]
async fn a_connection_must_stand_in_time() {
    // Takes the connection and says nothing of TLS.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://registry.test:{}", silent.local_addr().unwrap().port());
    let authority = rcgen::generate_simple_self_signed(["registry.test".to_owned()]).unwrap().cert.pem();
    let roots = TrustRoots::from_pem(authority.as_bytes()).unwrap();
    let resolver = Answers::new("registry.test", &[&["127.0.0.1"]]);
    let mut policy = policy(std::slice::from_ref(&origin));
    policy.connect_timeout = SHORT;
    let client = Client::new(&policy, &Egress::new(&EgressOptions::default(), resolver, roots)).unwrap();
    assert_eq!(kind(&get(&client, &origin).await.unwrap_err()), "connect timeout");
}

#[tokio::test]
async fn a_client_has_so_many_turns_and_no_more() {
    let leave = Arc::new(Semaphore::new(0));
    let mut server = Server::always(Reply::OnLeave(Arc::clone(&leave))).await;
    let mut policy = policy(&[server.origin()]);
    policy.concurrency = 1;
    policy.queue_wait = Duration::from_millis(20);
    let client = client(&policy);
    let (other, origin) = (client.clone(), server.origin());
    let first = tokio::spawn(async move { get(&other, &origin).await });
    server.wait_for(Event::Request).await;
    let error = get(&client, &server.origin()).await.unwrap_err();
    assert_eq!(kind(&error), "busy");
    assert!(error.detail().contains("of this client"), "{error:?}");
    leave.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(get(&client, &server.origin()).await.unwrap().status(), 200);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_process_has_so_many_turns_and_no_more() {
    let leave = Arc::new(Semaphore::new(0));
    let mut server = Server::always(Reply::OnLeave(Arc::clone(&leave))).await;
    let options = EgressOptions { concurrency: 1, queue_wait: Duration::from_millis(20), ..EgressOptions::default() };
    let egress = Egress::new(&options, Answers::new("registry.test", &[&["127.0.0.1"]]), TrustRoots::none());
    let policy = policy(&[server.origin()]);
    let (one, two) = (Client::new(&policy, &egress).unwrap(), Client::new(&policy, &egress).unwrap());
    let origin = server.origin();
    let first = tokio::spawn(async move { get(&one, &origin).await });
    server.wait_for(Event::Request).await;
    let error = get(&two, &server.origin()).await.unwrap_err();
    assert_eq!(kind(&error), "busy");
    assert!(error.detail().contains("of the whole process"), "{error:?}");
    leave.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(get(&two, &server.origin()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn those_who_wait_get_their_turn() {
    let server = Server::always(Reply::keep(OK)).await;
    let mut policy = policy(&[server.origin()]);
    policy.concurrency = 1;
    policy.queue_wait = LONG;
    let client = client(&policy);
    let all: Vec<_> = (0..8)
        .map(|_| {
            let (client, origin) = (client.clone(), server.origin());
            tokio::spawn(async move { get(&client, &origin).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!((server.requests().len(), server.connections()), (8, 1));
}

#[tokio::test]
async fn a_dropped_request_ends_its_connection_and_gives_back_its_turn() {
    let mut server =
        Server::with(|number, _| if number == 0 { Reply::Hang(Vec::new()) } else { Reply::keep(OK) }).await;
    let mut policy = policy(&[server.origin()]);
    policy.concurrency = 1;
    let client = Client::new(&policy, &local()).unwrap();
    let (other, origin) = (client.clone(), server.origin());
    let first = tokio::spawn(async move { get(&other, &origin).await });
    server.wait_for(Event::Request).await;
    first.abort();
    server.wait_for(Event::Closed).await;
    assert_eq!(get(&client, &server.origin()).await.unwrap().status(), 200);
}
