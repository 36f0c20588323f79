"""The aiohttp server, the command line and the Python client of drTranscribe."""
