from inference.asr.leads.beam import behind_lead


def test_a_text_behind_a_lead_is_judged_by_its_own_tokens_alone():
    # Of eight forced tokens, then one of -1.0 or four of -0.3 each: divided by nine and by twelve tokens.
    lead = [1] * 8
    found = behind_lead([[*lead, 7], [*lead, 2, 3, 4, 5]], [-1.0 / 9, -1.2 / 12], 8)
    assert [(list(one.ids), round(one.logprob, 3)) for one in found] == [([2, 3, 4, 5], -0.3), ([7], -1.0)]
    ranked = behind_lead([[*lead, 7], [*lead, *[2] * 16]], [-0.6 / 9, -4.8 / 24], 8)
    assert [len(one.ids) for one in ranked] == [16, 1]


def test_without_a_lead_nothing_changes():
    found = behind_lead([[1, 2], [3]], [-0.2, -0.4], 0)
    assert [(list(one.ids), one.logprob) for one in found] == [([1, 2], -0.2), ([3], -0.4)]
    assert behind_lead([[1, 2]], [-0.2], 2)[0].ids == []
