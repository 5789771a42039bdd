//! Key epochs: the key of one session's run, and the keys of its stages.

use format::{Digest, Epoch, KeyGroup, SessionId};

use super::envelope;
use super::group::{GroupSecret, parse_recipient};
use super::secret::SecretBytes;
use crate::ambient::{Random, random_bytes};
use crate::{Error, ErrorKind, Result};

const STAGE_CONTEXT: &str = "mover 0 stage key";

/// What the keys of an epoch's stages are derived from. It encrypts nothing itself.
#[derive(Clone, Debug)]
pub struct EpochKey(pub(super) SecretBytes);

/// The key of one stage in one epoch: all that a component is given.
#[derive(Clone, Debug)]
pub struct StageKey(SecretBytes);

impl StageKey {
    /// The key itself.
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }
}

/// Opens an epoch with a fresh key; nothing but the group's public recipient is needed. There is
/// no key where the group does not encrypt.
pub fn open_epoch(
    random: &dyn Random,
    group: &KeyGroup,
    number: u32,
) -> Result<(Epoch, Option<EpochKey>)> {
    let mut epoch = Epoch { number, group: group.group, envelope: Vec::new() };
    if !group.is_encrypted() {
        return Ok((epoch, None));
    }
    let key = EpochKey(SecretBytes::new(random_bytes(random)));
    let recipient = parse_recipient(&group.recipient).map_err(|error| {
        let message = format!("the recipient of key group {}", group.group);
        Error::new(ErrorKind::Damaged, message).because(error)
    })?;
    epoch.envelope = envelope::wrap(&recipient, key.0.bytes())?;
    Ok((epoch, Some(key)))
}

/// The key of an epoch that was opened before.
pub fn read_epoch(epoch: &Epoch, secret: &GroupSecret) -> Result<EpochKey> {
    let named = |kind, what: &str| {
        Error::new(kind, format!("key epoch {} of group {}{what}", epoch.number, epoch.group))
    };
    if epoch.envelope.is_empty() {
        return Err(named(ErrorKind::Usage, " is not encrypted: it has no key"));
    }
    let plain = envelope::unwrap(&secret.0, &epoch.envelope)
        .map_err(|error| named(error.kind(), "").because(error))?
        .ok_or_else(|| named(ErrorKind::Key, " is wrapped for another group"))?;
    let bytes = <[u8; 32]>::try_from(plain.as_slice())
        .map_err(|_| named(ErrorKind::Damaged, " holds no key of 32 bytes"))?;
    Ok(EpochKey(SecretBytes::new(bytes)))
}

/// The key of the stage at `position` of a chain, for one component with one configuration: no
/// two stages, sessions or components ever share one.
pub fn stage_key(
    key: &EpochKey,
    session: SessionId,
    epoch_number: u32,
    position: u16,
    component: Digest,
    config: Digest,
) -> StageKey {
    let material: [&[u8]; 6] = [
        key.0.bytes(),
        &session.0,
        &epoch_number.to_le_bytes(),
        &position.to_le_bytes(),
        &component.0,
        &config.0,
    ];
    StageKey(SecretBytes::derive(STAGE_CONTEXT, &material))
}
