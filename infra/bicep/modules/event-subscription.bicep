// Has the events of calls delivered to the service, with an Entra token and without a secret.

@description('Name of the Event Grid topic.')
param topicName string

@description('Address that events are delivered to.')
@secure()
param endpointUrl string

@description('Application id for which Event Grid gets its tokens.')
param eventGridAppId string

@description('Resource id of the storage account for undelivered events.')
param storageId string

@description('Name of the container for undelivered events.')
param containerName string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'interpreter'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: endpointUrl
        azureActiveDirectoryTenantId: tenant().tenantId
        azureActiveDirectoryApplicationIdOrUri: eventGridAppId
        minimumTlsVersionAllowed: '1.2'
        maxEventsPerBatch: 1
        preferredBatchSizeInKilobytes: 64
      }
    }
    filter: {
      includedEventTypes: [
        'Microsoft.Communication.CallStarted'
        'Microsoft.Communication.CallEnded'
        'Microsoft.Communication.CallParticipantAdded'
        'Microsoft.Communication.CallParticipantRemoved'
      ]
    }
    // An event of a call that began a quarter of an hour ago helps nobody.
    retryPolicy: { maxDeliveryAttempts: 10, eventTimeToLiveInMinutes: 15 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: storageId, blobContainerName: containerName }
      }
    }
  }
}
