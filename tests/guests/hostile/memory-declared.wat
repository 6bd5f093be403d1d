;;! memory 2000
;; Declares that it needs 125 MiB from the start.
