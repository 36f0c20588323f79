"""Term errors of the accuracy benchmark, on texts whose errors are known."""

from benchmarks.speech.medical_words import DRUG, MedicalWords, TermErrors, term_errors


def heard(said: str, text: str) -> MedicalWords:
    return term_errors([said], [text])


def test_a_term_heard_as_said_is_counted_and_not_missed():
    found = heard("I take metformin for my headache.", "i take Metformin for my headache")
    assert found.drugs == TermErrors(n=1)
    assert found.medical == TermErrors(n=1)
    assert found.by_class.keys() == {DRUG, "symptom"}


def test_a_drug_heard_as_other_words_is_missed_once_with_all_that_was_heard():
    found = heard("I take lisinopril daily.", "I take lies in April daily.")
    assert found.drugs == TermErrors(n=1, missed=1)
    assert found.missed == {(DRUG, "lisinopril", "lies in april"): 1}


def test_a_deleted_term_is_missed_and_nothing_was_heard():
    found = heard("Any vomiting today?", "Any today?")
    assert found.medical == TermErrors(n=1, missed=1)
    assert found.missed == {("symptom", "vomiting", ""): 1}


def test_errors_on_other_words_are_no_errors_of_terms():
    found = heard("Well the diarrhea began three days ago.", "The diarrhea begins for days before.")
    assert found.medical == TermErrors(n=1)
    assert not found.missed


def test_one_wrong_word_misses_a_term_of_several_words_once():
    found = heard("You have a sore throat now.", "You have a sore boat now.")
    assert found.medical == TermErrors(n=1, missed=1)
    assert found.missed == {("symptom", "sore throat", "sore boat"): 1}


def test_the_longest_term_is_counted_and_not_the_ones_inside_it():
    assert heard("no tummy pain", "no tummy pain").by_class == {"symptom": TermErrors(n=1)}


def test_words_between_those_of_a_term_part_it():
    assert heard("pain in my ear", "pain in my ear").by_class == {
        "symptom": TermErrors(n=1),
        "anatomy": TermErrors(n=1),
    }


def test_another_form_of_a_word_is_missed_and_not_added():
    found = heard("It is the headaches.", "It is the headache.")
    assert found.medical == TermErrors(n=1, missed=1, other_form=1)


def test_a_term_that_nobody_said_is_added_wherever_it_came_from():
    assert heard("I feel fine.", "I feel fine aspirin.").drugs == TermErrors(added=1)
    swapped = heard("I take ibuprofen.", "I take aspirin.")
    assert swapped.drugs == TermErrors(n=1, missed=1, added=1)
    assert swapped.added == {(DRUG, "aspirin"): 1}


def test_british_and_american_spellings_are_one_term():
    assert heard("Diarrhoea and anaemia.", "diarrhea and anemia").medical == TermErrors(n=2)


def test_terms_match_as_the_normaliser_of_the_error_rate_leaves_them():
    found = heard("It is Crohn's disease, or type two diabetes.", "it is crohn's disease or type 2 diabetes")
    assert found.by_class == {"condition": TermErrors(n=2)}


def test_wordings_that_are_ordinary_words_too_are_left_out():
    assert not heard("The anxious crowd grew restless.", "The crowd grew.").by_class


def test_a_drug_is_no_medical_word_and_a_class_of_drugs_is():
    found = heard("Penicillin is an antibiotic.", "Penicillin is an antibiotic.")
    assert found.drugs == TermErrors(n=1)
    assert found.by_class["drug_class"] == TermErrors(n=1)
    assert found.medical == TermErrors(n=1)


def test_an_empty_hypothesis_misses_every_term():
    assert heard("Nausea, and a cough.", "").medical == TermErrors(n=2, missed=2)


def test_recordings_are_pooled_and_no_term_spans_two_of_them():
    found = term_errors(["the throat is sore", "throat is dry"], ["the throat is sore", "boat is dry"])
    assert found.medical.n == heard("the throat is sore", "").medical.n + heard("throat is dry", "").medical.n
    assert found.missed == {("anatomy", "throat", "boat"): 1}


def test_the_rate_is_that_of_the_terms_said_and_none_where_there_were_none():
    assert TermErrors(n=4, missed=1, added=7).error_rate == 0.25
    assert TermErrors(added=1).error_rate is None


def test_the_result_names_the_terms_most_often_missed_first():
    said = ["a cough and nausea", "a cough"]
    result = term_errors(said, ["a and", "a"]).as_dict(top=1)
    assert result["missed"] == [{"class": "symptom", "term": "cough", "heard": "", "times": 2}]
    assert result["medical"] == {"n": 3, "missed": 3, "other_form": 0, "added": 0, "error_rate": 1.0}
