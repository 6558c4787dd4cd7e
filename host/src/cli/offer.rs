use std::path::PathBuf;

use chancery_credential::{JsonLimits, parse_strict};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Failure, print_json, print_line, with_causes};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::config::Config;
use crate::issuance::error::Error;
use crate::issuance::issuers::DEFAULT_ISSUER;
use crate::issuance::offers::{NewOffer, TxCodeRequest};

const HELP: &str = "\
Examples:
  chancery offer create --configuration FarmerCredential --subject 1001
  chancery offer create --configuration FarmerCredential --subject 1001 --tx-code --expires-in 1h
  chancery offer create --configuration FarmerCredential --claims person.json --json
  chancery offer create --configuration FarmerCredential --credential 0b0f6c7e-8f0e-4a57-9d0c-2f1f7f1f3c55";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a credential offer for a wallet.
    #[command(after_help = HELP)]
    Create(Create),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Credential configuration id; may be given several times.
    #[arg(long = "configuration", required = true)]
    configurations: Vec<String>,
    /// The data provider is asked for this subject when the wallet comes.
    #[arg(long, conflicts_with = "claims", required_unless_present_any = ["claims", "credential"])]
    subject: Option<String>,
    /// A JSON file with the data itself.
    #[arg(long)]
    claims: Option<PathBuf>,
    /// A stored credential, by its id.
    #[arg(long, conflicts_with_all = ["claims", "subject"])]
    credential: Option<String>,
    /// Ask the wallet's user for a transaction code. It is printed once.
    #[arg(long)]
    tx_code: bool,
    /// Digits of the transaction code.
    #[arg(long, default_value_t = 6, requires = "tx_code")]
    tx_code_length: usize,
    /// Shown by the wallet: where the user finds the code.
    #[arg(long, requires = "tx_code")]
    tx_code_description: Option<String>,
    /// Such as `10m` or `24h`.
    #[arg(long)]
    expires_in: Option<String>,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    let Command::Create(create) = command;
    let claims = create.claims.as_ref().map(|path| {
        let wrong = |e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| wrong(&e))?;
        match parse_strict(&text, &JsonLimits::default()).map_err(|e| wrong(&e))? {
            Value::Object(claims) => Ok(claims),
            _ => Err(wrong(&"it must hold a JSON object")),
        }
    });
    let app = App::open(config, Migrate::Check, Plugins::Leave).await?;
    let issuer = app.issuers.get(&create.issuer);
    let issuer = issuer.ok_or_else(|| Failure::Usage(format!("there is no issuer {}", create.issuer)))?;
    let new = NewOffer {
        credential_configuration_ids: create.configurations,
        subject: create.subject,
        claims: claims.transpose()?,
        credential_id: create.credential,
        tx_code: create
            .tx_code
            .then_some(TxCodeRequest { length: create.tx_code_length, description: create.tx_code_description }),
        expires_in: create.expires_in,
    };
    let offer = app.issuance.create_offer(&issuer, &Actor::cli(), new).await.map_err(|error| match error {
        Error::InvalidRequest(_) => Failure::Usage(error.to_string()),
        Error::UnknownConfiguration(_) => {
            let known: Vec<&str> = issuer.configurations.keys().map(String::as_str).collect();
            Failure::Usage(format!("{error}; published are: {}", known.join(", ")))
        }
        other => Failure::Failed(with_causes(&other)),
    })?;
    if create.json {
        return print_json(&offer);
    }
    print_line(&offer.link);
    print_line(&format!("page for the person: {}", offer.page));
    if let Some(tx_code) = &offer.tx_code {
        print_line(&format!("transaction code: {tx_code}  (give it to the person on another way)"));
    }
    print_line(&format!("good until: {}", offer.expires_at.get().to_rfc3339()));
    Ok(())
}
