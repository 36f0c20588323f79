"""What somebody says outright: symptoms, conditions, operations, habits, of the patient or of the family. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import islice, takewhile

from inference.extraction.attributes import Span, of_symptom
from inference.extraction.context import Assertion, assertion, triggers
from inference.extraction.dialogue import Turn
from inference.extraction.draft import Draft, draft
from inference.extraction.lexicon import Match, find, relations_trie
from inference.extraction.mentions import VAGUE, Mention, mentions
from inference.extraction.tables import words
from inference.findings import Kind, Status, Temporality

_FIRST_PERSON = words("first_person")
_SECOND_PERSON = words("second_person")
_COORDINATING = frozenset(("and", "but", "or"))
_THIRD_PERSON = frozenset(("he", "she", "hes", "shes"))
_RELATIVE_PRONOUNS = _THIRD_PERSON | {"they", "theyre", "theyve", "both"}
_STRANGERS = words("stranger")
_SPEAKER = frozenset(("i", "im", "ive", "me", "you", "youre", "youve"))
_OWN = frozenset(("my", "your"))
_CONDITION_OWNER = words("condition_owner")
_DEFINITE = frozenset(("your", "the", "this", "these", "that"))
_ECHO_TOKENS = 8
_ECHO_OF_FAMILY_TOKENS = 4
_FEAR_REACH = 7
_RELATIVE_REACH = 8
_OTHERS = frozenset(("they", "theyve", "theyre", "everyone", "everybody"))
"""A clinician's sentence of so few words repeats what the patient said: "Some ringing in your ear."."""

_DIAGNOSING = re.compile(
    r"\b(?:i think|i believe|sounds like|looks like|seems like|seems to be|likely|probably|consistent with|suggestive|"
    r"suggests|diagnos\w+|youve got|you have got|could be|may be|might be|suspect|impression|what we call|called|"
    r"worried about|concerned about|concerned that|assessment|this is|it is|its|thats|that is|caused by|due to|"
    r"touch of|case of|bout of|problem|possibility|back of my mind|rule out|exclude|make sure|thinking (?:of|about))\b"
)
_OWNING = re.compile(
    r"\b(?:you have|you had|youve|your|you suffer|you get|history|known|with|you are|youre|you were|"
    r"you mentioned|he has|she has)\b"
)
_HISTORY = re.compile(
    r"\b(?:history|before|previous|previously|ago|last year|as a child|used to|diagnosed|since|years)\b"
)
_HEDGING = re.compile(
    r"\b(?:sounds like|looks like|seems like|seems to be|appears to be|likely|probably|probable|suggestive|suggests?|"
    r"suspect|worried about|concerned about|working diagnosis|differential|possibility|impression|"
    r"back of my mind|rule out|exclude|make sure|thinking (?:of|about))\b"
)
_CERTAIN = frozenset(("but", "also", "however", "definitely", "certainly", "clearly"))
"""Where one of these follows a hedge, another statement begins."""
_OTHERS_FOUND = re.compile(
    r"\b(?:they|theyve|theyd) (?:\w+ )?(?:(?:diagnosed|told) me|said (?:its|it was|that its|i had|ive got|i have)|"
    r"found|call it|called it|put in|gave me|did)\b"
)
_RECAPPING = re.compile(r"\b(?:to|just|lets|quick) (?:re)?cap\b|\bto (?:summari[sz]e|sum up)\b|\bin summary\b")
_FRAGMENT = 3
_LISTING = frozenset(("and", "or", "but", "any"))
_SAYING_MORE = frozenset(("it", "its", "that", "thats", "they", "theyre", "i", "im", "ive"))
_ASKED_FOR = frozenset(("did", "have", "had", "do", "does", "are", "is", "was", "were", "you", "with", "if"))
_CALLING = re.compile(
    r"(?:(?:or|and|at|all|then|just|you|please|um|uh|straight|anything|like|that|sort|of|thing|\w+) ){0,6}?"
    r"(?:call|phone|ring|come back|come in|go to|go straight|nine nine nine|999|911|let (?:me|us) know|get in touch|"
    r"contact|give us|give me)\b"
)
_OF_WARNINGS = re.compile(
    r"\b(?:look|watch|looking|watching) (?:out )?for\b|\bcome back (?:for|with|if)\b|\bwarning signs\b|"
    r"\bcall (?:us|me|999|911) (?:for|with|if)\b"
)
_HAVING_MYSELF = re.compile(
    r"\b(?:i have|ive|ive got|i had|i get|i got|im having)"
    r"(?: (?:a|an|this|some|such|bit|of|the|bad|terrible|awful|really))* ?$"
)
_COMPARING = re.compile(
    r"(?:like (?:this|that|it)\b(?! before)|(?:this|that|so|quite so|as) (?:bad|long|severe)|"
    r"last (?:this|that|so) long)"
)
_CHANGING = re.compile(
    r"(?:is |are |has |have |was |were )?(?:been |got |getting |any |much )*"
    r"(?:better|worse|improv\w+|settl\w+|going away|gone away|related|due to|because|serious|that bad|too bad)\b"
)
_MUCH = re.compile(r"\b(?:a lot|lots|loads|much|many|masses|tons)(?: of)?(?: \w+)?$")
"""What a denial leaves some of: "there isn't a lot of discharge"."""
_NOT_THE_ONE = re.compile(r"\bnot (?:\w+ )?(?:about )?(?:just )?(?:the|my|this)(?: \w+)?$|\bnot (?:the|my)$")
_MINDING = re.compile(r"\b(?:worried|concerned|bothered|fussed)\b")
_REFERRING_TO = re.compile(r"\brefer\w* (?:\w+ ){0,3}to (?:a|an|the|our)$")
_FORESEEN = re.compile(r"\byou (?:also |well |then )?(?:may|might|could)\b")
_EXAMPLES = re.compile(
    r"\b(?:things|symptoms|anything|something|stuff|problems|signs) (?:such as|like|including)\b|"
    r"\b(?:symptoms?|things|signs) (?:that )?(?:i|we|ive|weve) (?:just )?(?:mentioned|said|told|discussed|talked)\b|"
    r"\b(?:symptoms?|things|signs) to (?:watch|look) out for\b"
)
_EXAMINING = re.compile(
    r"\b(?:i can (?:hear|see|feel)|i do (?:hear|appreciate)|i appreciate|i hear|on exam|on your|there is|theres)\b"
)
_YOUR_HABIT = re.compile(r"\byou (?:dont |do |also )?(?:smoke|drink|live|vape|use)\b")
_OWN_OPINION = re.compile(r"\bi (?:think|believe|suspect)\b")

