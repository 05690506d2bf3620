//! What all charts promise: nothing to show is said, text of others stays text, the same input gives the same bytes.

use chrono::NaiveDate;

use super::*;
use crate::facts::Moment;
use crate::kpi::Unit;
use crate::trend::WeekPoint;

fn at(text: &str) -> Moment {
    text.parse().unwrap()
}

/// Every chart without anything to show, and with one thing of a hostile name.
fn all(title: &str, empty: bool) -> Vec<String> {
    let some = usize::from(!empty);
    let (began, ended) = (at("2026-10-05T08:00:00Z"), at("2026-10-06T08:00:00Z"));
    let week = WeekPoint {
        monday: NaiveDate::from_ymd_opt(2026, 10, 5).unwrap(),
        observations: 3,
        value: Some(86_400.0),
        compared: true,
    };
    let quantiles = Quantiles { p10: -60.0, p25: 0.0, p50: 3600.0, p75: 7200.0, p90: 86_400.0 };
    let month = Month { label: title.to_owned(), n: 4, quantiles: Some(quantiles), values: vec![-60.0, 0.0, 86_400.0] };
    let stage = StageSpan { name: title.to_owned(), from: began, until: None };
    let bar =
        StageBar { label: title.to_owned(), stages: vec![(title.to_owned(), 3600.0), ("nothing".to_owned(), 0.0)] };
    let deployment = DeploymentMark { moment: began, title: title.to_owned(), failed: true };
    let incident = IncidentMark { began, ended: None, title: title.to_owned(), severity: title.to_owned() };
    let id = "chart";
    vec![
        weekly_line(&WeeklyLine {
            id,
            title,
            unit: Unit::Seconds,
            weeks: &vec![week; some],
            target_min: None,
            target_max: Some(3600.0),
            changed_in: Some(week.monday),
        }),
        distribution(&Distribution { id, title, unit: Unit::Seconds, months: &vec![month; some], target_max: None }),
        stage_bars(&StageBars { id, title, bars: &vec![bar; some] }),
        time_bar(&TimeBar { id, title, stages: &vec![stage; some], as_of: ended }),
        timeline(&Timeline {
            id,
            title,
            from: began,
            until: ended,
            deployments: &vec![deployment; some],
            incidents: &vec![incident; some],
        }),
    ]
}

#[test]
fn every_chart_is_one_drawing_that_names_itself() {
    for (number, drawing) in all("Lead time", false).iter().enumerate() {
        assert!(drawing.starts_with("<svg") && drawing.ends_with("</svg>"), "{number}: {drawing}");
        assert!(drawing.contains("role=\"img\"") && drawing.contains("Lead time</title>"), "{number}: {drawing}");
        assert!(!drawing.contains("NaN") && !drawing.contains("inf"), "{number}: {drawing}");
    }
    assert_eq!(all("Lead time", false), all("Lead time", false));
}

#[test]
fn nothing_to_show_is_said() {
    for drawing in all("Lead time", true) {
        let said = drawing.to_lowercase();
        assert!(said.contains("no ") || said.contains("0 deployments"), "{drawing}");
        assert!(!drawing.contains("NaN"), "{drawing}");
    }
}

#[test]
fn what_others_have_named_stays_text() {
    for drawing in all("<script>alert(\"1\")</script> & more", false) {
        assert!(!drawing.contains("<script") && !drawing.contains("\"1\""), "{drawing}");
        assert!(drawing.contains("&lt;script&gt;"), "{drawing}");
    }
}
