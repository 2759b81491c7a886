//! Bytes that changed, were cut or went missing: cut with a warning, refused, or without effect; never taken for a record.

use super::disk::SimDisk;
use super::{ROOMY, Start, append, open};
use crate::Warning;
use crate::format::{self, END, Header, Kind, RECORD_BYTES, RECORDS_START, segment_name};
use crate::log::{Log, Sizes};
use crate::recover::{self, Fault, Piece};
use crate::repair::repair_disk;

/// A journal of two segments, and what was accepted and not finished.
struct Sample {
    disk: SimDisk,
    unfinished: Vec<Start>,
    /// Where the last batch begins in the last segment, and where it ends.
    last_batch: std::ops::Range<usize>,
}

/// What a segment's file is when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// Empty.
    None,
    /// So many zeros.
    Zeros(usize),
    /// What was a segment, full of records.
    Earlier,
}

const ROOMS: [Room; 3] = [Room::None, Room::Zeros(2_500), Room::Earlier];

fn sample(room: Room) -> Sample {
    let disk = SimDisk::new(3);
    if let Room::Zeros(bytes) = room {
        disk.prepare(Some(bytes));
    }
    let sizes = Sizes { segment_bytes: if room == Room::Earlier { 4_000 } else { 1_400 }, ..ROOMY };
    let (mut log, ..) = open(&disk, sizes);
    let mut unfinished = Vec::new();
    let mut last_batch = 0..0;
    for round in 0..5_u8 {
        if room == Room::Earlier && round == 2 {
            let earlier = earlier_life();
            disk.put_recycled(&earlier, Header::decode(&earlier).unwrap().0.seal.salt());
        }
        let payloads: Vec<Vec<u8>> = (0..3).map(|index| vec![16 * round + index; 20 + usize::from(round)]).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(|payload| &payload[..]).collect();
        let finished: Vec<u64> = unfinished.first().map(|start: &Start| start.0).into_iter().collect();
        unfinished.drain(..finished.len());
        let begin = written(&disk);
        let ids = append(&mut log, &payloads, &finished).unwrap();
        last_batch = begin..written(&disk);
        unfinished.extend(ids.into_iter().zip(payloads.iter().map(|payload| payload.to_vec())));
    }
    assert_eq!(disk.segments().len(), 2);
    Sample { disk, unfinished, last_batch }
}

/// A segment as it was left by another journal.
fn earlier_life() -> Vec<u8> {
    let disk = SimDisk::new(8);
    let (mut log, ..) = Log::open(disk.clone(), ROOMY, fastrand::Rng::with_seed(8)).unwrap();
    for round in 0..12 {
        append(&mut log, &[&[0x80 | round; 50], &[0xc0 | round; 77]], &[u64::from(round)]).unwrap();
    }
    disk.bytes(disk.segments().last().unwrap())
}

/// Where the records of the last segment end.
fn written(disk: &SimDisk) -> usize {
    let bytes = disk.bytes(disk.segments().last().unwrap());
    let seal = Header::decode(&bytes).unwrap().0.seal;
    let end = |piece| if let Piece::Record(record) = piece { record.end() } else { 0 };
    recover::pieces(&bytes, seal).map(end).fold(RECORDS_START, u64::max) as usize
}

fn reopen(disk: &SimDisk) -> Result<(Vec<Start>, Vec<Warning>), Fault> {
    let (_, unfinished, warnings) = Log::open(disk.clone(), ROOMY, fastrand::Rng::with_seed(5))?;
    Ok((unfinished.into_iter().map(|start| (start.id.get(), start.payload.to_vec())).collect(), warnings))
}

/// Repairs and opens: every one of `unfinished` is there but `lost`.
fn check_repair(disk: &SimDisk, unfinished: &[Start], lost_max: usize) -> Vec<Start> {
    let repaired = repair_disk(disk.clone(), fastrand::Rng::with_seed(6)).expect("it is repaired");
    let (kept, warnings) = reopen(disk).expect("it opens after a repair");
    assert_eq!(warnings, []);
    assert_eq!(repaired.kept, kept.len() as u64);
    let lost = unfinished.iter().filter(|start| !kept.contains(start)).count();
    assert!(lost <= lost_max, "{lost} lost of {}: {repaired:?}", unfinished.len());
    kept
}

