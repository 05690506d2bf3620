//! What pages are put together from: numbers with their links, words with their signs, moments.

use std::fmt::Write as _;

use crate::facts::Moment;
use crate::kpi::{ItemStage, Unit, format_beside, format_value};
use crate::report::scorecard::{MeasureStatus, Status};
use crate::report::{KpiRow, Verdict};
use crate::trend::TrendVerdict;

/// A word with the class that gives it its sign and colour.
pub(super) struct Word {
    pub(super) class: &'static str,
    pub(super) words: &'static str,
}

/// The word for a trend.
pub(super) fn trend(verdict: TrendVerdict) -> Word {
    let class = match verdict {
        TrendVerdict::TooFew => "too_few",
        TrendVerdict::Steady => "steady",
        TrendVerdict::Worsening => "worsening",
        TrendVerdict::Improving => "improving",
    };
    Word { class, words: verdict.words() }
}

/// The word for a status.
pub(super) fn status(status: Status) -> Word {
    let class = match status {
        Status::NotConfigured => "not_configured",
        Status::NoData => "no_data",
        Status::TooFew => "too_few",
        Status::OnTarget => "on_target",
        Status::Near => "near",
        Status::Off => "off",
    };
    Word { class, words: status.words() }
}

/// A number's place in chiplog: what it measures, of whom, over which span. The attributes of its element tell it, so that
/// programs can compare a page with the metrics.
pub(super) struct Place<'a> {
    pub(super) team: &'a str,
    pub(super) kpi: &'a str,
    pub(super) part: Option<&'a str>,
    pub(super) tier: Option<u8>,
    /// A window's label or a month.
    pub(super) span: &'a str,
    pub(super) unit: Unit,
    /// Where its evidence is.
    pub(super) link: Option<String>,
}

impl Place<'_> {
    /// A value of a statistic, with a link to its evidence.
    pub(super) fn value(&self, statistic: &str, value: f64) -> String {
        self.linked(&self.element(statistic, value, &format_value(self.unit, value)))
    }

    /// An interval.
    pub(super) fn interval(&self, low: f64, high: f64) -> String {
        let largest = low.abs().max(high.abs());
        let (low_text, high_text) = (format_beside(self.unit, low, largest), format_beside(self.unit, high, largest));
        let (low, high) =
            (self.element("interval_low", low, &low_text), self.element("interval_high", high, &high_text));
        format!("{low} – {high}")
    }

    /// A count: `observations` or `open`.
    pub(super) fn count(&self, what: &str, count: usize) -> String {
        self.linked(&self.element(what, count as f64, &count.to_string()))
    }

    fn element(&self, what: &str, value: f64, text: &str) -> String {
        let mut attributes = format!("data-team=\"{}\" data-kpi=\"{}\"", escape(self.team), self.kpi);
        if let Some(part) = self.part {
            let _ = write!(attributes, " data-part=\"{part}\"");
        }
        if let Some(tier) = self.tier {
            let _ = write!(attributes, " data-tier=\"{tier}\"");
        }
        format!(
            "<data value=\"{value}\" {attributes} data-span=\"{}\" data-what=\"{what}\">{}</data>",
            self.span,
            escape(text)
        )
    }

    fn linked(&self, element: &str) -> String {
        match &self.link {
            Some(link) => format!("<a href=\"{}\">{element}</a>", escape(link)),
            None => element.to_owned(),
        }
    }
}

/// Where the evidence of a number over a window is.
pub(super) fn evidence_link(team: &str, kpi: &str, part: Option<&str>, window: &str, tier: Option<u8>) -> String {
    let part = part.map(|part| format!("&part={part}")).unwrap_or_default();
    let tier = tier.map(|tier| format!("&tier={tier}")).unwrap_or_default();
    format!("/teams/{team}/kpis/{kpi}/evidence?window={window}{part}{tier}")
}

/// A KPI's row as it is shown.
pub(super) struct ShownRow {
    pub(super) name: String,
    pub(super) link: String,
    pub(super) value: String,
    pub(super) interval: String,
    pub(super) observations: String,
    pub(super) open: String,
    pub(super) remark: String,
    pub(super) trend: Option<Word>,
}

/// A row over a window, with links to its evidence.
pub(super) fn row(team: &str, window: &str, row: &KpiRow, verdict: Option<TrendVerdict>) -> ShownRow {
    let place = Place {
        team,
        kpi: &row.kpi,
        part: row.part.as_deref(),
        tier: None,
        span: window,
        unit: row.unit,
        link: Some(evidence_link(team, &row.kpi, row.part.as_deref(), window, None)),
    };
    shown(&place, row, format!("/teams/{team}/kpis/{}", row.kpi), verdict)
}

