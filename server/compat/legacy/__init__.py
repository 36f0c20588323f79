"""The contract of the public drTranscribe's extension: `/ws` without a subprotocol, and its REST endpoints."""
