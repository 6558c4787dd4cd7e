//! One immutable triple of component, grant file and granted files, ready to answer calls.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Semaphore;
use wasmtime::Store;
use wasmtime::component::{Component, InstancePre};

use crate::bindings::types::{self, Problem, Request, Subject};
use crate::breaker::Breaker;
use crate::call::{self, Answer, Budget, Fault, Idle, Live};
use crate::error::{CallError, Message};
use crate::grant::Piece;
use crate::guest::{CallContext, Guest, World};
use crate::limits::Limits;
use crate::pool::Share;
use crate::request::PluginRequest;
use crate::status::{Instance, Kind, Serving};
use crate::text::{cut, escaped};
use crate::versions::ContractVersion;
use crate::versions::exports::{AuditPre, DataProviderPre, Exports, VcIssuancePre};

/// Lengths of what a plugin says about a failure; part of the contract in `wit/`.
const MAX_MESSAGE: usize = 512;
const MAX_DETAIL: usize = 4 << 10;

/// When a call that found no room in the pool may come again.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(1);

/// A generation that may serve.
pub(crate) struct Generation {
    pub(crate) identity: Serving,
    pub(crate) limits: Limits,
    /// One permit a running call.
    pub(crate) slots: Semaphore,
    /// Its sandboxes among all of them.
    pub(crate) share: Share<Idle>,
    pub(crate) breaker: Breaker,
    /// What it was granted.
    pub(crate) pieces: BTreeSet<Piece>,
    pub(crate) kinds: Kinds,
    pub(crate) world: World,
}

/// A linked component, by what it exports.
pub(crate) enum Kinds {
    DataProvider(DataProviderPre),
    VcIssuance(VcIssuancePre),
    Audit(AuditPre),
}

impl Kinds {
    pub(crate) fn new(kind: Kind, contract: ContractVersion, linked: InstancePre<Guest>) -> wasmtime::Result<Self> {
        Ok(match kind {
            Kind::DataProvider => Self::DataProvider(DataProviderPre::new(contract, linked)?),
            Kind::VcIssuance => Self::VcIssuance(VcIssuancePre::new(contract, linked)?),
            Kind::Audit => Self::Audit(AuditPre::new(contract, linked)?),
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::DataProvider(_) => Kind::DataProvider,
            Self::VcIssuance(_) => Kind::VcIssuance,
            Self::Audit(_) => Kind::Audit,
        }
    }

    pub(crate) fn component(&self) -> &Component {
        let linked = match self {
            Self::DataProvider(pre) => pre.linked(),
            Self::VcIssuance(pre) => pre.linked(),
            Self::Audit(pre) => pre.linked(),
        };
        linked.component()
    }
}

impl Generation {
    pub(crate) fn plugin(&self) -> &str {
        &self.world.plugin
    }

    /// Which sandbox a call has.
    pub(crate) fn instance(&self) -> Instance {
        Instance::of(self.share.is_warm())
    }

    pub(crate) fn invalid(&self, detail: String) -> CallError {
        CallError::InvalidOutput { plugin: self.plugin().to_owned(), detail }
    }

    pub(crate) fn wrong_kind(&self, wanted: &'static str) -> CallError {
        CallError::WrongKind { plugin: self.plugin().to_owned(), wanted }
    }

    pub(crate) fn budget_ms(&self) -> u32 {
        u32::try_from(self.limits.wall.as_millis()).unwrap_or(u32::MAX)
    }