/// A row at a place of its own.
pub(super) fn shown(place: &Place<'_>, row: &KpiRow, link: String, verdict: Option<TrendVerdict>) -> ShownRow {
    let known = row.verdict != Verdict::NotConfigured;
    ShownRow {
        name: row.name(),
        link,
        value: row.value.map(|value| place.value(&row.headline, value)).unwrap_or_default(),
        interval: row.interval.map(|(low, high)| place.interval(low, high)).unwrap_or_default(),
        observations: if known { place.count("observations", row.observations) } else { String::new() },
        open: if row.open > 0 { place.count("open", row.open) } else { String::new() },
        remark: remark(row.verdict, row.minimum_observations, row.remedy.as_deref()),
        trend: verdict.map(trend),
    }
}

/// What there is to say where there is no value, or none to rely on.
pub(super) fn remark(verdict: Verdict, minimum: usize, remedy: Option<&str>) -> String {
    match verdict {
        Verdict::Value => String::new(),
        Verdict::TooFew => format!("too few to tell: fewer than {minimum}"),
        Verdict::NoData => "no data".to_owned(),
        Verdict::NotConfigured => format!("not configured: {}", remedy.unwrap_or_default()),
    }
}

/// A measure of a scorecard as it is shown.
pub(super) struct ShownMeasure {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) link: String,
    pub(super) value: String,
    pub(super) interval: String,
    pub(super) observations: String,
    pub(super) target: String,
    pub(super) status: Word,
    pub(super) before: String,
    pub(super) remedy: String,
}

/// A measure, with links to its evidence. `until` is set where its window ended in the past.
pub(super) fn measure(team: &str, measure: &MeasureStatus, until: Option<Moment>, links: bool) -> ShownMeasure {
    let (kpi, part, window) = (measure.kpi.as_ref(), measure.part.as_deref(), measure.window.as_ref());
    let until = until.map(|at| format!("&until={}", at.format("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
    let evidence = format!("{}{until}", evidence_link(team, kpi, part, window, measure.tier));
    let link = links.then_some(evidence);
    let place = Place { team, kpi, part, tier: measure.tier, span: window, unit: measure.unit, link };
    let since = measure.target_since.filter(|_| measure.own_target);
    let own = since.map(|since| format!(" (its own since {})", since.format("%Y-%m-%d"))).unwrap_or_default();
    let tier = measure.tier.map(|tier| format!(", services of tier {tier}")).unwrap_or_default();
    let part_of = part.map(|part| format!(" · {part}")).unwrap_or_default();
    ShownMeasure {
        name: format!("{}{part_of}", measure.title),
        about: format!("{} of {window}{tier}", measure.statistic),
        link: format!("/teams/{team}/kpis/{kpi}"),
        value: measure.value.map(|value| place.value(&measure.statistic, value)).unwrap_or_default(),
        interval: measure.interval.map(|(low, high)| place.interval(low, high)).unwrap_or_default(),
        observations: if measure.remedy.is_none() {
            place.count("observations", measure.observations)
        } else {
            String::new()
        },
        target: format!("{}{own}", measure.target),
        status: status(measure.status),
        before: measure.before.map(|before| format_value(measure.unit, before)).unwrap_or_default(),
        remedy: measure.remedy.clone().unwrap_or_default(),
    }
}

/// `2026-10-05 14:30 UTC`.
pub(super) fn minute(moment: Moment) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// A span of seconds in words.
pub(super) fn seconds(value: f64) -> String {
    format_value(Unit::Seconds, value)
}

/// Only addresses that browsers fetch become links: what a source reports is not to be trusted with more.
pub(super) fn web_address(url: Option<&String>) -> Option<String> {
    url.filter(|url| url.starts_with("https://") || url.starts_with("http://")).cloned()
}

/// Text within HTML.
pub(super) fn escape(text: &str) -> String {
    let escaped = askama::filters::escape(text, askama::filters::Html);
    escaped.map(|safe| safe.to_string()).unwrap_or_default()
}

/// The stages of an item as a strip of colours, with words below it.
pub(super) fn stage_strip(stages: &[ItemStage], as_of: Moment) -> String {
    if stages.is_empty() {
        return String::new();
    }
    let (mut strip, mut words) = (String::new(), Vec::new());
    for stage in stages {
        let lasted = stage.seconds(as_of);
        let class = stage_class(&stage.stage);
        let told = format!("{} {}{}", stage.stage, seconds(lasted), if stage.until.is_none() { " so far" } else { "" });
        let _ = write!(
            strip,
            "<span class=\"{class}\" style=\"--share:{:.0}\" title=\"{}\"></span>",
            lasted.max(1.0),
            escape(&told)
        );
        words.push(format!("<span class=\"key {class}\"></span>{}", escape(&told)));
    }
    format!("<div class=\"bar\">{strip}</div><span class=\"about\">{}</span>", words.join(" · "))
}

/// A stage has the same colour everywhere.
fn stage_class(stage: &str) -> &'static str {
    match stage {
        "coding" => "stage-1",
        "pickup" | "acknowledge" => "stage-2",
        "review" => "stage-3",
        "deploy" => "stage-4",
        "restore" | "failed" => "stage-5",
        _ => "stage-6",
    }
}
