//! The log on a disk in memory, one situation a test.

use std::io;

use super::{Entry, Limits, Log, Recovery, Refusal, StateFound};
use crate::queue::disk::model::Model;

const LIMITS: Limits = Limits {
    segment_bytes: 400,
    bytes_max: 100_000,
    record_bytes_max: 10_000,
    free_reserve: 0,
};

fn open(disk: &Model) -> (Log<Model>, Recovery) {
    Log::open(disk.clone(), LIMITS).unwrap()
}

fn append(log: &mut Log<Model>, payload: &str) -> u64 {
    let entry = Entry {
        documents: 2,
        payload: payload.as_bytes(),
        ..Entry::default()
    };
    log.append(entry).unwrap()
}

/// Appends and commits numbered records of 100 bytes, each a group of its own.
fn fill(log: &mut Log<Model>, numbers: std::ops::Range<u32>) {
    for number in numbers {
        append(log, &format!("{number:0100}"));
        log.commit().unwrap();
    }
}

/// Everything that can be read from here on, without the zeros in front.
fn drain(log: &mut Log<Model>) -> Vec<String> {
    let mut payload = Vec::new();
    let mut all = Vec::new();
    while log.read(&mut payload).unwrap().is_some() {
        let text = String::from_utf8(payload.clone()).unwrap();
        all.push(text.trim_start_matches('0').to_owned());
    }
    all
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn committed_records_are_read_in_order() {
    let (mut log, recovery) = open(&Model::default());
    assert_eq!(recovery.state, StateFound::Fresh);
    fill(&mut log, 1..20);
    assert_eq!(drain(&mut log), numbers(1..20));
    assert!(1 < log.segments.len(), "{}", log.segments.len());
}

#[test]
fn a_record_is_read_only_after_its_commit() {
    let (mut log, _) = open(&Model::default());
    assert_eq!(append(&mut log, "a"), 1);
    assert!(drain(&mut log).is_empty());
    log.commit().unwrap();
    assert_eq!(log.committed(), 2);
    assert_eq!(drain(&mut log), ["a"]);
}

#[test]
fn a_group_costs_one_sync() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    append(&mut log, "a");
    log.commit().unwrap();
    let before = disk.syncs();
    for _ in 0..3 {
        append(&mut log, "b");
    }
    log.commit().unwrap();
    log.commit().unwrap();
    assert_eq!(disk.syncs() - before, 1);
}

#[test]
fn what_was_committed_survives_a_crash_and_the_rest_does_not_hurt() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..8);
    append(&mut log, "never committed");
    drop(log);
    disk.lose();
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.pending.records, 7);
    assert_eq!(recovery.pending.documents, 14);
    assert_eq!(drain(&mut log), numbers(1..8));
    fill(&mut log, 8..10);
    assert_eq!(drain(&mut log), numbers(8..10));
}

#[test]
fn acknowledged_records_do_not_come_back_once_the_state_is_saved() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    drain(&mut log);
    log.acknowledge(7);
    log.save_state().unwrap();
    drop(log);
    disk.lose();
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.state, StateFound::Read);
    assert_eq!(recovery.pending.records, 2);
    assert_eq!(drain(&mut log), numbers(8..10));
}

#[test]
fn records_can_be_acknowledged_in_any_order() {
    let (mut log, _) = open(&Model::default());
    fill(&mut log, 1..5);
    drain(&mut log);
    assert!(log.settle(3));
    assert_eq!(log.acknowledged(), 1);
    assert!(log.settle(1));
    assert_eq!(log.acknowledged(), 2);
    assert!(!log.settle(1), "once is enough");
    assert!(log.settle(2));
    assert_eq!(log.acknowledged(), 4);
    assert_eq!(log.pending().documents, 2);
}

#[test]
fn rewinding_reads_again_what_is_not_acknowledged() {
    let (mut log, _) = open(&Model::default());
    fill(&mut log, 1..6);
    drain(&mut log);
    log.settle(1);
    log.settle(4);
    log.rewind();
    assert_eq!(drain(&mut log), ["2", "3", "5"]);
    log.rewind();
    log.acknowledge(3);
    assert_eq!(drain(&mut log), ["5"]);
    log.settle(5);
    assert_eq!(log.pending().records, 0);
}

