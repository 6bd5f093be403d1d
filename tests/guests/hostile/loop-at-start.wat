;; Loops before it is asked anything.
(start $start)
(func $start (loop $again (br $again)))
