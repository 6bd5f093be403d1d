;;! core
;; A core module that nobody made a component of.
