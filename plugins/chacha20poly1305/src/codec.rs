//! Ciphertext and 16-byte tag for each chunk, and back, in place.
//!
//! Nonces come from the host: 24 random bytes are enough for any number of chunks under one key.

use crate::chacha::{BLOCK_LENGTH, ChaCha, Stride};
use crate::poly1305::Poly1305;
use chacha20::{R20, hchacha};
use shared::config::object;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const TAG_LENGTH: usize = 16;
/// One nonce has so many blocks, of which the first makes the key of the tag.
const LENGTH_MAX: u64 = (u32::MAX as u64 - 1) * BLOCK_LENGTH as u64;

type Tag = [u8; TAG_LENGTH];

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
    key: Zeroizing<[u8; 32]>,
}

impl Codec {
    /// Takes the key over and wipes the copy it came in.
    pub(crate) fn open(config: &str, key: Vec<u8>) -> Result<Self, Error> {
        let key = Zeroizing::new(key);
        let config = object(config).map_err(|error| Error::Config(error.to_string()))?;
        serde_json::from_str::<CodecConfig>(config)
            .map_err(|error| Error::Config(error.to_string()))?;
        let key = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| Error::Key)?;
        Ok(Self { key: Zeroizing::new(key) })
    }

    /// Encrypts `bytes` where they are and gives the tag.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8],
        binding: &[u8],
        bytes: &mut [u8],
    ) -> Result<Tag, Error> {
        if bytes.len() as u64 > LENGTH_MAX {
            return Err(Error::Limit);
        }
        let length = bytes.len();
        let (mut stream, mut mac) = self.begin(nonce, binding)?;
        let (strides, rest) = bytes.as_chunks_mut();
        // The tag is of what is encrypted: its part is one stride behind.
        let mut before: Option<&Stride> = None;
        for stride in strides {
            match before {
                Some(before) => stream.next(|part| mac.take_part(before, part)).put_over(stride),
                None => stream.next(|_| ()).put_over(stride),
            }
            before = Some(stride);
        }
        if let Some(before) = before {
            mac.take_padded(before);
        }
        stream.apply(rest);
        mac.take_padded(rest);
        Ok(end(mac, binding.len(), length))
    }

    /// Checks the tag at the end of `bytes`, then decrypts the rest where it is.
    pub(crate) fn decrypt<'a>(
        &self,
        nonce: &[u8],
        binding: &[u8],
        bytes: &'a mut [u8],
        plain_length: u32,
    ) -> Result<&'a [u8], Error> {
        let length = bytes.len().checked_sub(TAG_LENGTH).ok_or(Error::Length)?;
        if length != plain_length as usize {
            return Err(Error::Length);
        }
        let (mut stream, mut mac) = self.begin(nonce, binding)?;
        let (bytes, tag) = bytes.split_at_mut(length);
        mac.take_padded(bytes);
        // Nothing is decrypted that somebody may have changed.
        if !bool::from(end(mac, binding.len(), length).ct_eq(tag)) {
            return Err(Error::Authentication);
        }
        stream.apply(bytes);
        Ok(bytes)
    }

    /// The stream for one nonce, and the authenticator that has seen the binding: XChaCha20 of
    /// draft-irtf-cfrg-xchacha, section 2, in the construction of RFC 8439, section 2.8.
    fn begin(&self, nonce: &[u8], binding: &[u8]) -> Result<(ChaCha, Poly1305), Error> {
        let nonce = <&[u8; 24]>::try_from(nonce).map_err(|_| Error::Nonce)?;
        let (first, rest) = nonce.split_first_chunk::<16>().expect("24 bytes");
        let key =
            Zeroizing::new(<[u8; 32]>::from(hchacha::<R20>(&(*self.key).into(), &(*first).into())));
        let mut last = [0; 12];
        last[4..].copy_from_slice(rest);
        let mut one_time = Zeroizing::new([0; BLOCK_LENGTH]);
        ChaCha::new(&key, &last, 0).apply(&mut *one_time);
        let (mac_key, _) = one_time.split_first_chunk::<32>().expect("a block");
        let mut mac = Poly1305::new(mac_key);
        mac.take_padded(binding);
        Ok((ChaCha::new(&key, &last, 1), mac))
    }
}

/// The tag, when binding and ciphertext were taken.
fn end(mut mac: Poly1305, binding_length: usize, length: usize) -> Tag {
    let mut lengths = [0; 16];
    lengths[..8].copy_from_slice(&(binding_length as u64).to_le_bytes());
    lengths[8..].copy_from_slice(&(length as u64).to_le_bytes());
    mac.take_padded(&lengths);
    mac.tag()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20poly1305::aead::{Aead, Payload};
    use chacha20poly1305::{KeyInit, XChaCha20Poly1305};

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
    fn all_of_it_is_what_the_library_makes() {
        let theirs = XChaCha20Poly1305::new(&KEY.into());
        for length in (0..700).chain([4095, 4096, 4097, 70_000]) {
            let plain: Vec<u8> = (0..length).map(|index: u32| ((index * 31) >> 3) as u8).collect();
            let binding = &plain[..plain.len() % 37];
            let mut ours = plain.clone();
            let tag = codec().encrypt(&NONCE, binding, &mut ours).unwrap();
            ours.extend(tag);
            let payload = Payload { msg: &plain, aad: binding };
            assert!(ours == theirs.encrypt(&NONCE.into(), payload).unwrap(), "{length}");
        }
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
