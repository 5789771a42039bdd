//! Seeds of the targets `tape` and `iscsi`: a container as SIMH writes it, sense data of both formats, and the
//! answers of devices as `device` reads them.

use super::{Seed, golden, seed};

// What the first byte chooses.
const SIMH: u8 = 0;
const SENSE: u8 = 1;
const DRIVE: u8 = 2;
const CHANGER: u8 = 3;
const RECORDER: u8 = 4;

// How an answer ends.
const GOOD: u8 = 0x00;
const CHECK: u8 = 0x80;

const NOT_READY: [u8; 18] = fixed(0x02, 0x3a, 0x00, 0x00);
const ATTENTION: [u8; 18] = fixed(0x06, 0x28, 0x00, 0x00);
const FILEMARK: [u8; 18] = fixed(0x80, 0x00, 0x01, 0x00);
const NEAR_THE_END: [u8; 18] = fixed(0x40, 0x00, 0x02, 0x00);
const SHORT_RECORD: [u8; 18] = fixed(0x20, 0x00, 0x00, 24);
const NO_DATA: [u8; 18] = fixed(0x08, 0x00, 0x05, 0x00);

/// Sense data of fixed format, with the lowest byte of its information.
const fn fixed(key: u8, code: u8, qualifier: u8, information: u8) -> [u8; 18] {
    let mut data = [0; 18];
    (data[0], data[2], data[6], data[7]) = (0xf0, key, information, 10);
    (data[12], data[13]) = (code, qualifier);
    data
}