#[test]
fn a_tail_that_is_cut_at_any_byte_of_its_last_record_is_cut_there() {
    let disk = SimDisk::new(1);
    let (mut log, ..) = open(&disk, ROOMY);
    append(&mut log, &[b"first", b"second"], &[]).unwrap();
    let file = disk.segments().pop().unwrap();
    let before = disk.bytes(&file).len();
    append(&mut log, &[&[9; 100]], &[]).unwrap();
    let whole = disk.bytes(&file);
    for length in before..whole.len() {
        let torn = disk.copy();
        torn.set_bytes(&file, &whole[..length]);
        let (unfinished, warnings) = reopen(&torn).unwrap();
        assert_eq!(unfinished, [(1, b"first".to_vec()), (2, b"second".to_vec())]);
        let bytes = recover::nonzero(&whole[before..length]) as u64;
        let records_max = bytes.div_ceil(RECORD_BYTES as u64);
        let cut = Warning::Cut { file: file.clone(), offset: before as u64, bytes, records_max };
        let expected = if bytes == 0 { vec![] } else { vec![cut] };
        assert_eq!(warnings, expected, "cut to {length} bytes");
        assert_eq!(reopen(&torn).unwrap(), (unfinished, vec![]), "the warning is given once");
    }
}

#[test]
fn zeros_at_the_end_are_room_and_what_was_torn_into_them_is_cut() {
    let Sample { disk, unfinished, last_batch } = sample(Room::None);
    let file = disk.segments().pop().unwrap();
    let mut bytes = disk.bytes(&file);
    bytes.resize(bytes.len() + 4_096, 0);
    disk.set_bytes(&file, &bytes);
    assert_eq!(reopen(&disk.copy()).unwrap(), (unfinished.clone(), vec![]));
    bytes[last_batch.end + 40] = 1;
    disk.set_bytes(&file, &bytes);
    let cut = Warning::Cut { file, offset: last_batch.end as u64, bytes: 41, records_max: 2 };
    assert_eq!(reopen(&disk).unwrap(), (unfinished, vec![cut]));
}

#[test]
fn what_was_torn_over_an_earlier_life_is_cut_and_that_life_itself_is_not_seen() {
    let Sample { disk, unfinished, last_batch } = sample(Room::Earlier);
    let file = disk.segments().pop().unwrap();
    let whole = disk.bytes(&file);
    assert!(recover::nonzero(&whole) > last_batch.end + 1_000, "there is an earlier life behind it");
    assert_eq!(reopen(&disk.copy()).unwrap(), (unfinished.clone(), vec![]));
    // The next batch arrived without its end, and without its zeros.
    let mut torn = whole.clone();
    torn[last_batch.end..last_batch.end + END + 20].fill(7);
    disk.set_bytes(&file, &torn);
    let (found, warnings) = reopen(&disk).unwrap();
    assert_eq!(found, unfinished);
    let [Warning::Cut { offset, bytes, .. }] = &warnings[..] else { panic!("{warnings:?}") };
    let (at_least, earlier_record) = (END as u64 + 20, RECORD_BYTES as u64 + 77);
    assert_eq!(*offset, last_batch.end as u64);
    assert!(
        (at_least..=at_least + earlier_record).contains(bytes),
        "up to the next record of the earlier life: {bytes}"
    );
}

/// A journal that was written before segments had a second life.
#[test]
fn the_first_version_is_read() {
    let Sample { disk, unfinished, .. } = sample(Room::None);
    for file in disk.segments() {
        let mut bytes = disk.bytes(&file);
        let salt = Header::decode(&bytes).unwrap().0.seal.salt() as u32;
        for copy in [0, 512] {
            bytes[copy + 8] = 1;
            let check = crc32c::crc32c(&bytes[copy..copy + 64]);
            bytes[copy + 64..copy + 68].copy_from_slice(&check.to_le_bytes());
            bytes[copy + 68..copy + 76].fill(0);
        }
        let mut at = RECORDS_START as usize;
        while at < bytes.len() {
            let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let (payload_check, length) = (word(at + 4) ^ salt, word(at + 8) as usize);
            bytes[at + 4..at + 8].copy_from_slice(&payload_check.to_le_bytes());
            let place =
                [u64::from_le_bytes(bytes[24..32].try_into().unwrap()), at as u64].map(u64::to_le_bytes).concat();
            let check = crc32c::crc32c_append(crc32c::crc32c(&place), &bytes[at + 4..at + RECORD_BYTES]);
            bytes[at..at + 4].copy_from_slice(&check.to_le_bytes());
            at += RECORD_BYTES + length;
        }
        disk.set_bytes(&file, &bytes);
    }
    assert_eq!(reopen(&disk).unwrap(), (unfinished, vec![]));
}

