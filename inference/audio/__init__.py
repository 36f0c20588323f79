"""From a client's bytes to spans of speech: decoding, voice activity detection, segmentation."""
