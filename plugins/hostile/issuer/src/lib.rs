//! A VC issuer whose answers break the contract. The subject's id chooses how, and for `poll` the
//! token.

use chancery_plugin_sdk::{
    Adapter, ConfigProblem, Description, Plugin,
    bindings::{
        chancery::plugin::types::{Error, Problem, Request},
        vc_issuance::exports::chancery::plugin::vc_issuance::{
            Credential, Guest, Holder, Issuance, PollRequest, Ticket,
        },
    },
    describe,
};

#[derive(Debug)]
struct HostileIssuer;

impl Plugin for HostileIssuer {
    type Config = ();

    fn description() -> Description {
        describe!("Issues what nobody should take, for tests.")
    }

    fn new((): ()) -> Result<Self, Vec<ConfigProblem>> {
        Ok(Self)
    }
}

/// The contract's own types: those of the SDK could not say most of this.
#[derive(Debug)]
pub struct Component;

impl Guest for Component {
    fn issue(request: Request, _: Holder) -> Result<Issuance, Error> {
        answer(&request.subject.id)
    }

    fn poll(request: PollRequest) -> Result<Issuance, Error> {
        answer(&String::from_utf8_lossy(&request.token))
    }
}

#[expect(clippy::panic, reason = "one of the behaviours")]
fn answer(behaviour: &str) -> Result<Issuance, Error> {
    Ok(match behaviour {
        "trap" => panic!("trap on request"),
        "spin" => loop {
            std::hint::black_box(0);
        },
        "large-token" => pending(16 * 1024 + 1, 0),
        "largest-token" => pending(16 * 1024, u32::MAX),
        "large-body" => issued(Credential { body: vec![b'x'; 3 * 1024 * 1024], ..credential() }),
        "large-metadata" => metadata(&format!(r#"{{"a":"{}"}}"#, "x".repeat(64 * 1024))),
        "large-id" => issued(Credential { external_id: Some("x".repeat(1025)), ..credential() }),
        "duplicate-metadata" => metadata(r#"{"issuer":"did:a","issuer":"did:b"}"#),
        "deep-metadata" => metadata(&format!(r#"{{"a":{}{}}}"#, "[".repeat(100), "]".repeat(100))),
        "list-metadata" => metadata("[]"),
        "denied" => {
            let message = "Not this one.".to_owned();
            return Err(Error::Denied(Problem { message, detail: None }));
        }
        "pending" => pending(4, 1500),
        _ => issued(credential()),
    })
}

fn credential() -> Credential {
    Credential { format: "ldp_vc".to_owned(), body: b"{}".to_vec(), external_id: None, metadata: String::new() }
}

fn issued(credential: Credential) -> Issuance {
    Issuance::Issued(credential)
}

fn metadata(text: &str) -> Issuance {
    issued(Credential { metadata: text.to_owned(), ..credential() })
}

fn pending(bytes: usize, retry_after_ms: u32) -> Issuance {
    Issuance::Pending(Ticket { token: vec![b't'; bytes], retry_after_ms })
}

#[cfg(target_family = "wasm")]
const _: () = {
    type Lifecycle = Adapter<HostileIssuer>;
    chancery_plugin_sdk::bindings::export_lifecycle_component!(Lifecycle with_types_in chancery_plugin_sdk::bindings);
    chancery_plugin_sdk::bindings::vc_issuance::export_vc_issuance_component!(
        Component with_types_in chancery_plugin_sdk::bindings::vc_issuance
    );
};

/// Native builds are for the linter, which wants the type used.
#[cfg(not(target_family = "wasm"))]
const _: Option<Adapter<HostileIssuer>> = None;
