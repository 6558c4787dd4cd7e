//! TLS on both sides, with certificates made here.

use std::sync::Arc;

use chancery_egress::{Client, ClientIdentity, Egress, EgressOptions, HostTls, Policy, Secret, TrustRoots};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::server::{OK, Reply, Server};
use crate::world::{Answers, get, kind, policy};

/// An authority and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
struct Signed {
    cert: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    fn sign(&self, name: &str, change: impl Fn(&mut CertificateParams)) -> Signed {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Signed { cert: cert.pem(), key: key.serialize_pem() }
    }
}

fn acceptor(
    signed: &Signed,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(&authority.pem()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(signed.cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
}

async fn serve(tls: TlsAcceptor) -> Server {
    Server::start("127.0.0.1:0", Some(tls), |_, _| Reply::keep(OK)).await
}

fn origin(server: &Server) -> String {
    format!("https://registry.test:{}", server.address.port())
}

fn client(policy: &Policy, roots: TrustRoots) -> Client {
    let resolver = Answers::new("registry.test", &[&["127.0.0.1"]]);
    Client::new(policy, &Egress::new(&EgressOptions::default(), resolver, roots)).unwrap()
}

fn trusting(authority: &Authority) -> TrustRoots {
    TrustRoots::from_pem(&authority.pem()).unwrap()
}

fn host_tls(ca: Option<&Authority>, identity: Option<&Signed>) -> Vec<HostTls> {
    vec![HostTls {
        host: "registry.test".to_owned(),
        ca: ca.map(Authority::pem),
        identity: identity
            .map(|i| ClientIdentity { cert: i.cert.clone().into_bytes(), key: Secret::new(i.key.clone()) }),
    }]
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted_in_both_versions() {
    let authority = Authority::new("ours");
    for version in [&TLS12, &TLS13] {
        let server = serve(acceptor(&authority.sign("registry.test", |_| ()), None, &[version])).await;
        let client = client(&policy(&[origin(&server)]), trusting(&authority));
        for _ in 0..2 {
            assert_eq!(get(&client, &origin(&server)).await.unwrap().body(), "ok");
        }
        assert_eq!(server.connections(), 1, "kept, as others are");
    }
}

#[tokio::test]
async fn certificates_that_prove_nothing_are_refused() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let expired = |params: &mut CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    };
    let for_clients = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let own = rcgen::generate_simple_self_signed(["registry.test".to_owned()]).unwrap();
    for (signed, what) in [
        (theirs.sign("registry.test", |_| ()), "another authority"),
        (ours.sign("other.test", |_| ()), "another name"),
        (ours.sign("127.0.0.1", |_| ()), "the address in place of the name"),
        (ours.sign("registry.test", expired), "expired"),
        (ours.sign("registry.test", for_clients), "another purpose"),
        (Signed { cert: own.cert.pem(), key: own.signing_key.serialize_pem() }, "self-signed"),
    ] {
        let server = serve(acceptor(&signed, None, &[&TLS13])).await;
        let client = client(&policy(&[origin(&server)]), trusting(&ours));
        let error = get(&client, &origin(&server)).await.unwrap_err();
        assert_eq!(kind(&error), "tls", "{what}: {error:?}");
        assert!(server.requests().is_empty(), "{what}: no request was sent");
    }
}

#[tokio::test]
async fn a_hosts_own_authority_is_the_only_one_for_it() {
    let (system, own) = (Authority::new("system"), Authority::new("own"));
    for (signer, ca, accepted) in
        [(&own, Some(&own), true), (&system, Some(&own), false), (&system, None, true), (&own, None, false)]
    {
        let server = serve(acceptor(&signer.sign("registry.test", |_| ()), None, &[&TLS13])).await;
        let mut policy = policy(&[origin(&server)]);
        policy.tls = host_tls(ca, None);
        let result = get(&client(&policy, trusting(&system)), &origin(&server)).await;
        assert_eq!(result.is_ok(), accepted, "{result:?}");
        if let Err(error) = result {
            assert_eq!(kind(&error), "tls");
        }
    }
}

#[tokio::test]
async fn a_hosts_own_authority_counts_for_no_other_host() {
    let own = Authority::new("own");
    let server = serve(acceptor(&own.sign("127.0.0.1", |_| ()), None, &[&TLS13])).await;
    let by_address = format!("https://{}", server.address);
    let mut policy = policy(&[origin(&server), by_address.clone()]);
    policy.tls = host_tls(Some(&own), None);
    let client = client(&policy, trusting(&Authority::new("system")));
    assert_eq!(kind(&get(&client, &by_address).await.unwrap_err()), "tls");
}

#[tokio::test]
async fn addresses_have_certificates_too() {
    let authority = Authority::new("ours");
    let server = serve(acceptor(&authority.sign("127.0.0.1", |_| ()), None, &[&TLS13])).await;
    let by_address = format!("https://{}", server.address);
    let client = client(&policy(std::slice::from_ref(&by_address)), trusting(&authority));
    assert_eq!(get(&client, &by_address).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_set() {
    let (servers, clients, strangers) =
        (Authority::new("servers"), Authority::new("clients"), Authority::new("strangers"));
    let as_client = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let known = clients.sign("us.test", as_client);
    let unknown = strangers.sign("us.test", as_client);
    for version in [&TLS12, &TLS13] {
        let tls = acceptor(&servers.sign("registry.test", |_| ()), Some(&clients), &[version]);
        let server = serve(tls).await;
        for (identity, accepted) in [(Some(&known), true), (Some(&unknown), false), (None, false)] {
            let mut policy = policy(&[origin(&server)]);
            policy.tls = host_tls(Some(&servers), identity);
            assert!(!format!("{policy:?}").contains("PRIVATE KEY"));
            let client = client(&policy, TrustRoots::none());
            assert!(!format!("{client:?}").contains("PRIVATE KEY"));
            let result = get(&client, &origin(&server)).await;
            assert_eq!(result.is_ok(), accepted, "{version:?}: {result:?}");
            if let Err(error) = result {
                assert_eq!(kind(&error), "tls", "{version:?}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_no_https() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://registry.test:{}", listener.local_addr().unwrap().port());
    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        hello
    });
    let client = client(&policy(std::slice::from_ref(&url)), trusting(&Authority::new("ours")));
    let error = get(&client, &url).await.unwrap_err();
    assert_eq!(kind(&error), "tls", "{error:?}");
    assert_eq!(plain.await.unwrap()[0], 0x16, "a handshake, and no request in the clear");
}

#[test]
fn authorities_are_read_or_refused() {
    let pem = Authority::new("ours").pem();
    assert_eq!(TrustRoots::from_pem(&[pem.clone(), Authority::new("two").pem()].concat()).unwrap().len(), 2);
    assert!(TrustRoots::none().is_empty());
    for broken in [&b""[..], b"no pem", b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", &pem[..40]] {
        assert!(TrustRoots::from_pem(broken).is_err(), "{:?}", String::from_utf8_lossy(broken));
    }
}
