//! Inputs that are made to take more time or memory than their length allows, or to tell what they must not.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use serde_json::{Value, json};

/// What it is, the input, and words of the refusal; none where it is to be read.
pub(super) type Hostile = (&'static str, Vec<u8>, &'static str);

const MEGABYTE: usize = 1 << 20;

/// Those of a kind of input.
pub(super) fn of(input: &str) -> Vec<Hostile> {
    match input {
        "webhook" => webhooks(),
        "cdevents" => cdevents(),
        "report_csv" => rows(),
        "junit" => junit(),
        "coverage" => coverage(),
        "artifact" => artifacts(),
        "config" => configurations(),
        unknown => panic!("{unknown} has no hostile inputs"),
    }
}

fn long() -> String {
    "x".repeat(MEGABYTE)
}

/// A document type with entities that grow a billionfold, and one that is a file.
fn entities(name: &str) -> String {
    let mut text = format!("<?xml version=\"1.0\"?>\n<!DOCTYPE {name} [<!ENTITY xxe SYSTEM \"file:///etc/passwd\">");
    text.push_str("<!ENTITY lol0 \"lol\">");
    for level in 1..10 {
        let inner = format!("&lol{};", level - 1).repeat(10);
        let _ = write!(text, "<!ENTITY lol{level} \"{inner}\">");
    }
    text + "]>"
}

fn junit() -> Vec<Hostile> {
    let in_suite = |cases: &str| format!("<testsuite>{cases}</testsuite>").into_bytes();
    let attributes: String = (0..100_000).map(|number| format!(" a{number}=\"\"")).collect();
    let utf16: Vec<u8> = "<testsuite/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        (
            "entities",
            format!(
                "{}<testsuite><testcase name=\"&lol9;\"><failure>&lol9;&xxe;</failure></testcase></testsuite>",
                entities("testsuite")
            )
            .into(),
            "",
        ),
        (
            "a file as a name",
            (entities("testsuite") + "<testsuite><testcase name=\"&xxe;\"><error/></testcase></testsuite>").into(),
            "",
        ),
        ("a document type without end", (entities("testsuite") + &"<!ENTITY".repeat(10_000)).into(), "is "),
        ("a long name", in_suite(&format!("<testcase name=\"{}\"/>", long())), ""),
        ("many attributes", in_suite(&format!("<testcase{attributes} name=\"a\"/>").repeat(2)), ""),
        (
            "many cases of one long class",
            in_suite(&format!("<testcase classname=\"{}\" name=\"a\"/>", "x".repeat(4096)).repeat(500)),
            "",
        ),
        ("deep nesting", in_suite(&("<a>".repeat(200_000) + &"</a>".repeat(200_000))), ""),
        ("deep nesting without end", format!("<testsuite>{}", "<a>".repeat(200_000)).into(), ""),
        ("no end of a tag", format!("<testsuite {}", long()).into(), "is broken XML"),
        ("another encoding", utf16, "is "),
        ("NUL", b"\0\0<testsuite>\0<testcase name=\"\0\"/></testsuite>".to_vec(), ""),
        (
            "a mark of the byte order and CRLF",
            "\u{feff}<testsuite>\r\n<testcase name=\"a\"/>\r\n</testsuite>\r\n".into(),
            "",
        ),
        ("nothing", Vec::new(), "is no JUnit report"),
    ]
}

fn coverage() -> Vec<Hostile> {
    let lines = "DA:1,1\n".repeat(MEGABYTE / 7);
    let elements = "<line number=\"1\" hits=\"1\"/>".repeat(MEGABYTE / 26);
    let sources = "<sourcefile name=\"a\"><line nr=\"1\" ci=\"1\"/></sourcefile>";
    let many: String = (0..20_000)
        .map(|number| format!("<sourcefile name=\"{number}\"><line nr=\"1\" ci=\"1\"/></sourcefile>"))
        .collect();
    vec![
        ("entities", (entities("report") + "<report><package name=\"&lol9;\"><sourcefile name=\"&xxe;\"><line nr=\"1\" ci=\"1\"/></sourcefile></package></report>").into(), ""),
        ("lines of a long path", format!("SF:{}\n{lines}", long()).into(), ""),
        ("lines of a long file name", format!("<coverage><class filename=\"{}\">{elements}</class></coverage>", long()).into(), ""),
        ("files of a long package", format!("<report><package name=\"{}\">{many}</package></report>", long()).into(), "longer than the report"),
        ("one file again and again", format!("<report><package name=\"a\">{}</package></report>", sources.repeat(20_000)).into(), ""),
        ("a long line", format!("SF:a\nDA:{}\n", long()).into(), "line 2: "),
        ("numbers that are none", "SF:a\nDA:99999999999999999999,1\n".into(), "line 2: "),
        ("the smallest number", "SF:a\nDA:-9223372036854775808,-9223372036854775808\n".into(), ""),
        ("numbers without end in XML", "<coverage><class filename=\"a\"><line number=\"99999999999999999999\" hits=\"1\"/></class></coverage>".into(), ""),
        ("deep nesting", format!("<coverage>{}", "<a>".repeat(200_000)).into(), ""),
        ("a mark of the byte order and CRLF", "\u{feff}SF:a\r\nDA:1,1\r\nend_of_record\r\n".into(), ""),
        ("no text", vec![0xff; MEGABYTE], "is no coverage report"),
        ("nothing", Vec::new(), "is no coverage report"),
    ]
}

