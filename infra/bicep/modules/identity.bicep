// The identity that the service uses for everything: ACS, the model, Redis, the registry, the vault.

@description('Name of the identity.')
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id.')
output id string = identity.id

@description('Object id, for role assignments and as user name in Redis.')
output principalId string = identity.properties.principalId

@description('Client id, by which the service chooses this identity.')
output clientId string = identity.properties.clientId
