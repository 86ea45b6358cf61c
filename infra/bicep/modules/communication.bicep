// Azure Communication Services: rooms, calls, tokens of participants. No keys.

@description('Name of the resource.')
@minLength(1)
@maxLength(63)
param name string

@description('Tags of every resource.')
param tags object

@description('Where data at rest is kept; cannot be changed later. Media goes to the nearest edge.')
param dataLocation string

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Object id of the identity that provisions rooms and controls calls.')
param appPrincipalId string

var roles = loadJsonContent('../roles.json')

resource communication 'Microsoft.Communication/communicationServices@2025-09-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

resource owner 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: communication
  name: guid(communication.id, appPrincipalId, roles['Communication and Email Service Owner'])
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Communication and Email Service Owner'])
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: communication
  name: 'all'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id.')
output id string = communication.id

@description('Address of its APIs.')
output endpoint string = 'https://${communication.properties.hostName}'

@description('Audience of the tokens that it puts on callbacks and media sockets.')
output immutableResourceId string = communication.properties.immutableResourceId