_DEGREES = frozenset(("much", "big", "heavy", "heavily", "lot", "often", "regularly"))
"""What "not" takes back of a habit before one of these is the degree: "I don't drink much" is a drinker."""

_FEARING = words("fearing")
_OTHERS_SAID = re.compile(
    r"\b(?:they|doctor|gp|hospital|nurse|consultant|he|she) (?:\w+ ){0,2}(?:said|told|thought|think)\b"
)
_FAMILY_QUESTION = re.compile(
    r"\bfamil(?:y|ial) (?:medical )?(?:history|illness)|\bruns? in (?:the|your) family\b|"
    r"\b(?:any\w*|what|illness\w*|diseases?|problems?|conditions?|history) (?:\w+ ){0,6}(?:family|relatives)\b|"
    r"\b(?:family|relatives) (?:\w+ ){0,4}(?:have|had|suffer|with) (?:any\w*|\w+ (?:problems?|conditions?|illness))"
)
_YOU_SAID = re.compile(r"\b(?:you|youve) (?:mentioned|said|talked about|asked)\b")
_OWN_FEAR = re.compile(
    r"\b(?:makes? me|made me|im|i am|i was|we are|were|id be|i would be|i wouldnt be|wouldnt be|not) (?:\w+ )?$"
)

_BEING = frozenset(
    ("is", "are", "am", "was", "were", "be", "been", "went", "go", "im", "youre", "hes", "shes", "theyre")
)

WELL = frozenset(("normal bowel movements", "passing urine normally", "tolerating fluids", "normal periods"))
"""Nobody comes because of these."""

ABILITIES: Mapping[str, str] = {"unable to keep fluids down": "tolerating fluids"}
"""Concepts that are denials themselves, and what is true where they are not: "can you keep anything down?" """


