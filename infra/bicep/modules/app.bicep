// The service as a container app: several revisions side by side, so that an update cuts no call.

@description('Name of the app.')
@minLength(2)
@maxLength(32)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the environment.')
param environmentId string

@description('Host name of the app, which ACS and Event Grid are given.')
param hostName string

@description('Resource id of the service\'s identity.')
param identityId string

@description('Host name of the registry.')
param registryServer string

@description('Image of the service; empty before the first one is built: then a placeholder runs.')
param image string

@description('Address of the ticket secret in the vault.')
@secure()
param ticketAddress string

@description('Settings of the service, by name.')
param settings object

@description('Port that the service listens on.')
param port int

@description('Seconds that speech under way may take when a replica stops.')
@minValue(10)
@maxValue(570)
param drainSeconds int

@description('Replicas that always run.')
@minValue(1)
param minReplicas int

@description('Most replicas.')
param maxReplicas int

@description('Calls for which one replica is meant.')
param callsPerReplica int

@description('Connections, listeners included, for which one replica is meant.')
param connectionsPerReplica int

@description('Cores of a replica; it has twice as many GiB.')
@allowed(['0.5', '1.0', '2.0', '4.0'])
param cores string

var placeholder = empty(image)
var memory = { '0.5': '1Gi', '1.0': '2Gi', '2.0': '4Gi', '4.0': '8Gi' }
var environmentVariables = map(items(settings), setting => { name: setting.key, value: string(setting.value) })
var ticketVariable = [{ name: 'TICKET_SECRET', secretRef: 'ticket-secret' }]
// A replica leaves its calls for 10 s at most after the last speech, and closes its connections for 5 s.
var graceSeconds = drainSeconds + 20

var probes = [
  {
    type: 'Startup'
    httpGet: { path: '/healthz', port: port }
    initialDelaySeconds: 1
    periodSeconds: 1
    timeoutSeconds: 2
    failureThreshold: 10
  }
  {
    type: 'Liveness'
    httpGet: { path: '/healthz', port: port }
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 3
  }
  {
    type: 'Readiness'
    httpGet: { path: '/readyz', port: port }
    periodSeconds: 5
    timeoutSeconds: 5
    failureThreshold: 2
  }
]

// A WebSocket is one request for the built-in HTTP rule, however long it lasts. /load says what all replicas serve.
var scaleRules = [
  {
    name: 'calls'
    custom: { type: 'metrics-api', metadata: { url: 'https://${hostName}/load', valueLocation: 'calls', targetValue: string(callsPerReplica) } }
  }
  {
    name: 'connections'
    custom: { type: 'metrics-api', metadata: { url: 'https://${hostName}/load', valueLocation: 'connections', targetValue: string(connectionsPerReplica) } }
  }
  {
    name: 'cpu'
    custom: { type: 'cpu', metadata: { type: 'Utilization', value: '60' } }
  }
  {
    name: 'memory'
    custom: { type: 'memory', metadata: { type: 'Utilization', value: '75' } }
  }
]

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'interpreter' })
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    environmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Multiple'
      maxInactiveRevisions: 5
      ingress: {
        external: true
        allowInsecure: false
        transport: 'http'
        targetPort: placeholder ? 80 : port
        traffic: [{ latestRevision: true, weight: 100 }]
      }
      registries: [{ server: registryServer, identity: identityId }]
      secrets: [{ name: 'ticket-secret', keyVaultUrl: ticketAddress, identity: identityId }]
    }
    template: {
      terminationGracePeriodSeconds: graceSeconds
      containers: [
        {
          name: 'interpreter'
          image: placeholder ? 'mcr.microsoft.com/azuredocs/containerapps-helloworld:latest' : image
          resources: { cpu: json(cores), memory: memory[cores] }
          env: concat(environmentVariables, ticketVariable)
          probes: placeholder ? [] : probes
        }
      ]
      scale: {
        minReplicas: placeholder ? 1 : minReplicas
        maxReplicas: placeholder ? 1 : maxReplicas
        pollingInterval: 15
        rules: placeholder ? [] : scaleRules
      }
    }
  }
}

@description('Resource id of the app.')
output id string = app.id

@description('Name of the app.')
output name string = app.name
