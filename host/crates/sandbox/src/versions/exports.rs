//! What a component exports, in whichever version it speaks; asked and answered in the newest types.

use std::future::Future;

use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::{ContractVersion, v0_0_1};
use crate::bindings::audit::exports::chancery::plugin::audit::{Event, Receipt};
use crate::bindings::data_provider::exports::chancery::plugin::data_provider::Data;
use crate::bindings::lifecycle::exports::chancery::plugin::lifecycle::ConfigProblem;
use crate::bindings::types::{Error, Request};
use crate::bindings::vc_issuance::exports::chancery::plugin::vc_issuance::{Holder, Issuance, PollRequest};
use crate::bindings::{audit, data_provider, lifecycle, vc_issuance};
use crate::guest::Guest;

/// One interface of `chancery:plugin` in a linked component.
pub(crate) trait Exports: Sync {
    /// The same in a sandbox.
    type Bindings: Send + 'static;

    fn linked(&self) -> &InstancePre<Guest>;

    fn instantiate(&self, store: &mut Store<Guest>) -> impl Future<Output = wasmtime::Result<Self::Bindings>> + Send;
}

/// An interface, linked (`$pre`) and in a sandbox (`$bindings`), with a case for each version that has it.
macro_rules! interface {
    ($pre:ident, $bindings:ident { $($version:ident => $of_pre:ty, $of_bindings:ty;)+ }) => {
        pub(crate) enum $pre {
            $($version($of_pre),)+
        }

        pub(crate) enum $bindings {
            $($version($of_bindings),)+
        }

        impl $pre {
            pub(crate) fn new(contract: ContractVersion, linked: InstancePre<Guest>) -> wasmtime::Result<Self> {
                $(if contract == ContractVersion::$version {
                    return Ok(Self::$version(<$of_pre>::new(linked)?));
                })+
                wasmtime::bail!("version {contract} of the contract has no such interface")
            }
        }

        impl Exports for $pre {
            type Bindings = $bindings;

            fn linked(&self) -> &InstancePre<Guest> {
                match self {
                    $(Self::$version(pre) => pre.instance_pre(),)+
                }
            }

            async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<$bindings> {
                Ok(match self {
                    $(Self::$version(pre) => $bindings::$version(pre.instantiate_async(store).await?),)+
                })
            }
        }
    };
}

interface!(LifecyclePre, Lifecycle {
    V0_0_1 => v0_0_1::PluginPre<Guest>, v0_0_1::Plugin;
    V0_1 => lifecycle::LifecyclePre<Guest>, lifecycle::Lifecycle;
});

impl Lifecycle {
    pub(crate) async fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<String> {
        match self {
            Self::V0_0_1(plugin) => plugin.describe(store).await,
            Self::V0_1(plugin) => plugin.chancery_plugin_lifecycle().call_describe(store).await,
        }
    }

    pub(crate) async fn validate_config(
        &self,
        store: &mut Store<Guest>,
        config: &str,
    ) -> wasmtime::Result<Result<(), Vec<ConfigProblem>>> {
        match self {
            Self::V0_0_1(plugin) => plugin.validate_config(store, config).await,
            Self::V0_1(plugin) => plugin.chancery_plugin_lifecycle().call_validate_config(store, config).await,
        }
    }

    pub(crate) async fn prepare(&self, store: &mut Store<Guest>) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        match self {
            // It had nothing to prepare.
            Self::V0_0_1(_) => Ok(Ok(Vec::new())),
            Self::V0_1(plugin) => plugin.chancery_plugin_lifecycle().call_prepare(store).await,
        }
    }

    pub(crate) async fn health(&self, store: &mut Store<Guest>) -> wasmtime::Result<Result<(), Error>> {
        match self {
            Self::V0_0_1(plugin) => plugin.health(store).await,
            Self::V0_1(plugin) => plugin.chancery_plugin_lifecycle().call_health(store).await,
        }
    }
}

interface!(DataProviderPre, DataProvider {
    V0_0_1 => v0_0_1::PluginPre<Guest>, v0_0_1::Plugin;
    V0_1 => data_provider::DataProviderPre<Guest>, data_provider::DataProvider;
});

impl DataProvider {
    pub(crate) async fn fetch(
        &self,
        store: &mut Store<Guest>,
        request: Request,
    ) -> wasmtime::Result<Result<Data, Error>> {
        match self {
            Self::V0_0_1(plugin) => plugin.fetch(store, request).await,
            Self::V0_1(plugin) => plugin.chancery_plugin_data_provider().call_fetch(store, &request).await,
        }
    }
}

interface!(VcIssuancePre, VcIssuance {
    V0_1 => vc_issuance::VcIssuancePre<Guest>, vc_issuance::VcIssuance;
});

impl VcIssuance {
    pub(crate) async fn issue(
        &self,
        store: &mut Store<Guest>,
        request: Request,
        holder: Holder,
    ) -> wasmtime::Result<Result<Issuance, Error>> {
        match self {
            Self::V0_1(plugin) => plugin.chancery_plugin_vc_issuance().call_issue(store, &request, &holder).await,
        }
    }

    pub(crate) async fn poll(
        &self,
        store: &mut Store<Guest>,
        request: PollRequest,
    ) -> wasmtime::Result<Result<Issuance, Error>> {
        match self {
            Self::V0_1(plugin) => plugin.chancery_plugin_vc_issuance().call_poll(store, &request).await,
        }
    }
}

interface!(AuditPre, Audit {
    V0_1 => audit::AuditPre<Guest>, audit::Audit;
});

impl Audit {
    pub(crate) async fn deliver(
        &self,
        store: &mut Store<Guest>,
        batch: Vec<Event>,
    ) -> wasmtime::Result<Result<Receipt, Error>> {
        match self {
            Self::V0_1(plugin) => plugin.chancery_plugin_audit().call_deliver(store, &batch).await,
        }
    }
}