def stated(turn: Turn, relative: str | None = None, asked: Turn | None = None) -> Iterator[Draft]:
    """The facts of one sentence that is no question for yes or no. `relative`: the one that "he" or "she" means.

    `asked`: the question that it may answer.
    """
    of_family = asked is not None and asks_of_family(asked)
    if of_family and relative is None:
        relative = "family"
    tokens = turn.tokens
    found = mentions(turn.segment.text, tokens)
    if _is_echo(turn) or (asked is not None and _OF_WARNINGS.search(asked.joined)):
        return
    if not found or (turn.speaker != "patient" and len(tokens) > 3 and tokens[0].word == "or"):
        # "Or your neck gets stiff." goes on with what may happen.
        return
    context = triggers(tokens, frozenset(i for m in found for i in range(m.start, m.end)))
    for position, mention in enumerate(found):
        said = assertion(tokens, context, mention.start, mention.end)
        if relative is not None and _speaks_of_relative(turn, mention, answering=of_family):
            said = replace(said, experiencer="family")
        elif relative is not None and turn.speaker == "clinician" and len(tokens) <= _ECHO_OF_FAMILY_TOKENS:
            continue
        near = set(turn.sentence.words[max(0, mention.start - 5) : mention.start])
        own = _FIRST_PERSON & set(turn.sentence.words[mention.start : mention.end])
        told_me = _OTHERS_FOUND.search(_head(turn, mention)) or own
        if turn.speaker != "clinician" and said.experiencer != "family" and _OTHERS & near and not told_me:
            continue
        if (
            _is_feared_in_answer(turn, mention, asked)
            or _is_of_an_illness(turn, found, mention)
            or _is_example(turn, mention)
        ):
            continue
        if is_safety_net(turn, mention.end) or _is_clinicians_own(turn, mention):
            continue
        said = _as_answered(turn, mention, said)
        kind = _kind(turn, mention, said)
        if said.hypothetical or kind is None or not _is_told(turn, mention):
            continue
        if kind == "symptom" and turn.speaker != "patient" and said.status == "possible" and _is_foreseen(turn, said):
            continue
        if kind == "diagnosis" and said.status == "present" and (hedge := _hedge(turn, mention)) is not None:
            said = replace(said, status="possible", from_token=min(said.from_token, hedge))
        family = said.experiencer == "family"
        status: Status = "absent" if mention.negated else said.status
        if mention.concept in ABILITIES:
            status = "present"
        if kind == "social_history" and status == "absent" and (degree := _degree(turn, said)) is not None:
            status, said = "present", replace(said, to_token=max(said.to_token, degree + 1))
        if status == "absent" and "before" in turn.sentence.words[mention.end :]:
            # "You haven't had headaches before" says nothing of now.
            continue
        if mention.concept in VAGUE and mention.location is None and said.status == "absent":
            # "No pain" answers a question about one pain or another.
            continue
        attributes: Mapping[str, str] = {}
        proof: list[Span] = []
        if family:
            attributes = relation_of(turn, mention.start) or ({"relation": relative} if relative else {})
            if not attributes:
                continue
        elif kind == "symptom" and status != "absent" and turn.form != "open":
            attributes, proof = symptom_attributes(turn, found, position)
        temporality: Temporality = "past" if mention.kind == "procedure" else said.temporality
        first, last = said.from_token, said.to_token
        yield draft(
            turn,
            kind,
            mention.concept,
            *(with_relative(turn, first, last) if family else (first, last)),
            status=status,
            temporality=temporality,
            family=family,
            attributes=attributes,
            proof=proof,
        )


def asks_of_family(turn: Turn) -> bool:
    return bool(_FAMILY_QUESTION.search(turn.joined))


def concepts(turn: Turn) -> Set[str]:
    return {mention.concept for mention in mentions(turn.segment.text, turn.tokens)}


def imagined(turn: Turn) -> Set[str]:
    """The concepts of a sentence that it only warns of or supposes."""
    found = mentions(turn.segment.text, turn.tokens)
    context = triggers(turn.tokens, frozenset(i for m in found for i in range(m.start, m.end)))
    return {
        m.concept for m in found if assertion(turn.tokens, context, m.start, m.end).hypothetical or _is_example(turn, m)
    }


