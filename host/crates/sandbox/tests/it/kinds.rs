//! VC issuers and audit sinks whose answers break the contract.

use std::time::Duration;

use chancery_sandbox::{
    AuditEvent, AuditOutcome, CallError, Holder, Issuance, LimitKind, PluginRequest, PollRequest, Receipt, Stage,
};

use crate::support::{Host, built, request};

const GRANT: &str = "[limits]\ncpu = \"100ms\"\nwall = \"2s\"";

pub(crate) async fn issue(host: &Host, behaviour: &str) -> Result<Issuance, CallError> {
    host.sandbox().issue("hostile-issuer", request(behaviour), Holder::default()).await
}

pub(crate) async fn poll(host: &Host, behaviour: &str) -> Result<Issuance, CallError> {
    let request = PollRequest {
        request_id: "req-1".to_owned(),
        issuer_id: "default".to_owned(),
        configuration_id: "Farmer".to_owned(),
        settings: serde_json::Value::Null,
        token: behaviour.as_bytes().to_vec(),
        context: serde_json::Value::Null,
    };
    host.sandbox().poll("hostile-issuer", request).await
}

fn event(number: u64, action: &str) -> AuditEvent {
    AuditEvent {
        id: format!("e-{number}"),
        sequence: number,
        at_unix_ms: 1_780_401_600_000,
        issuer_id: None,
        action: action.to_owned(),
        outcome: AuditOutcome::Succeeded,
        actor: "system".to_owned(),
        object: "o".to_owned(),
        request_id: String::new(),
        detail: "{}".to_owned(),
    }
}

/// Two events, `e-1` and `e-2`.
pub(crate) async fn deliver(host: &Host, behaviour: &str) -> Result<Receipt, CallError> {
    host.sandbox().deliver("hostile-sink", vec![event(1, behaviour), event(2, "ordinary")]).await
}

#[tokio::test]
async fn a_plugin_is_asked_what_its_kind_is_asked() {
    let mut host = Host::new();
    for plugin in ["hostile", "hostile-issuer", "hostile-sink"] {
        host.put(&format!("{plugin}.wasm"), built(plugin));
    }
    host.start().await;
    let sandbox = host.sandbox();
    for plugin in ["hostile", "hostile-issuer", "hostile-sink"] {
        let poll = PollRequest {
            request_id: String::new(),
            issuer_id: String::new(),
            configuration_id: String::new(),
            settings: serde_json::Value::Null,
            token: Vec::new(),
            context: serde_json::Value::Null,
        };
        let outcomes = [
            ("data-provider", "hostile", sandbox.fetch(plugin, request("x")).await.err()),
            ("vc-issuance", "hostile-issuer", sandbox.issue(plugin, request("x"), Holder::default()).await.err()),
            ("vc-issuance", "hostile-issuer", sandbox.poll(plugin, poll).await.err()),
            ("audit", "hostile-sink", sandbox.deliver(plugin, vec![event(1, "x")]).await.err()),
        ];
        for (wanted, own, error) in outcomes {
            let expected = (plugin != own).then(|| CallError::WrongKind { plugin: plugin.to_owned(), wanted });
            assert_eq!(error, expected, "{plugin} as {wanted}");
        }
        // Being asked the wrong thing is not the plugin's failure.
        assert_eq!(host.status(plugin).breaker, chancery_sandbox::BreakerState::Closed);
    }
}

#[tokio::test]
async fn issuances_that_break_the_contract_are_refused() {
    let host = Host::narrow("hostile-issuer", GRANT).await;
    for (behaviour, reason) in [
        ("large-token", "16385 bytes of token, the limit is 16384"),
        ("large-metadata", "65544 bytes of metadata, the limit is 65536"),
        ("large-id", "1025 bytes of external-id, the limit is 1024"),
        ("duplicate-metadata", "metadata: not valid JSON: the name \"issuer\" stands twice"),
        ("deep-metadata", "metadata: not valid JSON: more than 32 levels"),
        ("list-metadata", "metadata: an array instead of a JSON object"),
    ] {
        for error in [issue(&host, behaviour).await.unwrap_err(), poll(&host, behaviour).await.unwrap_err()] {
            let CallError::InvalidOutput { detail, .. } = &error else { panic!("{behaviour}: {error}") };
            assert!(detail.starts_with(reason), "{behaviour}: {detail}");
            assert_eq!(error.public(), "The data source failed to answer.");
            assert!(issue(&host, "ordinary").await.is_ok(), "and goes on");
        }
    }
    host.goes_on().await;
}

