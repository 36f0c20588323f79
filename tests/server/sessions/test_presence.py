from server.sessions.presence import PAUSE_LIMIT_S, Limits, Presence

LIMITS = Limits(queue_chunks=8, idle_timeout_s=60.0, max_session_s=3600.0, resume_ttl_s=120.0)


def test_silence_ends_a_session_sooner_the_less_there_is_to_lose():
    presence = Presence(LIMITS, opened_at=0.0, heard_at=0.0)

    def over_after(seconds: float, **state: bool) -> bool:
        assert not presence.is_over(seconds, **state)
        return presence.is_over(seconds + 0.1, **state)

    assert over_after(60.0, attached=True, audio=True)
    assert over_after(120.0, attached=False, audio=True), "it may be resumed"
    assert over_after(10.0, attached=False, audio=False)
    presence.paused = True
    assert over_after(PAUSE_LIMIT_S, attached=True, audio=True)


def test_the_first_audio_is_late_after_its_own_limit_whatever_else_was_heard():
    presence = Presence(LIMITS, opened_at=0.0, heard_at=0.0)
    presence.heard()
    assert not presence.is_late(10.0)
    assert presence.is_late(10.1)
