//! One immutable triple of component, grant file and granted files, ready to answer calls.

use std::fmt;

use serde_json::Value;
use tokio::sync::Semaphore;

use crate::answer::{Attachment, Fetched, parse_object};
use crate::bindings::DataProviderHostPre;
use crate::bindings::exports::data_provider::Data;
use crate::bindings::types::{self, Attachment as GuestAttachment, Problem, Request, Subject};
use crate::call::{self, Budget, Fault};
use crate::error::{CallError, Message};
use crate::guest::{Guest, World};
use crate::limits::Limits;
use crate::sandbox::FetchRequest;
use crate::status::Serving;
use crate::text::{cut, escaped};

/// Lengths of what a plugin says about a failure; part of the contract in `wit/`.
const MAX_MESSAGE: usize = 512;
const MAX_DETAIL: usize = 4 << 10;

/// Attachments of one answer.
const MAX_ATTACHMENTS: usize = 64;

/// A generation that may serve.
pub(crate) struct Generation {
    pub(crate) identity: Serving,
    pub(crate) limits: Limits,
    /// One permit a running call.
    pub(crate) slots: Semaphore,
    pub(crate) component: DataProviderHostPre<Guest>,
    pub(crate) world: World,
}

impl Generation {
    /// Asks the plugin for data, in a fresh sandbox. The caller holds the permits.
    pub(crate) async fn fetch(&self, request: FetchRequest) -> Result<Fetched, CallError> {
        let budget = Budget::of_call(&self.limits);
        let context = budget.context(&request.request_id, traceparent(&request.context));
        let request = self.to_guest(request)?;
        let outcome = call::run(&self.component, self.world.clone(), context, &budget, |store, plugin| {
            Box::pin(async move {
                let provider = plugin.chancery_plugin_data_provider();
                provider.call_fetch(store, &request).await
            })
        });
        match outcome.await {
            Err(fault) => Err(fault.into_call_error(self.plugin())),
            Ok((Err(error), _)) => Err(to_call_error(self.plugin(), error)),
            Ok((Ok(data), guest)) => self.checked(data, guest).map_err(|detail| self.invalid(detail)),
        }
    }

    fn plugin(&self) -> &str {
        &self.world.plugin
    }

    fn invalid(&self, detail: String) -> CallError {
        CallError::InvalidOutput { plugin: self.plugin().to_owned(), detail }
    }

    fn to_guest(&self, request: FetchRequest) -> Result<Request, CallError> {
        let object = |name: &str, value: Value| match value {
            Value::Null => Ok("{}".to_owned()),
            Value::Object(_) => Ok(value.to_string()),
            _ => Err(CallError::InvalidRequest(Message {
                plugin: self.plugin().to_owned(),
                public: "The request is not valid.".to_owned(),
                detail: Some(format!("{name} is not a JSON object")),
            })),
        };
        Ok(Request {
            request_id: request.request_id,
            issuer_id: request.issuer_id,
            configuration_id: request.configuration_id,
            format: request.format,
            subject: Subject { id: request.subject_id, claims: object("subject_claims", request.subject_claims)? },
            requested_claims: request.requested_claims,
            locales: request.locales,
            settings: object("settings", request.settings)?,
            context: object("context", request.context)?,
            budget_ms: u32::try_from(self.limits.wall.as_millis()).unwrap_or(u32::MAX),
        })
    }

    fn checked(&self, data: Data, mut guest: Guest) -> Result<Fetched, String> {
        let bytes = u64::try_from(data.claims.len()).unwrap_or(u64::MAX);
        if bytes > self.limits.output {
            let limit = crate::limits::show_size(self.limits.output);
            return Err(format!("{bytes} bytes of claims, the limit is {limit}"));
        }
        let claims = parse_object(&data.claims).map_err(|error| format!("claims: {error}"))?;
        if data.attachments.len() > MAX_ATTACHMENTS {
            return Err(format!("more than {MAX_ATTACHMENTS} attachments"));
        }
        let mut attachments: Vec<Attachment> = Vec::with_capacity(data.attachments.len());
        for attachment in data.attachments {
            let taken = |name: &str| claims.contains_key(name) || attachments.iter().any(|a| a.name == name);
            if attachment.name.is_empty() || taken(&attachment.name) {
                let name = escaped(cut(&attachment.name, MAX_MESSAGE));
                return Err(format!("the attachment name {name:?} is empty or taken"));
            }
            attachments.push(take_attachment(&mut guest, attachment)?);
        }
        Ok(Fetched { claims, attachments, valid_until: data.valid_until, plugin_sha256: self.identity.sha256.clone() })
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
            retry_after: retry.after_ms.map(|ms| std::time::Duration::from_millis(ms.into())),
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

fn take_attachment(guest: &mut Guest, attachment: GuestAttachment) -> Result<Attachment, String> {
    let blob = guest.table.delete(attachment.content);
    let blob = blob.map_err(|error| format!("attachment {:?}: {error}", attachment.name))?;
    Ok(Attachment { name: attachment.name, media_type: blob.media_type, content: blob.content })
}

fn traceparent(context: &Value) -> Option<String> {
    context.get("traceparent")?.as_str().map(str::to_owned)
}
