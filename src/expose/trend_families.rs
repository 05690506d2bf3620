//! Trends as metrics: what alert rules read.

use chrono::{NaiveDate, NaiveTime};

use super::prometheus::Families;
use crate::trend::{Trend, TrendVerdict};

/// Adds the samples of one trend.
pub(super) fn add(families: &mut Families, trend: &Trend) {
    let labels = [("kpi", trend.kpi), ("team", trend.team.as_str())];
    let mut gauge = |name: &str, help: &str, value: f64| families.gauge(name, help, &labels, value);
    let is = |verdict: TrendVerdict| f64::from(u8::from(trend.verdict == verdict));
    gauge(
        "chiplog_kpi_regression_confirmed",
        "1 while it is confirmed that the KPI has got worse: large enough, not by chance, in two weeks running.",
        is(TrendVerdict::Worsening),
    );
    gauge(
        "chiplog_kpi_improvement_confirmed",
        "1 while it is confirmed that the KPI has got better, by the same rules.",
        is(TrendVerdict::Improving),
    );
    gauge(
        "chiplog_kpi_trend_enough",
        "1 where enough happened to tell a trend, 0 where it is too little.",
        f64::from(u8::from(trend.verdict != TrendVerdict::TooFew)),
    );
    gauge("chiplog_kpi_trend_pvalue", "The one-sided p-value of having got worse.", trend.p_worse);
    gauge(
        "chiplog_kpi_trend_qvalue",
        "The same, corrected for all series of the evaluation (Benjamini and Hochberg).",
        trend.q_worse,
    );
    let mut known = |name: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            gauge(name, help, value);
        }
    };
    known("chiplog_kpi_trend_current", "The value of the last weeks, in the KPI's unit.", trend.current);
    known("chiplog_kpi_trend_baseline", "The value of the weeks before, in the KPI's unit.", trend.baseline);
    let (effect, low, high) = if trend.effect_in_points {
        let help = "The last weeks less the weeks before, of proportions.";
        (("chiplog_kpi_trend_effect_points", help), "chiplog_kpi_trend_points_low", "chiplog_kpi_trend_points_high")
    } else {
        let help = "The last weeks over the weeks before.";
        (("chiplog_kpi_trend_effect_ratio", help), "chiplog_kpi_trend_ratio_low", "chiplog_kpi_trend_ratio_high")
    };
    known(effect.0, effect.1, trend.effect);
    known(low, "The low end of the 95 % interval of the effect.", trend.interval.map(|(low, _)| low));
    known(high, "The high end of the 95 % interval of the effect.", trend.interval.map(|(_, high)| high));
    let moment = |day: Option<NaiveDate>| day.map(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp() as f64);
    known(
        "chiplog_kpi_trend_confirmed_timestamp_seconds",
        "The Monday of the week since which the verdict is confirmed.",
        moment(trend.confirmed_since),
    );
    known(
        "chiplog_kpi_trend_change_timestamp_seconds",
        "The Monday of the week in which the weekly values changed most, where they did.",
        moment(trend.changed_in),
    );
    for (span, observations) in [("current", trend.observations.0), ("baseline", trend.observations.1)] {
        let labels = [("kpi", trend.kpi), ("team", trend.team.as_str()), ("span", span)];
        let help = "How many observations the comparison rests on, now and before.";
        families.gauge("chiplog_kpi_trend_observations", help, &labels, observations as f64);
    }
}
