// Who is told when something is wrong, and what counts as wrong. docs: infra/README.md has a line on each.

@description('Address that alerts are sent to.')
param email string

@description('Region of the log rules.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the workspace.')
param workspaceId string

@description('Resource id of the app.')
param appId string

@description('Most replicas of the app.')
param maxReplicas int

@description('Resource id of the Event Grid topic.')
param topicId string

@description('Resource id of the Redis cluster.')
param redisId string

@description('Resource id of the AI account.')
param aiId string

@description('Money a month, in the currency of the subscription; 0 for no budget.')
param monthlyBudget int

@description('First month of the budget.')
param budgetStart string

// name, resource, metric, how the metric is added up, above which it is reported, severity; all over 15 minutes
var metricRules = [
  { name: 'undelivered-events', scope: topicId, metric: 'DeadLetteredCount', sum: 'Total', above: 0, severity: 1, dimensions: [] }
  { name: 'failed-deliveries', scope: topicId, metric: 'DeliveryAttemptFailCount', sum: 'Total', above: 10, severity: 2, dimensions: [] }
  { name: 'restarts', scope: appId, metric: 'RestartCount', sum: 'Total', above: 1, severity: 1, dimensions: [] }
  { name: 'server-errors', scope: appId, metric: 'Requests', sum: 'Total', above: 10, severity: 2, dimensions: [{ name: 'statusCodeCategory', operator: 'Include', values: ['5xx'] }] }
  { name: 'most-replicas', scope: appId, metric: 'Replicas', sum: 'Maximum', above: maxReplicas - 1, severity: 2, dimensions: [] }
  { name: 'redis-memory', scope: redisId, metric: 'usedmemorypercentage', sum: 'Maximum', above: 75, severity: 1, dimensions: [] }
  { name: 'model-quota', scope: aiId, metric: 'AzureOpenAIRequests', sum: 'Total', above: 5, severity: 2, dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['429'] }] }
]

// name, message in the log, how many in 15 minutes are too many, severity
var logRules = [
  { name: 'calls-refused', message: 'call refused', above: 0, severity: 1 }
  { name: 'calls-taken-over', message: 'call taken over', above: 5, severity: 2 }
  { name: 'store-failed', message: 'store failed', above: 0, severity: 1 }
  { name: 'requests-refused', message: 'requests refused', above: 20, severity: 3 }
]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'interpreter'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'interpreter'
    emailReceivers: [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in metricRules: {
  name: rule.name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    severity: rule.severity
    scopes: [rule.scope]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: rule.name
          metricName: rule.metric
          timeAggregation: rule.sum
          operator: 'GreaterThan'
          threshold: rule.above
          dimensions: rule.dimensions
          skipMetricValidation: true
        }
      ]
    }
    actions: [{ actionGroupId: group.id }]
  }
}]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in logRules: {
  name: rule.name
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.name
    enabled: true
    severity: rule.severity
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: 'ContainerAppConsoleLogs | where parse_json(Log).message == "${rule.message}"'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: rule.above
        }
      ]
    }
    actions: { actionGroups: [group.id] }
  }
}]

// Rules on what the service measures: `python scripts/dashboards.py` writes them from the table of metrics.
var measuredRules = loadJsonContent('metric-alerts.json')

resource measuredAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in measuredRules: {
  name: rule.name
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.name
    enabled: true
    severity: rule.severity
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: { actionGroups: [group.id] }
  }
}]

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = if (monthlyBudget > 0) {
  name: 'interpreter'
  properties: {
    category: 'Cost'
    timeGrain: 'Monthly'
    amount: monthlyBudget
    timePeriod: { startDate: budgetStart }
    notifications: {
      most: { enabled: true, operator: 'GreaterThan', threshold: 80, thresholdType: 'Actual', contactEmails: [email] }
      all: { enabled: true, operator: 'GreaterThan', threshold: 100, thresholdType: 'Forecasted', contactEmails: [email] }
    }
  }
}
