//! The whole pre-authorized code flow of OpenID4VCI 1.0: the issuer's backend makes an offer, a wallet redeems its
//! code, gets a nonce, proves its key and takes the credential.

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{CONNECTIONS, Subject};
use crate::{
    Result,
    example::{SD_JWT, subject as person},
    http::{Connection, text},
    load::drive,
    report::Report,
};

const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code";
const CODE: &str = "/credential_offer/grants/urn:ietf:params:oauth:grant-type:pre-authorized_code/pre-authorized_code";

pub(super) fn measure(
    report: &mut Report,
    runtime: &Runtime,
    subject: &Subject<'_>,
    configuration: &str,
) -> Result<()> {
    let id = if configuration == SD_JWT { "flow" } else { "flow-ld" };
    let what = format!("whole flow, {}", if configuration == SD_JWT { "SD-JWT VC" } else { "Data Integrity" });
    for connections in CONNECTIONS {
        // Access tokens are good for five minutes, longer than any of these takes.
        let admin = runtime.block_on(subject.admin_token())?;
        let job = async |connection: &mut Connection, number: usize| -> Result<()> {
            let token = access_token(connection, admin.as_deref(), configuration, number).await?;
            let nonce = text(&connection.post("/openid4vci/nonce", None, Bytes::new()).await?, "/c_nonce")?;
            let proof = subject.wallets.proof(number, &subject.target.url, &nonce).await?;
            let request = credential_request(configuration, &proof);
            require_credential(&connection.post("/openid4vci/credential", Some(&token), request).await?)
        };
        let figures = runtime.block_on(drive(subject.target, subject.effort, connections, usize::MAX, job))?;
        report.whole(id, &what, subject.system, connections, figures);
    }
    Ok(())
}

/// Offers `configuration` to one of the people and redeems the offer's code.
pub(super) async fn access_token(
    connection: &mut Connection,
    admin: Option<&str>,
    configuration: &str,
    number: usize,
) -> Result<String> {
    let offer = json!({"credential_configuration_ids": [configuration], "subject": person(number)});
    let offer = connection.post("/admin/v1/offers", admin, offer.to_string().into()).await?;
    // The code is base64url in both servers: it needs no escaping.
    let form = format!("grant_type={GRANT}&pre-authorized_code={}", text(&offer, CODE)?);
    text(&connection.post_form("/oauth/token", form).await?, "/access_token")
}

pub(super) fn credential_request(configuration: &str, proof: &str) -> Bytes {
    json!({"credential_configuration_id": configuration, "proofs": {"jwt": [proof]}}).to_string().into()
}

/// Text or an object, as the format has it.
pub(super) fn require_credential(answer: &[u8]) -> Result<()> {
    let answer: Value = serde_json::from_slice(answer)?;
    if answer["credentials"][0]["credential"].is_null() { Err("no credential was answered".into()) } else { Ok(()) }
}

impl Subject<'_> {
    pub(super) async fn admin_token(&self) -> Result<Option<String>> {
        match self.site {
            Some(site) => Ok(Some(site.client_token().await?)),
            None => Ok(None),
        }
    }
}