#[test]
fn zeros_where_durable_bytes_were_are_no_room() {
    let Sample { disk, unfinished, .. } = sample(Room::None);
    drop(open(&disk, ROOMY));
    // The first contents of a segment are durable before it has its name.
    let file = disk.segments().pop().unwrap();
    let mut bytes = disk.bytes(&file);
    let end = bytes.len();
    bytes[end - 10..].fill(0);
    disk.set_bytes(&file, &bytes);
    assert!(matches!(reopen(&disk), Err(Fault::Damaged { .. })));
    check_repair(&disk, &unfinished, 1);
}

#[test]
fn a_flipped_bit_is_found_wherever_it_lies() {
    ROOMS.into_iter().for_each(flip_every_bit);
}

fn flip_every_bit(room: Room) {
    let Sample { disk, unfinished, last_batch } = sample(room);
    let segments = disk.segments();
    let first_end = Header::decode(&disk.bytes(&segments[1])).unwrap().0.previous_bytes as usize;
    let (mut refused, mut cut, mut without_effect) = (0, 0, 0);
    for (index, file) in segments.iter().enumerate() {
        let whole = disk.bytes(file);
        for bit in 0..whole.len() * 8 {
            let flipped = disk.copy();
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            flipped.set_bytes(file, &bytes);
            let is_in_last_batch = index == 1 && bit / 8 >= last_batch.start;
            let is_in_room = index == 1 && bit / 8 >= last_batch.end;
            match reopen(&flipped.copy()) {
                Ok((found, warnings)) if warnings.is_empty() || matches!(warnings[0], Warning::Header { .. }) => {
                    assert_eq!(found, unfinished, "{file} bit {bit}");
                    let end = if room == Room::Earlier { last_batch.end + END } else { whole.len() };
                    let counts = RECORDS_START as usize..if index == 0 { first_end } else { end };
                    assert!(!counts.contains(&(bit / 8)), "{file} bit {bit} is not noticed");
                    without_effect += 1;
                }
                Ok((found, warnings)) => {
                    assert!(is_in_last_batch, "{file} bit {bit}: {warnings:?}");
                    // The record that was hit is gone, or, if it held marks, its starts run again.
                    let lost = unfinished.iter().filter(|start| !found.contains(start)).count();
                    let again = found.iter().filter(|start| !unfinished.contains(start)).count();
                    assert_eq!((lost + again, warnings.len()), (usize::from(!is_in_room), 1), "{file} bit {bit}");
                    cut += 1;
                }
                Err(Fault::Damaged { file: named, offset, .. }) => {
                    assert_eq!(&named, file);
                    assert!(offset <= bit as u64 / 8 && !is_in_last_batch, "{file} bit {bit}: refused at {offset}");
                    refused += 1;
                    check_repair(&flipped, &unfinished, 1);
                }
                Err(other) => panic!("{file} bit {bit}: {other:?}"),
            }
        }
    }
    assert!(refused > 1_000 && cut > 1_000 && without_effect > 1_000, "{refused} {cut} {without_effect}");
}

#[test]
fn a_damaged_middle_is_refused_and_nothing_is_changed() {
    let Sample { disk, unfinished, .. } = sample(Room::None);
    let file = disk.segments()[1].clone();
    let mut bytes = disk.bytes(&file);
    let at = RECORDS_START as usize + RECORD_BYTES + 3;
    bytes[at] ^= 0x40;
    disk.set_bytes(&file, &bytes);
    let before: Vec<_> = disk.names().into_iter().map(|name| (disk.bytes(&name), name)).collect();
    let fault = reopen(&disk).unwrap_err();
    let error = fault.into_error(std::path::Path::new("folder")).to_string();
    let expected = format!(
        "the journal is damaged: {file} at byte {RECORDS_START}: a record does not verify, and later ones do; \
         `fleetstep journal repair` keeps what is whole"
    );
    assert_eq!(error, expected);
    let after: Vec<_> = disk.names().into_iter().map(|name| (disk.bytes(&name), name)).collect();
    assert!(before == after, "a refused opening changes nothing");

    check_repair(&disk, &unfinished, 1);
    let aside = format!("{file}.damaged");
    assert!(disk.bytes(&aside) == bytes, "the damaged file is kept as it was");
}

