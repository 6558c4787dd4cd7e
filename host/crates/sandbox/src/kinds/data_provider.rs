//! Asking a data provider.

use crate::answer::{Attachment, Fetched, parse_object};
use crate::bindings::data_provider::exports::chancery::plugin::data_provider::Data;
use crate::bindings::types::Attachment as GuestAttachment;
use crate::call::Budget;
use crate::error::CallError;
use crate::generation::{Generation, Kinds};
use crate::guest::Guest;
use crate::imports::blobs::Blob;
use crate::quantity::show_size;
use crate::request::PluginRequest;
use crate::text::{cut, escaped};

/// Attachments of one answer.
const MAX_ATTACHMENTS: usize = 64;

/// How much of a name is shown.
const MAX_SHOWN: usize = 512;

impl Generation {
    /// Asks the plugin for data. The caller holds the permits.
    pub(crate) async fn fetch(&self, request: PluginRequest) -> Result<Fetched, CallError> {
        let Kinds::DataProvider(exports) = &self.kinds else { return Err(self.wrong_kind("data-provider")) };
        let budget = Budget::of_call(&self.limits);
        let (context, request) = self.to_guest(&budget, request)?;
        let check = |data, guest: &mut Guest| self.checked(data, guest);
        self.ask(exports, context, &budget, |store, plugin| Box::pin(plugin.fetch(store, request)), check).await
    }

    fn checked(&self, data: Data, guest: &mut Guest) -> Result<Fetched, String> {
        let bytes = u64::try_from(data.claims.len()).unwrap_or(u64::MAX);
        if bytes > self.limits.output {
            let limit = show_size(self.limits.output);
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
                let name = escaped(cut(&attachment.name, MAX_SHOWN));
                return Err(format!("the attachment name {name:?} is empty or taken"));
            }
            attachments.push(take_attachment(guest, attachment)?);
        }
        Ok(Fetched { claims, attachments, valid_until: data.valid_until, plugin_sha256: self.identity.sha256.clone() })
    }
}

fn take_attachment(guest: &mut Guest, attachment: GuestAttachment) -> Result<Attachment, String> {
    let blob = Blob::take(guest, attachment.content);
    let blob = blob.map_err(|error| format!("attachment {:?}: {error}", cut(&attachment.name, MAX_SHOWN)))?;
    Ok(Attachment { name: attachment.name, media_type: blob.media_type, content: blob.content })
}
