//! Attribution on two real histories equals their published truth, commit by commit.

use std::path::Path;

use chiplog::attribution::{DeploymentRule, FactsInput, Organisation, Service, attribute};
use chiplog::facts::{ChangeReference, Commit, Moment, Sourced, Tag};
use regex::Regex;
use serde_json::Value;

use crate::truth;

const REPOSITORY: &str = "real/history";

fn moment(value: &Value) -> Moment {
    value.as_str().unwrap().parse().unwrap()
}

fn sourced<T>(fact: T) -> Sourced<T> {
    Sourced { source: "data".to_owned(), fact }
}

fn commit(line: &Value) -> Commit {
    let reverts = line["reverts"].as_array().map(Vec::as_slice).unwrap_or_default();
    Commit {
        repository: REPOSITORY.to_owned(),
        sha: line["sha"].as_str().unwrap().to_owned(),
        parents: line["parents"].as_array().unwrap().iter().map(|sha| sha.as_str().unwrap().to_owned()).collect(),
        authored_at: moment(&line["author_date"]),
        committed_at: moment(&line["commit_date"]),
        author: None,
        subject: line["subject"].as_str().unwrap().to_owned(),
        reverts: reverts
            .iter()
            .map(|revert| ChangeReference::Commit(revert["sha"].as_str().unwrap().to_owned()))
            .collect(),
        pull_request: None,
        paths: None,
        url: None,
    }
}

/// The facts of a history with the tags of one scope.
fn facts(folder: &Path, only_on_main: bool) -> FactsInput {
    let tags = truth::lines(&folder.join("tags.jsonl")).into_iter();
    let tags = tags.filter(|line| !only_on_main || line["on_main"].as_bool().unwrap()).map(|line| {
        sourced(Tag {
            repository: REPOSITORY.to_owned(),
            name: line["tag"].as_str().unwrap().to_owned(),
            sha: line["sha"].as_str().unwrap().to_owned(),
            tagged_at: moment(&line["date"]),
            url: None,
        })
    });
    let commits = truth::lines(&folder.join("commits.jsonl"));
    FactsInput {
        commits: commits.iter().map(commit).map(sourced).collect(),
        tags: tags.collect(),
        ..FactsInput::default()
    }
}

fn organisation(tag_pattern: &str) -> Organisation {
    let mut organisation = Organisation::default();
    organisation.services.insert(
        "history".to_owned(),
        Service {
            id: "history".to_owned(),
            repository: REPOSITORY.to_owned(),
            paths: None,
            owners: Vec::new(),
            tier: 2,
            deployments: DeploymentRule::Tag { tag: Regex::new(tag_pattern).unwrap() }.into(),
            incident_services: Vec::new(),
            names: Vec::new(),
            critical_paths: None,
        },
    );
    organisation
}

fn every_stream_equals_its_truth(name: &str) {
    let Some(folder) = truth::data_folder().map(|folder| folder.join(name)) else { return };
    let document = truth::document(&folder.join("truth.json"));
    let as_of = "2027-01-01T00:00:00Z".parse().unwrap();
    let mut compared = 0;
    for (key, stream) in document["streams"].as_object().unwrap() {
        let facts = facts(&folder, stream["scope"] == "main");
        let attributed = attribute(&organisation(stream["tag_regex"].as_str().unwrap()), &facts, as_of);
        compared += truth::compare_stream(stream, &attributed, "history", &format!("{name} {key}"));
    }
    println!("{name}: {compared} releases equal the truth");
    assert!(compared > 0);
}

#[test]
fn devlake_equals_its_truth() {
    every_stream_equals_its_truth("devlake");
}

#[test]
fn multipath_equals_its_truth() {
    every_stream_equals_its_truth("multipath");
}