#[test]
fn segments_are_removed_when_the_state_that_needs_them_no_more_is_saved() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    drain(&mut log);
    log.acknowledge(9);
    assert_eq!(disk.names().len(), 6);
    log.save_state().unwrap();
    assert_eq!(disk.names(), ["00000000000000000009.seg", "state"]);
    assert_eq!(log.pending().bytes, 0);
}

#[test]
fn a_state_is_written_only_when_something_changed() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..2);
    log.save_state().unwrap();
    let before = disk.syncs();
    log.save_state().unwrap();
    assert_eq!(disk.syncs(), before);
}

#[test]
fn without_a_state_everything_in_the_segments_is_pending() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    drain(&mut log);
    log.acknowledge(5);
    log.save_state().unwrap();
    drop(log);
    disk.delete("state");
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.state, StateFound::Rebuilt);
    assert_eq!(drain(&mut log), numbers(5..10));
    assert_eq!(log.pending().documents, 10);
}

#[test]
fn one_spoilt_slot_of_the_state_leaves_the_other() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..4);
    drain(&mut log);
    for acknowledged in 1..3 {
        log.acknowledge(acknowledged);
        log.save_state().unwrap();
    }
    drop(log);
    // The second save wrote the first slot, and removed the segment that the other slot begins with.
    disk.corrupt("state", 30, 1);
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.state, StateFound::Read);
    assert_eq!(drain(&mut log), numbers(3..4));
    assert_eq!(log.lost(), super::Lost::default());
}

#[test]
fn a_state_with_both_slots_spoilt_is_built_anew_from_all_segments() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    drain(&mut log);
    for acknowledged in [4, 5] {
        log.acknowledge(acknowledged);
        log.save_state().unwrap();
    }
    drop(log);
    for offset in super::state::SLOT_OFFSETS {
        disk.corrupt("state", offset as usize + 30, 1);
    }
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.state, StateFound::Rebuilt);
    // Segments with nothing but what was acknowledged are removed; of the first that is left all is given out again.
    assert_eq!(drain(&mut log), numbers(5..10));
    assert_eq!(log.lost(), super::Lost::default());
}

#[test]
fn a_torn_tail_is_cut_off_and_told() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..3);
    let good = log.segments[0].bytes;
    drop(log);
    let handle = crate::queue::disk::Disk::open(&disk, "00000000000000000001.seg").unwrap();
    crate::queue::disk::Disk::write_at(&disk, &handle, &[7; 33], good).unwrap();
    crate::queue::disk::Disk::write_at(&disk, &handle, &[0; 99], good + 33).unwrap();
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.torn_bytes, 33);
    assert_eq!(drain(&mut log), numbers(1..3));
    fill(&mut log, 3..4);
    assert_eq!(drain(&mut log), numbers(3..4));
    assert_eq!(log.lost(), super::Lost::default());
}