    /// Asks in a sandbox, and makes of the answer what `check` says. A sandbox in which all went well may answer
    /// further calls, where the operator wants that.
    pub(crate) async fn ask<E: Exports, A, R>(
        &self,
        exports: &E,
        context: CallContext,
        budget: &Budget,
        entry: impl for<'a> FnOnce(&'a mut Store<Guest>, &'a E::Bindings) -> Answer<'a, Result<A, types::Error>>,
        check: impl FnOnce(A, &mut Guest) -> Result<R, String>,
    ) -> Result<R, CallError> {
        // Declared before the sandbox, and so given up after it, however this ends.
        let (seat, idle) = self.share.take(&context.issuer_id, Instant::now());
        let sandbox = match idle {
            Some(idle) => Live::again(idle, context, budget),
            None => Live::fresh(exports.linked().engine(), self.world.clone(), context, budget),
        };
        let asked = call::run(exports, sandbox, budget, entry).await;
        let (answer, mut sandbox) = asked.map_err(|fault| fault.into_call_error(self.plugin()))?;
        let outcome = match answer {
            Ok(answer) => check(answer, sandbox.guest()).map_err(|detail| self.invalid(detail)),
            Err(error) => Err(to_call_error(self.plugin(), error)),
        };
        let defect = matches!(outcome, Err(CallError::Internal(_) | CallError::InvalidOutput { .. }));
        if self.share.is_warm()
            && !defect
            && let Some(idle) = sandbox.at_rest()
        {
            self.share.give_back(seat, idle, Instant::now());
        }
        outcome
    }

    /// A request as the guest sees it, and what the host keeps of it for the call's imports.
    pub(crate) fn to_guest(
        &self,
        budget: &Budget,
        request: PluginRequest,
    ) -> Result<(CallContext, Request), CallError> {
        let context = CallContext {
            request_id: request.request_id.clone(),
            issuer_id: request.issuer_id.clone(),
            configuration_id: request.configuration_id.clone(),
            subject_id: request.subject_id.clone(),
            subject_claims: Arc::new(request.subject_claims.clone()),
            traceparent: traceparent(&request.context),
            ..budget.context()
        };
        let request = Request {
            request_id: request.request_id,
            issuer_id: request.issuer_id,
            configuration_id: request.configuration_id,
            format: request.format,
            subject: Subject { id: request.subject_id, claims: self.object("subject_claims", request.subject_claims)? },
            requested_claims: request.requested_claims,
            locales: request.locales,
            settings: self.object("settings", request.settings)?,
            context: self.object("context", request.context)?,
            budget_ms: self.budget_ms(),
        };
        Ok((context, request))
    }

    /// A JSON object as text; `Null` is an empty one.
    pub(crate) fn object(&self, name: &str, value: Value) -> Result<String, CallError> {
        match value {
            Value::Null => Ok("{}".to_owned()),
            Value::Object(_) => Ok(value.to_string()),
            _ => Err(CallError::InvalidRequest(Message {
                plugin: self.plugin().to_owned(),
                public: "The request is not valid.".to_owned(),
                detail: Some(format!("{name} is not a JSON object")),
            })),
        }
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("plugin", &self.world.plugin)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// What a plugin's own error means to the caller.
pub(crate) fn to_call_error(plugin: &str, error: types::Error) -> CallError {
    let message = |problem| to_message(plugin, problem);
    match error {
        types::Error::NotFound(problem) => CallError::NotFound(message(problem)),
        types::Error::Denied(problem) => CallError::Denied(message(problem)),
        types::Error::InvalidRequest(problem) => CallError::InvalidRequest(message(problem)),
        types::Error::Unavailable(retry) => CallError::Unavailable {
            message: message(retry.problem),
            retry_after: retry.after_ms.map(|ms| Duration::from_millis(ms.into())),
        },
        types::Error::Misconfigured(problem) => CallError::Misconfigured(message(problem)),
        types::Error::Internal(problem) => CallError::Internal(message(problem)),
    }
}

impl Fault {
    /// The fault of a call to this plugin.
    pub(crate) fn into_call_error(self, plugin: &str) -> CallError {
        let plugin = plugin.to_owned();
        match self {
            Self::Limit { which, detail } => CallError::Limit { plugin, which, detail },
            Self::Trapped { detail } => CallError::Trapped { plugin, detail },
            Self::NoRoom => CallError::Busy { plugin, retry_after: NO_ROOM_PAUSE },
        }
    }
}

fn to_message(plugin: &str, problem: Problem) -> Message {
    let public = escaped(cut(problem.message.trim(), MAX_MESSAGE));
    Message {
        plugin: plugin.to_owned(),
        public: if public.is_empty() { "The data source gave no reason.".to_owned() } else { public },
        detail: problem.detail.map(|detail| escaped(cut(detail.trim(), MAX_DETAIL))),
    }
}

fn traceparent(context: &Value) -> Option<String> {
    context.get("traceparent")?.as_str().map(str::to_owned)
}
