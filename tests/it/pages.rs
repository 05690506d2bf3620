//! The pages in a real browser: readable by everybody, on every screen, without a mouse, and on paper.

use crate::harness::browser::{Browser, View};
use crate::harness::demo::{Demo, small_world};
use crate::harness::page::{Page, project_path};
use crate::harness::print::{count_of_rows, cut_tables};
use crate::harness::program::Program;
use crate::harness::{last_month, now};

/// The pages that are looked at.
const PATHS: &[&str] = &[
    "/",
    "/teams/payments",
    "/teams/payments/kpis/lead_time_for_changes",
    "/teams/payments/kpis/incident_rate",
    "/teams/payments/kpis/lead_time_for_changes/evidence",
    "/teams/payments/kpis/time_to_restore/evidence?window=364d",
    "/teams/payments/reviews",
    "/teams/payments/reviews/MONTH",
    "/teams/payments/reviews/MONTH/evidence/change_failure_rate",
    "/data-quality",
    "/collection",
];

/// Those of them that people print.
const PRINTED: &[&str] = &["/", "/teams/payments", "/teams/payments/reviews/MONTH"];

/// A desk, a tablet and a telephone.
const WIDTHS: [u32; 3] = [1280, 768, 360];

/// chiplog as it serves a part of the demo organisation.
struct Served {
    address: String,
    month: String,
    browser: Browser,
    _program: Program,
    _demo: Demo,
}

impl Served {
    async fn start() -> Self {
        let demo = Demo::start(small_world(1)).await;
        demo.installation.run_well(&["collect", "--once"]);
        demo.import(chiplog_simulator::demo::reports(now()));
        let month = last_month();
        demo.installation.run_well(&["review", "payments", "--month", &month]);
        let (program, address) = demo.serve().await;
        Self { address, month, browser: Browser::start().await, _program: program, _demo: demo }
    }

    async fn open(&self, path: &str, width: u32, dark: bool) -> Page {
        let path = path.replace("MONTH", &self.month);
        self.browser.open(&format!("{}{path}", self.address), &View { width, height: 800, dark }).await
    }
}

/// Problems with the page that has them.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, page: &str, problems: Vec<String>) {
        self.0.extend(problems.into_iter().map(|it| format!("{page}: {it}")));
    }

    fn assert_none(&self) {
        assert!(self.0.is_empty(), "\n{}\n", self.0.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_without_complaints_on_every_screen_light_and_dark() {
    let served = Served::start().await;
    let mut problems = Problems::default();
    for path in PATHS {
        for (width, dark) in WIDTHS.into_iter().zip([false, false, true]) {
            let name = format!("{path}, {width} pixels wide{}", if dark { ", dark" } else { "" });
            let page = served.open(path, width, dark).await;
            let file = format!("{}-{width}{}.png", file_name(path), if dark { "-dark" } else { "" });
            page.screenshot(&project_path("target/screenshots").join(file)).await;
            problems.add(&name, page.overflowing().await);
            problems.add(&name, page.accessibility_violations().await);
            problems.add(&name, page.console_problems().await);
        }
    }
    problems.assert_none();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_used_without_a_mouse() {
    let served = Served::start().await;
    let mut problems = Problems::default();
    for path in PATHS {
        for width in [WIDTHS[0], WIDTHS[2]] {
            let name = format!("{path}, {width} pixels wide");
            let walk = served.open(path, width, false).await.walk().await;
            assert!(!walk.reached.is_empty(), "{name}: nothing is reached");
            problems.add(&name, walk.problems);
        }
    }
    problems.assert_none();
    let page = served.open("/", WIDTHS[0], false).await;
    page.press("Tab").await;
    while !page.focused().await.contains("/teams/payments") {
        page.press("Tab").await;
    }
    page.press_and_load("Enter").await;
    assert_eq!(page.evaluate("location.pathname").await, "/teams/payments");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_is_cut_in_print() {
    let served = Served::start().await;
    let mut problems = Problems::default();
    for path in PRINTED {
        let page = served.open(path, WIDTHS[0], false).await;
        assert!(count_of_rows(&page).await > 1, "{path} has no table");
        let pdf = page.print_to_pdf().await;
        std::fs::write(project_path("target/screenshots").join(format!("{}.pdf", file_name(path))), &pdf).unwrap();
        problems.add(path, cut_tables(&pdf, &page).await);
    }
    problems.assert_none();
}

/// A path as a part of the name of a file.
fn file_name(path: &str) -> String {
    let words: Vec<&str> = path.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    if words.is_empty() { "start".to_owned() } else { words.join("-") }
}
