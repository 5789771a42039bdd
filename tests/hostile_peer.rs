//! Peers that speak garbage, or nothing, or half of something for ever: the server stays up, small,
//! and good to others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::kit::machine::wait;
use crate::kit::random::Random;
use crate::kit::server::{ALL, Server};
use crate::kit::{Machine, args, assert_same, tree};

#[test]
fn strangers_with_garbage_or_silence_harm_nobody() {
    let client = Machine::without_keys();
    let mut server = Server::new();
    server.allow(&client, ALL);
    server.start_with(&[("MOVER_NET_TIMEOUT_SECONDS", "3")]);
    server.trusted_by(&client, server.address);
    let url = server.url(server.address);
    client.ok(args!["init", url, "--no-encryption"]);
    let source = client.path("source");
    tree::random_file(&source.join("noise"), 1, 40 << 20);
    let archive = client.spawn(args!["archive", source, "--to", url, "--name", "good"]);
    let mut random = Random::new(7);
    let connect = || TcpStream::connect(server.address).expect("it listens");
    let mut held = Vec::new();
    for round in 0..300 {
        let mut socket = connect();
        match round % 4 {
            // Nothing at all.
            0 => {}
            // Garbage.
            1 => {
                let length = random.below(4000) as usize;
                let _ = socket.write_all(&random.bytes(length));
            }
            // Half a ClientHello: a record that announces more than comes.
            2 => {
                let _ = socket.write_all(&[0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0x00, 0x3f]);
            }
            // Another protocol.
            _ => {
                let _ = socket.write_all(b"GET / HTTP/1.1\r\nHost: mover\r\n\r\n");
            }
        }
        held.push(socket);
        if held.len() > 60 {
            held.drain(..30);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let done = wait(archive);
    assert_eq!(done.code, 0, "{done:?}: {}", server.log());
    drop(held);
    assert!(server.is_running() && server.answers());
    client.ok(args!["verify", url, "--read"]);
    let into = client.path("restored");
    client.ok(args!["restore", url, "good", "--into", into]);
    assert_same(&source, &into);
    let peak = server.peak();
    assert!(peak < 200 << 10, "the server took {peak} KiB");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// A byte at a time, each before the silence is over, holds no place for longer than a handshake
/// may take.
#[test]
fn a_handshake_that_drips_ends_in_time() {
    let mut server = Server::new();
    server.start_with(&[("MOVER_NET_TIMEOUT_SECONDS", "2")]);
    let mut socket = TcpStream::connect(server.address).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("it is open");
    // A record of a handshake, with most of a ClientHello to come.
    let hello = [0x16, 0x03, 0x01, 0x20, 0x00, 0x01, 0x00, 0x1f, 0xfc, 0x03, 0x03];
    let began = Instant::now();
    for place in 0.. {
        assert!(began.elapsed() < Duration::from_secs(20), "it is still waited for");
        let byte = hello.get(place).copied().unwrap_or(0);
        if socket.write_all(&[byte]).is_err() {
            break;
        }
        match socket.read(&mut [0; 100]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            // It was closed.
            _ => break,
        }
    }
    let took = began.elapsed();
    assert!(took > Duration::from_secs(1), "it was not waited for: {took:?}");
    assert!(server.is_running() && server.answers(), "{}", server.log());
}
