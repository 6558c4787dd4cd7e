//! Between the contract's functions and the traits: parses what comes in, renders what goes out.

use std::{fmt, marker::PhantomData};

use serde::de::DeserializeOwned;

use crate::{
    AuditSink, ConfigProblem, DataProvider, Error, Plugin, VcIssuer,
    bindings::{
        audit::exports::chancery::plugin::audit, chancery::plugin::types,
        data_provider::exports::chancery::plugin::data_provider, exports::chancery::plugin::lifecycle,
        vc_issuance::exports::chancery::plugin::vc_issuance,
    },
    config,
};

/// Makes `$plugin`, a [`DataProvider`](crate::DataProvider), the component's exports. Once a crate.
#[macro_export]
macro_rules! export_data_provider {
    ($plugin:ty) => {
        $crate::export_plugin!($plugin, IS_DATA_PROVIDER, data_provider, export_data_provider_component);
    };
}

/// Makes `$plugin`, a [`VcIssuer`](crate::VcIssuer), the component's exports. Once a crate.
#[macro_export]
macro_rules! export_vc_issuer {
    ($plugin:ty) => {
        $crate::export_plugin!($plugin, IS_VC_ISSUER, vc_issuance, export_vc_issuance_component);
    };
}

/// Makes `$plugin`, an [`AuditSink`](crate::AuditSink), the component's exports. Once a crate.
#[macro_export]
macro_rules! export_audit_sink {
    ($plugin:ty) => {
        $crate::export_plugin!($plugin, IS_AUDIT_SINK, audit, export_audit_component);
    };
}

/// The lifecycle, which all kinds share, and the one interface of the kind.
#[doc(hidden)]
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty, $check:ident, $kind:ident, $export:ident) => {
        const _: () = $crate::Adapter::<$plugin>::$check;

        // Only components have these exports: native builds, which are for unit tests, check the
        // type alone.
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Component = $crate::Adapter<$plugin>;
    $crate::bindings::export_lifecycle_component!(Component with_types_in $crate::bindings);
    $crate::bindings::$kind::$export!(Component with_types_in $crate::bindings::$kind);
        };
    };
}

pub struct Adapter<P>(PhantomData<P>);

impl<P: DataProvider> Adapter<P> {
    pub const IS_DATA_PROVIDER: () = ();
}

impl<P: VcIssuer> Adapter<P> {
    pub const IS_VC_ISSUER: () = ();
}

impl<P: AuditSink> Adapter<P> {
    pub const IS_AUDIT_SINK: () = ();
}

impl<P> fmt::Debug for Adapter<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapter")
    }
}

impl<P: Plugin> lifecycle::Guest for Adapter<P> {
    fn describe() -> String {
        // A struct of texts and JSON serializes always; an empty text would be refused by the host.
        serde_json::to_string(&P::description()).unwrap_or_default()
    }

    fn validate_config(config: String) -> Result<(), Vec<lifecycle::ConfigProblem>> {
        build::<P>(&config).map(drop).map_err(|problems| {
            problems
                .into_iter()
                .map(|problem| lifecycle::ConfigProblem { path: problem.path, message: problem.message })
                .collect()
        })
    }

    fn prepare() -> Result<Vec<u8>, types::Error> {
        Ok(configured::<P>()?.prepare()?)
    }

    fn health() -> Result<(), types::Error> {
        Ok(configured::<P>()?.health()?)
    }
}

impl<P: DataProvider> data_provider::Guest for Adapter<P> {
    fn fetch(request: types::Request) -> Result<data_provider::Data, types::Error> {
        Ok(configured::<P>()?.fetch(&request.try_into()?)?.into())
    }
}

impl<P: VcIssuer> vc_issuance::Guest for Adapter<P> {
    fn issue(request: types::Request, holder: vc_issuance::Holder) -> Result<vc_issuance::Issuance, types::Error> {
        Ok(configured::<P>()?.issue(&request.try_into()?, &holder.try_into()?)?.into())
    }

    fn poll(request: vc_issuance::PollRequest) -> Result<vc_issuance::Issuance, types::Error> {
        Ok(configured::<P>()?.poll(&request.try_into()?)?.into())
    }
}

impl<P: AuditSink> audit::Guest for Adapter<P> {
    fn deliver(batch: Vec<audit::Event>) -> Result<audit::Receipt, types::Error> {
        let batch = batch.into_iter().map(TryInto::try_into).collect::<Result<Vec<_>, Error>>()?;
        Ok(configured::<P>()?.deliver(&batch)?.into())
    }
}

fn build<P: Plugin>(config: &str) -> Result<P, Vec<ConfigProblem>> {
    P::new(parse_config(config).map_err(|problem| vec![problem])?)
}

/// The plugin with the configuration that `validate-config` accepted.
fn configured<P: Plugin>() -> Result<P, Error> {
    build::<P>(&config::all()).map_err(|problems| {
        let problems: Vec<String> =
            problems.into_iter().map(|problem| format!("config{}: {}", problem.path, problem.message)).collect();
        Error::misconfigured("The plugin's configuration is not valid.").with_detail(problems.join("; "))
    })
}

fn parse_config<C: DeserializeOwned>(text: &str) -> Result<C, ConfigProblem> {
    // A plugin without configuration says `()`, which serde would only read from `null`.
    if text.trim() == "{}"
        && let Ok(nothing) = serde_json::from_str("null")
    {
        return Ok(nothing);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| ConfigProblem {
        path: pointer(error.path()),
        message: without_position(&error.into_inner().to_string()),
    })
}

/// The operator wrote TOML: a position in the JSON made from it tells nothing.
fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text).to_owned()
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;

    let mut pointer = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[expect(dead_code, reason = "only its type is of interest")]
        sources: Vec<Source>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Source {
        #[serde(rename = "a/b")]
        #[expect(dead_code, reason = "only its type is of interest")]
        port: u16,
    }

    #[test]
    fn a_config_problem_names_its_place() {
        let problem = parse_config::<Config>(r#"{"sources": [{"a/b": 1}, {"a/b": "x"}]}"#).unwrap_err();
        assert_eq!(problem.path, "/sources/1/a~1b");
        assert_eq!(problem.message, "invalid type: string \"x\", expected u16");
    }

    #[test]
    fn unknown_and_missing_members_are_named() {
        let unknown = parse_config::<Config>(r#"{"sources": [{"prot": 1}]}"#).unwrap_err();
        assert_eq!(unknown.path, "/sources/0/prot");
        assert!(unknown.message.contains("unknown field `prot`"), "{unknown:?}");
        let missing = parse_config::<Config>("{}").unwrap_err();
        assert_eq!(missing, ConfigProblem::new("", "missing field `sources`"));
    }

    #[test]
    fn a_plugin_without_configuration_accepts_none_and_nothing_else() {
        parse_config::<()>("{}").unwrap();
        parse_config::<()>(r#"{"a": 1}"#).unwrap_err();
    }
}
