// Container registry: no admin user; the service pulls with its identity.

@description('Name of the registry.')
@minLength(5)
@maxLength(50)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Object id of the identity that pulls images.')
param appPrincipalId string

@description('Object id of who pushes images; empty for nobody.')
param deployerId string

@description('Kind of that principal.')
@allowed(['User', 'ServicePrincipal', 'Group'])
param deployerType string

@description('Whether the registry is reached by its private endpoint; needs the Premium SKU. The public endpoint stays open for pushes, which need a token.')
param isPrivate bool

@description('Versioned URL of the customer-managed key; empty for keys of the platform.')
param keyUrl string

@description('Resource id of the identity that may use the key.')
param keyIdentityId string

@description('Client id of that identity.')
param keyIdentityClientId string

var roles = loadJsonContent('../roles.json')
var useKey = !empty(keyUrl)

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: isPrivate || useKey ? 'Premium' : 'Basic' }
  identity: useKey ? { type: 'UserAssigned', userAssignedIdentities: { '${keyIdentityId}': {} } } : null
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    roleAssignmentMode: 'LegacyRegistryPermissions'
    policies: {
      azureADAuthenticationAsArmPolicy: { status: 'enabled' }
    }
    encryption: useKey ? { status: 'enabled', keyVaultProperties: { identity: keyIdentityClientId, keyIdentifier: keyUrl } } : null
  }
}

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: registry
  name: guid(registry.id, appPrincipalId, roles.AcrPull)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.AcrPull)
  }
}

resource push 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerId)) {
  scope: registry
  name: guid(registry.id, deployerId, roles.AcrPush)
  properties: {
    principalId: deployerId
    principalType: deployerType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.AcrPush)
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: registry
  name: 'all'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the registry.')
output id string = registry.id

@description('Host name of the registry.')
output loginServer string = registry.properties.loginServer