#[test]
fn damage_loses_one_record_and_keeps_the_file() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    disk.corrupt("00000000000000000001.seg", 40 + 144 + 70, 4);
    assert_eq!(drain(&mut log), ["1", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!((log.lost().records, log.lost().documents), (1, 2));
    assert_eq!(log.lost().segments_damaged, 1);
    log.acknowledge(9);
    log.save_state().unwrap();
    let names = disk.names();
    assert_eq!(names[0], "00000000000000000001.damaged");
    assert_eq!((log.damaged_files(), open(&disk).1.damaged_files), (1, 1));
}

#[test]
fn damage_to_the_last_record_is_no_torn_write_if_the_state_knows_it() {
    for records in [1, 2] {
        let disk = Model::default();
        let (mut log, _) = open(&disk);
        fill(&mut log, 1..records + 1);
        log.save_state().unwrap();
        drop(log);
        let name = "00000000000000000001.seg";
        disk.corrupt(name, disk.bytes(name).len() - 10, 4);
        let spoilt = disk.bytes(name);
        let found = verify(&disk).join("\n");
        assert!(found.contains("cannot be read") && found.contains("is damaged"));
        let (mut log, recovery) = open(&disk);
        assert_eq!(recovery.torn_bytes, 0);
        assert_eq!(drain(&mut log), numbers(1..records));
        let lost = log.lost();
        assert_eq!((lost.records, lost.documents), (1, 2));
        assert_eq!((lost.segments_damaged, lost.segments_missing), (1, 0));
        assert_eq!(log.damaged_files(), 1);
        log.acknowledge(records.into());
        log.save_state().unwrap();
        drop(log);
        // Nobody has written to it, and the next start still knows it.
        assert_eq!(disk.bytes(name), spoilt);
        let (mut log, recovery) = open(&disk);
        assert_eq!((recovery.torn_bytes, log.damaged_files()), (0, 1));
        fill(&mut log, records + 1..records + 2);
        assert_eq!(drain(&mut log), numbers(records + 1..records + 2));
        assert_eq!(log.lost(), super::Lost::default());
        log.acknowledge(u64::from(records) + 1);
        log.save_state().unwrap();
        assert_eq!(disk.bytes("00000000000000000001.damaged"), spoilt);
        assert_eq!(log.damaged_files(), 1);
    }
}

#[test]
fn what_a_state_does_not_know_yet_may_be_a_torn_write() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..2);
    log.save_state().unwrap();
    fill(&mut log, 2..3);
    drop(log);
    let name = "00000000000000000001.seg";
    disk.corrupt(name, disk.bytes(name).len() - 10, 4);
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.torn_bytes, 144);
    assert_eq!(drain(&mut log), numbers(1..2));
    assert_eq!(log.lost(), super::Lost::default());
}

#[test]
fn a_torn_tail_before_a_segment_that_is_set_aside_is_no_damage() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..4);
    log.save_state().unwrap();
    drop(log);
    let names = ["00000000000000000001.seg", "00000000000000000003.seg"];
    let handle = crate::queue::disk::Disk::open(&disk, names[0]).unwrap();
    let end = disk.bytes(names[0]).len() as u64;
    crate::queue::disk::Disk::write_at(&disk, &handle, &[7; 33], end).unwrap();
    for place in [9, 60] {
        disk.corrupt(names[1], place, 4);
    }
    let (mut log, recovery) = open(&disk);
    assert_eq!((recovery.unreadable, recovery.torn_bytes), (1, 33));
    assert_eq!(drain(&mut log), numbers(1..3));
    assert_eq!((log.lost().records, log.lost().documents), (1, 2));
    assert_eq!(log.damaged_files(), 1);
}

#[test]
fn a_length_that_is_spoilt_does_not_hide_what_follows() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..7);
    disk.corrupt("00000000000000000001.seg", 40, 0xff);
    assert_eq!(drain(&mut log), numbers(2..7));
    assert_eq!(log.lost().records, 1);
}

#[test]
fn a_spoilt_header_of_a_segment_loses_nothing() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    drop(log);
    disk.delete("state");
    for name in disk.names() {
        disk.corrupt(&name, 13, 1);
    }
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.state, StateFound::Rebuilt);
    assert_eq!(drain(&mut log), numbers(1..10));
    assert_eq!((log.lost().records, log.lost().documents), (0, 0));
    fill(&mut log, 10..12);
    assert_eq!(drain(&mut log), numbers(10..12));
}

#[test]
fn a_segment_copied_to_another_name_hides_nothing_and_is_set_aside() {
    // In the middle of a segment's records, and behind all.
    for first in [6, 99_999] {
        let (disk, name) = (Model::default(), super::segment_name(first));
        let (mut log, _) = open(&disk);
        fill(&mut log, 1..20);
        drop(log);
        disk.copy("00000000000000000001.seg", &name);
        let told = format!("{name} is not read, it begins with another record than its name says");
        assert_eq!(verify(&disk), [told]);
        let (mut log, recovery) = open(&disk);
        assert_eq!(recovery.damaged_files, 1);
        assert!(!disk.names().contains(&name));
        assert_eq!(drain(&mut log), numbers(1..20));
        fill(&mut log, 20..22);
        assert_eq!(drain(&mut log), numbers(20..22));
        assert_eq!((log.committed(), log.lost().records), (22, 0));
    }
}

