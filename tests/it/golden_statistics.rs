//! The statistics against values made with `SciPy`, lifelines and Apache Otava by `tests/golden/statistics.py`.

use chiplog::stats::{
    Cases, Lifetime, barnard_p_higher, benjamini_hochberg, change_point, hodges_lehmann, kaplan_meier_median,
    log_rank_scores, mid_p_higher,
};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/statistics.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn cases(value: &Value) -> Cases {
    Cases { held: value[0].as_u64().unwrap(), of: value[1].as_u64().unwrap() }
}

fn near(found: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
}

#[test]
fn proportions_agree_with_scipy() {
    let golden = golden();
    for case in golden["proportions"].as_array().unwrap() {
        let (first, second) = (cases(&case["first"]), cases(&case["second"]));
        near(mid_p_higher(first, second), &case["mid_p"], 1e-10, "mid-p");
        // SciPy looks for the highest p-value between the points of its grid as well.
        if first.share() > second.share() {
            let tolerance = 0.001_f64.max(0.02 * case["barnard"].as_f64().unwrap());
            near(barnard_p_higher(first, second), &case["barnard"], tolerance, "Barnard");
        }
    }
}

#[test]
fn corrections_and_shifts_agree_with_scipy_and_numpy() {
    let golden = golden();
    let found = benjamini_hochberg(&numbers(&golden["benjamini_hochberg"]["p"]));
    for (found, expected) in found.iter().zip(golden["benjamini_hochberg"]["q"].as_array().unwrap()) {
        near(*found, expected, 1e-12, "q-value");
    }
    for case in golden["hodges_lehmann"].as_array().unwrap() {
        let shift = hodges_lehmann(&numbers(&case["first"]), &numbers(&case["second"])).unwrap();
        near(shift.estimate, &case["estimate"], 1e-12, "shift");
        assert!(shift.interval.0 < shift.estimate && shift.estimate < shift.interval.1);
    }
}

#[test]
fn survival_agrees_with_lifelines() {
    for case in golden()["survival"].as_array().unwrap() {
        let ended = case["ended"].as_array().unwrap().iter().map(|ended| ended.as_bool().unwrap());
        let lifetimes: Vec<Lifetime> = numbers(&case["durations"])
            .into_iter()
            .zip(ended)
            .map(|(duration, ended)| Lifetime { duration, ended })
            .collect();
        near(kaplan_meier_median(&lifetimes).unwrap(), &case["median"], 1e-9, "median");
        let group = case["group"].as_array().unwrap().iter().map(|member| member.as_bool().unwrap());
        let sum: f64 =
            log_rank_scores(&lifetimes).iter().zip(group).filter(|(_, member)| *member).map(|(score, _)| score).sum();
        near(sum, &case["expected_less_observed"], 1e-9, "log-rank");
    }
}

#[test]
fn change_points_lie_where_otava_finds_them() {
    for case in golden()["change_points"].as_array().unwrap() {
        let found = change_point(&numbers(&case["values"]), 0.001);
        let expected = case["otava"][0].as_u64().and_then(|place| usize::try_from(place).ok());
        let (found, expected) = (found.unwrap(), expected.unwrap());
        assert!(found.abs_diff(expected) <= 1, "{found}, expected {expected}");
    }
}
