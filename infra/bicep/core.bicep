// Everything but the event subscription, in one resource group. main.bicep makes the group; with one of your own, deploy this.

@description('Name of the deployment; part of every name.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Region of everything but the model.')
param location string

@description('Object id of who deploys: pushes images, and keeps the ticket secret; empty for nobody.')
param principalId string = ''

@description('Kind of that principal.')
@allowed(['User', 'ServicePrincipal', 'Group'])
param principalType string = 'User'

@description('Signs listeners\' tickets: any random text of 32 characters, the same each time.')
@secure()
@minLength(16)
param ticketSecret string

@description('Image of the service; empty to keep the one that runs, or a placeholder at first.')
param image string = ''

@description('Whether the app exists already.')
param appExists bool = false

@description('Where ACS keeps data at rest, such as Europe or United States; cannot be changed later.')
param dataLocation string = 'Europe'

@description('Region of the model; see the README for those that offer it.')
param aiLocation string = location

@description('Model that interprets.')
param realtimeModel string = 'gpt-realtime-1.5'

@description('Version of that model.')
param realtimeVersion string = '2026-02-23'

@description('Its quota in thousands of tokens a minute.')
@minValue(1)
param realtimeCapacity int = 10

@description('Model for simultaneous rooms; empty for none: then the realtime model interprets them in short segments.')
param translateModel string = ''

@description('Version of that model.')
param translateVersion string = ''

@description('Its quota in thousands of tokens a minute.')
@minValue(1)
param translateCapacity int = 10

@description('Model that writes down speakers\' own words; empty for none: then only interpretations are captioned.')
param transcribeModel string = ''

@description('Version of that model.')
param transcribeVersion string = ''

@description('Its quota in thousands of tokens a minute.')
@minValue(1)
param transcribeCapacity int = 10

@description('SKU of the deployments. GlobalStandard processes audio in any region.')
param modelSku string = 'GlobalStandard'

@description('Content filter of the deployments; empty for the default one, which may cut offensive speech short.')
param contentFilter string = ''

@description('Application id by which admins ask for tokens; its app roles say what they may do.')
@minLength(36)
param adminAppId string

@description('Application id for which Event Grid gets its tokens.')
@minLength(36)
param eventGridAppId string

@description('Further settings of the service by name, such as MODEL_PRICES or RETENTION_DAYS.')
param settings object = {}

@description('Cores of a replica; it has twice as many GiB.')
@allowed(['0.5', '1.0', '2.0', '4.0'])
param cores string = '1.0'

@description('Replicas that always run. One is enough to try it; with two, a failure is heard for a few seconds only.')
@minValue(1)
param minReplicas int = 2

@description('Most replicas.')
@minValue(1)
param maxReplicas int = 10

@description('Calls for which one replica is meant.')
@minValue(1)
param callsPerReplica int = 50

@description('Connections, listeners included, for which one replica is meant.')
@minValue(1)
param connectionsPerReplica int = 500

@description('Seconds that speech under way may take when a replica stops.')
@minValue(10)
@maxValue(570)
param drainSeconds int = 60

@description('Hour of Sunday, UTC, from which the platform may patch, for eight hours.')
@minValue(0)
@maxValue(23)
param maintenanceHour int = 1

@description('Size of Redis.')
param redisSku string = 'Balanced_B0'

@description('Whether a second Redis node takes over when one fails.')
param redisHighAvailability bool = true

@description('Whether replicas and storage are spread over several zones; needs the private network, cannot be changed later.')
param zoneRedundant bool = false

@description('Whether Redis, vault, registry and model are reached by private endpoints. The service itself stays public: ACS must reach it.')
param privateNetworking bool = false

@description('Addresses of the private network.')
param addressPrefix string = '10.60.0.0/16'

@description('Addresses of the platform\'s ingress, whose X-Forwarded-For is believed.')
param trustedProxies string = '100.64.0.0/10'

@description('Versioned URL of a customer-managed key; empty for keys of the platform.')
param keyUrl string = ''

@description('Resource id of an identity that may use that key (Key Vault Crypto Service Encryption User).')
param keyIdentityId string = ''

@description('Client id of that identity.')
param keyIdentityClientId string = ''

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Most GB of logs a day; -1 for no limit.')
param logDailyQuotaGb int = 5

