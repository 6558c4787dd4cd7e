//! Headers that the host adds.

use bytes::Bytes;
use chancery_egress::{Client, InjectedHeader, Secret};
use http::Request;

use crate::server::{OK, Reply, Server};
use crate::world::{get, kind, local, policy};

const VALUE: &str = "Bearer s3cr3t-t0ken";

#[tokio::test]
async fn an_injected_header_arrives_and_is_shown_nowhere() {
    let server = Server::always(Reply::keep(OK)).await;
    let other = Server::always(Reply::keep(OK)).await;
    let mut policy = policy(&[server.origin(), other.origin()]);
    policy.inject = vec![InjectedHeader {
        host: format!("registry.test:{}", server.address.port()),
        header: "Authorization".to_owned(),
        value: Secret::new(VALUE),
    }];
    let egress = local();
    let client = Client::new(&policy, &egress).unwrap();

    for _ in 0..2 {
        let response = get(&client, &server.origin()).await.unwrap();
        assert!(!format!("{response:?}").contains("s3cr3t"), "{response:?}");
    }
    assert!(server.requests().iter().all(|r| r.contains(&format!("\r\nauthorization: {VALUE}\r\n"))));
    get(&client, &other.origin()).await.unwrap();
    assert!(!other.requests()[0].contains("s3cr3t"), "another host does not get it");

    for shown in [format!("{policy:?}"), format!("{policy:#?}"), format!("{client:?}"), format!("{egress:?}")] {
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
    assert!(format!("{policy:?}").contains("[redacted]") && format!("{client:?}").contains("Sensitive"));
}

#[tokio::test]
async fn an_injected_header_cannot_be_set_by_the_sender() {
    let server = Server::always(Reply::keep(OK)).await;
    let mut policy = policy(&[server.origin()]);
    let (host, header) = ("registry.test".to_owned(), "X-Api-Key".to_owned());
    policy.inject = vec![InjectedHeader { host, header, value: Secret::new(VALUE) }];
    let client = Client::new(&policy, &local()).unwrap();
    for name in ["x-api-key", "X-API-KEY"] {
        let request = Request::get(server.origin()).header(name, "mine").body(Bytes::new()).unwrap();
        let error = client.send(request).await.unwrap_err();
        assert_eq!(kind(&error), "denied");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_error_does_not_show_an_injected_header() {
    for reply in [
        Reply::close(""),
        Reply::close(format!("HTTP/1.1 200 OK\r\n{VALUE}\r\n\r\n")),
        Reply::close(format!("{VALUE}\r\n\r\n")),
    ] {
        let server = Server::always(reply).await;
        let mut policy = policy(&[server.origin()]);
        let (host, header) = ("registry.test".to_owned(), "authorization".to_owned());
        policy.inject = vec![InjectedHeader { host, header, value: Secret::new(VALUE) }];
        let error = get(&Client::new(&policy, &local()).unwrap(), &server.origin()).await.unwrap_err();
        assert_eq!(kind(&error), "protocol");
        assert!(!format!("{error} {error:?} {}", error.detail()).contains("s3cr3t"), "{error:?}");
    }
}
