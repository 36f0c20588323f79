"""The parts of the record as FHIR: codes, and one resource for each finding."""
