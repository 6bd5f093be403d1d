;; Loops without end.
(func (export "plan") (param $arguments i32) (result i32)
  (loop $again (br $again))
  unreachable)
