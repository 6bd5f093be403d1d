;; Declares that it needs 30,000 table entries from the start.
(table $table 30000 funcref)