def _degree(turn: Turn, said: Assertion) -> int | None:
    """The token of a denial that leaves some of a habit: "I don't smoke a lot"."""
    after = takewhile(lambda at: not turn.tokens[at - 1].comma, range(said.to_token, len(turn.tokens)))
    near = (*range(said.from_token, said.to_token), *islice(after, 3))
    return next((at for at in near if turn.tokens[at].word in _DEGREES), None)


def _speaks_of_relative(turn: Turn, mention: Mention, *, answering: bool) -> bool:
    """`answering`: a question about the family, which a sentence that names nobody then answers."""
    before = {t.word for t in turn.tokens[: mention.start]}
    if _SPEAKER & before or _OWN & {t.word for t in turn.tokens[max(0, mention.start - 2) : mention.start]}:
        return False
    is_short = len(turn.tokens) <= _ECHO_OF_FAMILY_TOKENS
    named = (_FIRST_PERSON | _SPEAKER) & set(turn.sentence.words) or find(relations_trie(), turn.tokens)
    fragment = turn.speaker != "clinician" and mention.kind == "condition" and (is_short or (answering and not named))
    return bool(_RELATIVE_PRONOUNS & before) or fragment


def relation_of(turn: Turn, before: int) -> dict[str, str]:
    """Which relative the sentence speaks of: the last one named before a token, or the first after it."""
    relations = _relations(turn)
    others = not _STRANGERS.isdisjoint(turn.sentence.words[:before])
    chosen = [r for r in relations if r.start < before][-1:] or ([] if others else relations[:1])
    if chosen:
        return {"relation": chosen[0].entry.concept}
    return {"relation": "family"} if "family" in turn.sentence.words else {}


def _relations(turn: Turn) -> list[Match]:
    """The relatives whom a sentence names; "my friend's mother" is none."""
    return [
        r for r in find(relations_trie(), turn.tokens) if not r.start or turn.tokens[r.start - 1].word not in _STRANGERS
    ]


def speaks_of_stranger(turn: Turn) -> bool:
    """ "My friend has migraines. She gets dizzy." """
    return bool(_STRANGERS & set(turn.sentence.words)) and not _relations(turn)


def with_relative(turn: Turn, first: int, last: int) -> tuple[int, int]:
    """The tokens [first, last) and the relative who is named near them: whose illness it is belongs to the proof."""
    relations = _relations(turn)
    before = [r.start for r in relations if 0 <= first - r.start <= _RELATIVE_REACH]
    if before:
        return before[-1], last
    after = [r.end for r in relations if 0 < r.end - last <= _RELATIVE_REACH]
    return first, after[0] if after else last


def symptom_attributes(turn: Turn, found: Sequence[Mention], position: int) -> tuple[dict[str, str], list[Span]]:
    """Attributes between the mention before and the mention after, and the tokens that say them.

    "And" parts what belongs to the one or the other.
    """
    mention = found[position]
    before = max((m.end for m in found[:position] if m.end <= mention.start), default=0)
    after = min((m.start for m in found[position + 1 :] if m.start >= mention.end), default=len(turn.tokens))
    first = (_parted(turn, before, mention.start) if before else None) or before
    last = (_parted(turn, mention.end, after) if after < len(turn.tokens) else None) or after
    place = (mention.start, mention.end)
    attributes, proof = of_symptom(turn.segment.text, turn.tokens, (first, last), place, concept=mention.concept)
    if mention.location:
        attributes["location"] = mention.location
    return attributes, proof


def _parted(turn: Turn, start: int, end: int) -> int | None:
    """The last "and" or comma between two mentions. Without one both own what is said there: "fever since Monday with
    a cough"."""
    joints = (at for at in range(start, end) if turn.tokens[at].word in _COORDINATING)
    commas = (at + 1 for at in range(start - 1, end) if turn.tokens[at].comma)
    return max((*joints, *commas), default=None)


