"""Deepgram's live WebSocket, `GET /v1/listen`: its clients and SDKs work against this server unchanged."""