pub fn all() -> Vec<Seed> {
    let mut seeds = simh();
    let mut descriptors = vec![0x72, 0x03, 0x11, 0x00, 0, 0, 0, 16];
    descriptors.extend([0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    descriptors.extend([0x04, 0x02, 0, 0xe0]);
    let senses = [NOT_READY, ATTENTION, FILEMARK, NEAR_THE_END, SHORT_RECORD, NO_DATA];
    for (number, sense) in senses.iter().enumerate() {
        seeds.push(seed(format!("sense-{number}"), &[&[SENSE], sense]));
    }
    seeds.push(seed("sense-descriptors", &[&[SENSE], &descriptors]));
    seeds.extend(drives(&senses, &descriptors));
    seeds.extend(changers());
    seeds.extend(recorders());
    seeds
}

/// Records between their lengths, filemarks, and ends that are none.
fn simh() -> Vec<Seed> {
    let record = |bytes: &[u8]| {
        let length = (bytes.len() as u32).to_le_bytes();
        let padding = &[0][..bytes.len() % 2];
        [&length, bytes, padding, &length].concat()
    };
    let (mark, end) = ([0; 4], [0xff; 4]);
    let label = golden().into_iter().find(|(name, _)| name == "volume-label");
    let (_, label) = label.expect("the tree has it");
    let whole = [record(&label), mark.to_vec(), record(b"abc"), record(b"de")].concat();
    let torn = &whole[..whole.len() - 5];
    vec![
        seed("simh-whole", &[&[SIMH], &whole]),
        seed("simh-ended", &[&[SIMH], &whole, &end, &record(b"old")]),
        seed("simh-torn", &[&[SIMH], torn]),
        seed("simh-empty", &[&[SIMH]]),
        seed("simh-marks", &[&[SIMH], &mark, &mark, &record(b"x"), &mark]),
        seed("simh-no-record", &[&[SIMH], &record(b"x"), &[1, 2, 3, 4, 5]]),
    ]
}

/// An answer of a command that reads.
fn data(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("answers are short").to_le_bytes();
    [&[GOOD], &length[..], bytes].concat()
}

/// An answer with sense data, and so much data.
fn check(sense: &[u8], bytes: &[u8]) -> Vec<u8> {
    let head = [CHECK, sense.len() as u8];
    let length = u16::try_from(bytes.len()).expect("answers are short").to_le_bytes();
    [&head, sense, &length[..], bytes].concat()
}

/// The same for a command without data.
fn refuse(sense: &[u8]) -> Vec<u8> {
    [&[CHECK, sense.len() as u8], sense].concat()
}

fn good() -> Vec<u8> {
    vec![GOOD]
}

/// INQUIRY, and the page with the serial number.
fn identity(device_type: u8) -> Vec<u8> {
    let mut inquiry = vec![device_type, 0x80, 5, 2, 31, 0, 0, 0];
    inquiry.extend(b"FUZZ    DEVICE          0001");
    [data(&inquiry), data(&[device_type, 0x80, 0, 4, b'S', b'N', b'0', b'1'])].concat()
}

/// Ready, limits of records, the mode, its setting, the mode again, and rewound.
fn rewound() -> Vec<u8> {
    let limits = data(&[0, 0xff, 0xff, 0xff, 0, 1]);
    let mode = data(&[11, 0, 0x10, 8, 0x58, 0, 0, 0, 0, 0, 0, 0]);
    [good(), limits, mode.clone(), good(), mode, good()].concat()
}

fn device(name: String, choice: u8, calls: &[u8], answers: &[Vec<u8>]) -> Seed {
    seed(name, &[&[choice, calls.len() as u8], calls, &answers.concat()])
}

fn drives(senses: &[[u8; 18]], descriptors: &[u8]) -> Vec<Seed> {
    const READ: u8 = 15;
    let mut seeds = Vec::new();
    for (number, sense) in senses.iter().enumerate() {
        let answers = [identity(1), rewound(), check(sense, b"record"), good(), good()];
        seeds.push(device(format!("drive-read-{number}"), DRIVE, &[1, READ, 3, 7], &answers));
        let answers = [identity(1), rewound(), refuse(sense), refuse(sense), good()];
        seeds.push(device(format!("drive-write-{number}"), DRIVE, &[1, 2, 3, 8], &answers));
        let answers = [identity(1), rewound(), refuse(sense), rewound(), good()];
        seeds.push(device(format!("drive-space-{number}"), DRIVE, &[1, 0x15, 1, 6, 0], &answers));
    }
    let answers = [identity(1), rewound(), check(descriptors, b"record"), rewound()];
    seeds.push(device("drive-descriptors".to_owned(), DRIVE, &[1, READ, 1], &answers));
    seeds
}

fn changers() -> Vec<Seed> {
    // Element address assignment: one robot, two slots, no door, one drive.
    let mut page = vec![0, 0, 0, 0, 0x1d, 0x12];
    page.extend([0, 9, 0, 1, 0, 1, 0, 2, 0, 0, 0, 0, 0, 5, 0, 1, 0, 0]);
    let elements = |kind: u8, addresses: &[u8]| {
        let each = addresses.len() * 52;
        let mut status = vec![0, 1, 0, addresses.len() as u8, 0, 0, 0, (8 + each) as u8];
        status.extend([kind, 0x80, 0, 52, 0, 0, 0, each as u8]);
        for address in addresses {
            let mut one = [0; 52];
            (one[1], one[2], one[9]) = (*address, 1, 0x80);
            one[12..20].copy_from_slice(b"TAPE0001");
            status.extend(one);
        }
        data(&status)
    };
    let opened = [identity(8), good(), data(&page)].concat();
    let stock = [good(), elements(2, &[1, 2]), elements(4, &[5])].concat();
    vec![
        device(
            "changer-stock".to_owned(),
            CHANGER,
            &[0, 1, 2],
            &[opened.clone(), stock.clone(), good(), good(), good()],
        ),
        device("changer-attention".to_owned(), CHANGER, &[0], &[opened, refuse(&ATTENTION), stock]),
    ]
}

fn recorders() -> Vec<Seed> {
    let profile = data(&[0, 0, 0, 4, 0, 0, 0, 0x1b]);
    let blank = data(&[0, 32, 0, 1, 1, 1, 1, 0]);
    let full = data(&[0, 32, 2, 1, 1, 1, 1, 0]);
    let capacity = data(&[0, 0, 1, 0, 0, 0, 8, 0]);
    let ready = [good(), profile.clone(), blank.clone()].concat();
    let burned = [good(), profile.clone(), full].concat();
    vec![
        device(
            "recorder-disc".to_owned(),
            RECORDER,
            &[0, 3, 2],
            &[identity(5), ready.clone(), capacity, data(&[0; 36])],
        ),
        device(
            "recorder-empty".to_owned(),
            RECORDER,
            &[0, 1, 5],
            &[identity(5), refuse(&NOT_READY), refuse(&NOT_READY), refuse(&NOT_READY)],
        ),
        device(
            "recorder-burn".to_owned(),
            RECORDER,
            &[6, 4],
            &[identity(5), ready, good(), good(), good(), burned, data(&[1; 6144])],
        ),
    ]
}

/// Messages of a target: 48 bytes, and data that is filled up to whole words.
pub fn iscsi() -> Vec<Seed> {
    let message = |opcode: u8, flags: u8, tag: u8, tail: &[(usize, u8)], data: &[u8]| {
        let mut header = [0; 48];
        (header[0], header[1], header[7], header[19]) = (opcode, flags, data.len() as u8, tag);
        // Commands 1 to 10 are taken.
        (header[31], header[35]) = (2, 10);
        tail.iter().for_each(|(at, byte)| header[*at] = *byte);
        let padding = &[0; 3][..data.len().next_multiple_of(4) - data.len()];
        [&header, data, padding].concat()
    };
    let limits = b"MaxRecvDataSegmentLength=8192\0InitialR2T=No\0ImmediateData=Yes\0";
    let login = [message(0x23, 0x81, 0, &[], b""), message(0x23, 0x87, 0, &[], limits)].concat();
    let sense = [&[0, 18][..], &NOT_READY].concat();
    let answers = [
        ("data", message(0x25, 0x81, 1, &[], b"inquiry data")),
        ("status", message(0x21, 0x80, 1, &[], b"")),
        ("check", message(0x21, 0x80, 1, &[(3, 2)], &sense)),
        ("transfer", message(0x31, 0x80, 1, &[(46, 0x10)], b"")),
        ("ping", message(0x20, 0x80, 0xff, &[(20, 1)], b"ping")),
        ("reject", message(0x3f, 0x80, 1, &[(2, 4)], b"")),
        ("event", message(0x32, 0x80, 1, &[(36, 1)], b"")),
    ];
    let mut seeds = Vec::new();
    for (name, answer) in answers {
        for what in 0..3 {
            let parts = [&login[..], &answer, &answer, &[what]];
            seeds.push(seed(format!("{name}-{what}"), &parts));
        }
    }
    seeds.push(seed("refused", &[&message(0x23, 0x80, 0, &[(36, 2)], b"")]));
    seeds
}
