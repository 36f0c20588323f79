"""Side by side with other servers of live speech: same weights, audio, pacing, machine and run."""
