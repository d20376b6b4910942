//! TLS of connections that come in: options with the names of Logstash's tcp input are checked, files of certificates are
//! read, and read again when they change. Accepting connections is the input's.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::lang::diagnostic::Diagnostic;
use crate::limits;
use crate::pipeline::Building;
use crate::plugin::{Kind, Opt, Options};
use crate::small_file;

pub const ENABLED: Opt = Opt::new(
    "ssl_enabled",
    Kind::Boolean,
    "Speak TLS, 1.2 at least, on the TCP port.",
)
.default("false")
.old_names(&["ssl_enable"]);

pub const CERTIFICATE: Opt = Opt::new(
    "ssl_certificate",
    Kind::Path,
    "File with the certificate that is shown to clients, in PEM, and those between it and its authority behind it. A \
     changed file is used for new connections within seconds.",
)
.old_names(&["ssl_cert"]);

pub const KEY: Opt = Opt::new(
    "ssl_key",
    Kind::Path,
    "File with the certificate's key, in PEM, not encrypted.",
);

pub const KEY_PASSPHRASE: Opt = Opt::new(
    "ssl_key_passphrase",
    Kind::Password,
    "Refused: keys are read without a passphrase only.",
);

pub const AUTHORITIES: Opt = Opt::new(
    "ssl_certificate_authorities",
    Kind::List,
    "Files with the authorities, in PEM, that clients' certificates must come from.",
);

pub const CLIENT_AUTHENTICATION: Opt = Opt::new(
    "ssl_client_authentication",
    Kind::Text,
    "Whether clients show a certificate: `optional` accepts those that show none, never a wrong one. By default \
     `required` with authorities and `none` without.",
)
.allowed(&["none", "optional", "required"]);

/// Checked options, and the configuration made of the files as they are now.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    /// The files when they were last looked at, whether or not they could be used.
    stamps: Vec<Stamp>,
}

/// What tells a changed file from an unchanged one.
type Stamp = Option<(u64, u64, i64, i64)>;

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    authorities: Vec<PathBuf>,
    clients: Clients,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clients {
    Anonymous,
    Optional,
    Required,
}

/// Reads the options; the inner value is `None` without TLS. What is wrong is reported.
pub fn check(options: &Options, building: &mut Building<'_>) -> Option<Option<Arc<Tls>>> {
    if !options.boolean("ssl_enabled") {
        for name in ["ssl_certificate", "ssl_key", "ssl_certificate_authorities"] {
            if options.setting(name).is_some() {
                let what = format!("`{name}` has no effect without `ssl_enabled => true`");
                building.report(Diagnostic::warning(options.span_of(name), what));
            }
        }
        return Some(None);
    }
    if options.text("ssl_key_passphrase").is_some() {
        let span = options.span_of("ssl_key_passphrase");
        building.report(
            Diagnostic::error(span, "keys with a passphrase are not supported").help(
                "store the key without one, readable by the agent alone: `openssl pkey -in KEY -out NEW`",
            ),
        );
        return None;
    }
    let files = files(options, building)?;
    let stamps = files.stamps();
    match files.load() {
        Ok(config) => Some(Some(Arc::new(Tls {
            files,
            current: Mutex::new(Current { config, stamps }),
        }))),
        Err(Fault { option, why }) => {
            building.refuse(options.span_of(option), why);
            None
        }
    }
}

