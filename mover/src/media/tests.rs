//! Volumes of a few frames on a fake medium.
