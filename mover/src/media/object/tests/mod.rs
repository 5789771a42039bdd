//! Against real servers: moto for the semantics of S3, rclone for durability and authentication.

mod failures;
mod servers;
mod volumes;
