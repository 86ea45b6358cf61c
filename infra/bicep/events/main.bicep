// Layer 2: the event subscription. Event Grid calls the service at once, so the service has to run and answer by then.

@description('Name of the Event Grid topic.')
param topicName string

@description('Address of the service.')
param serviceUri string

@description('Application id for which Event Grid gets its tokens.')
@minLength(36)
param eventGridAppId string

@description('Resource id of the storage account for undelivered events.')
param storageId string

@description('Name of the container for undelivered events.')
param containerName string

@description('Whether the service runs; without it nothing is deployed.')
param appExists bool

module subscription '../modules/event-subscription.bicep' = if (appExists) {
  name: 'event-subscription'
  params: {
    topicName: topicName
    endpointUrl: '${serviceUri}/webhooks/eventgrid'
    eventGridAppId: eventGridAppId
    storageId: storageId
    containerName: containerName
  }
}