def _is_told(turn: Turn, mention: Mention) -> bool:
    """Does the speaker tell it of the patient? A clinician also explains, warns and speaks of others."""
    if turn.form == "open":
        before = {t.word for t in turn.tokens[max(0, mention.start - 3) : mention.start]}
        asks_how_high = turn.sentence.words[mention.end : mention.end + 1] in (["level"], ["levels"])
        return turn.speaker != "patient" and bool(_DEFINITE & before) and not asks_how_high
    if turn.speaker == "patient" or len(turn.tokens) <= _ECHO_TOKENS or _RECAPPING.search(turn.joined):
        return True
    spoken = set(turn.sentence.words)
    if turn.speaker == "unknown" and _FIRST_PERSON & spoken:
        return True
    head = " ".join(t.word for t in turn.tokens[max(0, mention.start - 8) : mention.start])
    if mention.kind == "condition":
        return bool(_DIAGNOSING.search(head) or _OWNING.search(head))
    return turn.speaker == "unknown" or bool(
        (_SECOND_PERSON | _THIRD_PERSON) & spoken or _EXAMINING.search(turn.joined)
    )


def _kind(turn: Turn, mention: Mention, said: Assertion) -> Kind | None:
    after = turn.tokens[mention.end : mention.end + 1]
    if mention.kind == "condition" and after and after[0].word in _CONDITION_OWNER:
        # "The stroke doctor" has no stroke.
        return None
    if mention.kind == "condition" and (_is_feared(turn, mention, said) or _REFERRING_TO.search(_head(turn, mention))):
        return None
    if said.experiencer == "family":
        return "family_history" if mention.kind == "condition" else None
    if mention.kind == "social":
        return None if turn.speaker == "clinician" and not _YOUR_HABIT.search(turn.joined) else "social_history"
    if mention.kind == "symptom":
        return "symptom"
    spoken = set(turn.sentence.words)
    mine = turn.speaker == "unknown" and _FIRST_PERSON & spoken and not _SECOND_PERSON & spoken
    if mention.kind == "procedure" or turn.speaker == "patient" or (mine and not _OWN_OPINION.search(turn.joined)):
        return "past_history"
    head = " ".join(t.word for t in turn.tokens[: mention.start])
    if head.endswith("your"):
        return "past_history"
    if _DIAGNOSING.search(head) and not _HISTORY.search(head):
        return "diagnosis"
    acute = mention.detail == "acute" and turn.speaker == "clinician" and not _HISTORY.search(turn.joined)
    return "diagnosis" if acute else "past_history"


def _is_echo(turn: Turn) -> bool:
    """ "Any fever?" "Fever? No.": who asks back tells nothing."""
    return turn.speaker == "patient" and turn.sentence.mark == "?" and sum(not t.soft for t in turn.tokens) <= _FRAGMENT


def is_safety_net(turn: Turn, end: int) -> bool:
    """ "Any chest pain, call us": what to come back for. `end` is where the symptom ends."""
    if turn.speaker == "patient":
        return False
    before, after = turn.sentence.words[: end - 1], turn.sentence.words[end:]
    return "any" in before and not _ASKED_FOR & set(before) and bool(_CALLING.match(" ".join(after)))


def _is_clinicians_own(turn: Turn, mention: Mention) -> bool:
    """ "I've a headache today", says the clinician."""
    return turn.speaker == "clinician" and bool(_HAVING_MYSELF.search(_head(turn, mention)))


def _as_answered(turn: Turn, mention: Mention, said: Assertion) -> Assertion:
    """What the words behind a mention make of it: "chest pain, no", "never a headache like this".

    They turn a status around that the words before it gave, or gave not.
    """
    after = " ".join(turn.sentence.words[mention.end :])
    if said.status == "absent":
        before = " ".join(turn.sentence.words[said.from_token : mention.start])
        of_another_verb = "think" in before and _CHANGING.match(after)
        relative = (
            turn.speaker == "patient"
            and _NOT_THE_ONE.search(before)
            and (after.startswith(("that ", "which ")) or _MINDING.search(before))
        )
        of_a_symptom = mention.kind == "symptom" and not turn.tokens[mention.end - 1].comma
        compared = of_a_symptom and _COMPARING.match(after)
        if of_a_symptom and _MUCH.search(before):
            return replace(said, status="present")
        if compared or after.startswith("unless ") or of_another_verb or relative:
            return replace(said, status="present", from_token=mention.start, to_token=mention.end)
        return said
    if turn.speaker != "clinician" and said.status == "present" and (last := _denied_behind(turn, mention)) is not None:
        return replace(said, status="absent", to_token=last + 1)
    return said


