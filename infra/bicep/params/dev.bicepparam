// One replica, the smallest Redis without a second node, little log: to try it.
using '../main.bicep'

param environmentName = 'interpreter-dev'
param location = 'swedencentral'
param principalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param ticketSecret = readEnvironmentVariable('TICKET_SECRET')
param adminAppId = readEnvironmentVariable('ADMIN_APP_ID')
param eventGridAppId = readEnvironmentVariable('EVENT_GRID_APP_ID')
param image = readEnvironmentVariable('IMAGE', '')
param minReplicas = 1
param maxReplicas = 2
param redisHighAvailability = false
param logDailyQuotaGb = 1