#[test]
fn a_missing_segment_is_a_counted_gap() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    log.save_state().unwrap();
    drop(log);
    disk.delete("00000000000000000003.seg");
    let (mut log, _) = open(&disk);
    assert_eq!(drain(&mut log), ["1", "2", "5", "6", "7", "8", "9"]);
    assert_eq!((log.lost().records, log.lost().documents), (2, 4));
}

#[test]
fn a_first_segment_that_is_missing_is_missed() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..6);
    log.save_state().unwrap();
    drop(log);
    disk.delete("00000000000000000001.seg");
    let (mut log, _) = open(&disk);
    assert_eq!(drain(&mut log), numbers(3..6));
    assert_eq!((log.lost().records, log.lost().segments_missing), (2, 1));
}

#[test]
fn a_segment_that_vanishes_while_the_log_is_open_is_a_counted_gap() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    disk.delete("00000000000000000003.seg");
    assert_eq!(drain(&mut log), ["1", "2", "5", "6", "7", "8", "9"]);
    assert_eq!((log.lost().records, log.lost().segments_missing), (2, 1));
}

#[test]
fn sequences_are_not_used_again_when_the_last_segments_are_gone() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    drain(&mut log);
    log.acknowledge(9);
    fill(&mut log, 10..12);
    log.save_state().unwrap();
    drop(log);
    for name in disk.names().iter().filter(|name| *name != "state") {
        disk.delete(name);
    }
    assert_eq!(Log::view(disk.clone()).unwrap().1.pending.records, 2);
    assert!(verify(&disk)[0].starts_with("records 10 to 11 "));
    let (mut log, recovery) = open(&disk);
    assert_eq!(recovery.pending, super::Pending::default());
    assert_eq!((log.lost().records, log.lost().documents), (2, 4));
    assert!(drain(&mut log).is_empty());
    assert_eq!((log.lost().records, log.lost().documents), (2, 4));
    assert_eq!(append(&mut log, "new"), 12);
    log.commit().unwrap();
    assert_eq!(drain(&mut log), ["new"]);
}

#[test]
fn a_file_whose_sync_failed_is_left_and_its_group_written_anew() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..2);
    append(&mut log, "2");
    disk.fail_syncs(1);
    let committed = log.commit().unwrap();
    assert!(committed.abandoned.is_some());
    assert_eq!(log.committed(), 3);
    assert_eq!(log.segments.len(), 2);
    assert_eq!(drain(&mut log), numbers(1..3));
    drop(log);
    disk.lose();
    let (mut log, _) = open(&disk);
    assert_eq!(drain(&mut log), numbers(1..3));
    assert_eq!(log.lost(), super::Lost::default());
}

#[test]
fn while_every_sync_fails_nothing_is_safe_and_nothing_is_lost() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    append(&mut log, "1");
    disk.fail_syncs(5);
    assert!(log.commit().is_err());
    assert!(drain(&mut log).is_empty());
    append(&mut log, "2");
    assert!(log.commit().is_err());
    assert_eq!(log.pending().records, 2);
    disk.fail_syncs(0);
    log.commit().unwrap();
    assert_eq!(drain(&mut log), numbers(1..3));
}

#[test]
fn a_full_disk_refuses_and_spoils_nothing() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..2);
    append(&mut log, "2");
    disk.fill(Some(10));
    let error = log.commit().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let refusal = log.append(Entry::default());
    assert_eq!(refusal, Err(Refusal::DiskFull));
    disk.fill(None);
    assert_eq!(append(&mut log, "3"), 3);
    log.commit().unwrap();
    assert_eq!(drain(&mut log), numbers(1..4));
}

#[test]
fn the_reserve_of_the_disk_is_not_touched() {
    let disk = Model::default();
    let limits = Limits {
        free_reserve: 1000,
        ..LIMITS
    };
    disk.fill(Some(1100));
    let (mut log, _) = Log::open(disk.clone(), limits).unwrap();
    let small = Entry {
        payload: &[1; 50],
        ..Entry::default()
    };
    assert_eq!(log.append(small), Ok(1));
    assert_eq!(log.append(small), Err(Refusal::DiskFull));
    disk.fill(None);
    assert_eq!(log.append(small), Ok(2));
}

