;;! wit "@0.3.0;" -> "@0.9.0;"
;; Wants a version of the contract that there is not yet.
