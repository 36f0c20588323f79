"""What the client asks over HTTP, of a real server with keys."""

import pytest

from drtranscribe import Consultation, ConsultationError, erase_session, fetch_record, fetch_ticket
from tests.support.access import key, text_of
from tests.support.live import serving


async def test_a_ticket_a_record_and_the_end_of_a_session_for_good_with_a_key(tmp_path):
    text = text_of(key(tmp_path / "keys.json", "ward-3"))
    other = text_of(key(tmp_path / "keys.json", "ward-4"))
    async with serving(keys_file=tmp_path / "keys.json") as server:
        url = server.url.replace("http", "ws") + "/ws"

        async def ticket():
            return await fetch_ticket(url, api_key=text)

        async with Consultation.connect(url, ticket=ticket, consent_wording="Yes.") as consultation:
            await consultation.send(bytes(32_000))
        session = consultation.session_id
        assert consultation.started["consent"]["by"] == "ward-3"
        assert b'"wording": "Yes."' in (await fetch_record(url, session, api_key=text)).replace(b'":"', b'": "')
        for wrong in (None, other):
            with pytest.raises(ConsultationError, match="no record as json: "):
                await fetch_record(url, session, api_key=wrong)
        with pytest.raises(ConsultationError, match="not erased: no such session"):
            await erase_session(url, session, api_key=other)
        await erase_session(url, session, api_key=text)
        with pytest.raises(ConsultationError, match="no such session"):
            await fetch_record(url, session, api_key=text)


async def test_a_wrong_key_is_an_error_that_says_what_to_do(tmp_path):
    key(tmp_path / "keys.json", "ward-3")
    async with serving(keys_file=tmp_path / "keys.json") as server:
        url = server.url.replace("http", "ws") + "/ws"
        with pytest.raises(ConsultationError) as refused:
            await fetch_ticket(url, api_key="drt_wrong")
        assert (refused.value.code, "drt_wrong" in str(refused.value)) == ("not_authorised", False)
        with pytest.raises(ConsultationError, match="this key, ticket or sign-in is not in force") as refused:
            async with Consultation.connect(url, api_key="drt_wrong"):
                pass
        assert refused.value.code == "not_authorised"
