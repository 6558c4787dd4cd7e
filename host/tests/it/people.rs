//! A host whose one configuration hands on what the plugin `people` (the csv-provider) says, and whose data tells
//! which generation it came from.

use serde_json::Value;

use crate::app::built_plugin;
use crate::load::{Load, Office};
use crate::server::{Server, Site};

/// The plugin's name.
pub const PLUGIN: &str = "people";

const WALLETS: usize = 3;
const PEOPLE: u64 = 200;

/// The running host, and a service client of it.
pub struct Registry {
    pub site: Site,
    pub server: Server,
    pub office: Office,
}

impl Registry {
    pub fn open(chancery_toml: &str) -> Self {
        let site = Site::farmer();
        for dir in ["config", "plugins"] {
            std::fs::remove_dir_all(site.path(dir)).unwrap();
            std::fs::create_dir(site.path(dir)).unwrap();
        }
        let dir = site.path("config/Person");
        std::fs::create_dir(&dir).unwrap();
        let write = |file: &str, text: &str| std::fs::write(dir.join(file), text).unwrap();
        let document = format!("format = \"dc+sd-jwt\"\nvct = \"urn:example:person\"\n[plugin]\nname = {PLUGIN:?}\n");
        write("configuration.toml", &document);
        let names = ["id", "a", "pad", "b"];
        let template: Vec<String> = names.iter().map(|name| format!("{name:?}: \"{{{{ data.{name} }}}}\"")).collect();
        write("template.json", &format!("{{{}}}", template.join(", ")));
        write("sample.json", r#"{"id": "1", "a": "0", "pad": "", "b": "0"}"#);
        let file = site.path("chancery.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}{chancery_toml}")).unwrap();
        site.apply();
        put(&site, "people.wasm", csv_provider());
        put(&site, "people-0.csv", people(0));
        put(&site, "people.toml", grant("people-0.csv"));
        let server = site.serve();
        let office = Office::open(&server);
        Self { site, server, office }
    }

    pub fn put(&self, file: &str, content: impl AsRef<[u8]>) {
        put(&self.site, file, content);
    }

    pub fn remove(&self, file: &str) {
        std::fs::remove_file(self.site.path("plugins").join(file)).unwrap();
    }

    #[track_caller]
    pub fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        self.server.until(what, holds);
    }

    /// Waits until the plugin has come to an end of its loading that `is` recognises.
    #[track_caller]
    pub fn settled(&self, plugin: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        self.until(&format!("{plugin} is loaded or refused"), || {
            last = self.office.plugin(plugin);
            is(&last)
        });
        last
    }

    pub fn wallets(&self) -> Load {
        Load::start(&self.office, WALLETS, |office, round| {
            let subject = subject(round);
            version_of(&office.take("Person", &subject), &subject)
        })
    }
}

/// Puts a file in its place in one step, as operators should.
fn put(site: &Site, file: &str, content: impl AsRef<[u8]>) {
    let temporary = site.path("plugins").join(format!(".{file}.new"));
    std::fs::write(&temporary, content).unwrap();
    std::fs::rename(temporary, site.path("plugins").join(file)).unwrap();
}

pub fn subject(round: u64) -> String {
    (round % PEOPLE + 1).to_string()
}

/// Every row says the version twice, around a text whose length differs between versions: an index of one version
/// over the bytes of another gives no such row.
pub fn people(version: u64) -> String {
    let pad = pad(version);
    let row = |id: u64| format!("{id},{version},{pad},{version}\n");
    let rows: String = (1..=PEOPLE).map(row).collect();
    format!("id,a,pad,b\n{rows}")
}

fn pad(version: u64) -> String {
    "x".repeat(usize::try_from(version * 7 % 41).unwrap())
}

/// The version that a credential comes from, and from no other.
pub fn version_of(claims: &Value, subject: &str) -> u64 {
    let version: u64 = claims["a"].as_str().unwrap().parse().unwrap();
    assert_eq!(claims["b"], claims["a"], "generations are mixed: {claims}");
    assert_eq!(claims["pad"], pad(version), "generations are mixed: {claims}");
    assert_eq!(claims["id"], subject);
    version
}

pub fn grant(file: &str) -> String {
    format!(
        "[[grants.files]]\nhost = {file:?}\nguest = \"/people.csv\"\n[config]\nfile = \"/people.csv\"\ncolumn = \"id\"\n"
    )
}

pub fn csv_provider() -> Vec<u8> {
    std::fs::read(built_plugin("csv-provider")).unwrap()
}
