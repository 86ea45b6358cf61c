// Layer 1: a resource group with everything but the event subscription, which needs the running service (events/main.bicep).

targetScope = 'subscription'

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
@description('Name of the resource group.')
param resourceGroupName string = 'rg-${environmentName}'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
  tags: { 'azd-env-name': environmentName }
}

module core 'core.bicep' = {
  scope: group
  name: 'core'
  params: {
    environmentName: environmentName
    location: location
    principalId: principalId
    principalType: principalType
    ticketSecret: ticketSecret
    image: image
    appExists: appExists
    dataLocation: dataLocation
    aiLocation: aiLocation
    realtimeModel: realtimeModel
    realtimeVersion: realtimeVersion
    realtimeCapacity: realtimeCapacity
    translateModel: translateModel
    translateVersion: translateVersion
    translateCapacity: translateCapacity
    transcribeModel: transcribeModel
    transcribeVersion: transcribeVersion
    transcribeCapacity: transcribeCapacity
    modelSku: modelSku
    contentFilter: contentFilter
    adminAppId: adminAppId
    eventGridAppId: eventGridAppId
    settings: settings
    cores: cores
    minReplicas: minReplicas
    maxReplicas: maxReplicas
    callsPerReplica: callsPerReplica
    connectionsPerReplica: connectionsPerReplica
    drainSeconds: drainSeconds
    maintenanceHour: maintenanceHour
    redisSku: redisSku
    redisHighAvailability: redisHighAvailability
    zoneRedundant: zoneRedundant
    privateNetworking: privateNetworking
    addressPrefix: addressPrefix
    trustedProxies: trustedProxies
    keyUrl: keyUrl
    keyIdentityId: keyIdentityId
    keyIdentityClientId: keyIdentityClientId
    logRetentionDays: logRetentionDays
    logDailyQuotaGb: logDailyQuotaGb
    alertEmail: alertEmail
    monthlyBudget: monthlyBudget
    budgetStart: budgetStart
  }
}

@description('Region.')
output AZURE_LOCATION string = location

@description('Tenant.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('Resource group of the service.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Host name of the registry.')
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = core.outputs.registryServer

@description('Name of the vault that holds the ticket secret.')
output AZURE_KEY_VAULT_NAME string = core.outputs.vaultName

@description('Name of the container app.')
output SERVICE_INTERPRETER_NAME string = core.outputs.appName

@description('Address of the service.')
output SERVICE_INTERPRETER_URI string = core.outputs.uri

@description('Name of the Event Grid topic.')
output EVENT_TOPIC_NAME string = core.outputs.topicName

@description('Resource id of the container for undelivered events.')
output EVENT_STORAGE_ID string = core.outputs.storageId

@description('Name of the container for undelivered events.')
output EVENT_STORAGE_CONTAINER string = core.outputs.containerName
