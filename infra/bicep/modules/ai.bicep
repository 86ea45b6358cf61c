// The model: an AI Services account with up to three deployments. No keys.

@description('Name of the account, and of its host.')
@minLength(2)
@maxLength(64)
param name string

@description('Region; must offer the models.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the workspace for logs.')
param workspaceId string

@description('Object id of the identity that opens sessions.')
param appPrincipalId string

@description('Deployments: name, model, version, capacity in thousands of tokens a minute.')
param deployments array

@description('SKU of the deployments.')
param sku string

@description('Content filter of the deployments; empty for the default one.')
param contentFilter string

@description('Whether the account is reached by its private endpoint only.')
param isPrivate bool

@description('Versioned URL of the customer-managed key; empty for keys of the platform.')
param keyUrl string

@description('Resource id of the identity that may use the key.')
param keyIdentityId string

@description('Client id of that identity.')
param keyIdentityClientId string

var roles = loadJsonContent('../roles.json')
var useKey = !empty(keyUrl)
var keyParts = split(useKey ? keyUrl : 'https://none/keys/none/none', '/')

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'AIServices'
  sku: { name: 'S0' }
  identity: useKey ? { type: 'UserAssigned', userAssignedIdentities: { '${keyIdentityId}': {} } } : null
  properties: {
    customSubDomainName: name
    disableLocalAuth: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow' }
    encryption: useKey ? { keySource: 'Microsoft.KeyVault', keyVaultProperties: { keyVaultUri: 'https://${keyParts[2]}', keyName: keyParts[4], keyVersion: keyParts[5], identityClientId: keyIdentityClientId } } : null
  }
}

@batchSize(1)
resource models 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = [for deployment in deployments: {
  parent: account
  name: deployment.name
  sku: { name: sku, capacity: deployment.capacity }
  properties: {
    model: { format: 'OpenAI', name: deployment.model, version: deployment.version }
    raiPolicyName: empty(contentFilter) ? null : contentFilter
    versionUpgradeOption: 'NoAutoUpgrade'
  }
}]

resource use 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, appPrincipalId, roles['Cognitive Services OpenAI User'])
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Cognitive Services OpenAI User'])
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'all'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Address of the Realtime API.')
output endpoint string = 'https://${account.properties.customSubDomainName}.openai.azure.com'
