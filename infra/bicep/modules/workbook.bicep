// A page in the portal: calls, what was refused or failed, undelivered events, the model's quota.

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the workspace.')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'interpreter')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Interpreter'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: loadTextContent('workbook.json')
  }
}
