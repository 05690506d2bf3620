//! Whatever is sent, nothing panics, and what is made of it is bounded: mutations of good examples, and inputs that are made
//! to do harm. What is asked of each is in `fuzz/inputs.rs`, which the fuzz targets share.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::sample::Index;

mod hostile;
#[path = "../../../fuzz/inputs.rs"]
mod inputs;
mod stored;

use inputs::Read;

/// Reads what has come from outside.
type Reader = fn(&[u8]) -> Read;

const INPUTS: [(&str, Reader); 7] = [
    ("webhook", inputs::webhook),
    ("cdevents", inputs::cdevents),
    ("report_csv", inputs::report_csv),
    ("junit", inputs::junit),
    ("coverage", inputs::coverage),
    ("artifact", inputs::artifact),
    ("config", inputs::config),
];

/// Mutations of examples per kind of input.
const MUTANTS: u32 = 1000;

/// A megabyte is read in a fraction of a second; reading it in a time that grows with its square takes minutes.
const LONGEST: Duration = Duration::from_secs(20);

/// What stands where it is not expected.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    "\u{feff}".as_bytes(),
    "\u{202e}".as_bytes(),
    b"\r\n",
    b"\r",
    b"\\u0000",
    b"\\\\u0000",
    b"\\ud800",
    b"\"",
    b"'",
    b",",
    b"<",
    b"&lol9;",
    b"&xxe;",
    b"&#0;",
    b"&#x110000;",
    b"<!DOCTYPE a [<!ENTITY lol9 \"lol\"><!ENTITY xxe SYSTEM \"file:///etc/hostname\">]>",
    b"<![CDATA[",
    b"-->",
    b"null",
    b"[]",
    b"{}",
    b"%00",
    b"*",
    b"(((((a{99}){99}){99}){99}){99})",
    b"-262143-01-01T00:00:00Z",
    b"+262142-12-31T23:59:59Z",
    b"0000-00-00",
    b"2026-02-30T25:61:61+99:99",
];

/// What stands in place of a number.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "00",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e308",
    "1e999",
    "-0.0",
    "NaN",
    "inf",
    "0x7f",
    "1_000",
];

/// What is opened again and again, and never closed.
const OPENINGS: &[&str] = &["[", "{\"a\":", "<a>", "a.", "(", "[["];

static TRIED: AtomicUsize = AtomicUsize::new(0);

fn tried(read: fn(&[u8]) -> Read, input: &[u8]) -> Read {
    TRIED.fetch_add(1, Ordering::Relaxed);
    read(input)
}

/// The files of a folder beside the fuzz targets.
fn files(folder: &str, name: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(entries) = std::fs::read_dir(root.join("fuzz").join(folder).join(name)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    if (folder, name) == ("seeds", "config") {
        paths.push(root.join("config/chiplog.example.toml"));
    }
    paths.sort();
    paths.into_iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn the_examples_are_read() {
    for (name, read) in INPUTS {
        let examples = files("seeds", name);
        assert!(!examples.is_empty(), "{name} has no examples");
        for (path, example) in examples {
            let made = tried(read, &example);
            assert!(made.is_ok(), "{path}: {made:?}");
        }
    }
}

/// What a fuzz target once failed on.
#[test]
fn what_once_failed_is_read_or_refused() {
    for (name, read) in INPUTS {
        for (_, input) in files("regressions", name) {
            drop(tried(read, &input));
        }
    }
}

#[derive(Debug, Clone)]
enum Change {
    CutOff(Index),
    Double(Index, Index),
    LeaveOut(Index, Index),
    Flip(Index, u8),
    Insert(Index, Index),
    Number(Index, Index),
    Nest(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    prop_oneof![
        place().prop_map(Change::CutOff),
        (place(), place()).prop_map(|(from, to)| Change::Double(from, to)),
        (place(), place()).prop_map(|(from, to)| Change::LeaveOut(from, to)),
        (place(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (place(), place()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (place(), place()).prop_map(|(at, number)| Change::Number(at, number)),
        (place(), place()).prop_map(|(at, opening)| Change::Nest(at, opening)),
    ]
}

fn changed(mut input: Vec<u8>, change: &Change) -> Vec<u8> {
    let places = input.len() + 1;
    let between = |from: &Index, to: &Index| {
        let (from, to) = (from.index(places), to.index(places));
        from.min(to)..from.max(to)
    };
    match change {
        Change::CutOff(at) => input.truncate(at.index(places)),
        Change::Double(from, to) => {
            let part = input[between(from, to)].to_vec();
            let end = between(from, to).end;
            input.splice(end..end, part);
        }
        Change::LeaveOut(from, to) => drop(input.drain(between(from, to))),
        Change::Flip(at, bits) => {
            if let Some(byte) = input.get_mut(at.index(places)) {
                *byte ^= bits;
            }
        }
        Change::Insert(at, piece) => {
            let at = at.index(places);
            input.splice(at..at, piece.get(PIECES).iter().copied());
        }
        Change::Number(at, number) => {
            let digits = |from: usize| input[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if let Some(begin) = (at.index(places)..input.len()).find(|at| digits(*at) > 0) {
                let end = begin + digits(begin);
                input.splice(begin..end, number.get(NUMBERS).bytes());
            }
        }
        Change::Nest(at, opening) => {
            let at = at.index(places);
            input.splice(at..at, opening.get(OPENINGS).repeat(3000).into_bytes());
        }
    }
    input
}

#[test]
fn mutations_of_examples_are_read_or_refused() {
    for (name, read) in INPUTS {
        let examples: Vec<Vec<u8>> = files("seeds", name).into_iter().map(|(_, example)| example).collect();
        let strategy = (any::<Index>(), prop::collection::vec(change(), 1..5));
        let settings = ProptestConfig { cases: MUTANTS, failure_persistence: None, ..ProptestConfig::default() };
        proptest::test_runner::TestRunner::new(settings)
            .run(&strategy, |(example, changes)| {
                let input = changes.iter().fold(example.get(&examples).clone(), changed);
                drop(tried(read, &input));
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    println!("{} bad inputs tried", TRIED.load(Ordering::Relaxed));
}

/// Each is refused with these words, or is read where there are none; and in the time that its length takes.
#[test]
fn what_is_made_to_do_harm_is_read_or_refused_in_time() {
    let mut wrong = Vec::new();
    for (name, read) in INPUTS {
        for (what, input, refused) in hostile::of(name) {
            let begun = Instant::now();
            // One that panics does not hide the others.
            let made = std::panic::catch_unwind(|| tried(read, &input));
            let took = begun.elapsed();
            let good = match &made {
                Ok(Ok(_)) => refused.is_empty(),
                Ok(Err(refusal)) => !refused.is_empty() && refusal.contains(refused),
                Err(_) => false,
            };
            if !good || took > LONGEST {
                wrong.push(format!("{name}: {what} was to be told \"{refused}\", in {took:?}: {made:.300?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} bad inputs tried", TRIED.load(Ordering::Relaxed));
}
