// chiplog as a monitoring mixin: the generated files under the names that mixin tools look for.
{
  grafanaDashboards+:: {
    'team-overview.json': import 'team-overview.json',
    'flow.json': import 'flow.json',
    'stability.json': import 'stability.json',
    'scorecard.json': import 'scorecard.json',
    'kpi-explorer.json': import 'kpi-explorer.json',
    'organisation.json': import 'organisation.json',
    'data-quality.json': import 'data-quality.json',
  },
  prometheusAlerts+:: std.parseYaml(importstr 'alerts.yml'),
  prometheusRules+:: std.parseYaml(importstr 'rules.yml'),
}