@description('Address that alerts are sent to; empty for no alerts.')
param alertEmail string = ''

@description('Money a month, in the currency of the subscription; 0 for no budget.')
@minValue(0)
param monthlyBudget int = 0

@description('First month of the budget.')
param budgetStart string = utcNow('yyyy-MM-01')
var token = uniqueString(subscription().id, resourceGroup().id, environmentName)
var tags = { 'azd-env-name': environmentName }
var appName = 'ca-${token}'
var aiName = 'aif-${token}'
var vaultName = 'kv-${token}'
var hostName = '${appName}.${environment.outputs.defaultDomain}'
var port = 8080

var realtime = [{ name: 'realtime', model: realtimeModel, version: realtimeVersion, capacity: realtimeCapacity }]
var translate = empty(translateModel) ? [] : [{ name: 'translate', model: translateModel, version: translateVersion, capacity: translateCapacity }]
var transcribe = empty(transcribeModel) ? [] : [{ name: 'transcribe', model: transcribeModel, version: transcribeVersion, capacity: transcribeCapacity }]

var authority = '${az.environment().authentication.loginEndpoint}${tenant().tenantId}'
var tokenKeys = '${authority}/discovery/v2.0/keys'
var tokenIssuer = '${authority}/v2.0'

module identity 'modules/identity.bicep' = {
  name: 'identity'
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: 'log-${token}'
    insightsName: 'appi-${token}'
    appPrincipalId: identity.outputs.principalId
    location: location
    tags: tags
    retentionInDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: {
    name: 'cr${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.id
    appPrincipalId: identity.outputs.principalId
    deployerId: principalId
    deployerType: principalType
    isPrivate: privateNetworking
    keyUrl: keyUrl
    keyIdentityId: keyIdentityId
    keyIdentityClientId: keyIdentityClientId
  }
}

module vault 'modules/keyvault.bicep' = {
  name: 'vault'
  params: {
    name: vaultName
    location: location
    tags: tags
    workspaceId: monitoring.outputs.id
    appPrincipalId: identity.outputs.principalId
    deployerId: principalId
    deployerType: principalType
    ticketSecret: ticketSecret
    isPrivate: privateNetworking
  }
}

module communication 'modules/communication.bicep' = {
  name: 'communication'
  params: {
    name: 'acs-${token}'
    tags: tags
    dataLocation: dataLocation
    workspaceId: monitoring.outputs.id
    appPrincipalId: identity.outputs.principalId
  }
}

module ai 'modules/ai.bicep' = {
  name: 'ai'
  params: {
    name: aiName
    location: aiLocation
    tags: tags
    workspaceId: monitoring.outputs.id
    appPrincipalId: identity.outputs.principalId
    deployments: concat(realtime, translate, transcribe)
    sku: modelSku
    contentFilter: contentFilter
    isPrivate: privateNetworking
    keyUrl: keyUrl
    keyIdentityId: keyIdentityId
    keyIdentityClientId: keyIdentityClientId
  }
}

module redis 'modules/redis.bicep' = {
  name: 'redis'
  params: {
    name: 'redis-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.id
    appPrincipalId: identity.outputs.principalId
    sku: redisSku
    highAvailability: redisHighAvailability
    isPrivate: privateNetworking
    keyUrl: keyUrl
    keyIdentityId: keyIdentityId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.id
    zoneRedundant: zoneRedundant
    keyUrl: keyUrl
    keyIdentityId: keyIdentityId
  }
}

module topic 'modules/event-topic.bicep' = {
  name: 'topic'
  params: {
    name: 'egst-${token}'
    tags: tags
    source: communication.outputs.id
    workspaceId: monitoring.outputs.id
    storageName: storage.outputs.name
    containerName: storage.outputs.containerName
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  name: 'network'
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
    addressPrefix: addressPrefix
  }
}

module redisEndpoint 'modules/private-endpoint.bicep' = if (privateNetworking) {
  name: 'redis-endpoint'
  params: {
    name: 'pep-redis-${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    targetId: redis.outputs.id
    groupId: 'redisEnterprise'
    zoneNames: ['privatelink.redis.azure.net']
  }
}

module vaultEndpoint 'modules/private-endpoint.bicep' = if (privateNetworking) {
  name: 'vault-endpoint'
  params: {
    name: 'pep-vault-${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    targetId: vault.outputs.id
    groupId: 'vault'
    zoneNames: ['privatelink${replace(az.environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}']
  }
}

