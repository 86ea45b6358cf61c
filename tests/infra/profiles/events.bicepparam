using '../../../infra/bicep/events/main.bicep'

param topicName = 'egst-example'
param serviceUri = 'https://ca-example.example.org'
param eventGridAppId = '00000000-0000-0000-0000-0000000000e1'
param storageId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/stexample'
param containerName = 'undelivered-events'
param appExists = true
