// Spread over zones, with private endpoints, alerts and a budget.
using '../main.bicep'

param environmentName = 'interpreter-prod'
param location = 'swedencentral'
param principalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param principalType = 'ServicePrincipal'
param ticketSecret = readEnvironmentVariable('TICKET_SECRET')
param adminAppId = readEnvironmentVariable('ADMIN_APP_ID')
param eventGridAppId = readEnvironmentVariable('EVENT_GRID_APP_ID')
param image = readEnvironmentVariable('IMAGE', '')
param minReplicas = 3
param maxReplicas = 20
param redisSku = 'Balanced_B1'
param zoneRedundant = true
param privateNetworking = true
param realtimeCapacity = 100
param logRetentionDays = 90
param logDailyQuotaGb = 20
param alertEmail = readEnvironmentVariable('ALERT_EMAIL')
param monthlyBudget = 2000
param settings = {
  RETENTION_DAYS: '14'
}
