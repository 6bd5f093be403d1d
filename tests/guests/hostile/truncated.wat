;;! cut
;; A component of which the second half is missing.
