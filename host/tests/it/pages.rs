//! Pages for people.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::app::{TestApp, URL, person_document};

/// Status, headers and text of a page.
async fn page(test: &TestApp, path: &str, languages: &str) -> (u16, http::HeaderMap, String) {
    use tower::ServiceExt as _;
    let request = Request::get(path).header(header::ACCEPT_LANGUAGE, languages).body(Body::empty()).unwrap();
    let (parts, body) = test.router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (parts.status.as_u16(), parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn offered(test: &TestApp) -> Value {
    let mut document = person_document();
    document["display"] = json!([
        {"name": "Person <b>card</b>", "locale": "en", "description": "Who you are"},
        {"name": "व्यक्ति", "locale": "hi"},
    ]);
    document["claims"][0]["display"] = json!([{"name": "Name", "locale": "en"}]);
    test.publish("default", "Shown", document).await;
    let tx_code = json!({"length": 6, "description": "<i>By post</i>"});
    let body =
        json!({"credential_configuration_ids": ["Shown"], "claims": {"name": "Secret Person"}, "tx_code": tx_code});
    test.offer_of(body).await
}

#[tokio::test]
async fn the_offer_page_shows_what_is_issued_by_whom() {
    let test = TestApp::start().await;
    let offer = offered(&test).await;
    let path = offer["page"].as_str().unwrap().strip_prefix(URL).unwrap();
    let (status, headers, html) = page(&test, path, "en-GB, en;q=0.9").await;
    let html = html.replace("&#x2f;", "/");
    assert_eq!(status, 200);
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'")
            && policy.contains("frame-ancestors 'none'")
            && !policy.contains("unsafe")
    );
    for part in [
        "Person &lt;b&gt;card",
        "Who you are",
        "With: Name",
        "<svg",
        "openid-credential-offer://?credential_offer_uri=",
        "6 digits",
        "&lt;i&gt;By post",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    for hidden in ["Secret Person", crate::wallet::code(&offer), offer["tx_code"].as_str().unwrap(), "<script", "<i>By"]
    {
        assert!(!html.contains(hidden), "{hidden}");
    }
    assert!(page(&test, path, "hi").await.2.contains("व्यक्ति"));
    let (status, headers, _) = page(&test, "/assets/style.css", "").await;
    assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (200, "text/css"));
}

#[tokio::test]
async fn an_offer_that_is_gone_says_so_kindly() {
    let test = TestApp::start().await;
    let offer = test.offer().await;
    let path = offer["page"].as_str().unwrap().strip_prefix(URL).unwrap().to_owned();
    assert_eq!(page(&test, &path, "").await.0, 200);
    test.token_for(&offer).await;
    for path in [path.as_str(), "/offers/never-was", "/offers/%3Cscript%3E"] {
        let (status, headers, html) = page(&test, path, "").await;
        assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (404, "text/html; charset=utf-8"));
        assert!(html.contains("cannot be taken any more") && !html.contains("<script"), "{html}");
    }
}
