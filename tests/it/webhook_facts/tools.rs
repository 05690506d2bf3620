//! The webhooks of the other tools.

use std::sync::Arc;

use chiplog::pipeline::Taken;
use chiplog::sources::Refusal;
use chiplog_simulator::json_server::{Api, JsonServer, ServerOptions};
use chiplog_simulator::webhooks::{self, Sent};
use chiplog_simulator::world::{JiraChange, LogEntry, World};
use chiplog_simulator::{incident_io, jira, pagerduty};

use super::{Taking, everything};
use crate::harness::{app, collect_well, environment, now};
use crate::source_contract;

/// A tool whose webhooks tell of the world's incidents, or issues.
struct Tool {
    api: &'static Api,
    config: &'static str,
    subject: fn(&World) -> String,
    sent: fn(&World, &str, &str) -> Option<Sent>,
}

fn open_incident(world: &World) -> String {
    world.incidents.iter().find(|it| it.log.iter().all(|entry| entry.kind != "resolve")).unwrap().id.clone()
}

const TOOLS: [Tool; 4] = [
    Tool {
        api: &pagerduty::API,
        config: "[pagerduty]\ntoken_env = \"PAGERDUTY_TOKEN\"\nwebhook = { secret_env = \"PAGERDUTY_WEBHOOK_SECRET\" }\n",
        subject: open_incident,
        sent: |world, subject, id| {
            webhooks::of_pagerduty(world, subject, id, now(), &environment("PAGERDUTY_WEBHOOK_SECRET")?)
        },
    },
    Tool {
        api: &incident_io::API,
        config: "[incident_io]\ntoken_env = \"INCIDENT_IO_TOKEN\"\nwebhook = { secret_env = \"INCIDENT_IO_WEBHOOK_SECRET\" }\n",
        subject: open_incident,
        sent: |world, subject, id| {
            webhooks::of_incident_io(world, subject, id, now(), &environment("INCIDENT_IO_WEBHOOK_SECRET")?)
        },
    },
    Tool {
        api: &jira::CLOUD,
        config: "[jira]\nuser_env = \"JIRA_USER\"\ntoken_env = \"JIRA_TOKEN\"\njql = \"project = PAY\"\nboards = [1]\nwebhook = { secret_env = \"JIRA_WEBHOOK_SECRET\" }\n",
        subject: |world| world.jira.issues[3].key.clone(),
        sent: |world, subject, id| webhooks::of_jira(world, subject, id, now(), &environment("JIRA_WEBHOOK_SECRET")?),
    },
    Tool {
        api: &jira::DATA_CENTER,
        config: "[jira]\ntoken_env = \"JIRA_TOKEN\"\njql = \"project = PAY\"\nboards = [1]\nwebhook = { secret_env = \"JIRA_WEBHOOK_SECRET\" }\n",
        subject: |world| world.jira.issues[3].key.clone(),
        sent: |world, subject, id| webhooks::of_jira(world, subject, id, now(), &environment("JIRA_WEBHOOK_SECRET")?),
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn the_other_tools_tell_by_webhook_what_polling_finds() {
    for tool in TOOLS {
        let name = tool.api.name;
        let world = source_contract::world();
        let server = JsonServer::start(tool.api, world.clone(), ServerOptions::new(Arc::new(now))).await.unwrap();
        let config = format!("{}base_url = \"{}\"\n", tool.config, server.base_url());
        let taking = Taking::start(&config).await;
        collect_well(&taking.app).await;
        let before = everything(&taking.app).await;
        let (first, second) = {
            let mut world = world.write().unwrap();
            let subject = (tool.subject)(&world);
            let first = (tool.sent)(&world, &subject, "one").unwrap();
            let at = now();
            if let Some(incident) = world.incidents.iter_mut().find(|incident| incident.id == subject) {
                incident.log.push(LogEntry { kind: "resolve".to_owned(), at, agent: "dev-ada".to_owned() });
            }
            if let Some(issue) = world.jira.issues.iter_mut().find(|issue| issue.key == subject) {
                issue.changes.push((at, JiraChange::Status("To Do".to_owned())));
            }
            (first, (tool.sent)(&world, &subject, "two").unwrap())
        };
        // They overtake one another: the later one comes first.
        for sent in [&second, &first] {
            assert_eq!(taking.take(sent).await, Ok(Taken::Accepted), "{name}");
        }
        taking.until_processed().await;
        let told = everything(&taking.app).await;
        let polling = app(&config).await;
        collect_well(&polling).await;
        assert!(told == everything(&polling).await, "{name} tells something else by webhook");
        assert_eq!(told.iter().filter(|fact| !before.contains(fact)).count(), 1, "{name}");
        let mut forged = second.clone();
        forged.body.push(' ');
        assert_eq!(taking.take(&forged).await, Err(Refusal::Signature), "{name}");
    }
}
