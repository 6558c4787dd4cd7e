use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chancery_keys::jose::sign_compact;
use chancery_keys::{Algorithm, Signer as _, SoftwareKey, SystemEntropy};
use chrono::Duration;
use clap::{Args, Subcommand};
use pem::Pem;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Failure, eprintln_line, print_line, with_causes};
use crate::app::{App, Migrate, Plugins};
use crate::audit::Actor;
use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::issuance::error::Error as IssuanceError;
use crate::issuance::issuers::DEFAULT_ISSUER;
use crate::issuance::setup::issuer_url;
use crate::oauth::clients::NewClient;
use crate::oauth::error::Error as OAuthError;
use crate::oauth::scopes;

const CREATE_HELP: &str = "\
Examples:
  chancery client create enrolment --scope offers:create --new-key enrolment.pem
  chancery client create portal --scope offers:create --public-key portal.jwk.json";

const ASSERTION_HELP: &str = "\
The assertion is good for one request within two minutes.

Example:
  curl -d grant_type=client_credentials \\
       -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\
       -d client_assertion=$(chancery client assertion enrolment --key enrolment.pem) \\
       http://localhost:8080/oauth/token";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Register a service client of the admin API, by its public key or with a new key pair.
    #[command(after_help = CREATE_HELP)]
    Create(Create),
    /// Print a client assertion (private_key_jwt) to sign in with.
    #[command(after_help = ASSERTION_HELP)]
    Assertion(Assertion),
    /// Make a key pair: the private key goes to a file, the public one is printed as a JWK.
    NewKey { out: PathBuf },
    /// List the scopes that a client can have.
    Scopes,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    client_id: String,
    /// May be given several times; `chancery client scopes` lists them.
    #[arg(long = "scope", required = true)]
    scopes: Vec<String>,
    /// A file with the client's public key as a JWK (P-256 or Ed25519).
    #[arg(long, conflicts_with = "new_key", required_unless_present = "new_key")]
    public_key: Option<PathBuf>,
    /// Make a key pair and write the private key to this file, which must not exist (PKCS#8 PEM, mode 0600).
    #[arg(long)]
    new_key: Option<PathBuf>,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
}

#[derive(Debug, Args)]
pub(super) struct Assertion {
    client_id: String,
    /// The private key (PKCS#8 PEM, P-256).
    #[arg(long)]
    key: PathBuf,
    #[arg(long, default_value = DEFAULT_ISSUER)]
    issuer: String,
}

pub(super) async fn run(config: Config, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create(config, arguments).await,
        Command::Assertion(arguments) => assertion(&config, &arguments).await,
        Command::NewKey { out } => {
            print_line(&Value::Object(make_key(&out)?).to_string());
            Ok(())
        }
        Command::Scopes => {
            for (name, what) in scopes::SCOPES {
                print_line(&format!("{name:<16} {what}"));
            }
            Ok(())
        }
    }
}

async fn create(config: Config, arguments: Create) -> Result<(), Failure> {
    let app = App::open(config, Migrate::Check, Plugins::Leave).await?;
    let issuer = app.issuers.get(&arguments.issuer);
    let issuer = issuer.ok_or_else(|| Failure::Usage(format!("there is no issuer {}", arguments.issuer)))?;
    let jwk = match (&arguments.public_key, &arguments.new_key) {
        (Some(path), _) => read_json(path)?,
        (None, Some(path)) => Value::Object(make_key(path)?),
        (None, None) => return Err(Failure::Usage("name --public-key or --new-key".to_owned())),
    };
    let new =
        NewClient { client_id: arguments.client_id, jwks: json!({"keys": [jwk]}), scopes: arguments.scopes.clone() };
    let id = new.client_id.clone();
    let registered = app.oauth.register_client(&issuer, &Actor::cli(), new, &scopes::all()).await;
    if let Err(error) = registered {
        if let OAuthError::Issuance(IssuanceError::Unavailable { .. } | IssuanceError::Broken { .. }) = error {
            // Whether the client exists now is not known, so its key stays.
            return Err(Failure::Failed(with_causes(&error)));
        }
        if let Some(path) = &arguments.new_key {
            // A key of no client is litter; the file was made a moment ago by us.
            let _ = fs::remove_file(path);
        }
        return Err(Failure::Usage(error.to_string()));
    }
    print_line(&format!("{id} may {} at {}", arguments.scopes.join(", "), issuer.url));
    Ok(())
}

async fn assertion(config: &Config, arguments: &Assertion) -> Result<(), Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", arguments.key.display()));
    let text = fs::read(&arguments.key).map_err(|e| wrong(&e))?;
    let pkcs8 = pem::parse(text).map_err(|e| wrong(&e))?;
    let key = SoftwareKey::from_pkcs8(Algorithm::Es256, pkcs8.contents()).map_err(|e| wrong(&e))?;
    let now = SystemClock.now();
    let claims = json!({
        "iss": arguments.client_id,
        "sub": arguments.client_id,
        "aud": issuer_url(&config.server.public_url, &arguments.issuer),
        "iat": now.timestamp(),
        "exp": (now + Duration::minutes(2)).timestamp(),
        "jti": Uuid::new_v4(),
    });
    let claims = claims.as_object().cloned().unwrap_or_default();
    let signed = sign_compact(&key, Map::new(), &claims).await.map_err(|e| Failure::Failed(e.to_string()))?;
    print_line(&signed);
    Ok(())
}

/// Writes a new private key and answers the public one.
fn make_key(path: &Path) -> Result<Map<String, Value>, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::Failed(format!("{}: {e}", path.display()));
    let pkcs8 = SoftwareKey::generate_pkcs8(Algorithm::Es256, &SystemEntropy::new()).map_err(|e| failed(&e))?;
    let key = SoftwareKey::from_pkcs8(Algorithm::Es256, &pkcs8).map_err(|e| failed(&e))?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| failed(&e))?;
    let text = pem::encode(&Pem::new("PRIVATE KEY", pkcs8.as_slice()));
    file.write_all(text.as_bytes()).map_err(|e| failed(&e))?;
    eprintln_line(&format!("wrote the private key to {}", path.display()));
    Ok(key.public_key().to_jwk())
}

fn read_json(path: &Path) -> Result<Value, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", path.display()));
    serde_json::from_str(&fs::read_to_string(path).map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))
}
