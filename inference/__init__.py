"""Speech and text engines of drTranscribe: audio in, transcript segments and clinical findings out."""

from inference import moved

moved.explain()
