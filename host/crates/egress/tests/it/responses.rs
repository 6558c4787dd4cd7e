//! What servers may answer.

use bytes::Bytes;
use chancery_egress::EgressError;
use http::Response;

use crate::server::{OK, Reply, Server};
use crate::world::{client, get, kind, policy, request};

async fn answer(reply: Reply) -> Result<Response<Bytes>, EgressError> {
    answer_within(reply, 1 << 20).await
}

async fn answer_within(reply: Reply, response_max: u64) -> Result<Response<Bytes>, EgressError> {
    let server = Server::always(reply).await;
    let mut policy = policy(&[server.origin()]);
    policy.response_max = response_max;
    get(&client(&policy), &server.origin()).await
}

fn sized(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_body_may_be_framed_in_each_of_the_three_ways() {
    for reply in [
        Reply::keep(sized("hello")),
        Reply::keep("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
        Reply::close("HTTP/1.1 200 OK\r\n\r\nhello"),
    ] {
        assert_eq!(answer(reply).await.unwrap().body(), "hello");
    }
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    assert_eq!(answer_within(Reply::keep(sized("12345")), 5).await.unwrap().body(), "12345");
    for reply in [
        Reply::keep(sized("123456")),
        Reply::keep("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n0\r\n\r\n"),
        Reply::close("HTTP/1.1 200 OK\r\n\r\n123456"),
        // The announcement is enough.
        Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n".to_vec()),
    ] {
        assert_eq!(answer_within(reply, 5).await.unwrap_err(), EgressError::ResponseTooLarge { limit: 5 });
    }
}

#[tokio::test]
async fn endless_bodies_end() {
    let chunk = [b"1000\r\n".to_vec(), vec![b'x'; 0x1000], b"\r\n".to_vec()].concat();
    for reply in [
        Reply::Endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(), chunk),
        Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 0x1000]),
        Reply::Endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(), b"1\r\nx\r\n".to_vec()),
    ] {
        assert_eq!(kind(&answer_within(reply, 100_000).await.unwrap_err()), "response too large");
    }
}

#[tokio::test]
async fn heads_have_limits() {
    let header = |count: usize| (0..count).map(|i| format!("x-{i}: v\r\n")).collect::<Vec<_>>().concat();
    let head = |headers: String| Reply::keep(format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{headers}\r\n"));
    assert_eq!(answer(head(header(127))).await.unwrap().headers().len(), 128);
    assert!(answer(head(format!("x: {}\r\n", "v".repeat(31 << 10)))).await.is_ok());
    for reply in [
        head(header(128)),
        head(format!("x: {}\r\n", "v".repeat(33 << 10))),
        Reply::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".to_vec()),
        Reply::Endless(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), vec![b'y'; 0x1000]),
        Reply::Endless(Vec::new(), b"HTTP/1.1 200 ".to_vec()),
    ] {
        let error = answer(reply).await.unwrap_err();
        assert_eq!(kind(&error), "protocol", "{error:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_said_so() {
    for reply in [
        Reply::close(""),
        Reply::close("SSH-2.0-OpenSSH_9.2\r\n"),
        Reply::close("hello"),
        Reply::close("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort"),
        Reply::close("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello"),
        Reply::close("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello"),
        Reply::close("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        Reply::close("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
        Reply::close("HTTP/1.1 999999 OK\r\n\r\n"),
        Reply::close("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"),
        Reply::close("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    ] {
        let Reply::Close(bytes) = reply.clone() else { unreachable!() };
        let error = answer(reply).await.unwrap_err();
        assert_eq!(kind(&error), "protocol", "{:?}: {error:?}", String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn heads_that_have_no_body_have_none() {
    let server = Server::with(|_, request| {
        Reply::keep(if request.starts_with("HEAD") {
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"
        } else {
            "HTTP/1.1 204 No Content\r\n\r\n"
        })
    })
    .await;
    let mut policy = policy(&[server.origin()]);
    policy.response_max = 10;
    let client = client(&policy);
    for (method, status) in [("HEAD", 200), ("DELETE", 204), ("HEAD", 200)] {
        let response = client.send(request(method, &server.origin())).await.unwrap();
        assert_eq!((response.status().as_u16(), response.body().len()), (status, 0), "{method}");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn headers_of_the_connection_stay_with_the_host() {
    let reply = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\nproxy-authenticate: x\r\n\
                 trailer: x\r\ntransfer-encoding: chunked\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n0\r\n\r\n";
    let response = answer(Reply::keep(reply)).await.unwrap();
    let names: Vec<&str> = response.headers().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["set-cookie", "set-cookie"]);
}

#[tokio::test]
async fn nothing_is_decompressed() {
    let bytes = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut reply = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n".to_vec();
    reply.extend_from_slice(&bytes);
    let response = answer(Reply::keep(reply)).await.unwrap();
    assert_eq!(response.body()[..], bytes);
    assert_eq!(response.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn a_request_arrives_as_it_was_made() {
    let server = Server::always(Reply::keep(OK)).await;
    let url = format!("{}/a/../b?c=%2f&d", server.origin());
    let request = http::Request::post(url).header("X-One", "1").version(http::Version::HTTP_10).body(Bytes::from("hi"));
    client(&policy(&[server.origin()])).send(request.unwrap()).await.unwrap();
    let received = server.requests().remove(0);
    let port = server.address.port();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().skip(1).collect();
    lines.sort_unstable();
    assert!(received.starts_with("POST /a/../b?c=%2f&d HTTP/1.1\r\n"), "{received}");
    assert_eq!(lines, ["content-length: 2", &format!("host: registry.test:{port}"), "x-one: 1"]);
    assert_eq!(body, "hi");
}
