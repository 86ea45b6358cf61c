// Container Apps environment.

@description('Name of the environment.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Resource id of the subnet; empty for a network of the platform.')
param subnetId string

@description('Whether replicas are spread over several zones; needs a subnet, cannot be changed later.')
param zoneRedundant bool

@description('Hour of Sunday, UTC, from which the platform may patch the environment, for eight hours.')
@minValue(0)
@maxValue(23)
param maintenanceHour int

resource environment 'Microsoft.App/managedEnvironments@2025-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: { destination: 'azure-monitor' }
    publicNetworkAccess: 'Enabled'
    vnetConfiguration: empty(subnetId) ? null : { infrastructureSubnetId: subnetId, internal: false }
    workloadProfiles: [{ name: 'Consumption', workloadProfileType: 'Consumption' }]
    zoneRedundant: zoneRedundant && !empty(subnetId)
  }
}

resource maintenance 'Microsoft.App/managedEnvironments/maintenanceConfigurations@2025-07-01' = {
  parent: environment
  name: 'default'
  properties: {
    scheduledEntries: [{ weekDay: 'Sunday', startHourUtc: maintenanceHour, durationHours: 8 }]
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: environment
  name: 'all'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the environment.')
output id string = environment.id

@description('Domain of its apps.')
output defaultDomain string = environment.properties.defaultDomain
