"""A finding in words that a patient reads: plain names beside the clinical ones, and no abbreviations. Pure."""

from collections.abc import Mapping

from inference.findings import Finding
from server.record.wording import INLINE, plain, read_with_name

NAMES: Mapping[str, str] = {
    "abdominal pain": "belly pain",
    "angina": "chest pain from the heart",
    "analgesic": "painkiller",
    "anaemia": "too little red blood",
    "anemia": "too little red blood",
    "arrhythmia": "irregular heartbeat",
    "arthritis": "inflamed joints",
    "asthma": "narrowed airways",
    "atrial fibrillation": "irregular heartbeat",
    "biopsy": "test of a small piece of tissue",
    "cerebrovascular accident": "stroke",
    "chest x-ray": "X-ray picture of the chest",
    "copd": "lasting narrowing of the airways",
    "ct": "X-ray pictures in slices",
    "deep vein thrombosis": "blood clot in a vein",
    "diabetes mellitus": "diabetes",
    "dysphagia": "trouble swallowing",
    "dyspnea": "shortness of breath",
    "dyspnoea": "shortness of breath",
    "dysuria": "pain when passing water",
    "ecg": "recording of the heartbeat",
    "echocardiogram": "ultrasound of the heart",
    "edema": "swelling",
    "ekg": "recording of the heartbeat",
    "epistaxis": "nosebleed",
    "erythema": "redness of the skin",
    "fatigue": "tiredness",
    "full blood count": "count of the blood cells",
    "gerd": "acid coming up from the stomach",
    "hba1c": "blood sugar over the last months",
    "hyperlipidemia": "high blood fats",
    "hypertension": "high blood pressure",
    "hypotension": "low blood pressure",
    "influenza": "flu",
    "mri": "pictures made with a magnet",
    "myalgia": "muscle pain",
    "myocardial infarction": "heart attack",
    "oedema": "swelling",
    "otitis media": "infection of the middle ear",
    "palpitations": "feeling the heart beat",
    "pharyngitis": "sore throat",
    "pneumonia": "lung infection",
    "pruritus": "itching",
    "pulmonary embolism": "blood clot in the lung",
    "pyrexia": "fever",
    "renal failure": "kidneys that do not work well",
    "rhinitis": "runny nose",
    "syncope": "fainting",
    "tachycardia": "fast heartbeat",
    "troponin": "blood test for the heart",
    "urinary tract infection": "bladder infection",
    "urticaria": "hives",
    "vertigo": "dizziness",
}
"""What clinical names are called in plain words. The clinical name stays behind it, so that nothing is lost."""

LABELS: Mapping[str, str] = {
    "onset": "began",
    "duration": "how long, or when",
    "severity": "how strong",
    "location": "where",
    "character": "what it is like",
    "frequency": "how often",
    "reason": "because of",
    "reaction": "reaction",
    "maximum": "at most",
    "relation": "relation",
}
"""Other attributes are read with the name, or are not for the patient."""

ASK = "please ask about this: it was not certain"


def told_plainly(finding: Finding) -> str:
    """The finding without its status, which the line of the summary tells: "high blood pressure (hypertension)"."""
    text = plain(finding.text)
    name = NAMES.get(text.casefold())
    told = (f"{name} ({text})" if name else text) + read_with_name(finding)
    inline = INLINE.get(finding.kind, ())
    more = [
        f"{label}: {value}"
        for attribute, label in LABELS.items()
        if attribute not in inline and (value := plain(finding.attributes.get(attribute, "")))
    ]
    if finding.attributes.get("check"):
        more.append(ASK)
    return f"{told} ({'; '.join(more)})" if more else told