fn small(bytes_max: u64) -> (Log<Model>, Model) {
    let disk = Model::default();
    let limits = Limits {
        bytes_max,
        ..LIMITS
    };
    (Log::open(disk.clone(), limits).unwrap().0, disk)
}

#[test]
fn a_full_queue_refuses_until_something_is_acknowledged() {
    let (mut log, _) = small(1600);
    let entry = Entry {
        payload: &[b'x'; 100],
        ..Entry::default()
    };
    let mut taken = 0;
    while log.append(entry).is_ok() {
        log.commit().unwrap();
        taken += 1;
    }
    assert_eq!(log.append(entry), Err(Refusal::QueueFull));
    assert!(7 < taken, "{taken}");
    drain(&mut log);
    log.acknowledge(5);
    assert!(log.append(entry).is_ok());
}

#[test]
fn a_queue_of_one_segment_that_is_acknowledged_takes_more() {
    let (mut log, _) = small(1600);
    for number in 1..200 {
        fill(&mut log, number..number + 1);
        assert_eq!(drain(&mut log), numbers(number..number + 1));
        log.acknowledge(number.into());
    }
    assert!(log.segments.len() < 20, "{}", log.segments.len());
}

#[test]
fn what_can_never_fit_is_refused_for_good() {
    let (mut log, _) = small(1600);
    let payload = vec![0; 1600];
    let entry = Entry {
        payload: &payload,
        ..Entry::default()
    };
    assert_eq!(log.append(entry), Err(Refusal::TooLarge));
}

#[test]
fn the_oldest_records_are_dropped_and_counted() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    let mut payload = Vec::new();
    for _ in 0..3 {
        log.read(&mut payload).unwrap();
    }
    log.settle(2);
    let dropped = log.drop_oldest(500).unwrap();
    // Four records make 576 bytes; the second was delivered.
    // The first and the third may still be delivered by whoever read them.
    assert_eq!((dropped.records, dropped.documents), (3, 6));
    assert_eq!(dropped.in_hand, [(1, 2), (3, 2)]);
    assert_eq!(dropped.bytes, 576);
    assert!(!log.settle(3), "it was dropped");
    assert_eq!(drain(&mut log), numbers(5..10));
    log.save_state().unwrap();
    assert_eq!(disk.names()[0], "00000000000000000005.seg");
    assert_eq!(log.lost(), super::Lost::default());
}

#[test]
fn records_that_were_read_before_a_rewind_are_in_nobodys_hand() {
    let (mut log, _) = open(&Model::default());
    fill(&mut log, 1..10);
    let mut payload = Vec::new();
    for _ in 0..3 {
        log.read(&mut payload).unwrap();
    }
    log.rewind();
    log.read(&mut payload).unwrap();
    let dropped = log.drop_oldest(500).unwrap();
    assert_eq!((dropped.documents, dropped.in_hand), (8, vec![(1, 2)]));
}

#[test]
fn what_passes_a_record_that_waits_costs_no_memory() {
    let (mut log, _) = open(&Model::default());
    fill(&mut log, 1..100);
    let mut payload = Vec::new();
    while let Some(record) = log.read(&mut payload).unwrap() {
        if record.sequence % 2 == 0 {
            log.settle(record.sequence);
        }
    }
    for sequence in (3..100_u32).step_by(2).rev().map(u64::from) {
        assert!(log.settle(sequence));
        assert!(!log.settle(sequence), "once");
    }
    assert_eq!(log.marks.len(), 2);
    log.rewind();
    assert_eq!(drain(&mut log), numbers(1..2));
    log.settle(1);
    assert_eq!((log.acknowledged(), log.marks.len()), (100, 0));
}