#[test]
fn a_missing_segment_is_refused_by_name_and_repaired() {
    let Sample { disk, .. } = sample(Room::None);
    let sizes = Sizes { segment_bytes: 1_100, ..ROOMY };
    let (mut log, mut unfinished, _) = open(&disk, sizes);
    for _ in 0..4 {
        let ids = append(&mut log, &[&[1; 100], &[2; 100]], &[]).unwrap();
        unfinished.extend(ids.into_iter().zip([vec![1; 100], vec![2; 100]]));
    }
    let segments = disk.segments();
    assert!(segments.len() >= 4);
    disk.remove_now(&segments[1]);
    match reopen(&disk) {
        Err(Fault::Missing { file }) => assert_eq!(file, segments[1]),
        other => panic!("{other:?}"),
    }
    let repaired = repair_disk(disk.copy(), fastrand::Rng::with_seed(6)).unwrap();
    assert_eq!(repaired.missing, [(segments[1].clone(), segments[1].clone())]);
    check_repair(&disk, &unfinished, 2);
}

#[test]
fn a_header_survives_the_loss_of_one_copy_and_not_of_both() {
    let Sample { disk, unfinished, .. } = sample(Room::None);
    let file = disk.segments().pop().unwrap();
    let mut bytes = disk.bytes(&file);
    bytes[..512].fill(0xff);
    disk.set_bytes(&file, &bytes);
    let half = disk.copy();
    assert_eq!(reopen(&half).unwrap(), (unfinished.clone(), vec![Warning::Header { file: file.clone() }]));
    bytes[512..1_024].fill(0xff);
    disk.set_bytes(&file, &bytes);
    assert!(matches!(reopen(&disk), Err(Fault::Damaged { offset: 0, .. })));
    // Everything in that segment is lost, and no more than that.
    let kept = check_repair(&disk, &unfinished, unfinished.len() - 1);
    assert!(kept.iter().all(|start| start.0 <= 9), "{kept:?}");
}

#[test]
fn another_version_is_refused_and_not_repaired() {
    let Sample { disk, .. } = sample(Room::None);
    let file = disk.segments().pop().unwrap();
    let mut bytes = disk.bytes(&file);
    for copy in [0, 512] {
        bytes[copy + 8] = 9;
        let check = crc32c::crc32c(&bytes[copy..copy + 72]);
        bytes[copy + 72..copy + 76].copy_from_slice(&check.to_le_bytes());
    }
    disk.set_bytes(&file, &bytes);
    assert!(matches!(reopen(&disk), Err(Fault::Version { version: 9, .. })));
    let repair = repair_disk(disk.clone(), fastrand::Rng::with_seed(6));
    assert!(matches!(repair, Err(Fault::Version { version: 9, .. })));
}

#[test]
fn a_payload_that_looks_like_records_is_none() {
    let disk = SimDisk::new(1);
    let (mut log, ..) = open(&disk, ROOMY);
    append(&mut log, &[b"copied"], &[]).unwrap();
    let file = disk.segments().pop().unwrap();
    let record = disk.bytes(&file)[RECORDS_START as usize..].to_vec();
    let before = disk.bytes(&file).len();
    append(&mut log, &[&record.repeat(20)], &[]).unwrap();
    // The head that would have been skipped over is torn; what is behind it is looked at byte by byte.
    let mut bytes = disk.bytes(&file);
    bytes[before..before + RECORD_BYTES].fill(0);
    disk.set_bytes(&file, &bytes);
    let (unfinished, warnings) = reopen(&disk).unwrap();
    assert_eq!(unfinished, [(1, b"copied".to_vec())]);
    assert!(matches!(&warnings[..], [Warning::Cut { offset, .. }] if *offset == before as u64), "{warnings:?}");
}

#[test]
fn what_another_file_left_on_the_disk_is_no_record() {
    let [old, new] = [1, 2].map(|seed| {
        let disk = SimDisk::new(seed);
        let (mut log, ..) = Log::open(disk.clone(), ROOMY, fastrand::Rng::with_seed(seed)).unwrap();
        append(&mut log, &[b"first"], &[]).unwrap();
        (disk, log)
    });
    let (old, mut log) = old;
    append(&mut log, &[b"second", b"third"], &[]).unwrap();
    // The new file has grown over the old one's blocks, and was not written there yet.
    let file = old.segments().pop().unwrap();
    let mut bytes = new.0.bytes(&file);
    let length = bytes.len();
    bytes.extend(&old.bytes(&file)[length..]);
    new.0.set_bytes(&file, &bytes);
    let (unfinished, warnings) = reopen(&new.0).unwrap();
    assert_eq!(unfinished, [(1, b"first".to_vec())]);
    assert!(matches!(&warnings[..], [Warning::Cut { offset, .. }] if *offset == length as u64), "{warnings:?}");
}

