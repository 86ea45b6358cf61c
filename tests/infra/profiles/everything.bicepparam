using '../../../infra/bicep/main.bicep'

param environmentName = 'everything'
param location = 'swedencentral'
param principalId = '00000000-0000-0000-0000-0000000000d1'
param ticketSecret = 'a-secret-of-a-test-only-32-chars'
param adminAppId = '00000000-0000-0000-0000-0000000000a1'
param eventGridAppId = '00000000-0000-0000-0000-0000000000e1'
param image = 'registry.example/interpreter:1'
param translateModel = 'gpt-realtime-translate'
param translateVersion = '2026-05-06'
param transcribeModel = 'gpt-4o-transcribe'
param transcribeVersion = '2025-03-20'
param contentFilter = 'interpreting'
param privateNetworking = true
param zoneRedundant = true
param keyUrl = 'https://keys.vault.example/keys/interpreter/0123456789abcdef'
param keyIdentityId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/keys/providers/Microsoft.ManagedIdentity/userAssignedIdentities/keys'
param keyIdentityClientId = '00000000-0000-0000-0000-0000000000c1'
param alertEmail = 'operator@example.org'
param monthlyBudget = 100
param budgetStart = '2026-12-01'
