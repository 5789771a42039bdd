//! Targets that lie: whatever comes, there is an error in time and no panic.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::pdu::{self, HEADER};
use super::{Data, IscsiTransport};
use crate::media::scsi::Transport;
use crate::media::scsi::bytes::put;

/// Numbers that only look random, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> usize {
        ((self.next() >> 11) % limit) as usize
    }
}

const OPCODES: [u8; 12] = [0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f, 0x00, 0x1f];

/// Something like an answer to the first command of a session, with errors in it.
fn lie(dice: &mut Dice) -> Vec<u8> {
    let mut header = [0; HEADER];
    header[0] = OPCODES[dice.below(OPCODES.len() as u64)];
    header[1] = 0x80 | dice.next() as u8;
    let length = [0, 0, 1, 4, 18, 200, 4096, 70_000, 0xff_ffff][dice.below(9)];
    put(&mut header, 5, 3, length);
    // Mostly the tag of the command, and sound numbers.
    put(&mut header, 16, 4, [1, 1, 1, 0, 0xffff_ffff, dice.next()][dice.below(6)]);
    put(&mut header, 20, 4, dice.next());
    put(&mut header, 28, 4, 2);
    put(&mut header, 32, 4, [10, 10, 10, 0, dice.next()][dice.below(5)]);
    put(&mut header, 36, 4, [0, dice.next()][dice.below(2)]);
    put(&mut header, 40, 4, [0, 0, 0, 512, 4096, 0xffff_fff0][dice.below(6)]);
    put(&mut header, 44, 4, [0, 512, 4096, 70_000, 0xffff_ffff][dice.below(5)]);
    if dice.below(4) == 0 {
        header[dice.below(HEADER as u64)] = dice.next() as u8;
    }
    let mut message = header.to_vec();
    let sent = (length as usize).min(80_000).next_multiple_of(4);
    message.extend((0..sent).map(|_| dice.next() as u8));
    if dice.below(8) == 0 {
        message.truncate(dice.below(message.len() as u64));
    }
    message
}

fn take(stream: &mut TcpStream) -> Option<[u8; HEADER]> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).ok()?;
    let length = usize::from(header[6]) << 8 | usize::from(header[7]);
    let mut data = vec![0; length.next_multiple_of(4)];
    stream.read_exact(&mut data).ok()?;
    Some(header)
}

/// Agrees to both stages of a login, as any target would.
fn let_in(stream: &mut TcpStream) -> Option<()> {
    for flags in [0x81, 0x87] {
        take(stream)?;
        let mut header = [0; HEADER];
        (header[0], header[1]) = (0x23, flags);
        put(&mut header, 28, 4, 1);
        put(&mut header, 32, 4, 10);
        stream.write_all(&header).ok()?;
    }
    Some(())
}

/// A target that is run by `serve` for every connection; gives its address.
fn target(mut serve: impl FnMut(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(&mut stream.unwrap());
        }
    });
    format!("iscsi://127.0.0.1:{port}/iqn.x/0")
}

#[test]
fn any_header_decodes() {
    let mut dice = Dice(1);
    for _ in 0..200_000 {
        let mut header = [0; HEADER];
        header.fill_with(|| dice.next() as u8);
        let incoming = pdu::decode(&header);
        assert!(incoming.data_length < 1 << 24 && incoming.extra_length < 1 << 10);
        let _ = pdu::sense_of(&header[..dice.below(HEADER as u64)]);
    }
}

