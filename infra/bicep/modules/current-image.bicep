// The image that the service runs now, so that provisioning again does not change it.

@description('Whether the app exists already.')
param exists bool

@description('Name of the app.')
param appName string

resource app 'Microsoft.App/containerApps@2025-07-01' existing = if (exists) {
  name: appName
}

@description('The image; empty if there is no app yet.')
output image string = exists ? app!.properties.template.containers[0].image : ''
