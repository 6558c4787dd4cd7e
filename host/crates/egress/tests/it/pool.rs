//! Connections that are kept.

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use chancery_egress::{Client, Egress, EgressOptions, TrustRoots};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Event, OK, Reply, Server};
use crate::world::{Answers, client, get, kind, local, policy, request};

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let server = Server::always(Reply::keep(OK)).await;
    let client = client(&policy(&[server.origin()]));
    for _ in 0..20 {
        assert_eq!(get(&client, &server.origin()).await.unwrap().body(), "ok");
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_ready_again_when_its_response_is_there() {
    let server = Server::always(Reply::keep(OK)).await;
    let client = client(&policy(&[server.origin()]));
    for _ in 0..300 {
        assert_eq!(get(&client, &server.origin()).await.unwrap().body(), "ok");
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 300));
}

#[tokio::test]
async fn a_connection_whose_server_answers_early_and_reads_no_further_is_not_used_again() {
    // More than all the buffers on the way.
    const UPLOAD: usize = 64 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://registry.test:{}", listener.local_addr().unwrap().port());
    let mut policy = policy(std::slice::from_ref(&origin));
    policy.request_max = 64 << 20;
    let client = client(&policy);
    let upload = Request::post(&origin).body(Bytes::from(vec![b'x'; UPLOAD])).unwrap();
    let answer = async |stream: &mut TcpStream| {
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(OK.as_bytes()).await.unwrap();
    };
    let first = async {
        let mut stream = listener.accept().await.unwrap().0;
        answer(&mut stream).await;
        stream
    };
    let (response, mut unread) = tokio::join!(client.send(upload), first);
    assert_eq!(response.unwrap().status(), 200);
    let second = async { answer(&mut listener.accept().await.unwrap().0).await };
    let (response, ()) = tokio::join!(get(&client, &origin), second);
    assert_eq!(response.unwrap().status(), 200);

    // Nobody waits for the upload any more, so nobody goes on with it.
    drop(client);
    let mut received = 0;
    let mut buffer = vec![0; 1 << 16];
    while received < UPLOAD
        && let Ok(read @ 1..) = unread.read(&mut buffer).await
    {
        received += read;
    }
    assert!(received < UPLOAD, "{received}");
}

#[tokio::test]
async fn connections_are_not_shared_by_clients_or_origins() {
    let server = Server::always(Reply::keep(OK)).await;
    let by_address = format!("http://{}", server.address);
    let policy = policy(&[server.origin(), by_address.clone()]);
    let egress = local();
    let (one, two) = (Client::new(&policy, &egress).unwrap(), Client::new(&policy, &egress).unwrap());
    for client in [&one, &two] {
        for url in [&server.origin(), &by_address] {
            get(client, url).await.unwrap();
            get(client, url).await.unwrap();
        }
    }
    assert_eq!((server.connections(), server.requests().len()), (4, 8));
}

#[tokio::test]
async fn no_more_connections_are_kept_than_there_is_room_for() {
    let server = Server::always(Reply::keep(OK)).await;
    let mut none = policy(&[server.origin()]);
    none.idle = 0;
    let own = Client::new(&none, &local()).unwrap();
    let options = EgressOptions { idle: 0, ..EgressOptions::default() };
    let full = Egress::new(&options, Answers::new("registry.test", &[&["127.0.0.1"]]), TrustRoots::none());
    let shared = Client::new(&policy(&[server.origin()]), &full).unwrap();
    for client in [own, shared] {
        let before = server.connections();
        for _ in 0..3 {
            get(&client, &server.origin()).await.unwrap();
        }
        assert_eq!(server.connections() - before, 3, "{:?}", server.requests());
    }
}

#[tokio::test]
async fn connections_end_when_they_have_waited_too_long() {
    let mut server = Server::always(Reply::keep(OK)).await;
    let mut policy = policy(&[server.origin()]);
    policy.idle_timeout = Duration::from_millis(20);
    let client = client(&policy);
    for _ in 0..2 {
        get(&client, &server.origin()).await.unwrap();
        server.wait_for(Event::Closed).await;
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn connections_end_with_their_client() {
    let mut server = Server::always(Reply::keep(OK)).await;
    let client = client(&policy(&[server.origin()]));
    get(&client, &server.origin()).await.unwrap();
    drop(client);
    server.wait_for(Event::Closed).await;
}

#[tokio::test]
async fn a_response_that_nobody_asked_for_is_given_to_nobody() {
    let evil = format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    let server =
        Server::with(move |number, _| Reply::keep(if number == 0 { evil.clone() } else { OK.to_owned() })).await;
    let client = client(&policy(&[server.origin()]));
    for _ in 0..3 {
        assert_eq!(get(&client, &server.origin()).await.unwrap().body(), "ok");
    }
    assert_eq!(server.connections(), 2);
}

/// Answers the first request, and closes without a word when the second comes on the same connection.
async fn forgetful() -> Server {
    Server::with(|number, _| if number == 1 { Reply::close("") } else { Reply::keep(OK) }).await
}

#[tokio::test]
async fn a_harmless_request_is_repeated_when_a_kept_connection_is_dead() {
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let server = forgetful().await;
        let client = client(&policy(&[server.origin()]));
        get(&client, &server.origin()).await.unwrap();
        // `OK` has a body, which is no part of the answer to HEAD.
        let answered = client.send(request(method, &server.origin())).await.unwrap();
        assert_eq!(answered.status(), 200, "{method}");
        assert_eq!((server.connections(), server.requests().len()), (2, 3), "{method}");
    }
}

#[tokio::test]
async fn a_request_that_may_have_had_an_effect_is_not_repeated() {
    for method in ["POST", "PATCH", "OTHER"] {
        let server = forgetful().await;
        let client = client(&policy(&[server.origin()]));
        get(&client, &server.origin()).await.unwrap();
        let error = client.send(request(method, &server.origin())).await.unwrap_err();
        assert_eq!(kind(&error), "protocol", "{method}: {error:?}");
        assert_eq!((server.connections(), server.requests().len()), (1, 2), "{method}");
    }
}

#[tokio::test]
async fn nothing_is_repeated_on_a_fresh_connection() {
    let server = Server::always(Reply::close("")).await;
    let client = client(&policy(&[server.origin()]));
    assert_eq!(kind(&get(&client, &server.origin()).await.unwrap_err()), "protocol");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_with_half_a_response_is_not_kept() {
    let server = Server::with(|number, _| {
        Reply::keep(if number == 0 {
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_owned()
        } else {
            OK.to_owned()
        })
    })
    .await;
    let mut policy = policy(&[server.origin()]);
    policy.response_max = 10;
    let client = client(&policy);
    assert_eq!(kind(&get(&client, &server.origin()).await.unwrap_err()), "response too large");
    assert_eq!(get(&client, &server.origin()).await.unwrap().body(), "ok");
    assert_eq!(server.connections(), 2);
}

/// Runs another test of this binary where the environment names a proxy that does not exist.
#[test]
fn no_environment_variable_names_a_proxy() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "pool::a_connection_serves_one_request_after_the_other"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
