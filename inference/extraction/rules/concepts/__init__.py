"""What a sentence mentions: symptoms, medicines, doses, measurements, relatives."""