fn event(number: usize, kind: &str, subject: &str) -> Value {
    json!({
        "context": { "id": number.to_string(), "source": "/ci", "type": format!("dev.cdevents.{kind}.0.3.0"), "timestamp": "2026-10-05T12:00:00Z" },
        "subject": { "id": subject, "content": { "repository": { "id": "acme/ledger" } } },
    })
}

fn cdevents() -> Vec<Hostile> {
    let one = |event: &Value| format!("application/json\n{event}").into_bytes();
    let batch = |events: &[Value]| format!("application/cloudevents-batch+json\n{}", Value::from(events)).into_bytes();
    let changes: Vec<Value> =
        (0..8000).map(|number| event(number, "change.merged", &format!("changes/{number}"))).collect();
    let resolved: Vec<Value> = (0..8000).map(|number| event(number, "incident.resolved", "incident-1")).collect();
    let mut late = event(1, "incident.detected", "incident-1");
    late["context"]["timestamp"] = json!("+262142-12-31T23:59:59Z");
    let mut early = event(1, "pipelinerun.started", "run-1");
    early["context"]["timestamp"] = json!("-262143-01-01T00:00:00Z");
    early["customData"] = json!({ "repository": "acme/ledger" });
    vec![
        ("many changes", batch(&changes), ""),
        ("many events of one incident", batch(&resolved), ""),
        ("the last moment", one(&late), ""),
        ("the first moment", one(&early), ""),
        ("a long id", one(&event(1, "incident.detected", &long())), ""),
        ("a number without end", one(&event(1, "change.merged", &"9".repeat(MEGABYTE))), "no number"),
        ("a long type", one(&event(1, &long(), "a")), ""),
        ("NUL", one(&event(1, "incident.detected", "a\0b")), ""),
        ("deep nesting", ["application/json\n".to_owned(), "[".repeat(MEGABYTE)].concat().into(), "recursion limit"),
        (
            "deep nesting of objects",
            ["application/json\n".to_owned(), "{\"context\":".repeat(100_000)].concat().into(),
            "recursion limit",
        ),
        (
            "a list of nothing",
            format!("application/cloudevents-batch+json\n[{}0]", "0,".repeat(MEGABYTE / 2)).into(),
            "no context",
        ),
        ("no text", [b"application/json\n".to_vec(), vec![0xff; MEGABYTE]].concat(), "no JSON"),
        ("a mark of the byte order", "application/json\n\u{feff}{}".into(), "no JSON"),
        ("nothing", Vec::new(), "no JSON"),
    ]
}

fn webhooks() -> Vec<Hostile> {
    let mut all = Vec::new();
    for (tool, sent) in [
        (
            "github pull_request",
            json!({ "repository": { "node_id": "R", "full_name": "acme/ledger" }, "pull_request": { "node_id": long() } }),
        ),
        (
            "pagerduty",
            json!({ "event": { "id": "E", "event_type": "incident.triggered", "data": { "type": "incident", "id": long() } } }),
        ),
        ("jira", json!({ "webhookEvent": "jira:issue_updated", "issue": { "key": long() } })),
        (
            "incident_io",
            json!({ "event_type": "private_incident.incident_created_v2", "private_incident.incident_created_v2": { "id": long() } }),
        ),
        (
            "alertmanager",
            json!({ "status": "firing", "groupKey": long(), "alerts": [], "commonLabels": { "severity": "page", "service": "ledger" } }),
        ),
    ] {
        let with = |body: &str| format!("{tool}\n{body}").into_bytes();
        all.extend([
            ("a long id", with(&sent.to_string()), ""),
            ("deep nesting", with(&"[".repeat(MEGABYTE)), "is no webhook"),
            ("deep nesting of objects", with(&"{\"event\":".repeat(100_000)), "is no webhook"),
            ("half a body", with(&sent.to_string()[..64]), "is no webhook"),
            ("no text", [with(""), vec![0xff; 1000]].concat(), "is no webhook"),
            ("nothing", with(""), "is no webhook"),
        ]);
    }
    let alert = json!({ "status": "firing", "groupKey": "a", "commonLabels": { "severity": "page" },
        "alerts": [{ "startsAt": "+262142-12-31T23:59:59Z", "endsAt": "-262143-01-01T00:00:00Z" }] });
    all.push(("the last moment", format!("alertmanager\n{alert}").into(), ""));
    all
}