def _denied_behind(turn: Turn, mention: Mention) -> int | None:
    """The token of the "no" in "headaches, yes, chest pain, no", where nothing else is said of the symptom."""
    tokens = turn.tokens
    at = mention.start
    while at > 0 and (tokens[at - 1].soft or tokens[at - 1].word in _LISTING) and not tokens[at - 1].comma:
        at -= 1
    at_start = at == 0 or tokens[at - 1].comma or tokens[at - 1].word in _LISTING | {"yes", "yeah", "no"}
    if "the" in turn.sentence.words[max(0, mention.start - 1) : mention.end]:
        return None  # "the headache, no, it's in the front" is there
    last = mention.end
    while last < len(tokens) and tokens[last].soft:
        last += 1
    if not at_start or turn.sentence.words[last : last + 1] not in (["no"], ["nope"], ["nah"]):
        return None
    goes_on = turn.sentence.words[last + 1 : last + 2]
    return last if not goes_on or (tokens[last].comma and goes_on[0] not in _SAYING_MORE) else None


def _is_example(turn: Turn, mention: Mention) -> bool:
    """ "Nothing to worry about, things like fevers": a clinician names what there might be."""
    if mention.kind != "symptom" or turn.speaker == "patient":
        return False
    if turn.speaker == "unknown" and not _SECOND_PERSON & set(turn.sentence.words):
        return False
    return bool(_EXAMPLES.search(_head(turn, mention)))


def _is_foreseen(turn: Turn, said: Assertion) -> bool:
    """ "You may have some nausea with these"."""
    return bool(_FORESEEN.search(" ".join(turn.sentence.words[said.from_token : said.to_token])))


def _hedge(turn: Turn, mention: Mention) -> int | None:
    """The token from which a clinician's diagnosis is not a sure one: "it sounds like", "probably"."""
    head = _head(turn, mention)
    if head.endswith(" your"):
        return None
    hedges = list(_HEDGING.finditer(head))
    if not hedges or _CERTAIN & set(head[hedges[-1].end() :].split()):
        return None
    return head[: hedges[-1].start()].count(" ")


def _head(turn: Turn, mention: Mention) -> str:
    """The sentence up to a mention."""
    return " ".join(turn.sentence.words[: mention.start])


def _is_feared_in_answer(turn: Turn, mention: Mention, asked: Turn | None) -> bool:
    """ "What are you worried about?" "Cancer." """
    short = len(turn.tokens) <= _ECHO_TOKENS and not _FIRST_PERSON & set(turn.sentence.words)
    return mention.kind == "condition" and short and asked is not None and bool(_FEARING & set(asked.sentence.words))


def _is_of_an_illness(turn: Turn, found: Sequence[Mention], mention: Mention) -> bool:
    """ "In meningitis you get a rash" explains the illness and tells of nobody; "you are in heart failure" does."""
    words = turn.sentence.words
    return turn.speaker != "patient" and any(
        m.kind == "condition"
        and m.start <= mention.start
        and words[max(0, m.start - 1) : m.start] == ["in"]
        and _BEING.isdisjoint(words[max(0, m.start - 3) : m.start - 1])
        for m in found
    )


def _is_feared(turn: Turn, mention: Mention, said: Assertion) -> bool:
    """ "I'm worried about cancer", "it could be tuberculosis": what a patient fears is no history of it.

    A clinician's own worry is a suspicion; "your concerns about lung cancer" is none.
    """
    before = [token.word for token in turn.tokens[max(0, mention.start - _FEAR_REACH) : mention.start]]
    at = max((i for i, word in enumerate(before) if word in _FEARING), default=-1)
    if turn.speaker == "clinician":
        after = turn.sentence.words[mention.end : mention.end + _FEAR_REACH + 1]
        if _FEARING & set(after) and {"your", "yours", "you"} & set(after):
            return True
        return at >= 0 and not _OWN_FEAR.search("".join(f"{word} " for word in before[:at]))
    if _YOU_SAID.search(" ".join(before)):
        return True
    return at >= 0 or (said.status == "possible" and not _OTHERS_SAID.search(turn.joined))
