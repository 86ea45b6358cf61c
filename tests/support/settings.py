"""The fewest settings with which the service starts."""

from __future__ import annotations

CONNECTION_STRING = "endpoint=https://contoso.communication.azure.com/;accesskey=c2VjcmV0LWFjY2Vzcy1rZXk="
REQUIRED = {
    "AZURE_COMMUNICATION_CONNECTION_STRING": CONNECTION_STRING,
    "AZURE_AI_ENDPOINT": "https://contoso.openai.azure.com/",
    "AZURE_AI_REALTIME_DEPLOYMENT": "gpt-realtime",
    "PUBLIC_BASE_URL": "https://interpreter.contoso.com/",
    "ACS_TOKEN_AUDIENCE": "5b006980-0000-4000-8000-000000000001",
    "EVENT_GRID_SECRET": "the-secret-of-event-grid",
    "ADMIN_API_KEYS": "ops:the-key-of-ops",
}
