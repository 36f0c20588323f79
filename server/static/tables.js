// Made by tools/make_tables.py from the tables of the server: do not edit.
export const ATTRIBUTES = {
 "chief_complaint": [
  "onset",
  "duration",
  "severity",
  "location",
  "character",
  "frequency"
 ],
 "symptom": [
  "onset",
  "duration",
  "severity",
  "location",
  "character",
  "frequency"
 ],
 "medication": [
  "dose",
  "form",
  "route",
  "frequency",
  "maximum",
  "duration",
  "reason"
 ],
 "allergy": [
  "reaction",
  "severity",
  "onset"
 ],
 "vital": [
  "value",
  "unit",
  "location"
 ],
 "past_history": [
  "onset",
  "duration",
  "severity",
  "location"
 ],
 "family_history": [
  "relation",
  "onset"
 ],
 "social_history": [
  "frequency",
  "duration",
  "onset"
 ],
 "diagnosis": [
  "onset",
  "severity",
  "location",
  "character"
 ],
 "order": [
  "order_type",
  "dose",
  "form",
  "route",
  "frequency",
  "maximum",
  "duration",
  "location",
  "reason"
 ],
 "advice": [
  "frequency",
  "duration",
  "reason"
 ]
};
export const ORDER_TYPES = [
 "medication",
 "lab",
 "imaging",
 "followup",
 "referral"
];
export const LAYOUT = [
 [
  "Subjective",
  [
   "Chief complaint",
   "Symptoms",
   "Past history",
   "Medication taken",
   "Allergies",
   "Family history",
   "Social history"
  ]
 ],
 [
  "Objective",
  [
   "Vital signs"
  ]
 ],
 [
  "Assessment",
  [
   "Diagnoses"
  ]
 ],
 [
  "Plan",
  [
   "Medication ordered",
   "Laboratory",
   "Imaging",
   "Referral",
   "Follow-up",
   "Other orders",
   "Advice"
  ]
 ]
];
export const PARTS = {
 "chief_complaint": "Chief complaint",
 "symptom": "Symptoms",
 "past_history": "Past history",
 "medication": "Medication taken",
 "allergy": "Allergies",
 "family_history": "Family history",
 "social_history": "Social history",
 "vital": "Vital signs",
 "diagnosis": "Diagnoses",
 "advice": "Advice"
};
export const ORDERS = {
 "medication": "Medication ordered",
 "lab": "Laboratory",
 "imaging": "Imaging",
 "referral": "Referral",
 "followup": "Follow-up"
};
export const OTHER_ORDERS = "Other orders";
export const UNSAID = {
 "Past history": [
  "past"
 ],
 "Family history": [
  "past"
 ],
 "Advice": [
  "planned"
 ],
 "Medication ordered": [
  "order_type",
  "planned"
 ],
 "Laboratory": [
  "order_type",
  "planned"
 ],
 "Imaging": [
  "order_type",
  "planned"
 ],
 "Referral": [
  "order_type",
  "planned"
 ],
 "Follow-up": [
  "order_type",
  "planned"
 ],
 "Other orders": [
  "order_type",
  "planned"
 ]
};
export const RANK = {
 "present": 0,
 "possible": 1,
 "absent": 2
};
export const DENIED = [
 "chief_complaint",
 "symptom",
 "past_history",
 "social_history",
 "family_history",
 "medication",
 "allergy"
];
export const INLINE = {
 "medication": [
  "dose",
  "form",
  "route",
  "frequency"
 ],
 "order": [
  "dose",
  "form",
  "route",
  "frequency"
 ],
 "vital": [
  "value",
  "unit"
 ]
};
export const SHOWN_STAMPS = 3;
