//! The checks of pages report what is wrong: each is shown a page that breaks its rule, and one that does not.

use base64::Engine as _;

use crate::harness::browser::{Browser, View};
use crate::harness::page::Page;
use crate::harness::print::cut_tables;

/// A page with nothing wrong around some content.
async fn show(browser: &Browser, content: &str) -> Page {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Test</title>\
         <meta name=\"viewport\" content=\"width=device-width\"></head>\
         <body><main><h1>Test</h1>{content}</main></body></html>"
    );
    let encoded = base64::engine::general_purpose::STANDARD.encode(html);
    let view = View { width: 360, height: 640, dark: false };
    browser.open(&format!("data:text/html;base64,{encoded}"), &view).await
}

/// One problem each, that says these words.
#[track_caller]
fn assert_problems(problems: &[String], expected: &[&str]) {
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, words) in problems.iter().zip(expected) {
        assert!(problem.contains(words), "{words} is not in {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_browser_complains_about_is_reported() {
    let browser = Browser::start().await;
    let page = show(&browser, "<script>console.log('well'); console.info('well')</script>").await;
    assert_problems(&page.console_problems().await, &[]);
    let page = show(&browser, "<script>console.error('broken', 7); console.warn('odd')</script>").await;
    assert_problems(&page.console_problems().await, &["error: broken 7", "warning: odd"]);
    let page = show(&browser, "<script>missing.call()</script>").await;
    assert_problems(&page.console_problems().await, &["missing is not defined"]);
    let page = show(&browser, "<img alt=\"none\" src=\"http://127.0.0.1:1/none.png\">").await;
    assert_problems(&page.console_problems().await, &["for http://127.0.0.1:1/none.png"]);
    let page = show(&browser, "<img alt=\"none\" src=\"http://example.com/none.png\">").await;
    assert_problems(&page.console_problems().await, &["ERR_NAME_NOT_RESOLVED for http://example.com/none.png"]);
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'\"><script>1</script>";
    let page = show(&browser, policy).await;
    assert!(page.console_problems().await.concat().contains("Content Security Policy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_people_out_is_reported() {
    let browser = Browser::start().await;
    let page = show(&browser, "<p>Good to read</p>").await;
    assert_problems(&page.accessibility_violations().await, &[]);
    let bad = "<img src=\"data:,\"><p style=\"color: #ccc\">Hard to read</p>\
               <a href=\"#a\" style=\"display:block;height:8px;overflow:hidden\">a</a>\
               <a href=\"#b\" style=\"display:block;height:8px;overflow:hidden\">b</a>";
    let page = show(&browser, bad).await;
    let mut found = page.accessibility_violations().await;
    found.sort();
    assert_problems(&found, &["color-contrast (serious)", "image-alt (critical)", "target-size (serious)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_wide_is_reported() {
    let browser = Browser::start().await;
    let wide = "<table><tr><td style=\"min-width: 900px\">wide</td></tr></table>";
    let page = show(&browser, wide).await;
    assert_problems(&page.overflowing().await, &["table \"wide\" reaches to"]);
    let page = show(&browser, "<p style=\"width: 9rem\">word</p>").await;
    assert_problems(&page.overflowing().await, &[]);
    let page = show(&browser, &format!("<p>{}</p>", "long".repeat(60))).await;
    assert_problems(&page.overflowing().await, &["the text of p"]);
    let page = show(&browser, &format!("<div style=\"overflow-x: auto\">{wide}</div>")).await;
    assert_problems(&page.overflowing().await, &["not focusable"]);
    let page = show(&browser, &format!("<div style=\"overflow-x: auto\" tabindex=\"0\">{wide}</div>")).await;
    assert_problems(&page.overflowing().await, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_keyboard_does_not_reach_or_show_is_reported() {
    let browser = Browser::start().await;
    let content = "<a href=\"#a\">a</a> <button disabled>off</button> <button hidden>hidden</button> <button>b</button>\
                   <details><summary>more</summary><a href=\"#c\">c</a></details>\
                   <label>x<input type=\"radio\" name=\"r\"></label><label>y<input type=\"radio\" name=\"r\"></label>";
    let page = show(&browser, content).await;
    let walk = page.walk().await;
    assert_problems(&walk.problems, &[]);
    assert_problems(&walk.reached, &["a \"a\" → #a", "button \"b\"", "summary \"more\"", "input"]);
    page.press("Tab").await;
    let content = "<a href=\"#a\" tabindex=\"-1\">a</a> <a href=\"#b\" style=\"outline: none\">b</a> \
                   <a href=\"#c\" style=\"outline: none; box-shadow: 0 0 2px black\">c</a>";
    let page = show(&browser, content).await;
    let walk = page.walk().await;
    let silent = "does not show that it has the focus";
    assert_problems(&walk.problems, &[silent, silent, "a \"a\" → #a is not reached by keyboard"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_print_cuts_is_reported() {
    let browser = Browser::start().await;
    let problems = async |content: &str| {
        let page = show(&browser, content).await;
        cut_tables(&page.print_to_pdf().await, &page).await
    };
    let rows: String = (0..200).map(|row| format!("<tr><td>Row {row}<td style=\"opacity: .9\">a b<td>c")).collect();
    let long = format!("<table><thead><tr><th>Name<th>Of<th>It</thead><tbody>{rows}</table>");
    assert_problems(&problems(&long).await, &[]);
    let paper = "<style>@page { size: A4 landscape; margin: 1cm }</style>";
    let fits = format!("{paper}<table style=\"width: 1000px\"><tr><td>fits</table>");
    assert_problems(&problems(&fits).await, &[]);
    assert_problems(
        &problems("<table style=\"width: 1000px\"><tr><td>wide</table>").await,
        &["reaches from 8 to 1008"],
    );
    let boxed = "<div style=\"overflow: auto\"><table style=\"width: 1000px\"><tr><td>wide</table></div>";
    assert_problems(&problems(boxed).await, &["is cut by div"]);
    let only_on_screen = format!("<style>@media print {{ table {{ width: auto !important }} }}</style>{boxed}");
    assert_problems(&problems(&only_on_screen).await, &[]);
    let words = |name: &str| (0..600).map(|word| format!("{name}{word} ")).collect::<String>();
    let tall = format!("<div style=\"height: 15cm\"></div><table><tr><td>{}<td>{}</table>", words("a"), words("b"));
    assert_problems(&problems(&tall).await, &["is on no page whole"]);
    let lines = "line<br>".repeat(60);
    assert_problems(&problems(&format!("<table><tr><td>{lines}</table>")).await, &["is split over the pages {0, 1}"]);
    let off = "<table style=\"position: relative; left: -15cm\"><tr><td>gone</table>";
    assert_eq!(problems(off).await.len(), 2, "reaches to, and not printed");
}
