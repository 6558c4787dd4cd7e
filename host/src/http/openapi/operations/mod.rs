//! What each route does, takes and answers, in the words of people. A route that is missing here fails a test.

mod administration;
mod credentials;
mod host;
mod jobs;
mod metadata;
mod status_lists;
mod wallets;
mod webhooks;

use super::operation::{Operation, Tag};

/// A route's method and path, and what is said about it.
pub(super) type Described = (&'static str, &'static str, Operation);

pub(super) fn all() -> Vec<Described> {
    let groups = [
        credentials::operations(),
        status_lists::operations(),
        wallets::operations(),
        administration::operations(),
        jobs::operations(),
        webhooks::operations(),
        metadata::operations(),
        host::operations(),
    ];
    groups.concat()
}

impl Tag {
    pub(super) const ALL: [Self; 6] =
        [Self::Credentials, Self::StatusLists, Self::Wallets, Self::Administration, Self::Metadata, Self::Host];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Credentials => "Credentials",
            Self::StatusLists => "Status lists",
            Self::Wallets => "Wallets",
            Self::Administration => "Administration",
            Self::Metadata => "Metadata and keys",
            Self::Host => "Host",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Credentials => {
                "For an issuer's backend: issue, read, find and delete credentials, and change what is said of them. Below \
                 `/vcalm` with the answers of VCALM 1.0, the former VC-API."
            }
            Self::StatusLists => "What verifiers fetch to see whether a credential was revoked or suspended.",
            Self::Wallets => "OpenID4VCI 1.0: from an offer to the credential in a wallet.",
            Self::Administration => {
                "What an issuer's backend and its operators do, with a service client's access token."
            }
            Self::Metadata => "What wallets and verifiers read before anything else. Open to everybody.",
            Self::Host => "The process itself: for load balancers, and for readers of this document.",
        }
    }
}
