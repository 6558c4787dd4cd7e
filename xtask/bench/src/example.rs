//! What is issued: the farmer's credential of `examples/farmer`, with many more farmers.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use chancery_credential::{ClaimPath, DisclosureFrame, Limits, Template, Variables, jsonld::Contexts};
use serde_json::{Value, json};

use crate::{Error, Result};

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const ISSUER_DID: &str = "did:web:issuer.example";
pub(crate) const SD_JWT: &str = "FarmerCredential";
pub(crate) const DATA_INTEGRITY: &str = "FarmerCredentialLd";
const PEOPLE: usize = 100_000;
const FIRST_ID: usize = 1_000_000;

/// The two configurations of the example, compiled as the host does it.
pub(crate) struct Example {
    pub(crate) template: Template,
    pub(crate) disclosable: DisclosureFrame,
    pub(crate) vct: String,
    pub(crate) ld_template: Template,
    pub(crate) contexts: Contexts,
    sample: Value,
}

impl Example {
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let sd_jwt = Configuration::open(dir, SD_JWT)?;
        let claims = sd_jwt.document["claims"].as_array().ok_or("the example describes no claims")?;
        let disclosable = claims.iter().filter(|claim| claim["disclosable"] == true);
        let paths = disclosable.map(|claim| ClaimPath::from_json(&claim["path"]).map_err(Error::from));
        let ld = Configuration::open(dir, DATA_INTEGRITY)?;
        Ok(Self {
            template: sd_jwt.template()?,
            disclosable: DisclosureFrame::new(&paths.collect::<Result<Vec<_>>>()?)?,
            vct: sd_jwt.document["vct"].as_str().ok_or("the example has no vct")?.to_owned(),
            ld_template: ld.template()?,
            contexts: ld.contexts()?,
            sample: sd_jwt.json("sample.json")?,
        })
    }

    /// What a template is filled with for one credential.
    pub(crate) fn variables(&self, holder: &Value) -> Variables {
        Variables {
            data: self.sample.clone(),
            issuer: json!({"id": ISSUER, "did": ISSUER_DID, "display": []}),
            holder: json!({"id": "did:jwk:holder", "jwk": holder}),
            credential: json!({
                "id": format!("{ISSUER}/credentials/sample"),
                "valid_from": "2026-01-01T00:00:00Z",
                "valid_until": "2027-01-01T00:00:00Z",
            }),
            status: Value::Null,
            request: json!({"configuration_id": SD_JWT}),
            localized: json!({}),
        }
    }
}

/// The directory of a credential configuration.
struct Configuration {
    dir: PathBuf,
    document: Value,
}

impl Configuration {
    fn open(example: &Path, id: &str) -> Result<Self> {
        let dir = example.join("config").join(id);
        let document = toml::from_str(&fs::read_to_string(dir.join("configuration.toml"))?)?;
        Ok(Self { dir, document })
    }

    fn json(&self, name: &str) -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(self.dir.join(name))?)?)
    }

    fn template(&self) -> Result<Template> {
        Ok(Template::from_json(&self.json("template.json")?, Limits::default())?)
    }

    fn contexts(&self) -> Result<Contexts> {
        let own = self.document["contexts"].as_object().ok_or("the example has no contexts of its own")?;
        let read = |(url, file): (_, &Value)| Ok((url, self.json(file.as_str().unwrap_or_default())?));
        let documents = own.iter().map(read).collect::<Result<Vec<(&String, Value)>>>()?;
        Ok(Contexts::with(documents.iter().map(|(url, document)| (url.as_str(), document)))?)
    }
}

/// The id of one of the people in the file; any number will do.
pub(crate) fn subject(number: usize) -> String {
    (FIRST_ID + number % PEOPLE).to_string()
}

/// A file of 100,000 people. No cell holds a comma or a quote: the peer's reader is a simple one.
pub(crate) fn write_people(path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "farmer_id,given_name,family_name,birthdate,village,state,land_area_ha,crops,phone_number")?;
    for number in 0..PEOPLE {
        let (id, day, phone) = (subject(number), number % 28 + 1, 9_000_000_000 + number);
        writeln!(file, "{id},Asha{number},Devi,1984-03-{day:02},Rampur,Bihar,2.4,rice;wheat;mustard,+91 {phone}")?;
    }
    Ok(file.flush()?)
}
