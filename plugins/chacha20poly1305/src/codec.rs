//! Ciphertext and 16-byte tag for each chunk, and back, in place.
//!
//! Nonces come from the host: 24 random bytes are enough for any number of chunks under one key.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use std::fmt;

const TAG_LENGTH: usize = 16;

/// Why a call failed; never with anything secret in it.
#[derive(Debug)]
pub(crate) enum Error {
    Config(String),
    Key,
    Nonce,
    Length,
    Authentication,
    Limit,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config(message) => message,
            Self::Key => "the key is not 32 bytes long",
            Self::Nonce => "the nonce is not 24 bytes long",
            Self::Length => "the input is not the chunk's length and a tag",
            Self::Authentication => "the chunk or its binding was changed, or the key is another",
            Self::Limit => "the chunk is too long for one nonce",
        })
    }
}

/// There is nothing to choose.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CodecConfig {}

/// A cipher with its key, which is wiped when this is dropped.
pub(crate) struct Codec {
    cipher: XChaCha20Poly1305,
}

impl Codec {
    /// Takes the key over and wipes the copy it came in.
    pub(crate) fn open(config: &str, key: Vec<u8>) -> Result<Self, Error> {
        let key = zeroize::Zeroizing::new(key);
        if !config.trim().is_empty() {
            serde_json::from_str::<CodecConfig>(config)
                .map_err(|error| Error::Config(error.to_string()))?;
        }
        let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(|_| Error::Key)?;
        Ok(Self { cipher })
    }

    /// Encrypts `bytes` where they are and gives the tag.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8],
        binding: &[u8],
        bytes: &mut [u8],
    ) -> Result<Tag, Error> {
        let nonce = XNonce::try_from(nonce).map_err(|_| Error::Nonce)?;
        self.cipher.encrypt_inout_detached(&nonce, binding, bytes.into()).map_err(|_| Error::Limit)
    }

    /// Checks the tag at the end of `bytes`, then decrypts the rest where it is.
    pub(crate) fn decrypt<'a>(
        &self,
        nonce: &[u8],
        binding: &[u8],
        bytes: &'a mut [u8],
        plain_length: u32,
    ) -> Result<&'a [u8], Error> {
        let nonce = XNonce::try_from(nonce).map_err(|_| Error::Nonce)?;
        let length = bytes.len().checked_sub(TAG_LENGTH).ok_or(Error::Length)?;
        if length != plain_length as usize {
            return Err(Error::Length);
        }
        let (bytes, tag) = bytes.split_at_mut(length);
        let tag = Tag::try_from(&*tag).expect("split off at its length");
        self.cipher
            .decrypt_inout_detached(&nonce, binding, (&mut *bytes).into(), &tag)
            .map_err(|_| Error::Authentication)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NONCE: [u8; 24] = [9; 24];

    fn codec() -> Codec {
        Codec::open("{}", KEY.to_vec()).unwrap()
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut bytes = plain.to_vec();
        let tag = codec().encrypt(&NONCE, b"binding", &mut bytes).unwrap();
        bytes.extend_from_slice(&tag);
        bytes
    }

    fn opened(sealed: &[u8], nonce: &[u8], binding: &[u8]) -> Result<Vec<u8>, Error> {
        let length = sealed.len().saturating_sub(TAG_LENGTH) as u32;
        codec().decrypt(nonce, binding, &mut sealed.to_vec(), length).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_vector_of_the_internet_draft_holds() {
        // draft-irtf-cfrg-xchacha, A.3.1.
        let key = (0x80..0xa0).collect();
        let nonce: Vec<u8> = (0x40..0x58).collect();
        let mut bytes = b"Ladies and Gentlemen of the class of '99: If I could offer you only \
            one tip for the future, sunscreen would be it."
            .to_vec();
        let binding = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let codec = Codec::open("", key).unwrap();
        let tag = codec.encrypt(&nonce, &binding, &mut bytes).unwrap();
        assert_eq!(bytes[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        let expect = [
            0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a,
            0xcf, 0x49,
        ];
        assert_eq!(tag[..], expect);
    }

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        for length in [0, 1, 63, 64, 65, 1000] {
            let plain = vec![3; length];
            let sealed = sealed(&plain);
            assert_eq!(sealed.len(), length + TAG_LENGTH);
            assert_eq!(opened(&sealed, &NONCE, b"binding").unwrap(), plain);
            let other = opened(&sealed, &NONCE, b"Binding");
            assert!(matches!(other, Err(Error::Authentication)));
            let other = opened(&sealed, &[8; 24], b"binding");
            assert!(matches!(other, Err(Error::Authentication)));
            for index in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[index] ^= 1;
                let other = opened(&changed, &NONCE, b"binding");
                assert!(matches!(other, Err(Error::Authentication)));
            }
        }
    }

    #[test]
    fn wrong_lengths_are_errors() {
        let mut bytes = sealed(b"plain");
        let codec = codec();
        assert!(matches!(codec.decrypt(&NONCE, b"", &mut bytes, 6), Err(Error::Length)));
        assert!(matches!(codec.decrypt(&NONCE, b"", &mut [0; 15], 0), Err(Error::Length)));
        assert!(matches!(codec.encrypt(&[0; 12], b"", &mut bytes), Err(Error::Nonce)));
        assert!(matches!(Codec::open("", vec![0; 31]), Err(Error::Key)));
        assert!(matches!(Codec::open("{\"a\": 1}", KEY.to_vec()), Err(Error::Config(_))));
    }
}
