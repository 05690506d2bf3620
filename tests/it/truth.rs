//! The published truth of two real histories, and the comparison of an attribution with it.

use std::path::PathBuf;

use chiplog::attribution::{Attributed, FailureCause, ServiceDeployment, Shipment};
use chiplog::stats::quantile;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The folder of the real histories: `CHIPLOG_SHARED_DATA`, else `../shared/data`. `None` (with a line that says so)
/// where they are not at hand; the tests that need them then have nothing to compare.
#[expect(clippy::disallowed_methods, reason = "a test may be told where its data lies")]
pub(crate) fn data_folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var("CHIPLOG_SHARED_DATA").map_or(beside, PathBuf::from);
    if folder.join("devlake/truth.json").exists() {
        return Some(folder);
    }
    println!("skipped: the real histories are not in {}", folder.display());
    None
}

/// The lines of a JSONL file.
pub(crate) fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One JSON document.
pub(crate) fn document(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The commits that a deployment shipped, merges left out.
pub(crate) fn shipped(deployment: &ServiceDeployment) -> Vec<(String, f64)> {
    let Shipment::Commits { commits, .. } = &deployment.shipment else { return Vec::new() };
    let finished_at = deployment.finished_at.unwrap();
    let authored = commits.iter().filter(|commit| !commit.merge);
    authored.map(|commit| (commit.sha.clone(), (finished_at - commit.authored_at).as_seconds_f64())).collect()
}

fn close(actual: Option<f64>, expected: &Value, what: &str) {
    match (actual, expected.as_f64()) {
        (Some(actual), Some(expected)) => assert!((actual - expected).abs() < 0.001, "{what}: {actual} ≠ {expected}"),
        (actual, expected) => assert_eq!(actual.is_some(), expected.is_some(), "{what}"),
    }
}

/// Count, median, 90th percentile, mean, smallest and largest equal the truth's.
pub(crate) fn compare_statistics(mut seconds: Vec<f64>, expected: &Value, what: &str) {
    seconds.sort_by(f64::total_cmp);
    assert_eq!(seconds.len() as u64, expected["n"].as_u64().unwrap(), "{what}: n");
    close(quantile(&seconds, 0.5), &expected["p50"], &format!("{what}: p50"));
    close(quantile(&seconds, 0.9), &expected["p90"], &format!("{what}: p90"));
    let mean = (!seconds.is_empty()).then(|| seconds.iter().sum::<f64>() / seconds.len() as f64);
    close(mean, &expected["mean"], &format!("{what}: mean"));
    close(seconds.first().copied(), &expected["min"], &format!("{what}: min"));
    close(seconds.last().copied(), &expected["max"], &format!("{what}: max"));
}

fn sha256_of(mut shas: Vec<String>) -> String {
    shas.sort();
    let digest = Sha256::digest(shas.join("\n").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every release and every month of a stream equals the truth. Returns how many releases were compared.
pub(crate) fn compare_stream(stream: &Value, attributed: &Attributed, service: &str, what: &str) -> usize {
    let deployments: Vec<&ServiceDeployment> =
        attributed.deployments.iter().filter(|item| item.service == service).collect();
    let releases = stream["releases"].as_array().unwrap();
    assert_eq!(deployments.len(), releases.len(), "{what}: number of releases");
    for (deployment, release) in deployments.iter().zip(releases) {
        let tag = release["tag"].as_str().unwrap();
        let what = format!("{what} {tag}");
        assert_eq!(deployment.title, format!("tag {tag}"), "{what}: the order of releases");
        assert_eq!(
            release["baseline"].as_bool().unwrap(),
            deployment.shipment == Shipment::Baseline,
            "{what}: baseline"
        );
        // The truth lists the baseline's commits too; by the catalogue they yield no lead time.
        if deployment.shipment != Shipment::Baseline {
            let shipped = shipped(deployment);
            let expected = &release["first_containing"]["no_merges"];
            compare_statistics(shipped.iter().map(|(_, seconds)| *seconds).collect(), expected, &what);
            let digest = sha256_of(shipped.into_iter().map(|(sha, _)| sha).collect());
            assert_eq!(digest, expected["sha256"].as_str().unwrap(), "{what}: the commits");
        }
        let failed_by_revert = deployment.failure.as_ref().is_some_and(|failure| failure.cause == FailureCause::Revert);
        assert_eq!(
            failed_by_revert,
            release["failed_by_revert"].as_bool().unwrap(),
            "{what}: failed by revert: {:?}",
            deployment.failure
        );
    }
    for (month, expected) in stream["months"].as_object().unwrap() {
        let of_month =
            deployments.iter().filter(|item| item.finished_at.unwrap().format("%Y-%m").to_string() == *month);
        let of_month: Vec<_> = of_month.collect();
        assert_eq!(of_month.len() as u64, expected["deployments"].as_u64().unwrap(), "{what} {month}: deployments");
        let seconds = of_month.iter().flat_map(|item| shipped(item)).map(|(_, seconds)| seconds).collect();
        compare_statistics(seconds, &expected["lead_first_containing_no_merges"], &format!("{what} {month}"));
    }
    releases.len()
}
