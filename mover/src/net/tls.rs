//! TLS 1.3 between two keys: no certificates, no authority, no names. RFC 8446, RFC 7250.
//!
//! A client knows the server's fingerprint before it connects. A server lets every key finish the
//! handshake, since what a peer may do is decided for each question, by its fingerprint.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, OtherError,
    ServerConfig, SignatureScheme,
};

use super::identity::{Fingerprint, Identity};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn failed(cause: rustls::Error) -> Error {
    Error::new(ErrorKind::Io, "setting up TLS").because(cause)
}

/// For a server: every client has to prove that it has the key that it shows.
pub(super) fn server_config(identity: &Identity) -> Result<Arc<ServerConfig>> {
    let resolver = rustls::server::AlwaysResolvesServerRawPublicKeys::new(identity.certified());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_client_cert_verifier(Arc::new(AnyKey(provider())))
        .with_cert_resolver(Arc::new(resolver));
    // A connection lasts; nothing is resumed, and nothing is sent before the handshake is done.
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// For a client that knows whom it wants to reach.
pub(super) fn client_config(identity: &Identity, pinned: Fingerprint) -> Result<Arc<ClientConfig>> {
    client(identity, Some(pinned))
}

/// For a client that only wants to know who is there.
pub(super) fn curious_config(identity: &Identity) -> Result<Arc<ClientConfig>> {
    client(identity, None)
}

fn client(identity: &Identity, pinned: Option<Fingerprint>) -> Result<Arc<ClientConfig>> {
    let resolver = rustls::client::AlwaysResolvesClientRawPublicKeys::new(identity.certified());
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedKey { pinned, provider: provider() }))
        .with_client_cert_resolver(Arc::new(resolver));
    config.resumption = rustls::client::Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// Who is at the other end of a finished handshake.
pub(super) fn peer_fingerprint(keys: Option<&[CertificateDer<'_>]>) -> Result<Fingerprint> {
    match keys {
        Some([key, ..]) => Ok(Fingerprint::of(key)),
        _ => Err(Error::new(ErrorKind::Refused, "the peer did not show who it is")),
    }
}

#[derive(Debug)]
struct WrongKey {
    wanted: Fingerprint,
    found: Fingerprint,
}

impl std::fmt::Display for WrongKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it is {}, and {} is trusted", self.found, self.wanted)
    }
}

impl std::error::Error for WrongKey {}

/// Accepts one key.
#[derive(Debug)]
struct PinnedKey {
    pinned: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

/// Whether the peer has the private key of the public key that it showed.
fn verify(
    provider: &CryptoProvider,
    message: &[u8],
    key: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let key = SubjectPublicKeyInfoDer::from(key.as_ref());
    let algorithms = &provider.signature_verification_algorithms;
    verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
}

fn no_tls12() -> Result<HandshakeSignatureValid, rustls::Error> {
    Err(rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered))
}

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(key);
        match self.pinned {
            Some(wanted) if wanted != found => {
                let wrong = OtherError(Arc::new(WrongKey { wanted, found }));
                Err(rustls::Error::InvalidCertificate(CertificateError::Other(wrong)))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify(&self.provider, message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Accepts any key, but only from whoever has its private half.
#[derive(Debug)]
struct AnyKey(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _key: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify(&self.0, message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ClientConnection, ServerConnection};

    fn identity() -> (tempfile::TempDir, Identity) {
        let base = tempfile::tempdir().unwrap();
        let identity = Identity::open(Some(base.path())).unwrap();
        (base, identity)
    }

    /// A handshake in memory; who the server saw.
    fn shake(
        client: Arc<ClientConfig>,
        server: Arc<ServerConfig>,
    ) -> Result<Fingerprint, rustls::Error> {
        let name = ServerName::try_from("mover").unwrap();
        let mut client = ClientConnection::new(client, name)?;
        let mut server = ServerConnection::new(server)?;
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut &bytes[..]).unwrap();
            server.process_new_packets()?;
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut &bytes[..]).unwrap();
            client.process_new_packets()?;
        }
        Ok(peer_fingerprint(server.peer_certificates()).unwrap())
    }

    #[test]
    fn each_end_knows_the_other() {
        let ((_a, client), (_b, server)) = (identity(), identity());
        let config = client_config(&client, server.fingerprint()).unwrap();
        let seen = shake(config, server_config(&server).unwrap()).unwrap();
        assert_eq!(seen, client.fingerprint());
    }

    #[test]
    fn a_server_with_another_key_is_refused_and_both_keys_are_named() {
        let ((_a, client), (_b, server), (_c, other)) = (identity(), identity(), identity());
        let config = client_config(&client, other.fingerprint()).unwrap();
        let error = shake(config, server_config(&server).unwrap()).unwrap_err().to_string();
        assert!(error.contains(&server.fingerprint().to_string()), "{error}");
        assert!(error.contains(&other.fingerprint().to_string()), "{error}");
    }

    #[test]
    fn a_client_without_a_key_is_refused() {
        let ((_a, client), (_b, server)) = (identity(), identity());
        let pinned = Arc::new(PinnedKey { pinned: None, provider: provider() });
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(pinned)
            .with_no_client_auth();
        assert!(shake(Arc::new(config), server_config(&server).unwrap()).is_err());
        drop(client);
    }
}