module registryEndpoint 'modules/private-endpoint.bicep' = if (privateNetworking) {
  name: 'registry-endpoint'
  params: {
    name: 'pep-registry-${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    targetId: registry.outputs.id
    groupId: 'registry'
    zoneNames: ['privatelink${az.environment().suffixes.acrLoginServer}']
  }
}

module aiEndpoint 'modules/private-endpoint.bicep' = if (privateNetworking) {
  name: 'ai-endpoint'
  params: {
    name: 'pep-ai-${token}'
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointsSubnetId
    targetId: ai.outputs.id
    groupId: 'account'
    zoneNames: ['privatelink.openai.azure.com', 'privatelink.cognitiveservices.azure.com', 'privatelink.services.ai.azure.com']
  }
}

module environment 'modules/environment.bicep' = {
  name: 'environment'
  params: {
    name: 'cae-${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.id
    subnetId: privateNetworking ? network!.outputs.appsSubnetId : ''
    zoneRedundant: zoneRedundant
    maintenanceHour: maintenanceHour
  }
}

module current 'modules/current-image.bicep' = {
  name: 'current-image'
  params: {
    exists: appExists
    appName: appName
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  params: {
    name: appName
    location: location
    tags: tags
    environmentId: environment.outputs.id
    hostName: hostName
    identityId: identity.outputs.id
    registryServer: registry.outputs.loginServer
    image: empty(image) ? current.outputs.image : image
    ticketAddress: vault.outputs.ticketAddress
    port: port
    drainSeconds: drainSeconds
    minReplicas: minReplicas
    maxReplicas: maxReplicas
    callsPerReplica: callsPerReplica
    connectionsPerReplica: connectionsPerReplica
    cores: cores
    settings: union({
      AZURE_CLIENT_ID: identity.outputs.clientId
      AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential'
      AZURE_COMMUNICATION_ENDPOINT: communication.outputs.endpoint
      ACS_TOKEN_AUDIENCE: communication.outputs.immutableResourceId
      AZURE_AI_ENDPOINT: ai.outputs.endpoint
      AZURE_AI_REALTIME_DEPLOYMENT: 'realtime'
      AZURE_AI_TRANSLATE_DEPLOYMENT: empty(translate) ? '' : 'translate'
      AZURE_AI_TRANSCRIBE_DEPLOYMENT: empty(transcribe) ? '' : 'transcribe'
      PUBLIC_BASE_URL: 'https://${hostName}'
      EVENT_GRID_TOKEN_ISSUER: tokenIssuer
      EVENT_GRID_TOKEN_AUDIENCE: eventGridAppId
      EVENT_GRID_TOKEN_JWKS_URL: tokenKeys
      ADMIN_TOKEN_ISSUER: tokenIssuer
      ADMIN_TOKEN_AUDIENCE: adminAppId
      ADMIN_TOKEN_JWKS_URL: tokenKeys
      REDIS_URL: redis.outputs.address
      TRUSTED_PROXIES: privateNetworking ? '${trustedProxies},${addressPrefix}' : trustedProxies
      MAX_CALLS: string(callsPerReplica * 2)
      DRAIN_S: string(drainSeconds)
      APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.insightsAddress
      REGION: location
      HOST: '0.0.0.0'
      PORT: string(port)
    }, settings)
  }
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmail)) {
  name: 'alerts'
  params: {
    email: alertEmail
    location: location
    tags: tags
    workspaceId: monitoring.outputs.id
    appId: app.outputs.id
    maxReplicas: maxReplicas
    topicId: topic.outputs.id
    redisId: redis.outputs.id
    aiId: ai.outputs.id
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.id
  }
}

@description('Host name of the registry.')
output registryServer string = registry.outputs.loginServer

@description('Name of the vault.')
output vaultName string = vaultName

@description('Name of the container app.')
output appName string = app.outputs.name

@description('Address of the service.')
output uri string = 'https://${hostName}'

@description('Name of the Event Grid topic.')
output topicName string = topic.outputs.name

@description('Resource id of the storage account for undelivered events.')
output storageId string = storage.outputs.id

@description('Name of the container for undelivered events.')
output containerName string = storage.outputs.containerName
