//! `cargo xtask demo`: from a clean clone to a credential in a wallet, with everything real but the wallet's walls.

use std::{
    error::Error,
    fs::{self, File},
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use chancery_credential::{jsonld::Contexts, sd_jwt::Disclosed};
use serde_json::Value;

use crate::{
    guests, paths,
    run::{build_host, heading},
    wallet::Wallet,
};

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn run(exit: bool) -> Result<(), Box<dyn Error>> {
    heading("Building the plugins");
    guests::run()?;
    let site = Site::new(build_host()?)?;

    heading("Setting an issuer up");
    println!("  {} is a copy of examples/farmer, with csv-provider.wasm dropped into plugins/", site.dir.display());
    site.chancery(&["config", "apply", "config/"])?;
    site.chancery(&["plugin", "list"])?;

    heading("Serving");
    let host = site.serve()?;
    println!("  {} (log: {})", site.url, site.dir.join("serve.log").display());

    let wallet = Wallet::new()?;
    let credential = take(&site, &wallet, "FarmerCredential")?;
    let credential = credential.as_str().ok_or("an SD-JWT VC is text")?;
    heading("The SD-JWT VC");
    println!("{credential}");
    show(&wallet.verify_sd_jwt(&site.url, credential)?)?;

    let credential = take(&site, &wallet, "FarmerCredentialLd")?;
    heading("The JSON-LD credential");
    println!("{}", serde_json::to_string_pretty(&credential)?);
    let secured = wallet.verify_ld(&site.url, &credential, &site.contexts()?)?;
    heading("Verification");
    println!("  proof            valid, {}, by {}", secured.cryptosuite.as_str(), secured.verification_method);
    println!("  holder binding   the subject is the wallet's own key");

    if exit {
        return Ok(());
    }
    what_next(&site);
    host.wait()
}

fn take(site: &Site, wallet: &Wallet, configuration: &str) -> Result<Value, Box<dyn Error>> {
    heading(&format!("An offer of {configuration} for subject 1003"));
    let offer = site.offer(configuration)?;
    println!("  {}", offer["link"].as_str().unwrap_or_default());
    heading("A wallet takes it");
    wallet.take(offer["credential_offer_uri"].as_str().unwrap_or_default())
}

fn show(shown: &Disclosed) -> Result<(), Box<dyn Error>> {
    heading("What it says, all disclosures made");
    println!("{}", serde_json::to_string_pretty(&shown.claims)?);
    heading("What the holder can leave out");
    for claim in &shown.disclosed {
        println!("  {}", claim.path);
    }
    heading("Verification");
    println!("  signature        valid, by the issuer's published key {}", shown.header["kid"]);
    println!("  disclosures      every one matches a signed digest");
    println!("  holder binding   to the wallet's own key");
    Ok(())
}

fn what_next(site: &Site) {
    let (dir, program) = (site.dir.display(), site.program.display());
    heading("It goes on serving. In another terminal:");
    println!("  cd {dir} && alias chancery={program}");
    println!("  chancery offer create --configuration FarmerCredential --subject 1001 --tx-code");
    println!("  chancery plugin list");
    println!("  curl -s {}/.well-known/openid-credential-issuer", site.url);
    println!("  curl -s {}/readyz", site.url);
    println!("  Add a row to plugins/farmers.csv and offer it: the host takes the new data over while it serves.");
    println!("  Break config/FarmerCredential/template.json and run: chancery config apply config/");
    println!("\nCtrl-C ends it.");
}

/// The demonstration's directory.
struct Site {
    dir: PathBuf,
    program: PathBuf,
    url: String,
}

impl Site {
    fn new(program: PathBuf) -> Result<Self, Box<dyn Error>> {
        let dir = paths::target().join("demo");
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        copy(&paths::root().join("examples/farmer"), &dir)?;
        fs::copy(paths::built_plugins().join("csv-provider.wasm"), dir.join("plugins/csv-provider.wasm"))?;
        let port = free_port()?;
        let file = dir.join("chancery.toml");
        fs::write(&file, fs::read_to_string(&file)?.replace(":8080", &format!(":{port}")))?;
        Ok(Self { dir, program, url: format!("http://localhost:{port}") })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        println!("  $ chancery {}", arguments.join(" "));
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.dir).stdin(Stdio::null());
        command
    }

    fn chancery(&self, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
        let status = self.command(arguments).status()?;
        if status.success() { Ok(()) } else { Err(format!("chancery {} failed", arguments.join(" ")).into()) }
    }

    fn serve(&self) -> Result<Host, Box<dyn Error>> {
        let log = self.dir.join("serve.log");
        let mut host = Host(self.command(&["serve"]).stderr(File::create(&log)?).spawn()?);
        let end = Instant::now() + PATIENCE;
        while ureq::get(format!("{}/readyz", self.url)).call().is_err() {
            if Instant::now() > end || host.0.try_wait()?.is_some() {
                return Err(format!("the host does not get ready:\n{}", fs::read_to_string(log)?).into());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(host)
    }

    /// The contexts of the JSON-LD credential, as a verifier would have fetched them.
    fn contexts(&self) -> Result<Contexts, Box<dyn Error>> {
        let directory = self.dir.join("config/FarmerCredentialLd");
        let configuration: toml::Table = fs::read_to_string(directory.join("configuration.toml"))?.parse()?;
        let mut documents = Vec::new();
        for (url, file) in configuration["contexts"].as_table().into_iter().flatten() {
            let text = fs::read_to_string(directory.join(file.as_str().unwrap_or_default()))?;
            documents.push((url.clone(), serde_json::from_str(&text)?));
        }
        Ok(Contexts::with(documents.iter().map(|(url, document): &(String, Value)| (url.as_str(), document)))?)
    }

    fn offer(&self, configuration: &str) -> Result<Value, Box<dyn Error>> {
        let arguments = ["offer", "create", "--configuration", configuration, "--subject", "1003", "--json"];
        let output = self.command(&arguments).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err("no offer could be made".into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// The running host, stopped when the demonstration ends.
struct Host(Child);

impl Host {
    fn wait(mut self) -> Result<(), Box<dyn Error>> {
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the host ended with {status}").into()) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// 8080 where it is free, so that what people type stays short.
fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:8080").or_else(|_| TcpListener::bind("127.0.0.1:0"))?;
    Ok(listener.local_addr()?.port())
}

pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
