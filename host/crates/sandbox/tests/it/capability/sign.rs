use serde_json::json;

use super::DATA;
use crate::support::Host;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_key_signs_for_its_purpose_only() {
    let host = Host::narrow("hostile-data", DATA).await;
    let purposes = [("jwt", "client", "jwt"), ("detached-jws", "request", "detached-jws"), ("mac", "webhook", "mac")];
    for (function, own, _) in purposes {
        for (_, key, purpose) in purposes {
            let said = host.step("hostile-data", json!({"do": function, "key": key, "bytes": 100})).await;
            if key == own {
                assert!(said.starts_with("ok "), "{said}");
                assert_eq!(host.fakes.heard().len(), 1);
            } else {
                assert_eq!(said, format!("WrongPurpose({purpose:?})"));
            }
        }
        // Secrets are not keys, and a name is compared as it is.
        for key in ["", "other", "webhook-key", "registry-token", "Webhook"] {
            let said = host.step("hostile-data", json!({"do": function, "key": key, "bytes": 1})).await;
            assert_eq!(said, "NotGranted");
        }
    }
    assert!(host.fakes.heard().is_empty());
}

#[tokio::test]
async fn signatures_are_counted_for_each_call() {
    let host = Host::narrow("hostile-data", DATA).await;
    for _ in 0..2 {
        let steps = json!([{"do": "mac", "key": "webhook", "bytes": 1, "times": 70}]);
        let said = host.script("hostile-data", steps).await.unwrap().remove(0);
        assert!(said[..64].iter().all(|text| text.starts_with("ok ")), "{said:?}");
        assert_eq!(said[64..], ["Unavailable(\"the call has used up its 64 operations\")"; 6]);
        assert_eq!(host.fakes.heard().len(), 64);
    }
}

#[tokio::test]
async fn inputs_are_bounded() {
    let host = Host::narrow("hostile-data", DATA).await;
    for (function, key, most) in
        [("jwt", "client", 16 << 10), ("detached-jws", "request", MIB), ("mac", "webhook", MIB)]
    {
        let said = host.step("hostile-data", json!({"do": function, "key": key, "bytes": most})).await;
        assert!(said.starts_with("ok "), "{said}");
        assert_eq!(host.fakes.heard().len(), 1);
        let said = host.step("hostile-data", json!({"do": function, "key": key, "bytes": most + 1})).await;
        assert_eq!(said, format!("BadInput(\"{} bytes, the limit is {most}\")", most + 1));
    }
    assert!(host.fakes.heard().is_empty());
}
