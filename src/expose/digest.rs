//! The digest of a review: a few lines for a chat, with a link to the whole.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::config::DigestFormat;
use crate::kpi::format_value;
use crate::report::Verdict;
use crate::report::review::{HeadlineRow, Reviewed, Side};
use crate::trend::TrendVerdict;

/// A chat that does not answer within this time is tried again later.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The message for one review; `link` is the address of its page.
pub fn message(format: DigestFormat, reviewed: &Reviewed, link: Option<&str>) -> Value {
    let review = &reviewed.review;
    let title = format!("{}: review of {}", review.team_name, review.month);
    let lines = lines(reviewed);
    match format {
        DigestFormat::Slack => slack(&title, &lines, link),
        DigestFormat::Teams => teams(&title, &lines, link),
        DigestFormat::Json => json!({
            "team": review.team,
            "month": review.month,
            "title": title,
            "lines": lines,
            "url": link,
            "review": reviewed,
        }),
    }
}

/// What moved, then DORA's five: speed, and beside it stability.
fn lines(reviewed: &Reviewed) -> Vec<String> {
    let rows = &reviewed.review.headline;
    let side = |side: Side| {
        let told: Vec<String> = rows.iter().filter(|row| row.side == side).map(line).collect();
        told.join(" · ")
    };
    let confirmed = rows.iter().filter_map(|row| {
        let trend = row.trend.as_ref()?;
        let confirmed = matches!(trend.verdict, TrendVerdict::Worsening | TrendVerdict::Improving);
        confirmed.then(|| format!("{} is {}: {}", row.title, trend.verdict.words(), trend.sentence))
    });
    let mut lines: Vec<String> = confirmed.collect();
    if lines.is_empty() {
        lines.push("No trend was confirmed.".to_owned());
    }
    lines.push(format!("Speed: {}", side(Side::Speed)));
    lines.push(format!("Stability: {}", side(Side::Stability)));
    lines
}

fn line(row: &HeadlineRow) -> String {
    let value = row.value.map(|value| format_value(row.unit, value));
    let told = match (row.verdict, value) {
        (Verdict::Value, Some(value)) => format!("{value} (n {})", row.observations),
        (Verdict::TooFew, _) => format!("too few to tell (n {})", row.observations),
        (Verdict::NotConfigured, _) => "not configured".to_owned(),
        _ => "no data".to_owned(),
    };
    format!("{} {told}", row.title.to_lowercase())
}

/// Slack's own signs within text.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn slack(title: &str, lines: &[String], link: Option<&str>) -> Value {
    let heading = match link {
        Some(link) => format!("*<{link}|{}>*", for_slack(title)),
        None => format!("*{}*", for_slack(title)),
    };
    let text: Vec<String> = lines.iter().map(|line| for_slack(line)).collect();
    let section = |text: String| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
    json!({ "text": title, "blocks": [section(heading), section(text.join("\n"))] })
}

fn teams(title: &str, lines: &[String], link: Option<&str>) -> Value {
    let block = |text: &str, weight: &str| json!({ "type": "TextBlock", "text": text, "weight": weight, "wrap": true });
    let mut body = vec![block(title, "Bolder")];
    body.extend(lines.iter().map(|line| block(line, "Default")));
    let actions: Vec<Value> =
        link.iter().map(|link| json!({ "type": "Action.OpenUrl", "title": "Open the review", "url": link })).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
                "actions": actions,
            }
        }]
    })
}

/// Posts a message. `key` is the same for every try of the same digest.
///
/// # Errors
/// A sentence without the address, which is a secret.
pub async fn post(url: &SecretString, key: &str, message: &Value) -> Result<(), String> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
    let client = client.build().map_err(|error| error.to_string())?;
    let request = client.post(url.expose_secret()).header("idempotency-key", key).json(message);
    let answer = request.send().await.map_err(|error| format!("it cannot be reached: {}", error.without_url()))?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(format!("it answered {}", answer.status()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chats_take_for_signs_is_escaped() {
        let message = slack("A <b> & c", &["x > y".to_owned()], Some("https://chiplog.example.com/r"));
        assert_eq!(message["blocks"][0]["text"]["text"], "*<https://chiplog.example.com/r|A &lt;b&gt; &amp; c>*");
        assert_eq!(message["blocks"][1]["text"]["text"], "x &gt; y");
        let card = teams("Title", &["line".to_owned()], None);
        assert_eq!(card["attachments"][0]["content"]["body"][1]["text"], "line");
        assert_eq!(card["attachments"][0]["content"]["actions"], json!([]));
    }
}
