//! Which URLs leave at all.

use chancery_egress::Networks;

use crate::server::{OK, Reply, Server};
use crate::world::{Answers, client, egress, get, kind, policy};

#[tokio::test]
async fn only_the_allowed_origin_is_reached() {
    let server = Server::always(Reply::keep(OK)).await;
    let port = server.address.port();
    let resolver = Answers::new("registry.test", &[&["127.0.0.1"]]);
    let client = chancery_egress::Client::new(&policy(&[server.origin()]), &egress(resolver.clone())).unwrap();
    for url in [
        format!("https://registry.test:{port}"),
        "http://registry.test".to_owned(),
        format!("http://registry.test:{}", port ^ 1),
        format!("http://127.0.0.1:{port}"),
        format!("http://2130706433:{port}"),
        format!("http://0x7f.1:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        format!("http://[::1]:{port}"),
        format!("http://user@registry.test:{port}"),
        format!("http://user:password@registry.test:{port}"),
        format!("http://@registry.test:{port}"),
        format!("http://registry.test.:{port}"),
        format!("http://a.registry.test:{port}"),
        format!("http://registry.test.evil.test:{port}"),
        format!("http://registry.test@evil.test:{port}"),
        format!("ftp://registry.test:{port}"),
        "/relative".to_owned(),
    ] {
        let error = get(&client, &url).await.unwrap_err();
        assert_eq!(kind(&error), "denied", "{url}: {error}");
    }
    assert_eq!(server.connections(), 0, "nothing left");
    assert_eq!(resolver.asked(), [""; 0], "no name was asked for");

    for url in [format!("http://registry.test:{port}"), format!("HTTP://Registry.TEST:0{port}/a?b")] {
        assert_eq!(get(&client, &url).await.unwrap().status(), 200, "{url}");
    }
    assert_eq!(resolver.asked(), ["registry.test"], "lower case, and once");
}

#[tokio::test]
async fn a_star_stands_for_one_label() {
    let server = Server::always(Reply::keep(OK)).await;
    let port = server.address.port();
    let resolver = Answers::new("a.registry.test", &[&["127.0.0.1"]]);
    let policy = policy(&[format!("http://*.registry.test:{port}")]);
    let client = chancery_egress::Client::new(&policy, &egress(resolver)).unwrap();
    assert_eq!(get(&client, &format!("http://a.registry.test:{port}/")).await.unwrap().body(), "ok");
    for host in ["registry.test", "a.b.registry.test", "*.registry.test", ".registry.test", "127.0.0.1"] {
        let url = format!("http://{host}:{port}/");
        let Ok(uri) = url.parse::<http::Uri>() else { continue };
        let error = get(&client, &uri.to_string()).await.unwrap_err();
        assert_eq!(kind(&error), "denied", "{url}: {error}");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn addresses_in_urls_are_judged_like_resolved_ones() {
    let server = Server::always(Reply::keep(OK)).await;
    let port = server.address.port();
    let mut policy = policy(&[format!("http://127.0.0.1:{port}")]);
    for spelling in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"] {
        let response = get(&client(&policy), &format!("http://{spelling}:{port}/")).await.unwrap();
        assert_eq!(response.status(), 200, "{spelling}");
    }
    assert!(server.requests().iter().all(|r| r.contains(&format!("host: 127.0.0.1:{port}\r\n"))));
    policy.networks = Networks::Public;
    assert!(chancery_egress::Client::new(&policy, &crate::world::local()).is_err(), "refused when it is set up");
}

#[tokio::test]
async fn line_breaks_cannot_be_sent() {
    assert!(http::HeaderValue::from_bytes(b"a\r\nhost: evil").is_err());
    assert!(http::HeaderName::from_bytes(b"a\r\nhost").is_err());
    let server = Server::always(Reply::keep(OK)).await;
    for path in ["/a\r\nx: y", "/a\nb", "/a b", "/a\0"] {
        assert!(format!("{}{path}", server.origin()).parse::<http::Uri>().is_err(), "{path:?}");
    }
    // What looks like a line break to somebody stays what it is.
    let client = client(&policy(&[server.origin()]));
    assert_eq!(get(&client, &format!("{}/a%0d%0ax:%20y", server.origin())).await.unwrap().status(), 200);
    let request = server.requests().remove(0);
    assert!(request.starts_with("GET /a%0d%0ax:%20y HTTP/1.1\r\n"), "{request}");
}