#[tokio::test]
async fn issuers_have_the_limits_of_every_plugin() {
    let host = Host::narrow("hostile-issuer", GRANT).await;
    for error in [issue(&host, "spin").await.unwrap_err(), poll(&host, "spin").await.unwrap_err()] {
        assert!(matches!(error, CallError::Limit { which: LimitKind::Cpu, .. }), "{error}");
    }
    for error in [issue(&host, "large-body").await.unwrap_err(), poll(&host, "large-body").await.unwrap_err()] {
        assert!(matches!(error, CallError::Limit { which: LimitKind::Output, .. }), "{error}");
        issue(&host, "ordinary").await.unwrap();
    }
    let error = poll(&host, "trap").await.unwrap_err();
    assert!(matches!(&error, CallError::Trapped { detail, .. } if detail.contains("trap on request")), "{error}");
    assert!(matches!(issue(&host, "denied").await.unwrap_err(), CallError::Denied(_)));
    host.goes_on().await;
}

#[tokio::test]
async fn what_keeps_to_the_contract_is_passed_on() {
    let host = Host::narrow("hostile-issuer", GRANT).await;
    let Issuance::Issued(credential) = issue(&host, "ordinary").await.unwrap() else { panic!("pending") };
    assert_eq!((credential.format.as_str(), credential.body.as_slice()), ("ldp_vc", &b"{}"[..]));
    assert_eq!(Some(credential.plugin_sha256), host.status("hostile-issuer").sha256);
    let Issuance::Pending(ticket) = issue(&host, "pending").await.unwrap() else { panic!("issued") };
    assert_eq!((ticket.token.len(), ticket.retry_after), (4, Duration::from_millis(1500)));
    // Nobody waits for seven weeks.
    let Issuance::Pending(ticket) = poll(&host, "largest-token").await.unwrap() else { panic!("issued") };
    assert_eq!((ticket.token.len(), ticket.retry_after), (16 << 10, Duration::from_hours(24)));
    // What a request has to be like holds for issuers, too.
    let wrong = PluginRequest { subject_claims: serde_json::json!([]), ..request("x") };
    let error = host.sandbox().issue("hostile-issuer", wrong, Holder::default()).await.unwrap_err();
    assert!(matches!(error, CallError::InvalidRequest(_)), "{error}");
}

#[tokio::test]
async fn receipts_settle_what_was_delivered_and_once() {
    let host = Host::narrow("hostile-sink", GRANT).await;
    for (behaviour, reason) in [
        ("foreign", "the receipt names an event that was not in the batch"),
        ("foreign-rejection", "the receipt names an event that was not in the batch"),
        ("twice", "the receipt names an event twice"),
        ("both-ways", "the receipt names an event twice"),
    ] {
        let error = deliver(&host, behaviour).await.unwrap_err();
        let CallError::InvalidOutput { detail, .. } = &error else { panic!("{behaviour}: {error}") };
        assert_eq!(detail, reason, "{behaviour}");
        assert_eq!(deliver(&host, "ordinary").await.unwrap().delivered, ["e-1", "e-2"], "and goes on");
    }
    let error = deliver(&host, "endless").await.unwrap_err();
    let contained = matches!(error, CallError::Limit { .. } | CallError::InvalidOutput { .. });
    assert!(contained, "{error}");
    host.goes_on().await;
}

#[tokio::test]
async fn what_a_sink_says_is_cut_and_cannot_steer_a_terminal() {
    let host = Host::narrow("hostile-sink", GRANT).await;
    let receipt = deliver(&host, "nasty-reason").await.unwrap();
    let [(id, reason)] = receipt.rejected.as_slice() else { panic!("{receipt:?}") };
    assert_eq!(id, "e-1");
    assert!(!reason.chars().any(char::is_control) && reason.len() < 8 << 10, "{}", reason.len());
    let receipt = deliver(&host, "nothing").await.unwrap();
    assert!(receipt.delivered.is_empty() && receipt.rejected.is_empty());
    let error = deliver(&host, "unavailable").await.unwrap_err();
    let CallError::Unavailable { retry_after, .. } = error else { panic!("{error}") };
    assert_eq!(retry_after, Some(Duration::from_millis(250)));
    assert_eq!(host.sandbox().deliver("hostile-sink", Vec::new()).await.unwrap().delivered, [""; 0]);
}

#[tokio::test]
async fn every_kind_is_known_by_its_status() {
    for plugin in ["hostile-issuer", "hostile-sink"] {
        let host = Host::narrow(plugin, GRANT).await;
        let status = host.status(plugin);
        assert_eq!(status.stage, Stage::Active, "{status:?}");
        let kind = if plugin == "hostile-sink" { "audit" } else { "vc-issuance" };
        assert_eq!(status.kind.unwrap().to_string(), kind);
    }
}
