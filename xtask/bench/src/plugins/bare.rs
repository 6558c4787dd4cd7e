//! What plugins use through capabilities, used directly: the limit that a capability cannot be faster than. Each job does its work
//! `times` in what counts as one, as a plugin does in one call.

use std::{fs::OpenOptions, hint::black_box, io::Write as _, path::Path, sync::Arc, time::Duration};

use chancery_egress::{Client, Egress, EgressOptions, Networks, Policy, SystemResolver, TrustRoots};
use chancery_keys::{Algorithm, MacKey, jose::sign_compact};
use chancery_store::statements::{DatabaseOptions, Databases, StatementOptions, Value};
use hyper::{Request, body::Bytes};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::{
    Result,
    measure::Job,
    parts::store::ISSUER_ID,
    wallet::{new_key, now, object},
};

/// Reads one row by its key from the store's own database.
pub(super) const STATEMENT: &str = "select url, created_at from issuers where issuer_id = $1";
const TIMEOUT: Duration = Duration::from_secs(1);
const KIB: [u8; 1024] = [b'x'; 1024];

pub(super) fn mac(times: usize) -> Result<Job> {
    let key = Arc::new(MacKey::from_bytes(&[7; 32])?);
    Ok(Box::new(move |_| {
        let key = Arc::clone(&key);
        Box::pin(async move {
            for _ in 0..times {
                black_box(key.mac(&KIB));
            }
            Ok(())
        })
    }))
}

pub(super) fn jwt(times: usize) -> Result<Job> {
    let key = Arc::new(new_key(Algorithm::Es256)?);
    Ok(Box::new(move |_| {
        let key = Arc::clone(&key);
        Box::pin(async move {
            for _ in 0..times {
                let claims = json!({"a": "x".repeat(248), "iat": now(), "exp": now() + 60, "jti": Uuid::new_v4()});
                black_box(sign_compact(key.as_ref(), Map::new(), &object(claims)).await?);
            }
            Ok(())
        })
    }))
}

/// At the end of the file `path`.
pub(super) fn append(times: usize, path: &Path) -> Result<Job> {
    let file = Arc::new(OpenOptions::new().append(true).create(true).open(path)?);
    Ok(Box::new(move |_| {
        let file = Arc::clone(&file);
        Box::pin(async move {
            for _ in 0..times {
                (&*file).write_all(&KIB)?;
                file.sync_data()?;
            }
            Ok(())
        })
    }))
}

/// `STATEMENT` on the database at `url`. Needs a runtime around it.
pub(super) fn sql(times: usize, url: &str) -> Result<Job> {
    let database = DatabaseOptions { url: url.to_owned(), max_connections: 8, acquire_timeout: TIMEOUT };
    let statement = Databases::new(vec![("own".to_owned(), database)])?.statement(StatementOptions {
        database: "own".to_owned(),
        text: STATEMENT.to_owned(),
        params: 1,
        max_rows: 100,
        max_bytes: 1 << 20,
        timeout: TIMEOUT,
        writes: false,
    })?;
    Ok(Box::new(move |_| {
        let statement = Arc::clone(&statement);
        Box::pin(async move {
            for _ in 0..times {
                let rows = statement.run(vec![Value::Text(ISSUER_ID.to_owned())], TIMEOUT).await?;
                if rows.rows.len() != 1 {
                    return Err("the statement gave no row".into());
                }
            }
            Ok(())
        })
    }))
}

/// Gets what is at `url`.
pub(super) fn http(times: usize, url: &str) -> Result<Job> {
    let egress = Egress::new(&EgressOptions::default(), Arc::new(SystemResolver::new()), TrustRoots::none());
    let client = Client::new(&Policy { networks: Networks::Any, ..Policy::new([url]) }, &egress)?;
    let url = url.to_owned();
    Ok(Box::new(move |_| {
        let (client, url) = (client.clone(), url.clone());
        Box::pin(async move {
            for _ in 0..times {
                let response = client.send(Request::get(&url).body(Bytes::new())?).await?;
                if !response.status().is_success() {
                    return Err("the server on this machine failed".into());
                }
            }
            Ok(())
        })
    }))
}
