//! A disk that is full, read-only or failing, and how space comes back.

use super::disk::{Faults, SimDisk};
use super::{ROOMY, append, open};
use crate::Warning;
use crate::log::{Log, Sizes};
use std::io::ErrorKind;

#[test]
fn a_full_disk_refuses_and_the_log_goes_on_when_there_is_room() {
    let disk = SimDisk::new(1);
    let (mut log, ..) = open(&disk, ROOMY);
    append(&mut log, &[b"before"], &[]).unwrap();
    disk.set_faults(Faults { capacity: Some(2_000), ..Faults::default() });
    let length = disk.bytes(&disk.segments()[0]).len();
    for _ in 0..3 {
        assert_eq!(append(&mut log, &[&[1; 2_000]], &[]).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(disk.bytes(&disk.segments()[0]).len(), length, "what was written in part is taken back");
    }
    append(&mut log, &[b"small"], &[]).expect("a small one still fits");
    disk.set_faults(Faults::default());
    append(&mut log, &[b"after"], &[]).unwrap();
    assert_eq!(disk.segments().len(), 1);
    disk.crash();
    let payloads: Vec<Vec<u8>> = open(&disk, ROOMY).1.into_iter().map(|start| start.1).collect();
    assert_eq!(payloads, [b"before".to_vec(), b"small".to_vec(), b"after".to_vec()]);
}

#[test]
fn marks_give_room_on_a_disk_too_full_for_marks() {
    let disk = SimDisk::new(1);
    let (mut log, ..) = open(&disk, Sizes { segment_bytes: 1_100, ..ROOMY });
    let ids: Vec<u64> = (0..6).flat_map(|_| append(&mut log, &[&[1; 200]], &[]).unwrap()).collect();
    assert_eq!(disk.segments().len(), 6);
    disk.set_faults(Faults { capacity: Some(0), ..Faults::default() });
    append(&mut log, &[], &ids).unwrap_err();
    assert_eq!((disk.segments().len(), log.unfinished()), (1, 0));
}

#[test]
fn after_a_failed_sync_the_file_is_left_alone() {
    let disk = SimDisk::new(1);
    let (mut log, ..) = open(&disk, ROOMY);
    append(&mut log, &[b"one"], &[]).unwrap();
    let file = disk.segments().pop().unwrap();
    disk.set_faults(Faults { sync_fails: 1000, ..Faults::default() });
    append(&mut log, &[b"lost"], &[]).unwrap_err();
    let sealed = disk.bytes(&file);
    disk.set_faults(Faults::default());
    append(&mut log, &[b"two"], &[]).unwrap();
    assert_eq!(disk.segments().len(), 2);
    assert!(disk.bytes(&file) == sealed, "nothing more is written to it");
    disk.crash();
    assert_eq!(open(&disk, ROOMY).1, [(1, b"one".to_vec()), (2, b"two".to_vec())]);
}

#[test]
fn a_read_only_disk_is_read_and_written_once_it_can_be() {
    let disk = SimDisk::new(1);
    let (mut log, ..) = open(&disk, ROOMY);
    append(&mut log, &[b"one", b"two"], &[]).unwrap();
    disk.set_faults(Faults { is_read_only: true, ..Faults::default() });
    let (mut log, unfinished, warnings) = open(&disk, ROOMY);
    assert_eq!(unfinished, [(1, b"one".to_vec()), (2, b"two".to_vec())]);
    assert!(matches!(&warnings[..], [Warning::Unwritable { .. }]), "{warnings:?}");
    assert_eq!(append(&mut log, &[b"three"], &[1]).unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(log.unfinished(), 1);
    disk.set_faults(Faults::default());
    append(&mut log, &[b"three"], &[]).unwrap();
    assert_eq!(open(&disk, ROOMY).1, [(2, b"two".to_vec()), (3, b"three".to_vec())]);
}

#[test]
fn segments_go_from_the_oldest_on() {
    let disk = SimDisk::new(1);
    let (mut log, ..) = open(&disk, Sizes { segment_bytes: 1_100, ..ROOMY });
    let ids: Vec<u64> = (0..5).flat_map(|_| append(&mut log, &[&[1; 200]], &[]).unwrap()).collect();
    let all = disk.segments();
    append(&mut log, &[], &ids[1..4]).unwrap();
    assert_eq!(disk.segments()[..5], all[..5], "the first start is unfinished and holds them all");
    append(&mut log, &[], &ids[..1]).unwrap();
    assert_eq!(disk.segments()[0], all[4]);
    assert_eq!(open(&disk, ROOMY).1, [(ids[4], vec![1; 200])]);
}

#[test]
fn a_long_execution_does_not_hold_on_to_finished_ones() {
    let disk = SimDisk::new(1);
    let sizes = Sizes { segment_bytes: 1_800, carry_above_bytes: 8_000 };
    let (mut log, ..) = open(&disk, sizes);
    let long = append(&mut log, &[b"long"], &[]).unwrap()[0];
    for _ in 0..500 {
        let ids = append(&mut log, &[&[1; 200]], &[]).unwrap();
        append(&mut log, &[], &ids).unwrap();
        assert!(log.bytes() < 12_000, "{} bytes", log.bytes());
    }
    assert_eq!(open(&disk, sizes).1, [(long, b"long".to_vec())]);
}

#[test]
fn a_segment_of_long_executions_does_not_hold_on_to_finished_ones() {
    let disk = SimDisk::new(1);
    let sizes = Sizes { segment_bytes: 1_800, carry_above_bytes: 8_000 };
    let (mut log, ..) = open(&disk, sizes);
    let long = append(&mut log, &[&[7; 900]], &[]).unwrap()[0];
    for _ in 0..500 {
        let ids = append(&mut log, &[&[1; 200]], &[]).unwrap();
        append(&mut log, &[], &ids).unwrap();
        assert!(log.bytes() < 12_000, "{} bytes", log.bytes());
    }
    assert_eq!(open(&disk, sizes).1, [(long, vec![7; 900])]);
}

#[test]
fn openings_are_counted_and_what_is_finished_is_not_written_anew() {
    let disk = SimDisk::new(1);
    let (mut log, ..) = open(&disk, ROOMY);
    append(&mut log, &[b"one", b"two"], &[]).unwrap();
    for opening in 1..5 {
        let (mut log, unfinished, _) = Log::open(disk.clone(), ROOMY, fastrand::Rng::with_seed(opening)).unwrap();
        assert!(unfinished.iter().all(|start| u64::from(start.openings) == opening), "{unfinished:?}");
        assert_eq!(disk.segments().len(), 1, "the new one supersedes the others");
        if opening == 2 {
            append(&mut log, &[], &[1]).unwrap();
        }
        assert_eq!(unfinished.len(), if opening > 2 { 1 } else { 2 });
    }
    assert_eq!(disk.bytes(&disk.segments()[0]).len(), 1_024 + 32 + 3);
}

#[test]
fn a_segment_that_does_not_read_back_is_not_dropped() {
    let disk = SimDisk::new(1);
    let sizes = Sizes { segment_bytes: 1_800, carry_above_bytes: 4_000 };
    let (mut log, ..) = open(&disk, sizes);
    append(&mut log, &[b"long"], &[]).unwrap();
    let file = disk.segments().pop().unwrap();
    let mut bytes = disk.bytes(&file);
    *bytes.last_mut().unwrap() ^= 1;
    disk.set_bytes(&file, &bytes);
    for _ in 0..30 {
        let ids = append(&mut log, &[&[1; 200]], &[]).unwrap();
        append(&mut log, &[], &ids).unwrap();
    }
    assert_eq!(disk.segments()[0], file, "its damage is for an opening to tell");
}