fn rows() -> Vec<Hostile> {
    let survey = |rows: &str| format!("team_engagement\nid,team,date,score\n{rows}").into_bytes();
    let wide = "x,".repeat(MEGABYTE / 2);
    vec![
        ("a wide header", format!("team_engagement\n{wide}\n").into(), "too many"),
        ("a long header", format!("team_engagement\n{}\n", long()).into(), "too many"),
        ("a wide row", survey(&wide), "line 2: has 524289 fields"),
        ("a long cell", survey(&format!("1,{},2026-09-30,4", long())), "line 2: team: "),
        ("a long id", survey(&format!("{},payments,2026-09-30,4", long())), "line 2: id: "),
        ("a quote without end", survey(&format!("\"{}", "1\n".repeat(MEGABYTE / 2))), "line 2: "),
        ("no number", survey("1,payments,2026-09-30,NaN"), "line 2: score: "),
        ("infinity", survey("1,payments,2026-09-30,inf"), "line 2: score: "),
        ("a large number", survey("1,payments,2026-09-30,1e308"), "line 2: score: "),
        ("the last moment", survey("1,payments,+262142-12-31T23:59:59Z,4"), "line 2: date: "),
        ("the first moment", survey("1,payments,-262143-01-01,4"), "line 2: date: "),
        ("no text", survey("1,pay\u{0}ments,2026-09-30,4\n\u{feff}"), "line 2: team: "),
        ("many bad rows", survey(&"1,2,3,4\n".repeat(20_000)), "line 2: team: "),
        ("many good rows", survey(&"1,payments,2026-09-30,4\n".repeat(20_000)), ""),
        ("a formula", survey("=cmd|' /C calc'!A0,payments,2026-09-30,4"), ""),
        ("nothing", b"team_engagement".to_vec(), "the header lacks the column"),
    ]
}

fn artifacts() -> Vec<Hostile> {
    let archive = |files: &[(&str, &[u8])]| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    };
    let padded = [b"<testsuite/>".as_slice(), &vec![b' '; 16 * MEGABYTE]].concat();
    let bomb = archive(&[("a.xml", &padded), ("b.xml", &padded)]);
    let mut lying = archive(&[("a.xml", b"<testsuite/>")]);
    // The sizes in the directory, which follow twenty bytes behind its mark.
    let directory = lying.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    lying[directory + 20..directory + 28].fill(0xff);
    vec![
        ("much in little", bomb, ""),
        ("a size that is a lie", lying, ""),
        ("a path that leads out", archive(&[("../../etc/cron.d/a.xml", b"<testsuite/>")]), ""),
        ("an archive in an archive", archive(&[("a.xml", &archive(&[("a.xml", b"<testsuite/>")]))]), "a.xml is "),
        (
            "entities",
            archive(&[(
                "a.xml",
                (entities("testsuite") + "<testsuite><testcase name=\"&lol9;\"/></testsuite>").as_bytes(),
            )]),
            "",
        ),
        ("nothing", Vec::new(), "is no ZIP archive"),
    ]
}

fn configurations() -> Vec<Hostile> {
    let github = "github.token_env = \"TOKEN\"\ngithub.organization = \"acme\"\n";
    let with = |more: &str| format!("{github}{more}\n").into_bytes();
    vec![
        ("deep nesting", with(&format!("a = {}", "[".repeat(MEGABYTE))), ":3: "),
        ("deep tables", with(&format!("a = {}", "{a=".repeat(100_000))), ":3: "),
        ("a deep key", with(&format!("{}a = 1", "a.".repeat(100_000))), ":1: recursion limit"),
        ("a deep header", with(&format!("[{}a]", "a.".repeat(100_000))), ":1: recursion limit"),
        ("a long key", with(&format!("{} = 1", long())), ":3: "),
        ("a long value", with(&format!("team.payments.github_team = \"{}\"", long())), ""),
        ("an unknown key", with("github.tokn = 1"), ":3: github.tokn: "),
        (
            "a large pattern",
            with("[changes]\nhotfix_title = \"((((a{99}){99}){99}){99}){99}\""),
            ":4: changes.hotfix_title: ",
        ),
        ("a large number", with("github.reserve = 1e999"), ":3: github.reserve: "),
        ("no number", with("github.reserve = nan"), ":3: github.reserve: "),
        ("a time without end", with("collect.history = \"9000000y\""), ":3: collect.history: "),
        ("an interval without end", with("collect.interval = \"500000000000y\""), ":3: collect.interval: "),
        (
            "a missing variable",
            b"github.token_env = \"MISSING\"\ngithub.organization = \"acme\"\n".to_vec(),
            ":1: github.token_env: ",
        ),
        (
            "a missing file",
            b"github.token_file = \"/nowhere\"\ngithub.organization = \"acme\"\n".to_vec(),
            ":1: github.token_file: ",
        ),
        ("a key twice", with("github.token_env = \"TOKEN\""), ":3: "),
        ("NUL", with("team.a\0b = 1"), ":3: "),
        ("no text", [with("").as_slice(), b"a = \"\xff\""].concat(), ":4: "),
        ("a mark of the byte order and CRLF", format!("\u{feff}{}", github.replace('\n', "\r\n")).into(), ""),
        ("nothing", Vec::new(), ":1: "),
    ]
}
