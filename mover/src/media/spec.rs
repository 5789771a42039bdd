//! What an operator writes down of a pool, and the media that come of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DiskStorage, MediumKind, Storage};
use crate::units::Size;
use crate::{Error, Result};

/// A pool, as it stands in a policy file and in a store's `pools.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum PoolSpec {
    /// Files in a folder, local or on a NAS.
    Disk {
        /// The folder; made when it is needed.
        path: PathBuf,
        /// Bytes at which a volume ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        volume_size: Option<Size>,
    },
}

impl PoolSpec {
    /// What its media are.
    pub fn kind(&self) -> MediumKind {
        match self {
            PoolSpec::Disk { .. } => MediumKind::Disk,
        }
    }

    /// Bytes at which a volume ends, if its medium does not end before.
    pub fn volume_size(&self) -> u64 {
        match self {
            PoolSpec::Disk { volume_size, .. } => volume_size.map_or(1 << 30, |size| size.0),
        }
    }

    /// The same with paths that mean the same wherever they are read: relative ones are relative to
    /// `folder`.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> PoolSpec {
        let absolute = |path: &mut PathBuf| {
            let joined = folder.join(&*path);
            *path = std::path::absolute(&joined).unwrap_or(joined);
        };
        match &mut self {
            PoolSpec::Disk { path, .. } => absolute(path),
        }
        self
    }

    /// Makes ready for the pool's media. Nothing is fetched, and no device is spoken to.
    pub fn open(&self) -> Result<Arc<dyn Storage>> {
        match self {
            PoolSpec::Disk { path, .. } => {
                std::fs::create_dir_all(path)
                    .map_err(|cause| Error::io("making the folder of a pool", path, cause))?;
                Ok(Arc::new(DiskStorage::new(path)))
            }
        }
    }
}
