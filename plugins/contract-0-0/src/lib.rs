//! A data provider built for version 0.0.1 of the contract, for tests of the host: a plugin of an
//! older version must go on working. The subject's id chooses how a call ends.

use serde_json::{Value, json};

mod bindings {
    #![expect(clippy::same_length_and_capacity, reason = "generated code")]

    wit_bindgen::generate!({
        path: ["../../wit/frozen/0.0.1/host", "../../wit/frozen/0.0.1/plugin"],
        world: "chancery:plugin/data-provider-plugin",
        generate_all,
    });
}

use bindings::{
    chancery::host::{config, log},
    chancery::plugin::types::{Error, Request},
    exports::chancery::plugin::{data_provider, lifecycle},
};

#[derive(Debug)]
struct Component;

// Only components have these exports: native builds check the type alone.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "generated code")]
const _: () = {
    bindings::export!(Component with_types_in bindings);
};

impl lifecycle::Guest for Component {
    fn describe() -> lifecycle::Description {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        lifecycle::Description { version, summary: "Speaks version 0.0.1 of the contract.".to_owned() }
    }

    fn validate_config(config: String) -> Result<(), String> {
        match parse(&config).get("refuse") {
            Some(reason) => Err(format!("refused: {reason}")),
            None => Ok(()),
        }
    }

    fn health() -> Result<(), Error> {
        match parse(&config::all()).get("ill") {
            Some(reason) => Err(Error::Failed(format!("ill: {reason}"))),
            None => Ok(()),
        }
    }
}

impl data_provider::Guest for Component {
    fn fetch(request: Request) -> Result<String, Error> {
        log::line(log::Level::Warn, &format!("asked for {}", request.configuration_id));
        log::line(log::Level::Info, "one line more");
        match request.subject_id.as_str() {
            "nobody" => Err(Error::NotFound("Nobody is known by that id.".to_owned())),
            "invalid" => Err(Error::InvalidRequest("A claim is missing.".to_owned())),
            "unavailable" => Err(Error::Unavailable("The register is closed.".to_owned())),
            "failed" => Err(Error::Failed("row 7 is broken".to_owned())),
            "panic" => crash(),
            "spin" => spin(),
            "twice" => Ok(r#"{"a": 1, "a": 2}"#.to_owned()),
            "large" => Ok(json!({ "filler": "x".repeat(256 << 10) }).to_string()),
            _ => Ok(answer(&request).to_string()),
        }
    }
}

/// Everything that the contract hands in, for the test to look at.
fn answer(request: &Request) -> Value {
    json!({
        "request_id": request.request_id,
        "issuer_id": request.issuer_id,
        "configuration_id": request.configuration_id,
        "format": request.format,
        "subject_id": request.subject_id,
        "subject_claims": parse(&request.subject_claims),
        "requested_claims": request.requested_claims,
        "budget_ms": request.budget_ms,
        "config": parse(&config::all()),
    })
}

#[expect(clippy::panic, reason = "a crash is what is asked for")]
fn crash() -> ! {
    panic!("crashed on request");
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// The host promises valid JSON.
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