fn files(options: &Options, building: &mut Building<'_>) -> Option<Files> {
    let mut path = |name: &str| {
        let path = options.text(name).map(PathBuf::from);
        if path.is_none() {
            let what = format!("TLS needs `{name}`");
            let help = format!("add `{name} => \"/path/to/file.pem\"`");
            building.report(Diagnostic::error(options.span_of("ssl_enabled"), what).help(help));
        }
        path
    };
    let (certificate, key) = (path("ssl_certificate"), path("ssl_key"));
    let authorities: Vec<PathBuf> = options
        .list("ssl_certificate_authorities")
        .iter()
        .map(|word| PathBuf::from(&word.text))
        .collect();
    let clients = match options.text("ssl_client_authentication") {
        Some("none") => Clients::Anonymous,
        Some("optional") => Clients::Optional,
        Some(_) => Clients::Required,
        None if authorities.is_empty() => Clients::Anonymous,
        None => Clients::Required,
    };
    let span = options.span_of("ssl_client_authentication");
    if clients != Clients::Anonymous && authorities.is_empty() {
        let what =
            "clients' certificates can only be checked against `ssl_certificate_authorities`";
        building.report(Diagnostic::error(span, what).help("add the files of the authorities"));
        return None;
    }
    if clients == Clients::Anonymous && !authorities.is_empty() {
        let what = "clients are not asked for a certificate: the authorities have no effect";
        building.report(Diagnostic::warning(span, what));
    }
    Some(Files {
        certificate: certificate?,
        key: key?,
        authorities,
        clients,
    })
}

impl Tls {
    /// What accepts the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.lock().expect("no holder of this lock panics");
        TlsAcceptor::from(Arc::clone(&current.config))
    }

    /// Reads the files again if they changed since they were last looked at. Tells whether they did, or why the old ones stay
    /// in use.
    pub fn look(&self) -> Result<Looked, String> {
        let stamps = self.files.stamps();
        let mut current = self.current.lock().expect("no holder of this lock panics");
        if stamps == current.stamps {
            return Ok(Looked::Unchanged);
        }
        current.stamps = stamps;
        current.config = self.files.load().map_err(|fault| fault.why)?;
        Ok(Looked::Renewed)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    Unchanged,
    Renewed,
}

/// Why files cannot be used, and which option names them.
struct Fault {
    option: &'static str,
    why: String,
}

impl Files {
    fn stamps(&self) -> Vec<Stamp> {
        let all = [&self.certificate, &self.key];
        all.into_iter()
            .chain(&self.authorities)
            .map(|path| {
                let file = std::fs::metadata(path).ok()?;
                Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
            })
            .collect()
    }

    fn load(&self) -> Result<Arc<ServerConfig>, Fault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let wrong = |option: &'static str, why: String| Fault { option, why };
        let chain = certificates(&self.certificate).map_err(|why| wrong("ssl_certificate", why))?;
        let key = key(&self.key).map_err(|why| wrong("ssl_key", why))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("ssl_enabled", error.to_string()))?;
        let builder = match self.clients {
            Clients::Anonymous => builder.with_no_client_auth(),
            Clients::Optional | Clients::Required => {
                let verifier = self.verifier(provider);
                let verifier = verifier.map_err(|why| wrong("ssl_certificate_authorities", why))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(chain, key).map_err(|error| {
            let (certificate, key) = (self.certificate.display(), self.key.display());
            let why =
                format!("the certificate {certificate} and the key {key} cannot be used: {error}");
            wrong("ssl_certificate", why)
        })?;
        Ok(Arc::new(config))
    }

    fn verifier(
        &self,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let mut roots = RootCertStore::empty();
        for path in &self.authorities {
            for certificate in certificates(path)? {
                let added = roots.add(certificate);
                added.map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = match self.clients {
            Clients::Required => builder,
            Clients::Optional | Clients::Anonymous => builder.allow_unauthenticated(),
        };
        builder.build().map_err(|error| error.to_string())
    }
}

/// The certificates in a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: String| format!("cannot read certificates from {}: {why}", path.display());
    let text = read(path).map_err(|error| wrong(error.to_string()))?;
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if all.is_empty() => Err(wrong("there is none in it, in PEM".to_owned())),
        Ok(all) => Ok(all),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let wrong = |why: &str| format!("cannot read a key from {}: {why}", path.display());
    let text = read(path).map_err(|error| wrong(&error.to_string()))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        const MARK: &[u8] = b"ENCRYPTED";
        if text.windows(MARK.len()).any(|part| part == MARK) {
            wrong("it is encrypted; store it without a passphrase: `openssl pkey -in KEY -out NEW`")
        } else {
            wrong("there is none in it, in PEM")
        }
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    small_file::read(path, limits::TLS_FILE_BYTES_MAX)
}