/// Records that verify and that no journal would write: a defect, or someone who knows the format.
#[test]
fn absurd_numbers_in_whole_records_do_no_harm() {
    for (kind, id, openings, payload) in [
        (Kind::Start, u64::MAX, 0, &[0; 8][..]),
        (Kind::Start, 1 << 62, 0, &[]),
        (Kind::Start, (1 << 62) - 1, u32::MAX, b"the last id"),
        (Kind::Finished, 7, 9, &[0xff; 24]),
        (Kind::Finished, 7, 9, &[1; 7]),
    ] {
        let disk = SimDisk::new(1);
        let (mut log, ..) = open(&disk, ROOMY);
        append(&mut log, &[b"one"], &[]).unwrap();
        let file = disk.segments().pop().unwrap();
        let mut bytes = disk.bytes(&file);
        let mut record = Vec::new();
        format::push(&mut record, kind, id, openings, payload, crc32c::crc32c(payload));
        format::seal(&mut record, Header::decode(&bytes).unwrap().0.seal, bytes.len() as u64);
        bytes.append(&mut record);
        disk.set_bytes(&file, &bytes);
        let (unfinished, _) = reopen(&disk).unwrap();
        assert_eq!(unfinished[0], (1, b"one".to_vec()));
        assert!(unfinished.iter().skip(1).all(|start| start.1 == b"the last id"), "{unfinished:?}");
        check_repair(&disk, &unfinished, 0);
    }
}

/// Whatever is done to the files, recovery and repair end, and what they find was once accepted.
#[test]
fn files_that_were_mutated_at_random_do_no_harm() {
    ROOMS.into_iter().for_each(mutate_at_random);
}

fn mutate_at_random(room: Room) {
    let Sample { disk, unfinished, .. } = sample(room);
    let mut accepted = unfinished.clone();
    accepted.extend((1..=15).filter(|id| unfinished.iter().all(|start| start.0 != *id)).map(|id| {
        // The finished ones: as `sample` made them.
        let (round, index) = ((id - 1) / 3, (id - 1) % 3);
        (id, vec![(16 * round + index) as u8; 20 + round as usize])
    }));
    let (mut opened, mut refused) = (0, 0);
    for seed in 0..3_000 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mutated = disk.copy();
        for _ in 0..chance.u32(1..5) {
            mutate(&mutated, &mut chance);
        }
        match reopen(&mutated.copy()) {
            Ok((found, _)) => {
                assert!(found.iter().all(|start| accepted.contains(start)), "seed {seed}: {found:?}");
                opened += 1;
            }
            Err(Fault::Io(error)) => panic!("seed {seed}: {error}"),
            Err(_) => refused += 1,
        }
        let kept = check_repair(&mutated, &[], 0);
        assert!(kept.iter().all(|start| accepted.contains(start)), "seed {seed}: {kept:?}");
    }
    assert!(opened > 100 && refused > 100, "{opened} {refused}");
}

fn mutate(disk: &SimDisk, chance: &mut fastrand::Rng) {
    let segments = disk.segments();
    let Some(file) = chance.choice(&segments).cloned() else { return };
    let mut bytes = disk.bytes(&file);
    let length = bytes.len();
    let start = chance.usize(0..length.max(1));
    let end = (start + chance.usize(0..200)).min(length);
    match chance.u32(0..9) {
        0 => bytes.truncate(start),
        1 => bytes[start..end].fill(0),
        2 => bytes[start..end].fill_with(|| chance.u8(..)),
        3 => drop(bytes.drain(start..end)),
        4 => {
            let copy = bytes[start..end].to_vec();
            let at = chance.usize(0..=length);
            bytes.splice(at..at, copy);
        }
        5 => bytes.extend_from_within(start..end),
        6 => {
            let other = disk.bytes(chance.choice(&segments).unwrap());
            bytes.extend(&other[start.min(other.len())..]);
        }
        7 => return disk.copy_now(&file, &segment_name(chance.u64(0..5))),
        _ => bytes[start..end].iter_mut().for_each(|byte| *byte ^= 1 << chance.u32(0..8)),
    }
    disk.set_bytes(&file, &bytes);
}
