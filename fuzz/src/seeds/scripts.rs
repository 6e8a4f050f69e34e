//! Scripts of peers that behave, or nearly.

use super::messages;
use crate::machines::metadata::with_transitions;

/// Steps, as [`Hostile`](crate::machines::hostile::Hostile) reads them.
const ACCEPTED: u8 = 2;
const END: u8 = 5;
const SOURCE_WAITING: u8 = 7;
const PULLER_WAITING: u8 = 8;
const RECEIPT_ACCEPTED: u8 = 9;
const HEAR: u8 = 13;
const HEAR_MANY: u8 = 14;
const FINISH: u8 = 15;
const DROP: u8 = 18;

/// A batch that is sound: a step, the time of its row, the length of its value.
const BATCH: [u8; 3] = [3, 9, 4];

/// A message as it is.
fn said(message: &[u8]) -> Vec<u8> {
    [&[0][..], &len(message), message].concat()
}

/// A part of a script, behind its length.
fn part(steps: &[u8]) -> Vec<u8> {
    [&len(steps)[..], steps].concat()
}

fn len(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or_default().to_be_bytes()
}

/// A source that sends a unit well, and some that do not.
fn sources() -> Vec<Vec<u8>> {
    let whole = [
        &[HEAR, ACCEPTED][..],
        &BATCH,
        &BATCH,
        &[SOURCE_WAITING, END, HEAR, FINISH],
    ]
    .concat();
    let cut = [&[ACCEPTED][..], &BATCH, &[DROP]].concat();
    let early = [&[ACCEPTED][..], &BATCH, &[FINISH]].concat();
    let silent = [&[ACCEPTED][..], &BATCH].concat();
    vec![whole, cut, early, silent]
}

pub(super) fn source() -> Vec<Vec<u8>> {
    let begin = |steps: Vec<u8>| [&[0, 0][..], &steps].concat();
    sources().into_iter().map(begin).collect()
}

pub(super) fn puller() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for closes in [0, 8] {
        for steps in sources() {
            seeds.push([&[closes][..], &part(&steps), &part(&sources()[0])].concat());
        }
    }
    seeds
}

/// A puller that takes what there is: an opening of unit 1 from the beginning, and the receipt.
const PULL: [u8; 3] = [10, 0, 1];

fn pullers() -> Vec<Vec<u8>> {
    // The script reads what to resume from before the unit.
    let whole = [&PULL[..], &[PULLER_WAITING, HEAR_MANY, RECEIPT_ACCEPTED, FINISH]].concat();
    let cut = [&PULL[..], &[HEAR, DROP]].concat();
    let silent = PULL.to_vec();
    vec![whole, cut, silent]
}

pub(super) fn sink() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (closes, rows) in [(0, 5), (0, 200), (9, 200)] {
        for steps in pullers() {
            seeds.push([&[closes, rows][..], &steps].concat());
        }
    }
    seeds
}

/// A stream to a service, and what is said on it.
fn stream(service: u8, steps: &[u8]) -> Vec<u8> {
    [&[service, 1][..], &part(steps)].concat()
}

fn call(service: u8, request: &[u8]) -> Vec<u8> {
    stream(service, &[said(request), vec![HEAR, HEAR_MANY]].concat())
}

pub(super) fn router() -> Vec<Vec<u8>> {
    let unknown = [said(b"TIDE\x00\x01\x00\x09"), vec![HEAR]].concat();
    let many = [call(1, b"a"), call(1, b"b"), call(2, b"c"), stream(1, &[DROP])].concat();
    vec![call(1, b"ask"), stream(0, &unknown), stream(0, &[]), many]
}

pub(super) fn node() -> Vec<Vec<u8>> {
    let control = messages::control_requests()
        .into_iter()
        .map(|request| call(1, &request));
    let kv = messages::kv_requests()
        .into_iter()
        .map(|request| call(3, &request));
    let tablet = u8::try_from(with_transitions().tablets[1].as_u64()).unwrap_or_default();
    let pulls = pullers().into_iter().map(|mut steps| {
        // The tablet that is streamed is the second.
        steps[2] = tablet;
        stream(2, &steps)
    });
    control.chain(kv).chain(pulls).collect()
}

/// Parts for so many calls, each answered by every one of `answers`.
fn answered(answers: &[Vec<u8>], calls: usize) -> Vec<u8> {
    let steps: Vec<u8> = answers.iter().flat_map(|answer| said(answer)).collect();
    let steps = [&[HEAR][..], &steps, &[FINISH]].concat();
    part(&steps).repeat(calls)
}

pub(super) fn control_client() -> Vec<Vec<u8>> {
    let answers = messages::control_answers();
    let mut seeds: Vec<Vec<u8>> = answers
        .iter()
        .map(|answer| answered(std::slice::from_ref(answer), 2))
        .collect();
    seeds.push(answered(&answers, 2));
    seeds
}

pub(super) fn kv_client() -> Vec<Vec<u8>> {
    let answers = messages::kv_answers();
    let one = |index: usize| answered(&answers[index..=index], 1);
    // A write asks for the latest timestamps, and writes; a read reads, and writes back.
    let whole = [one(3), one(5), one(0), one(5)].concat();
    let stale = [one(6), one(4), one(5), one(1)].concat();
    let odd = [one(8), one(7), one(2), one(0)].concat();
    vec![whole, stale, odd]
}

pub(super) fn kv_fill() -> Vec<Vec<u8>> {
    let answers = messages::kv_answers();
    let page = |index: usize| answered(&answers[index..=index], 1);
    let whole = [vec![0], page(2), page(1)].concat();
    let endless = [vec![0], page(2), page(2)].concat();
    let closing = [vec![2], page(2)].concat();
    vec![whole, endless, closing]
}
