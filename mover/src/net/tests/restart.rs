//! A session that was cut goes on with what arrived, whatever is between.

use super::*;

#[test]
fn an_interrupted_session_hears_what_arrived_and_sends_only_the_rest() {
    let rig = Rig::new();
    let session = rig.session(1);
    let proof = ArchiveProof([1; 32]);
    let mine = archive(&session, proof.archive());
    {
        let mut control = rig.link("one");
        let attachment = begin(&mut control, [1; 32], &session, &mine).unwrap();
        let mut data = attach(&rig, "one", attachment);
        for number in 0..3 {
            let frames = chunk(session.session, mine.archive, number);
            ask(&mut data, Request::Append { number }, &frames).unwrap();
        }
    }
    let mut control = rig.link("one");
    let mut frames = Vec::new();
    put(FrameKind::SessionHeader, body(|out| session.encode(out)), &[], &mut frames);
    put(FrameKind::ArchiveHeader, body(|out| mine.encode(out)), &[], &mut frames);
    let id = |number| ChunkId { archive: mine.archive, stream: StreamNumber(0), number };
    // The answers to 2 and 3 were lost; 3 never arrived.
    let outstanding = vec![(2, Some(chunk_key(&id(2)))), (3, Some(chunk_key(&id(3))))];
    let request = Request::Begin { proof: proof.0, outstanding, next: 4 };
    let Reply::Begun { there, ends, attachment, .. } = ask(&mut control, request, &frames).unwrap()
    else {
        panic!("not begun");
    };
    assert_eq!((there, ends[0].end().complete), (vec![2], 3));
    let mut data = attach(&rig, "one", attachment);
    for number in 3..5 {
        let frames = chunk(session.session, mine.archive, number);
        ask(&mut data, Request::Append { number }, &frames).unwrap();
    }
    // Asked over a connection of its own: whoever writes to the archive is cut off.
    let mut other = rig.link("one");
    let Reply::Unfinished { ends: Some(ends) } =
        ask(&mut other, Request::Unfinished { proof: proof.0 }, &[]).unwrap()
    else {
        panic!("it is not unfinished");
    };
    assert_eq!(ends[0].end().complete, 5);
}

/// It used to take the gap for a loss of its own, at every lost connection.
#[test]
fn a_session_behind_a_gap_goes_on_over_a_new_connection() {
    let rig = Rig::new();
    let (first, second) = (rig.session(1), rig.session(2));
    let proof = ArchiveProof([1; 32]);
    let mine = archive(&first, proof.archive());
    let id = |number| ChunkId { archive: mine.archive, stream: StreamNumber(0), number };
    {
        let mut control = rig.link("one");
        let attachment = begin(&mut control, proof.0, &first, &mine).unwrap();
        let mut data = attach(&rig, "one", attachment);
        // As where one of two pools has lost chunk 2.
        for (number, place) in [0, 1, 3].into_iter().zip(0..) {
            let frames = chunk(first.session, mine.archive, number);
            ask(&mut data, Request::Append { number: place }, &frames).unwrap();
        }
        ask(&mut control, Request::Settle, &[]).unwrap();
    }
    let mut writer = RemoteWriter::new(Arc::new(rig.remote("one")));
    let ends = writer.unfinished(&proof).unwrap().unwrap();
    assert_eq!((ends[0].complete, ends[0].next), (2, 4));
    writer.begin_session(&second, &[]).unwrap();
    writer.begin_archive(&archive(&second, mine.archive), &proof).unwrap();
    let append = |writer: &mut RemoteWriter, number| {
        let header = ChunkHeader {
            chunk: id(number),
            session: second.session,
            kind: ChunkKind::Data,
            plain_length: 5,
            stages: Vec::new(),
            context: ContextPlace::Here(Context::default()),
        };
        let (blocks, needs) = (Vec::new(), Vec::new());
        let footer = ChunkFooter { chunk: id(number), context: None, blocks, needs };
        writer.append_chunk(&header, b"bytes", &footer).unwrap();
    };
    append(&mut writer, 4);
    append(&mut writer, 5);
    // All its connections are cut.
    let mut other = rig.link("one");
    ask(&mut other, Request::Unfinished { proof: proof.0 }, &[]).unwrap();
    append(&mut writer, 6);
    let range = |first, count| format::ChunkRange {
        archive: mine.archive,
        stream: StreamNumber(0),
        first,
        count,
    };
    let footer = ArchiveFooter {
        archive: mine.archive,
        session: second.session,
        needs: vec![range(0, 2), range(4, 3)],
        ..ArchiveFooter::default()
    };
    writer.end_archive(&footer).unwrap();
    let there = writer.store().chunk_places(&(0..8).map(id).collect::<Vec<_>>()).unwrap();
    let there: Vec<bool> = there.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, true, false, true, true, true, true, false]);
    assert!(writer.traffic().retries > 0, "nothing was cut");
}

#[test]
fn a_session_that_was_cut_between_two_runs_goes_on_in_the_older_one() {
    let rig = Rig::new();
    let session = rig.session(1);
    let proof = ArchiveProof([1; 32]);
    let mine = ArchiveHeader { framing: Framing::Run, ..archive(&session, proof.archive()) };
    let id = |number| ChunkId { archive: mine.archive, stream: StreamNumber(0), number };
    let run = |first| RunHeader {
        first: id(first),
        session: session.session,
        context: Context::default(),
    };
    let opening = |first| {
        let mut frame = Vec::new();
        put(FrameKind::RunHeader, body(|out| run(first).encode(out)), &[], &mut frame);
        frame
    };
    let mut closing = Vec::new();
    let footer = RunFooter { header: run(0), chunks: Vec::new() };
    put(FrameKind::RunFooter, body(|out| footer.encode(out)), &[], &mut closing);
    let of_run =
        |number, first| chunk_in(session.session, mine.archive, number, ContextPlace::Run(first));
    {
        let mut control = rig.link("one");
        let attachment = begin(&mut control, proof.0, &session, &mine).unwrap();
        let mut data = attach(&rig, "one", attachment);
        ask(&mut data, Request::Append { number: 0 }, &opening(0)).unwrap();
        ask(&mut data, Request::Append { number: 1 }, &of_run(0, 0)).unwrap();
    }
    let mut control = rig.link("one");
    let mut frames = Vec::new();
    put(FrameKind::SessionHeader, body(|out| session.encode(out)), &[], &mut frames);
    put(FrameKind::ArchiveHeader, body(|out| mine.encode(out)), &[], &mut frames);
    frames.extend(opening(0));
    let key = |number| Some(chunk_key(&id(number)));
    let outstanding = vec![(2, key(1)), (3, None), (4, None), (5, key(2))];
    let request = Request::Begin { proof: proof.0, outstanding, next: 6 };
    let Reply::Begun { attachment, there, .. } = ask(&mut control, request, &frames).unwrap()
    else {
        panic!("not begun");
    };
    assert!(there.is_empty(), "{there:?}");
    let mut data = attach(&rig, "one", attachment);
    for (number, frames) in (2..).zip([of_run(1, 0), closing, opening(2), of_run(2, 2)]) {
        ask(&mut data, Request::Append { number }, &frames).unwrap();
    }
    ask(&mut control, Request::Settle, &[]).unwrap();
    let chunks = (0..3).map(|number| chunk_key(&id(number))).collect();
    let Reply::Places { places } = ask(&mut control, Request::ChunkPlaces { chunks }, &[]).unwrap()
    else {
        panic!("no places");
    };
    assert!(places.iter().all(Option::is_some), "{places:?}");
}
