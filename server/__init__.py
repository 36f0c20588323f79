"""The aiohttp server and the command line of drTranscribe."""

from inference import moved

moved.explain()
