//! Alerts about chiplog itself: each has a page of what to do, `docs/runbooks/NAME.md`.

use std::fmt::Write as _;

/// An alert about chiplog itself.
struct HealthAlert {
    /// Its name, and that of its page.
    name: &'static str,
    /// When it holds, in `PromQL`.
    expression: &'static str,
    /// How long it must hold, as Prometheus writes durations.
    holds_for: &'static str,
    /// `warning` where numbers stand still or are wrong, `notice` where that is yet to come.
    severity: &'static str,
    /// What is the matter, as a template.
    summary: &'static str,
    /// What follows from it, and where to look, as a template.
    description: &'static str,
}

/// All of them, the worst first. Slow series are read over 26 hours; what is a replica's own is summed over replicas.
const ALL: &[HealthAlert] = &[
    HealthAlert {
        name: "ChiplogDown",
        expression: "absent(up{job=\"chiplog\"} == 1)",
        holds_for: "10m",
        severity: "warning",
        summary: "no chiplog answers Prometheus",
        description: "Nothing is collected, and webhooks are not taken. GitHub does not send those again by itself.",
    },
    HealthAlert {
        name: "ChiplogStoreUnreachable",
        expression: "time() - chiplog_store_last_answer_timestamp_seconds > 120",
        holds_for: "5m",
        severity: "warning",
        summary: "{{ .Labels.instance }} has not reached its store for {{ .Value | humanizeDuration }}",
        description: "What was known stays served. Nothing is collected, and webhooks are answered with 503.",
    },
    HealthAlert {
        name: "ChiplogStoreErrors",
        expression: "sum(increase(chiplog_source_errors_total{reason=\"store\"}[1h])) > 0\n\
                     or sum(increase(chiplog_webhook_deliveries_total{outcome=\"unavailable\"}[1h])) > 0",
        holds_for: "15m",
        severity: "warning",
        summary: "the store refuses what chiplog writes",
        description: "Is its disk full? Its log has the store's own words. What was not stored is collected again.",
    },
    HealthAlert {
        name: "ChiplogNobodyCollects",
        expression: "count by (source) (chiplog_source_last_success_timestamp_seconds) unless on (source)\n\
                     label_replace(chiplog_lease_held{lease=~\"source/.*\"}, \"source\", \"$1\", \"lease\", \"source/(.*)\")",
        holds_for: "10m",
        severity: "warning",
        summary: "no replica collects {{ .Labels.source }}",
        description: "No running chiplog holds the lease of this source. Its numbers stand still.",
    },
    HealthAlert {
        name: "ChiplogSourceStale",
        expression: "time() - max by (source) (last_over_time(chiplog_source_last_success_timestamp_seconds[26h])) > 6 * 3600",
        holds_for: "15m",
        severity: "warning",
        summary: "chiplog has collected nothing of {{ .Labels.source }} for {{ .Value | humanizeDuration }}",
        description: "`chiplog doctor` says why. Numbers that rest on it stand still.",
    },
    HealthAlert {
        name: "ChiplogSourceFailing",
        expression: "sum by (source, reason) (increase(chiplog_source_errors_total{reason!~\"store|rate_limited\"}[1h])) > 2",
        holds_for: "30m",
        severity: "notice",
        summary: "collecting {{ .Labels.source }} fails again and again: {{ .Labels.reason }}",
        description: "All of it or a part: `chiplog doctor` names the part and the tool's words.",
    },
    HealthAlert {
        name: "ChiplogCredentialRefused",
        expression: "max by (source, credential) (chiplog_source_rate_limit_credential_refused) == 1",
        holds_for: "15m",
        severity: "warning",
        summary: "{{ .Labels.source }} refuses the credential {{ .Labels.credential }}",
        description: "It was revoked or has expired. Other credentials go on without it, slower.",
    },
    HealthAlert {
        name: "ChiplogApiBudgetLow",
        expression: "max by (source, credential, resource) (\n\
                     \x20 avg_over_time((chiplog_source_rate_limit_remaining <= bool chiplog_source_rate_limit_reserve)[2h:5m])\n\
                     ) > 0.5\n\
                     unless on (source) sum by (source) (chiplog_source_backfill_repositories{state!=\"complete\"}) > 0",
        holds_for: "15m",
        severity: "notice",
        summary: "the budget {{ .Labels.resource }} of {{ .Labels.credential }} is used up more than half of the time",
        description: "And no history is being read. Numbers come later than they could; `/collection` shows what is left.",
    },
    HealthAlert {
        name: "ChiplogEvaluationFailed",
        expression: "time() - max(last_over_time(chiplog_kpi_evaluation_timestamp_seconds[26h])) > 3600",
        holds_for: "15m",
        severity: "warning",
        summary: "chiplog has evaluated nothing for {{ .Value | humanizeDuration }}",
        description: "Its log names the error. What was known stays served.",
    },
    HealthAlert {
        name: "ChiplogEvaluationSlow",
        expression: "max(last_over_time(chiplog_kpi_evaluation_duration_seconds[26h])) > 120",
        holds_for: "1h",
        severity: "notice",
        summary: "an evaluation takes {{ .Value | humanizeDuration }}",
        description: "Numbers come so much later.",
    },
    HealthAlert {
        name: "ChiplogDeliveriesWaiting",
        expression: "max by (source) (\n\
                     \x20 chiplog_webhook_oldest_waiting_seconds\n\
                     \x20 * on (instance, job) group_left () chiplog_lease_held{lease=\"deliveries\"}\n\
                     ) > 600",
        holds_for: "10m",
        severity: "warning",
        summary: "a webhook of {{ .Labels.source }} has waited for {{ .Value | humanizeDuration }}",
        description: "It is stored and tried again for a day. Until then polling brings what it tells.",
    },
    HealthAlert {
        name: "ChiplogDeliveriesLost",
        expression: "sum by (source, outcome) (increase(chiplog_webhook_deliveries_total{outcome=~\"missed|failed\"}[1h])) > 0",
        holds_for: "5m",
        severity: "notice",
        summary: "{{ .Value | printf \"%.0f\" }} webhooks of {{ .Labels.source }} in an hour: {{ .Labels.outcome }}",
        description: "missed: they never arrived; failed: they were given up and are in quarantine. Polling repairs both.",
    },
    HealthAlert {
        name: "ChiplogDeliveriesRefused",
        expression: "sum by (source) (increase(chiplog_webhook_deliveries_total{outcome=\"refused\"}[1h])) > 10",
        holds_for: "15m",
        severity: "notice",
        summary: "{{ .Value | printf \"%.0f\" }} webhooks of {{ .Labels.source }} were refused in an hour",
        description: "Their signature is wrong: the secret differs from the tool's, or somebody else sends them.",
    },
    HealthAlert {
        name: "ChiplogQuarantineGrowing",
        expression: "sum by (source) (increase(chiplog_source_quarantined_total[6h])) > 20",
        holds_for: "30m",
        severity: "notice",
        summary: "{{ .Value | printf \"%.0f\" }} records of {{ .Labels.source }} could not be read within six hours",
        description: "They are in quarantine and in no number. `chiplog doctor` tells the newest and why.",
    },
    HealthAlert {
        name: "ChiplogUnmappedItemsHigh",
        expression: "sum by (kind, reason) (max without (instance, job) (last_over_time(chiplog_unmapped_items[26h]))) > 100",
        holds_for: "1d",
        severity: "notice",
        summary: "{{ .Value }} × {{ .Labels.kind }} belong nowhere: {{ .Labels.reason }}",
        description: "`chiplog doctor` names examples and the line of configuration that mends it.",
    },
    HealthAlert {
        name: "ChiplogRequestsFail",
        expression: "sum(increase(chiplog_http_requests_total{code=\"500\"}[30m])) > 5",
        holds_for: "5m",
        severity: "warning",
        summary: "{{ .Value | printf \"%.0f\" }} requests to chiplog failed within half an hour",
        description: "That is a fault of chiplog or of its store. The log has the id that the answer has, and the error.",
    },
];

/// The annotation that leads to an alert's page.
pub(super) fn runbook(alert: &str) -> String {
    format!("runbook_url: docs/runbooks/{alert}.md")
}

/// The group of these alerts in `alerts.yml`.
pub(super) fn group() -> String {
    let mut text = String::from("  - name: chiplog-health\n    rules:\n");
    for alert in ALL {
        let HealthAlert { name, expression, holds_for, severity, summary, description } = alert;
        let expression = if expression.contains('\n') {
            format!("|\n          {}", expression.replace('\n', "\n          "))
        } else {
            (*expression).to_owned()
        };
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let (summary, description, runbook) = (quoted(summary), quoted(description), runbook(name));
        let _ = write!(
            text,
            "\x20     - alert: {name}\n\
             \x20       expr: {expression}\n\
             \x20       for: {holds_for}\n\
             \x20       labels:\n\
             \x20         severity: {severity}\n\
             \x20       annotations:\n\
             \x20         summary: {summary}\n\
             \x20         description: {description}\n\
             \x20         {runbook}\n"
        );
    }
    text
}