#[test]
fn lies_in_place_of_an_answer() {
    let mut dice = Dice(2);
    let address = target(move |stream| {
        let_in(stream);
        take(stream);
        for _ in 0..=dice.below(6) {
            if stream.write_all(&lie(&mut dice)).is_err() {
                return;
            }
        }
    });
    let timeout = Duration::from_millis(200);
    let (mut done, mut failed) = (0, 0);
    for round in 0..1500 {
        let (mut transport, lun) = IscsiTransport::open(&address).unwrap();
        let mut buffer = [0; 4096];
        let (data, length) = match round % 3 {
            0 => (Data::In(&mut buffer), 4096),
            1 => (Data::Out(&[7; 100_000]), 100_000),
            _ => (Data::None, 0),
        };
        let start = Instant::now();
        let outcome = transport.execute(lun, &[0x12, 0, 0, 0, 0, 0], data, timeout);
        assert!(start.elapsed() < Duration::from_secs(3), "round {round}");
        match outcome {
            Ok(outcome) => {
                assert!(outcome.transferred <= length);
                done += 1;
            }
            Err(_) => {
                let again = transport.execute(lun, &[0; 6], Data::None, timeout).unwrap_err();
                assert!(again.to_string().contains("was lost before"), "{again}");
                failed += 1;
            }
        }
    }
    assert!(done > 5 && failed > 200, "{done} {failed}: the dice are loaded");
}

#[test]
fn lies_in_place_of_a_login() {
    let mut dice = Dice(3);
    let address = target(move |stream| {
        take(stream);
        for _ in 0..3 {
            let mut message = lie(&mut dice);
            if dice.below(2) == 0 && !message.is_empty() {
                message[0] = 0x23;
            }
            let _ = stream.write_all(&message);
        }
    });
    for _ in 0..500 {
        assert!(IscsiTransport::open(&address).is_err());
    }
}

#[test]
fn a_target_that_goes_on_for_ever_is_left() {
    // Each of these would be right, once.
    let mut questions = [0; HEADER];
    questions[0] = 0x20;
    put(&mut questions, 16, 4, 0xffff_ffff);
    put(&mut questions, 20, 4, 0xffff_ffff);
    let mut wants = [0; HEADER];
    (wants[0], wants[1]) = (0x31, 0x80);
    put(&mut wants, 16, 4, 1);
    put(&mut wants, 44, 4, 512);
    for message in [questions, wants] {
        let address = target(move |stream| {
            let_in(stream);
            let mut other = stream.try_clone().unwrap();
            thread::spawn(move || std::io::copy(&mut other, &mut std::io::sink()));
            while stream.write_all(&message).is_ok() {}
        });
        let (mut transport, lun) = IscsiTransport::open(&address).unwrap();
        let start = Instant::now();
        let data = Data::Out(&[0; 4096]);
        let second = Duration::from_secs(1);
        let error = transport.execute(lun, &[0x0a, 0, 0, 0x10, 0, 0], data, second).unwrap_err();
        assert!(start.elapsed() < 3 * second);
        assert!(error.to_string().contains("no answer in time"), "{error}");
    }
}

#[test]
fn a_target_that_sends_byte_by_byte_is_left() {
    let address = target(|stream| {
        let_in(stream);
        while stream.write_all(&[0x20]).is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let (mut transport, lun) = IscsiTransport::open(&address).unwrap();
    let start = Instant::now();
    let half = Duration::from_millis(500);
    assert!(transport.execute(lun, &[0; 6], Data::None, half).is_err());
    assert!(start.elapsed() < 3 * half);
}

#[test]
fn data_with_a_gap_is_no_answer() {
    for (offset, is_sound) in [(0, true), (512, false), (0xffff_ff00, false)] {
        let address = target(move |stream| {
            let_in(stream);
            take(stream);
            let mut header = [0; HEADER];
            // The last piece, with the status, and 512 bytes fewer than were asked for.
            (header[0], header[1]) = (0x25, 0x83);
            put(&mut header, 5, 3, 512);
            put(&mut header, 16, 4, 1);
            put(&mut header, 40, 4, offset);
            put(&mut header, 44, 4, 512);
            let _ = stream.write_all(&[&header[..], &[9; 512]].concat());
            take(stream);
        });
        let (mut transport, lun) = IscsiTransport::open(&address).unwrap();
        let mut buffer = [0; 1024];
        let second = Duration::from_secs(1);
        let outcome = transport.execute(lun, &[0; 6], Data::In(&mut buffer), second);
        assert_eq!(outcome.is_ok(), is_sound, "{outcome:?}");
        if let Ok(outcome) = outcome {
            assert_eq!((outcome.status, outcome.transferred), (0, 512));
        }
    }
}