#[test]
fn a_later_version_is_refused_with_a_clear_message() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..2);
    drop(log);
    let mut head = disk.bytes("00000000000000000001.seg")[..40].to_vec();
    head[8] = 9;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head[..12]);
    hasher.update(&head[16..]);
    head[12..16].copy_from_slice(&hasher.finalize().to_le_bytes());
    let handle = crate::queue::disk::Disk::open(&disk, "00000000000000000001.seg").unwrap();
    crate::queue::disk::Disk::write_at(&disk, &handle, &head, 0).unwrap();
    let error = Log::open(disk, LIMITS).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert!(error.to_string().contains("has version 9"), "{error}");
}

#[test]
fn bytes_that_the_disk_refuses_to_read_are_damage() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    disk.make_unreadable("00000000000000000001.seg", 40 + 144 + 70);
    assert_eq!(drain(&mut log), ["1", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(log.lost().records, 1);
}

#[test]
fn a_view_changes_nothing() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..10);
    let before = (disk.names(), disk.syncs());
    let (mut view, _) = Log::view(disk.clone()).unwrap();
    assert_eq!(view.pending().records, 9);
    assert_eq!(drain(&mut view), numbers(1..10));
    assert_eq!((disk.names(), disk.syncs()), before);
    assert_eq!(drain(&mut log), numbers(1..10));
}

#[test]
fn a_start_does_not_read_the_backlog() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..200);
    log.save_state().unwrap();
    drop(log);
    let names = disk.names();
    for name in names
        .iter()
        .filter(|name| name.ends_with(".seg"))
        .skip(1)
        .take(90)
    {
        disk.make_unreadable(name, 0);
        let (log, recovery) = open(&disk);
        assert_eq!((recovery.pending.records, log.lost().records), (199, 0));
    }
}

fn verify(disk: &Model) -> Vec<String> {
    let (view, recovery) = Log::view(disk.clone()).unwrap();
    let findings = view.verify(&recovery).unwrap();
    findings.into_iter().map(|finding| finding.text).collect()
}

#[test]
fn verifying_names_each_damage() {
    let disk = Model::default();
    let (mut log, _) = open(&disk);
    fill(&mut log, 1..20);
    assert!(verify(&disk).is_empty());
    disk.corrupt("00000000000000000001.seg", 40 + 70, 4);
    disk.corrupt("00000000000000000005.seg", 40 + 144 + 70, 4);
    disk.delete("00000000000000000009.seg");
    disk.delete("state");
    let found = verify(&disk);
    let starts = [
        "`state` is missing",
        "records 1 to 1 ",
        "records 6 to 6 ",
        "records 9 to 10 ",
        "00000000000000000001.seg is damaged",
        "00000000000000000005.seg is damaged",
    ];
    assert_eq!(found.len(), starts.len(), "{found:?}");
    let same = found.iter().zip(starts);
    assert!(
        same.clone().all(|(text, start)| text.starts_with(start)),
        "{found:?}"
    );
}

#[test]
fn a_log_can_be_given_to_another_thread() {
    fn check<T: Send + 'static>() {}
    check::<Log<crate::queue::disk::Folder>>();
}

#[test]
fn a_payload_full_of_false_headers_costs_bounded_work() {
    let disk = Model::default();
    let limits = Limits {
        segment_bytes: 1 << 20,
        bytes_max: 16 << 20,
        record_bytes_max: 1 << 20,
        free_reserve: 0,
    };
    let (mut log, _) = Log::open(disk.clone(), limits).unwrap();
    // Each place looks like a long record with the sequence that is looked for.
    let mut payload = Vec::new();
    for _ in 0..20_000 {
        payload.extend_from_slice(&300_000u32.to_le_bytes());
        payload.extend_from_slice(&[9; 4]);
        payload.extend_from_slice(&2u64.to_le_bytes());
    }
    for _ in 0..3 {
        let entry = Entry {
            payload: &payload,
            ..Entry::default()
        };
        log.append(entry).unwrap();
        log.commit().unwrap();
    }
    disk.corrupt("00000000000000000001.seg", 50, 1);
    let before = disk.bytes_read();
    let mut found = Vec::new();
    let mut read = 0;
    while log.read(&mut found).unwrap().is_some() {
        assert_eq!(found, payload);
        read += 1;
    }
    assert_eq!(read + log.lost().records, 3);
    let work = disk.bytes_read() - before;
    assert!(work < 32 << 20, "{work}");
}
