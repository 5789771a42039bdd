//! A small store of one archive, damaged and crashed in every way that there is.
